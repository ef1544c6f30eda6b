"""M0 of arterial blood from a tissue whose water is known: fluid of the ventricles, or white matter."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float

from perspect.asl.flip_angle import angle_of, shown
from perspect.vocabulary import Around, Flag, Labelled, Problem, Severity

BLOOD_T2: Final = 0.15
"""T2 of arterial blood in s, for a reference (Chappell et al. 2018, Introduction to Perfusion Quantification using ASL;
as FSL's oxford_asl has it)."""

BLOOD_T2STAR: Final = 0.05
"""Its T2* in s, for a gradient echo (the same source)."""

UNKNOWN: Final = 0.02
"""Relative error of M0 of blood by an unknown readout, from which on it is said. [our default]"""

FEWEST: Final = 20
"""Voxels of the reference without which it is none. [our default]"""

SOURCE: Final = "m0"


@dataclass(frozen=True)
class Reference:
    """A tissue: T1, T2, T2* in s at 3 T, water over that of blood, and the share from which on a voxel is all of it.

    `option` is what gives its map.
    """

    name: Literal["fluid", "white"]
    words: str
    t1: float
    t2: float
    t2star: float
    water: float
    share: float
    option: str

    def of(self, around: Around) -> Float[np.ndarray, "x y z"] | None:
        """Its map."""
        return around.fluid if self.name == "fluid" else around.white


FLUID: Final = Reference("fluid", "fluid", 4.3, 0.75, 0.4, 1.15, 0.9, "--csf")
"""Cerebrospinal fluid (T1: Lu et al. 2005, doi:10.1002/jmri.20356; the rest: Chappell et al. 2018, as FSL's oxford_asl
has it; share: our default)."""

WHITE: Final = Reference("white", "white matter", 1.0, 0.05, 0.05, 0.82, 0.9, "--wm")
"""White matter (Chappell et al. 2018, as FSL's oxford_asl has it; share: our default)."""


@dataclass(frozen=True)
class BloodM0:
    """M0 of arterial blood, the voxels of its reference, the share of their magnetisation that M0 shows, and flags."""

    value: float
    n_voxels: int
    share: float
    flags: tuple[Flag, ...]


def blood_m0(labelled: Labelled, around: Around, tissue: Reference) -> BloodM0:
    """M0 of arterial blood at the echo time of the series. A lesion is no reference.

    Raises Problem where there is no map of the tissue, no M0 of known recovery, or too few voxels of it.
    """
    m0, share_of = labelled.m0, tissue.of(around)
    if share_of is None or m0 is None or m0.tr is None:
        raise Problem(
            f"asl.m0 is '{tissue.name}' but there is no map of it, no M0 image, or its recovery time is unknown.",
            "Its signal is read from M0, in voxels that are nothing else.",
            f"Give {tissue.option} MAP and an M0 image with RepetitionTimePreparation, or use asl.m0=auto.",
        )
    inside = _pure(share_of, m0.values, around, tissue)
    if inside.sum() < FEWEST:
        raise Problem(
            f"Only {int(inside.sum())} voxels are all {tissue.words}, outside a lesion.",
            "Their mean would be too uncertain to scale flow by.",
            f"Use asl.m0=auto, or a better map ({tissue.option}).",
        )
    seen, flags = float(-np.expm1(-m0.tr / tissue.t1)), list[Flag]()
    if labelled.labelling.flip_angles is not None:
        angle, flags = angle_of(m0, labelled.labelling, tissue.t1)
        seen = float(shown(np.array([seen]), angle)[0])
    factor, notes = _blood_over(tissue, m0.te, labelled.series.acquisition.te, labelled.labelling.is_spin_echo)
    value = float(np.median(m0.values[inside])) / seen * factor / tissue.water
    return BloodM0(value, int(inside.sum()), seen, (*flags, *notes))


def _pure(
    share: Float[np.ndarray, "x y z"], m0: Float[np.ndarray, "x y z"], around: Around, tissue: Reference
) -> Bool[np.ndarray, "x y z"]:
    inside = (np.nan_to_num(share) >= tissue.share) & np.isfinite(m0)
    if around.lesion is not None:
        inside &= ~around.lesion.mask
    return np.asarray(inside)


def _blood_over(
    tissue: Reference, te: float | None, te_asl: float | None, is_spin_echo: bool | None
) -> tuple[float, list[Flag]]:
    """Signal of blood at the echo time of the series over that of as much of the tissue's water at that of M0 (s), and
    what to say.

    An echo time that is not recorded is taken to be the other. Where the kind of echo is not known, halfway between
    the two decays.
    """
    te, te_asl = te or te_asl or 0.0, te_asl or te or 0.0
    logs = {
        True: te / tissue.t2 - te_asl / BLOOD_T2,
        False: te / tissue.t2star - te_asl / BLOOD_T2STAR,
    }
    halfway = 0.5 * (logs[True] + logs[False])
    log = halfway if is_spin_echo is None else logs[is_spin_echo]
    flags: list[Flag] = []
    if abs(te - te_asl) > 1e-3:
        sentence = (
            f"The reference ({tissue.words}) was read at TE {te * 1e3:.1f} ms, the labelled images at "
            f"{te_asl * 1e3:.1f} ms: M0 of blood is that at the latter, by decays that are taken to be known."
        )
        flags.append(Flag("m0-echo-time", Severity.CAUTION, sentence, "cbf", source=SOURCE))
    off = float(np.expm1(abs(logs[False] - halfway)))
    if is_spin_echo is None and off > UNKNOWN:
        sentence = (
            f"Whether the echo is a gradient echo or a spin echo is not recorded, and the reference ({tissue.words}) "
            f"decays otherwise than blood until {te_asl * 1e3:.1f} ms: M0 of blood may be {off:.0%} off. Give "
            "MRAcquisitionType or ScanningSequence."
        )
        flags.append(Flag("m0-readout-unknown", Severity.CAUTION, sentence, "cbf", off, SOURCE))
    return float(np.exp(log)), flags
