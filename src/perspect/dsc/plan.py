"""What may be chosen when a DSC series is quantified. Every field is read by the pipeline; a contract test checks
it.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args, get_type_hints

from perspect.vocabulary.problem import Problem

T1_RANGE: Final = (0.2, 3.0)
"""What a T1 of white matter that is given may be, in s: others are meant in ms, or of something else [our default]."""


@dataclass(frozen=True)
class Plan:
    """Choices of a DSC analysis. The defaults are those of docs/learn/dsc.md, each with its source.

    >>> Plan(leakage="bsw").leakage
    'bsw'
    """

    motion: bool = True
    """Align every volume to the volumes at rest (rigid, six parameters, with a gain so that the bolus is not
    motion)."""

    leakage: Literal["auto", "bsw", "leu", "none"] = "auto"
    """Correction for agent that leaves the vessels: Boxerman-Schmainda-Weisskoff, Leu's bidirectional form, the better
    of the two in each voxel by AICc (auto; where no preload is on record the signal equation for what surely leaks, in
    which T1 effects saturate), or none."""

    leakage_reference: Literal["auto", "brain", "reference"] = "auto"
    """Whose mean curve stands for tissue without leakage: all non-enhancing brain, found from the data, or the
    normal-appearing white matter that was given; that where it was given and is large enough, whose transit time is
    nearer to that of lesions, else brain (auto)."""

    t1_effect: Literal["auto", "modelled", "ignored"] = "auto"
    """Whether the T1 effect of agent inside vessels is taken out of ΔR2* by the signal equation: always, never, or
    where flip angle and TR are known, there is one echo, and either a preload is recorded or leakage is corrected by
    `auto` (auto)."""

    white_t1: float | None = None
    """T1 of normal white matter in s, by which that effect is taken out: what a T1 map of the patient says there; 0.85
    at 3 T, and longer by the cube root of the field, where none is given."""

    water_leaves_blood: float = 3.0
    """How often water leaves the capillaries, in 1/s, where a map of T1 is given, with which the T1 effect is then
    computed for water that mixes no faster; inf: all water is mixed at once, as is taken where no map is given. White
    and grey matter have 3.2 and 2.9, glioblastoma less (Rooney et al. 2015, doi:10.1002/nbm.3294)."""

    extraction: Literal["auto", "ignored"] = "auto"
    """Whether the blood is added that the bolus does not show because agent leaves on its way through: never, or where
    a map of Ktrans tells how fast it leaves, or T1 does, which takes two echoes with a known TR and flip angle; with
    leakage corrected by `auto` (auto)."""

    deconvolution: Literal["osvd", "csvd", "ssvd", "tikhonov", "none"] = "osvd"
    """How the residue function is found; only oSVD, cSVD and Tikhonov are insensitive to the arrival time."""

    oscillation: float | None = None
    """Oscillation index that oSVD allows; calibrated on this acquisition by simulation where it is not given."""

    threshold: float | None = None
    """Relative threshold of cSVD or sSVD; calibrated on this acquisition by simulation where it is not given."""

    window: Literal["whole", "first-pass"] = "whole"
    """Over which time the blood volume is integrated: from arrival to the end, or to the end of the first pass."""

    scale: Literal["auto", "arterial", "white-matter"] = "auto"
    """What sets the scale of absolute CBV and CBF: the area of the arterial curve; or normal white matter, which is
    taken to hold 2.7 mL/100 mL; white matter where the arterial input is found among the voxels, in which agent acts on
    R2* otherwise than around capillaries, and the arterial area where a curve or a mask is given (auto)."""

    hct_large: float = 0.45
    """Haematocrit in large vessels (0 to 1)."""

    hct_small: float = 0.25
    """Haematocrit in capillaries (0 to 1). Equal to `hct_large`: no haematocrit factor."""

    guard: float | None = None
    """Seconds (at least one frame) that are left out between the end of the baseline and the arrival of the bolus: 1.5
    where none are given, or fewer, with a flag, where three frames of baseline would not be left. Seconds that are
    given are kept, or refused."""

    seed: int = 0
    """Of the simulation that calibrates the deconvolution."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            allowed, value = get_args(hint), getattr(self, name)
            if allowed and all(isinstance(one, str) for one in allowed) and value not in allowed:
                raise Problem(
                    f"dsc.{name} is '{value}'.", "There is no such choice.", f"It must be one of {', '.join(allowed)}."
                )
        if self.seed < 0:
            raise Problem(f"dsc.seed is {self.seed}.", "Seeds count from 0.", "Use a whole number >= 0.")
        for name in ("hct_large", "hct_small"):
            if not 0 <= getattr(self, name) < 1:
                raise Problem(f"dsc.{name} is {getattr(self, name)}.", "A haematocrit is a fraction.", "Use 0 to 0.99.")
        if self.scale == "white-matter" and (self.hct_large, self.hct_small) != (Plan.hct_large, Plan.hct_small):
            raise Problem(
                "dsc.scale is 'white-matter', in which the haematocrit cancels, and a haematocrit was given.",
                "A setting without effect would be mistaken for one.",
                "Leave one of the two out.",
            )
        low, high = T1_RANGE
        if self.white_t1 is not None and not low <= self.white_t1 <= high:
            raise Problem(
                f"dsc.white_t1 is {self.white_t1}.", f"White matter has a T1 of {low:g} to {high:g} s.", "Give seconds."
            )
        if self.white_t1 is not None and self.t1_effect == "ignored":
            raise Problem(
                f"dsc.white_t1 is {self.white_t1} but dsc.t1_effect is 'ignored'.",
                "A setting without effect would be mistaken for one.",
                "Leave one of the two out.",
            )
        if not self.water_leaves_blood > 0:
            raise Problem(
                f"dsc.water_leaves_blood is {self.water_leaves_blood}.",
                "A rate is above zero.",
                "Use 1/s, such as 3, or inf.",
            )
        for name in ("oscillation", "threshold"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise Problem(
                    f"dsc.{name} is {value}.", "It is relative to the largest value.", "Use a number in (0, 1)."
                )
        for name, value, uses in (
            ("oscillation", self.oscillation, self.deconvolution == "osvd"),
            ("threshold", self.threshold, self.deconvolution in ("csvd", "ssvd")),
        ):
            if value is not None and not uses:
                raise Problem(
                    f"dsc.{name} is {value}, which {self.deconvolution} does not use.",
                    "A setting without effect would be mistaken for one.",
                    "Leave it out, or choose osvd for oscillation, csvd or ssvd for threshold.",
                )
        if self.leakage == "none" and self.leakage_reference != "auto":
            raise Problem(
                f"dsc.leakage_reference is '{self.leakage_reference}' but leakage is not corrected.",
                "A setting without effect would be mistaken for one.",
                "Leave one of the two out.",
            )
        if self.guard is not None and not self.guard >= 0:
            raise Problem(
                f"dsc.guard is {self.guard}.", "A time before the bolus cannot be negative.", "Use seconds >= 0."
            )
