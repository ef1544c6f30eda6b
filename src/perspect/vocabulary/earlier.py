"""A number of an earlier study of the same lesion, and how it changed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Earlier:
    """A number of an earlier study: of which marker and part, its value with standard error and unit, by which
    software. `above` says that it was only a bound, `is_limited` that a trap or its series limited it.
    """

    marker: str
    region: str
    value: float
    std: float
    unit: str
    above: bool = False
    is_limited: bool = False
    software: str = ""


@dataclass(frozen=True)
class Change:
    """How a marker changed. `coefficient` is what two measurements of an unchanged lesion differ by at most in 95 %:
    the larger of published repeatability and the errors of both values; NaN where neither is known. `is_beyond` is
    `None` where nothing can be said.
    """

    marker: str
    name: str
    region: str
    unit: str
    before: float
    now: float
    coefficient: float
    is_beyond: bool | None
    sentence: str

    @property
    def difference(self) -> float:
        """Now less before."""
        return self.now - self.before
