"""A number of an earlier study of the same lesion."""

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
