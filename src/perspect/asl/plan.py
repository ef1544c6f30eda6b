"""What may be chosen when an ASL series is quantified. Every field is read by the pipeline; a contract test checks
it.
"""

from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

from perspect.vocabulary.problem import Problem


@dataclass(frozen=True)
class Plan:
    """Choices of an ASL analysis. The defaults are those of docs/learn/asl.md, each with its source.

    >>> Plan(kinetics="tissue").kinetics
    'tissue'
    """

    motion: bool = True
    """Align every volume to their mean (rigid, six parameters, with a gain so that suppression is not motion)."""

    echoes: Literal["combine", "first"] = "combine"
    """Of several echoes: all, weighed for least noise of label by how tissue and label decay, or the first alone."""

    order: Literal["auto", "stated"] = "auto"
    """Whether the order of label and control is taken as stated, or turned about where the images contradict it
    (auto; a flag says so)."""

    subtraction: Literal["pairs", "surround"] = "pairs"
    """Each label from its own control, or from the mean of the controls before and after it."""

    outliers: Literal["robust", "score", "scrub", "none"] = "robust"
    """What is done about pairs that are unlike the others: weighed down, pair by pair and slice by slice (robust), left
    out as SCORE does, the rest averaged as SCRUB does (both for one delay), or nothing."""

    scale: Literal["auto", "stored"] = "auto"
    """Whether known scale factors of a vendor are undone where the signal difference is implausible without that (auto;
    a flag says so)."""

    efficiency: float | None = None
    """Labelling efficiency (0 to 1), in place of what the sidecar says (else 0.85 for PCASL, 0.68 for CASL, 0.98 for
    PASL)."""

    efficiency_includes: Literal["auto", "labelling", "suppression"] = "auto"
    """Whether the stated efficiency is that of labelling alone or of suppression too; by its size (auto)."""

    inversion: float = 0.95
    """What each inversion of background suppression leaves of the label (0 to 1)."""

    m0: Literal["auto", "control", "fluid", "white", "none"] = "auto"
    """Where the equilibrium signal is from: a scan of it, then a stated value, then the control images where they are
    known to stand for it (auto); the control images, taken not to be suppressed where nobody says; fluid in the
    ventricles or white matter (each needs its map); or nowhere, which gives relative flow."""

    m0_recovery: Literal["slice", "volume"] = "slice"
    """Since when a slice of M0, or of control images that stand for it, recovers: since it was itself read a TR before,
    or since the end of the volume before, after which all slices were saturated."""

    m0_smoothing: float = 0.0
    """Width at half maximum in mm of the smoothing of M0; never across the edge of a lesion."""

    kinetics: Literal["blood", "t1app", "tissue"] = "blood"
    """How label decays where it has arrived: as in blood (the consensus), with one T1 of tissue (Buxton), or with that
    of grey matter, white matter and lesion, or of a T1 map (tissue)."""

    blood_t1: float | None = None
    """T1 of arterial blood in s; else from field strength and haematocrit."""

    hct: float | None = None
    """Haematocrit (0 to 1), for the T1 of blood."""

    sex: Literal["unknown", "female", "male"] = "unknown"
    """Of the patient, for the haematocrit where that is not given."""

    age: float | None = None
    """Of the patient in years, for the haematocrit where that is not given."""

    tissue_t1: float = 1.33
    """T1 of tissue in s for `kinetics=t1app`, and of grey matter."""

    white_t1: float = 0.83
    """T1 of white matter in s."""

    lesion_t1: float = 1.5
    """T1 of a lesion in s, where there is no map of it."""

    partition: float = 0.9
    """Water in brain over water in blood, λ in mL/g."""

    att: float | None = None
    """Expected transit time in s: taken for all voxels where there is one delay, the middle of what is expected where
    there are several; 1.3 s for continuous and 0.7 s for pulsed labelling where not given."""

    att_spread: float = 1.0
    """Standard deviation in s of what is expected of transit times before the data."""

    neighbours: bool = True
    """Expect a voxel's transit time to be near that of its neighbours of the same tissue, never across the edge of a
    lesion. Flow is never shared."""

    arterial: Literal["auto", "none"] = "auto"
    """Whether label in arteries is modelled where the data ask for it (BIC) and the delays allow it."""

    bolus: float | None = None
    """Duration of the bolus of pulsed labelling in s, where it was not cut off; without it flow is relative."""

    spatial: Literal["none", "tissue", "everywhere"] = "none"
    """Whether a second map of flow is made that is drawn to its neighbours (cbfreg): in tissue but a lesion, or in a
    lesion as well, where neighbours never weigh more than its own data. All numbers come from the measured map."""

    partial_volume: Literal["none", "regression", "lesion"] = "none"
    """Flow of pure grey and white matter by regression over neighbours (needs maps of both; a lesion is left out), and
    of pure lesion besides, voxel by voxel (lesion). All numbers come from the measured map."""

    seed: int = 0
    """Of the bootstrap of reference regions."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            allowed, value = get_args(hint), getattr(self, name)
            if allowed and all(isinstance(one, str) for one in allowed) and value not in allowed:
                raise Problem(
                    f"asl.{name} is '{value}'.", "There is no such choice.", f"It must be one of {', '.join(allowed)}."
                )
        if self.seed < 0:
            raise Problem(f"asl.seed is {self.seed}.", "Seeds count from 0.", "Use a whole number >= 0.")
        for name in ("efficiency", "inversion", "hct"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise Problem(f"asl.{name} is {value}.", "It is a fraction.", "Use a number above 0, up to 1.")
        times = ("blood_t1", "tissue_t1", "white_t1", "lesion_t1", "att", "att_spread", "bolus")
        for name in times:
            value = getattr(self, name)
            if value is not None and not 0 < value < 10:
                raise Problem(f"asl.{name} is {value}.", "Times of blood lie between 0 and 10 s.", "Use seconds.")
        if not 0.5 <= self.partition <= 1.5:
            raise Problem(f"asl.partition is {self.partition}.", "λ lies near 0.9 mL/g.", "Use 0.5 to 1.5.")
        if not self.m0_smoothing >= 0:
            raise Problem(f"asl.m0_smoothing is {self.m0_smoothing}.", "A width is not negative.", "Use mm >= 0.")
        if self.age is not None and not 0 <= self.age < 120:
            raise Problem(f"asl.age is {self.age}.", "It is that of a person.", "Use years.")
        self._demand_effect()

    def _demand_effect(self) -> None:
        """Raises Problem for a setting that another one leaves without effect."""
        of_hct = self.sex != "unknown" or self.age is not None
        for is_idle, what in (
            (self.blood_t1 is not None and (self.hct is not None or of_hct), "blood_t1 is given, and hct, sex or age"),
            (self.hct is not None and of_hct, "hct is given, and sex or age, from which it would be estimated,"),
            (self.m0_smoothing > 0 and self.m0 in ("fluid", "white", "none"), f"m0 is '{self.m0}', and m0_smoothing"),
            (
                self.m0_recovery != "slice" and self.m0 in ("fluid", "white", "none"),
                f"m0 is '{self.m0}', and m0_recovery",
            ),
        ):
            if is_idle:
                raise Problem(
                    f"asl.{what} as well.",
                    "A setting without effect would be mistaken for one with it.",
                    "Leave one of them out.",
                )
