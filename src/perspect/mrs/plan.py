"""What may be chosen when a spectrum is measured. Every field is read where numbers are made; a test checks it."""

from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

from perspect.vocabulary.problem import Problem


@dataclass(frozen=True)
class Plan:
    """Choices of an analysis of spectra. The defaults are those of docs/learn/mrs.md.

    >>> Plan(profile="tumour").profile
    'tumour'
    """

    profile: Literal["auto", "normal", "tumour"] = "auto"
    """What is expected: normal brain (soft ratios between minor molecules, a baseline as flexible as the data ask), a
    tumour (no such ratios; lipid, amino acids, acetate, succinate and 2-hydroxyglutarate in the basis; a stiff
    baseline), or what a first fit speaks for (auto)."""

    ratios: Literal["auto", "yes", "no"] = "auto"
    """Whether minor molecules are held near their ratios in normal brain by soft constraints: with the normal profile
    only (auto), always, or never."""

    baseline: Literal["auto", "stiff", "none"] = "auto"
    """The baseline under the lines: splines whose flexibility is chosen after the fit by restricted maximum likelihood
    (auto), a straight line (stiff), or none."""

    water: Literal["auto", "always", "never"] = "auto"
    """Whether residual water is modelled and subtracted: where it is larger than the largest line of a molecule (auto),
    always, or never."""

    eddy: Literal["auto", "always", "never"] = "auto"
    """Whether the phase of a water reference is taken out of the signal (Klose): where it bends by more than one
    degree (auto), always, or never."""

    reference: Literal["water", "tcr", "tnaa", "none"] = "water"
    """What amounts are relative to: water (needs a reference scan), total creatine, total NAA, or nothing
    (institutional units). Without a water reference, water becomes none."""

    unit: Literal["mmol/kg", "mmol/L"] = "mmol/kg"
    """What amounts that are relative to water are given in: mmol in a kg of tissue water, or in a litre of tissue; both
    leave cerebrospinal fluid out."""

    window: Literal["none", "hamming"] = "none"
    """What a grid of spectra is multiplied with in k-space before it is fitted: nothing more than the scanner did
    (none), or a Hamming window, which takes the side lobes of the point spread away and makes voxels half as wide
    again."""

    keep: tuple[str, ...] = ()
    """Molecules that are fitted whatever the profile expects (2HG in normal brain), by their short names."""

    drop: tuple[str, ...] = ()
    """Molecules, lipids and macromolecules that are left out of the fit, by their short names."""

    low: float = 0.2
    """Lower end of the fitted window in ppm."""

    high: float = 4.2
    """Upper end of the fitted window in ppm."""

    samples: int = 0
    """How many samples of the posterior density check the standard errors of a single voxel (0: none are drawn)."""

    seed: int = 0
    """With what those samples are drawn: the same number draws the same."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            allowed, value = get_args(hint), getattr(self, name)
            if allowed and all(isinstance(one, str) for one in allowed) and value not in allowed:
                raise Problem(
                    f"mrs.{name} is '{value}'.", "There is no such choice.", f"It must be one of {', '.join(allowed)}."
                )
        if self.samples and not 200 <= self.samples <= 1_000_000:
            raise Problem(
                f"mrs.samples is {self.samples}.",
                "Limits of 95 % need some hundred samples.",
                "Use 0 for none, or 200 to 1000000.",
            )
        if self.seed < 0:
            raise Problem(f"mrs.seed is {self.seed}.", "Seeds count from 0.", "Use a whole number >= 0.")
        if not -1.0 <= self.low < self.high - 1.0 or self.high > 4.5:
            raise Problem(
                f"mrs.low and mrs.high are {self.low:g} and {self.high:g} ppm.",
                "Beyond 4.5 ppm is water, and a window of less than 1 ppm does not fix the phase.",
                "Use -1 <= low < high - 1 and high <= 4.5.",
            )
