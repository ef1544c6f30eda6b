"""What may be chosen when a DCE series is quantified. Every field is read where numbers are made; a test checks it."""

from dataclasses import dataclass
from typing import Final, Literal, get_args, get_type_hints

from perspect.vocabulary.problem import Problem

SOURCE: Final = "dce"
"""What the flags of this room name as their source."""

RELATIVE: Final = "reference-region"
"""The model that needs a region, and no arterial input."""

RELAXIVITY: Final = (0.5, 100.0)
"""Between which r1 of any agent at any field lies, in 1/s/mM; beyond are other units [our default]."""


@dataclass(frozen=True)
class Plan:
    """Choices of a DCE analysis. The defaults are those of docs/learn/dce.md, each with its source.

    >>> Plan(model="patlak").model
    'patlak'
    """

    motion: bool = True
    """Align every volume to the volumes at rest (rigid, six parameters, with a gain so that enhancement is not
    motion)."""

    drop: tuple[int, ...] = ()
    """Volumes that are left out, counted from 0."""

    find_odd: bool = True
    """Whether volumes that are empty, or leave their level and come back at once, are left out as well."""

    model: Literal[
        "auto", "vascular", "patlak", "tofts", "extended-tofts", "2cum", "2cxm", "aath", "reference-region"
    ] = "auto"
    """Kinetic model; the one that each curve asks for by AICc among those that the sampling allows (auto). Against a
    reference region exchange is measured without an arterial input, and no choice that is of one is read."""

    water: Literal["fast", "none", "shutter-speed"] = "fast"
    """How water moves between blood, interstitium and cells: mixed at once, so that a signal is a concentration (fast);
    not at all (none); at the two rates below (shutter-speed). Other than fast, extended Tofts is fitted to the signal
    itself, slowly: give a mask."""

    water_leaves_blood: float = 3.0
    """How often water leaves the vessels, in 1/s, where water is shutter-speed; 1e5: it is mixed with that outside."""

    water_leaves_cells: float = 2.0
    """How often water leaves the cells, in 1/s, where water is shutter-speed; 1e5: it is mixed with that outside."""

    delay: bool = True
    """Whether agent may reach the tissue at another time than the place of the arterial input, or than the reference
    region; fitted in each voxel."""

    arterial: Literal["measured", "parker", "georgiou", "weinmann", "fritz-hansen", "orton", "mcgrath"] = "measured"
    """Arterial input: measured in this series (found, or given as a region or a curve), or that of a population."""

    blood: Literal["auto", "artery", "vein"] = "auto"
    """Whose shape a measured input has: that of the arteries that were found, that of large veins moved to the time of
    the arteries (veins are wide enough for whole voxels of blood, and later and a little wider in time), or of veins
    where arteries are mixed with tissue (auto)."""

    dispersion: float = 0.0
    """Mean time in s of the transport (exponential) from the place of the arterial input to the tissue, by which the
    input is wider there; it adds to the delay. 0: none."""

    region: Literal["auto", "brain", "all"] = "auto"
    """What is measured where no mask is given: the brain (auto), or every voxel that has signal (all)."""

    r1: float = 4.5
    """Longitudinal relaxivity of the agent in 1/s/mM, of tissue and of blood."""

    r2star: float = 5.0
    """Transverse relaxivity R2* of the agent in arterial blood in 1/s/mM; 0: T2* effects are ignored."""

    r2star_tissue: float = 5.0
    """Transverse relaxivity R2* of the agent in tissue in 1/s/mM; 0: T2* effects are ignored."""

    hct: float = 0.42
    """Haematocrit of arterial blood (0 to 1): plasma holds 1/(1 - hct) times as much agent as blood."""

    blood_t1: float | None = None
    """T1 of arterial blood before agent, in s; by the field strength where it is not given."""

    blood_from: Literal["value", "map"] = "value"
    """Whether T1 of arterial blood is that value, or what the T1 map has in the arterial voxels (blood that flows in
    spoils such a map)."""

    guard: float = 3.0
    """Seconds (at least one frame) that are left out between the end of the baseline and the arrival of the agent."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            allowed, value = get_args(hint), getattr(self, name)
            if allowed and all(isinstance(one, str) for one in allowed) and value not in allowed:
                raise Problem(
                    f"dce.{name} is '{value}'.", "There is no such choice.", f"It must be one of {', '.join(allowed)}."
                )
        if not 0 <= self.hct < 1:
            raise Problem(f"dce.hct is {self.hct}.", "A haematocrit is a fraction.", "Use 0 to 0.99.")
        if not RELAXIVITY[0] <= self.r1 <= RELAXIVITY[1]:
            raise Problem(f"dce.r1 is {self.r1}.", "Concentrations are ΔR1 over r1.", "Use 1/s/mM, such as 4.5.")
        for name in ("r2star", "r2star_tissue"):
            if not getattr(self, name) >= 0:
                raise Problem(
                    f"dce.{name} is {getattr(self, name)}.", "Agent does not lengthen T2*.", "Use 1/s/mM, 0 for none."
                )
        if self.blood_t1 is not None and not 0.2 <= self.blood_t1 <= 5:
            raise Problem(
                f"dce.blood_t1 is {self.blood_t1}.", "Blood has a T1 of 1 to 2.5 s.", "Use seconds, such as 1.65."
            )
        if self.blood_t1 is not None and self.blood_from == "map":
            raise Problem(
                f"dce.blood_t1 is {self.blood_t1}, but dce.blood_from is 'map'.",
                "Blood has one T1 before agent.",
                "Leave one of the two out.",
            )
        self._demand_rates()
        if not 0 <= self.dispersion <= 20:
            raise Problem(
                f"dce.dispersion is {self.dispersion}.",
                "Agent takes seconds to the tissue.",
                "Use 0 to 20 s, such as 2.",
            )
        if not self.guard >= 0:
            raise Problem(
                f"dce.guard is {self.guard}.", "A time before the bolus cannot be negative.", "Use seconds >= 0."
            )

    def _demand_rates(self) -> None:
        """Raises Problem for rates of water that cannot be, or that nothing would read."""
        for name in ("water_leaves_blood", "water_leaves_cells"):
            if not getattr(self, name) >= 0:
                raise Problem(f"dce.{name} is {getattr(self, name)}.", "A rate is not negative.", "Use 1/s, such as 3.")
            if self.water != "shutter-speed" and getattr(self, name) != getattr(type(self), name):
                raise Problem(
                    f"dce.{name} is {getattr(self, name)}, but dce.water is '{self.water}'.",
                    "It says at which rate water moves only where that is shutter-speed.",
                    "Use dce.water=shutter-speed, or leave it out.",
                )
