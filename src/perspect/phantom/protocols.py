"""The protocols in which a virtual patient is scanned: frozen values, in s, rad, T and mm.

DSC protocols come in classes: what the consensus recommends, what leaves a bias, what must not be interpreted (Boxerman
et al. 2020, doi:10.1093/neuonc/noaa141; Semmineh et al. 2018, PMC6239921). ASL follows Alsop et al. 2015
(doi:10.1002/mrm.25197) and Woods et al. 2024 (doi:10.1002/mrm.30091).
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np

from perspect.phantom.conventional import Diffusion, GradientEcho, Mprage, SpinEcho
from perspect.phantom.dynamic import Dce, Dsc
from perspect.phantom.labelled import Asl
from perspect.phantom.localised import Localised
from perspect.phantom.mrsi import Mrsi
from perspect.phantom.sequence import Injection, Sequence, Slab
from perspect.phantom.svs import Svs


def _rad(degrees: float) -> float:
    return float(np.deg2rad(degrees))


DSC_SLAB: Final = Slab((128, 128, 24), (1.8, 1.8, 5.0), tilt=_rad(8.0), up=6.0)
DCE_SLAB: Final = Slab((128, 128, 40), (1.8, 1.8, 3.0), tilt=_rad(8.0), up=6.0)
ASL_SLAB: Final = Slab((64, 64, 24), (3.5, 3.5, 5.0), tilt=_rad(8.0), up=6.0)
DWI_SLAB: Final = Slab((128, 128, 30), (1.8, 1.8, 4.0), tilt=_rad(8.0), up=6.0)
T2STAR_SLAB: Final = Slab((192, 224, 72), (1.0, 1.0, 2.0), tilt=_rad(8.0), up=6.0)
"""Slabs are slightly oblique, along the line from the front to the back of the skull base. [our default]"""

_BEFORE: Final = Injection(-360.0)
_BOLUS: Final = Injection(33.0)

DSC: Final = Dsc(DSC_SLAB, injections=(_BEFORE, _BOLUS))
"""Good: flip angle 60°, full-dose preload, TE 30 ms, TR 1.5 s, 30 frames of rest, 3 min."""

DSC_LOW_FLIP: Final = Dsc(DSC_SLAB, flip_angle=_rad(30.0), injections=(_BOLUS,))
"""Good: flip angle 30° without preload."""

DSC_TWO_ECHOES: Final = Dsc(DSC_SLAB, flip_angle=_rad(70.0), te=(0.0086, 0.0346), injections=(_BOLUS,))
"""Good: two echoes, from which T1 falls out; no preload."""

DSC_LIMITED: Final = Dsc(DSC_SLAB, n_frames=60, tr=2.0, injections=(_BOLUS,))
"""Limited: flip angle 60° without preload, TR 2 s, short."""

DSC_BAD: Final = Dsc(DSC_SLAB, flip_angle=_rad(90.0), te=(0.025,), injections=(_BOLUS,))
"""Not to be interpreted: flip angle 90°, TE 25 ms, no preload."""

DSC_PROTOCOLS: Final = MappingProxyType({
    "preload": DSC, "low-flip": DSC_LOW_FLIP, "two-echoes": DSC_TWO_ECHOES, "limited": DSC_LIMITED, "bad": DSC_BAD,
})  # fmt: skip
"""What a person calls them."""

DCE: Final = Dce(DCE_SLAB)
"""The agent that DSC has as preload is imaged by DCE: 6 min at 5 s, T1 from four flip angles."""

ASL: Final = Asl(ASL_SLAB, inversions=(1.75, 0.45), slice_time=0.035)
"""Consensus: pCASL, 1.8 s of labelling and of delay, two inversions, read slice by slice."""

ASL_MULTI: Final = Asl(ASL_SLAB, delays=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0), n_pairs=4, tr=6.0, snr=300.0)
"""Six delays, 3-D readout, without suppression."""

ASL_PULSED: Final = Asl(
    ASL_SLAB, "pasl", duration=0.8, delays=(1.8,), efficiency=0.98, slice_time=0.035, tr=3.0
)  # fmt: skip
"""PASL (QUIPSS II), TI1 0.8 s, TI 1.8 s, read slice by slice, without suppression."""

ASL_PROTOCOLS: Final = MappingProxyType({"single": ASL, "multi": ASL_MULTI, "pulsed": ASL_PULSED})
"""What a person calls them."""

T1W: Final = Mprage("t1w", tr=2.3, te=0.003)
T1C: Final = replace(T1W, name="t1c", injections=(Injection(-900.0), Injection(-300.0)))
"""Five minutes after the bolus of DSC."""

T2W: Final = SpinEcho("t2w", tr=4.5, te=0.090)
FLAIR: Final = SpinEcho("flair", tr=9.0, te=0.120, nulled=4.2)
DWI: Final = Diffusion(DWI_SLAB)
T2STAR: Final = GradientEcho("t2star", tr=0.028, te=0.020, slab=T2STAR_SLAB)

SVS_SHORT: Final = Svs(name="svs-short")
SVS_LONG: Final = Svs(te=0.144, te1=0.015, name="svs-long")
"""PRESS of 2 cm in the lesion, TR 2 s: TE 30 ms for all there is, TE 144 ms to tell lactate from lipid."""

SVS_2HG: Final = Svs(te=0.097, te1=0.032, n_averages=64, name="svs-2hg")
"""PRESS at TE 97 ms (32 + 65), where 2-hydroxyglutarate stands clear. Choi et al. 2012, doi:10.1038/nm.2682"""

MRSI: Final = Mrsi()
"""PRESS at TE 144 ms: 16 by 16 voxels of 10 x 10 x 15 mm in a slice through the lesion."""

MRSI_SMALL_BOX: Final = Mrsi(box=(80.0, 80.0), off=None, bandwidth=1200.0)
"""The same in a box of 8 cm about the lesion with narrow pulses: at its edge lines are seen unequally."""

MRSI_SLICE: Final = Mrsi(box=None)
"""The same without a box, phase-encoded in the whole of a slice: nothing lies displaced within it."""

MRSI_EPSI: Final = Mrsi(readout=600.0)
"""The same with one direction read echo-planar, at 600 Hz a voxel."""

MRS_PROTOCOLS: Final = MappingProxyType({
    "usual": (), "2hg": (SVS_2HG,), "small-box": (MRSI_SMALL_BOX,), "slice": (MRSI_SLICE,), "epsi": (MRSI_EPSI,),
})  # fmt: skip
"""What is measured beside the two echo times and the image of every examination, or in place of the image, by what a
person calls it.
"""

EXAMINATION: Final[tuple[Sequence, ...]] = (
    T1W, T2W, FLAIR, DWI, T2STAR, ASL, SVS_SHORT, SVS_LONG, MRSI, DCE, DSC, T1C,
)  # fmt: skip
"""What a patient is examined with, in the order in which it is done: spectra before any agent."""


def examination(dsc: Dsc = DSC, asl: Asl = ASL, spectra: tuple[Localised, ...] = ()) -> tuple[Sequence, ...]:
    """The same with other protocols of DSC and ASL, and with more `spectra` before the usual ones, or in place of those
    of their name.

    The bolus of DCE is the preload of DSC. Where DSC has none, nothing was injected before: there is no DCE, and the
    T1-weighted image after agent follows one bolus.
    """
    first = EXAMINATION.index(SVS_SHORT)
    named: dict[str, Sequence] = {"dsc": dsc, "asl": asl, **{one.name: one for one in spectra}}
    usual = {one.name for one in EXAMINATION}
    order = (*EXAMINATION[:first], *(one for one in spectra if one.name not in usual), *EXAMINATION[first:])
    scans: tuple[Sequence, ...] = tuple(named.get(one.name, one) for one in order)
    if dsc.has_preload:
        return scans
    once = replace(T1C, injections=T1C.injections[-1:])
    return tuple(once if one is T1C else one for one in scans if one is not DCE)
