"""What a number means: one value that models, maps, files, DICOM objects, reports and documentation all point at."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Code:
    """A coded concept, as DICOM writes it: value, scheme, meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class Quantity:
    """The meaning of a number: written once, in `vocabulary.lexicon`.

    Inside the program a value is in `unit`, and lies between `low` and `high` (bounds of a fit, limits of
    plausibility). In files, tables and pictures it is `shown_factor` times that, in `shown_unit`.

    `caplex` is the code of the OSIPI CAPLEX lexicon; where the lexicon has none, the "quantity not listed" code of its
    group, and `name` is then our own documented one. `dicom` is the coded concept, `ucum` the coded shown unit.
    `display` is the window of the colour map `colours`, in `shown_unit`. `spacing` says how a search should step.
    """

    key: str
    name: str
    symbol: str
    unit: str
    low: float
    high: float
    meaning: str
    shown_unit: str = ""
    shown_factor: float = 1.0
    ucum: str = "1"
    caplex: str = ""
    dicom: Code | None = None
    display: tuple[float, float] = (0.0, 1.0)
    colours: str = "inferno"
    spacing: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"{self.key}: the lower bound {self.low} is not below the upper bound {self.high}.")
        if self.spacing == "log" and self.low <= 0:
            raise ValueError(f"{self.key}: logarithmic steps need a positive lower bound, not {self.low}.")
        if not self.shown_unit:
            object.__setattr__(self, "shown_unit", self.unit)

    def __str__(self) -> str:
        return f"{self.name} ({self.symbol}, {self.shown_unit})"
