"""What BIDS calls the images of a virtual patient, and what their sidecars say: s and degrees, as scanners have it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import degrees
from typing import Any, Final

from perspect.phantom.conventional import Diffusion, GradientEcho, Mprage, SpinEcho
from perspect.phantom.dynamic import Dce, Dsc
from perspect.phantom.labelled import Asl
from perspect.phantom.localised import CARRIER, Localised
from perspect.phantom.mrsi import Mrsi
from perspect.phantom.sequence import Image, Injection, Sequence, Signal
from perspect.phantom.svs import Svs
from perspect.vocabulary.spectra import WATER

DOSE: Final = 0.1
"""The usual dose in mmol/kg."""

AGENT: Final = "virtual gadolinium agent"


@dataclass(frozen=True)
class Named:
    """Folder, what stands between the subject and the suffix, suffix: `anat`, `ce-gd_`, `T1w`."""

    folder: str
    entities: str
    suffix: str


NAMES: Final[Mapping[str, Named]] = {
    "dsc": Named("perf", "", "dsc"),
    "dce": Named("perf", "", "dce"),
    "vfa": Named("anat", "", "VFA"),
    "b1": Named("fmap", "", "TB1map"),
    "asl": Named("perf", "", "asl"),
    "m0": Named("perf", "", "m0scan"),
    "t1w": Named("anat", "", "T1w"),
    "t1c": Named("anat", "ce-gd_", "T1w"),
    "t2w": Named("anat", "", "T2w"),
    "flair": Named("anat", "", "FLAIR"),
    "dwi": Named("dwi", "", "dwi"),
    "adc": Named("dwi", "", "ADC"),
    "t2star": Named("anat", "part-mag_", "T2starw"),
    "t2star_phase": Named("anat", "part-phase_", "T2starw"),
}
"""Every kind of image. DSC, DCE and ADC have no ratified name."""

NUMBERED: Final = {"dsc": "echo", "vfa": "flip"}


def name(image: Image) -> str:
    """The name of an image without the subject: `anat/` is left to `NAMES`.

    >>> import numpy as np; from perspect.vocabulary import Grid
    >>> name(Image("vfa", np.zeros((1, 1, 1)), Grid((1, 1, 1), np.eye(4)), number=2))
    'flip-2_VFA'
    """
    named = NAMES[image.kind]
    numbered = "" if image.number is None else f"{NUMBERED[image.kind]}-{image.number}_"
    return f"{named.entities}{numbered}{named.suffix}"


def sidecar(scan: Sequence, image: Image, subject: str) -> dict[str, Any]:
    """All that is known of how an image was taken."""
    return {**COMMON, **_OF[type(scan)](scan, image, subject)}


AXES: Final[Mapping[str, str]] = {"coil": "DIM_COIL", "transient": "DIM_DYN"}
"""What NIfTI-MRS calls the axes of a signal after time."""


def spectrum_name(scan: Sequence, signal: Signal) -> str:
    """The name of a signal without the subject: echo time in ms (after "mrsi" for water of a grid), and its suffix.

    >>> from perspect.phantom.protocols import SVS_LONG
    >>> spectrum_name(SVS_LONG, Signal("mrsref", None))
    'acq-te144_mrsref'
    """
    assert isinstance(scan, Localised)
    if isinstance(scan, Mrsi) and signal.kind == "mrsref":
        return f"acq-mrsi{round(1e3 * scan.te):03d}_{signal.kind}"
    return f"acq-te{round(1e3 * scan.te):03d}_{signal.kind}"


def spectrum_sidecar(scan: Sequence, signal: Signal, subject: str) -> dict[str, Any]:
    """All that is known of how a spectrum was taken."""
    assert isinstance(scan, Localised)
    is_water = signal.kind == "mrsref"
    of = signal.spectra
    known = {
        **COMMON,
        "PulseSequenceType": "PRESS" if scan.te1 else "FID",
        "MagneticFieldStrength": scan.field,
        "ResonantNucleus": [of.nucleus],
        "SpectrometerFrequency": [scan.frequency * 1e-6],
        "SpectralWidth": 1 / scan.dwell,
        "NumberOfSpectralPoints": scan.n_points,
        "EchoTime": scan.te,
        "FirstEchoTime": scan.te1,
        "RepetitionTime": scan.tr,
        "WaterSuppression": not is_water,
        "PulseBandwidth": scan.bandwidth,
        "TxOffset": CARRIER - WATER,
        "AcquisitionVoxelSize": [float(one) for one in of.grid.spacing],
    }
    if isinstance(scan, Svs):
        known["NumberOfTransients"] = 1 if is_water else scan.n_averages
    if is_water:
        kind = "svs" if isinstance(scan, Svs) else "mrsi"
        known["IntendedFor"] = [f"bids::{subject}/mrs/{subject}_{spectrum_name(scan, Signal(kind, of))}.nii.gz"]
    if isinstance(scan, Mrsi):
        known["SpatialFilter"] = "Hamming" if scan.has_window else "none"
    return {**known, **of.header}


COMMON: Final[Mapping[str, Any]] = {
    "Manufacturer": "none (simulated by perspect)",
    "ManufacturersModelName": "virtual scanner",
    "BodyPart": "BRAIN",
}


def _contrast(injections: tuple[Injection, ...]) -> dict[str, Any]:
    """What was injected. Start times are in s from the first volume; those before it are negative."""
    if not injections:
        return {}
    return {
        "ContrastBolusAgent": AGENT,
        "ContrastBolusIngredient": "GADOLINIUM",
        "ContrastBolusDose": DOSE * injections[-1].dose,
        "ContrastBolusStartTime": injections[-1].start,
        "ContrastBolusInjections": [{"StartTime": one.start, "Dose": DOSE * one.dose} for one in injections],
    }


def _dsc(scan: Dsc, image: Image, _: str) -> dict[str, Any]:
    return {
        "PulseSequenceType": "Gradient-echo EPI",
        "MRAcquisitionType": "2D",
        "MagneticFieldStrength": scan.field,
        "EchoTime": scan.te[(image.number or 1) - 1],
        "RepetitionTime": scan.tr,
        "FlipAngle": degrees(scan.flip_angle),
        "SliceTiming": scan.slice_times.tolist(),
        "NumberOfVolumesDiscardedByScanner": scan.dummies,
        "Preload": scan.has_preload,
        **_contrast(scan.injections),
    }


def _dce(scan: Dce, image: Image, subject: str) -> dict[str, Any]:
    if image.kind == "b1":
        return {
            "MagneticFieldStrength": scan.field,
            "Units": "arbitrary",
            "Description": "The true flip angle over the nominal one",
            "IntendedFor": [f"bids::{subject}/perf/{subject}_dce.nii.gz"],
        }
    common = {
        "PulseSequenceType": "Spoiled gradient echo",
        "MRAcquisitionType": "3D",
        "MagneticFieldStrength": scan.field,
        "EchoTime": scan.te,
        "RepetitionTimeExcitation": scan.tr,
    }
    if image.kind == "vfa":
        return {**common, "FlipAngle": degrees(scan.flip_angles[(image.number or 1) - 1])}
    return {
        **common,
        "FlipAngle": degrees(scan.flip_angle),
        "VolumeTiming": scan.times.tolist(),
        "Preload": any(one.start < 0.0 for one in scan.injections),
        **_contrast(scan.injections),
    }


def _asl(scan: Asl, image: Image, subject: str) -> dict[str, Any]:
    is_2d = scan.slice_time is not None
    common: dict[str, Any] = {
        "PulseSequenceType": "Gradient-echo EPI" if is_2d else "Segmented spin echo",
        "MRAcquisitionType": "2D" if is_2d else "3D",
        "MagneticFieldStrength": scan.field,
        "EchoTime": scan.te,
        "FlipAngle": 90.0,
    }
    if is_2d:
        common["SliceTiming"] = scan.slice_times.tolist()
    if image.kind == "m0":
        return {
            **common,
            "RepetitionTimePreparation": scan.m0_tr,
            "IntendedFor": [f"bids::{subject}/perf/{subject}_asl.nii.gz"],
        }
    is_single = len(scan.delays) == 1
    return {
        **common,
        "ArterialSpinLabelingType": scan.kind.upper(),
        "PostLabelingDelay": scan.delays[0] if is_single else scan.volume_delays.tolist(),
        "RepetitionTimePreparation": scan.tr,
        "LabelingEfficiency": scan.efficiency,
        "M0Type": "Separate",
        "TotalAcquiredPairs": scan.n_pairs * len(scan.delays),
        "VascularCrushing": False,
        "AcquisitionVoxelSize": list(scan.slab.voxel),
        **_labelling(scan),
        **_suppression(scan),
    }


def _labelling(scan: Asl) -> dict[str, Any]:
    if scan.kind == "pcasl":
        return {"LabelingDuration": scan.duration, "PCASLType": "balanced"}
    return {
        "BolusCutOffFlag": True,
        "BolusCutOffTechnique": "QUIPSSII",
        "BolusCutOffDelayTime": scan.duration,
    }


def _suppression(scan: Asl) -> dict[str, Any]:
    if not scan.inversions:
        return {"BackgroundSuppression": False}
    from_start = sorted(scan.since_labelling(scan.delays[0]) - before for before in scan.inversions)
    return {
        "BackgroundSuppression": True,
        "BackgroundSuppressionNumberPulses": len(scan.inversions),
        "BackgroundSuppressionPulseTime": from_start,
    }


def _mprage(scan: Mprage, _: Image, __: str) -> dict[str, Any]:
    return {
        "PulseSequenceType": "MPRAGE",
        "MRAcquisitionType": "3D",
        "MagneticFieldStrength": scan.field,
        "EchoTime": scan.te,
        "RepetitionTime": scan.tr,
        "InversionTime": scan.ti,
        "FlipAngle": degrees(scan.flip_angle),
        **_contrast(scan.injections),
    }


def _spin_echo(scan: SpinEcho, _: Image, __: str) -> dict[str, Any]:
    inverted = {} if scan.ti is None else {"InversionTime": scan.ti}
    return {
        "PulseSequenceType": "Fast spin echo",
        "MagneticFieldStrength": scan.field,
        "EchoTime": scan.te,
        "RepetitionTime": scan.tr,
        "FlipAngle": 90.0,
        **inverted,
    }


def _gradient_echo(scan: GradientEcho, image: Image, _: str) -> dict[str, Any]:
    return {
        "PulseSequenceType": "Spoiled gradient echo",
        "MRAcquisitionType": "3D",
        "MagneticFieldStrength": scan.field,
        "EchoTime": scan.te,
        "RepetitionTime": scan.tr,
        "FlipAngle": degrees(scan.flip_angle),
        **({"Units": "rad"} if image.kind.endswith("_phase") else {}),
    }


def _diffusion(scan: Diffusion, image: Image, _: str) -> dict[str, Any]:
    return {
        "PulseSequenceType": "Spin-echo EPI",
        "MRAcquisitionType": "2D",
        "MagneticFieldStrength": scan.field,
        "EchoTime": scan.te,
        "RepetitionTime": scan.tr,
        "FlipAngle": 90.0,
        **({"Units": "mm^2/s"} if image.kind == "adc" else {}),
    }


_OF: Final[Mapping[type, Callable[..., dict[str, Any]]]] = {
    Dsc: _dsc, Dce: _dce, Asl: _asl, Mprage: _mprage, SpinEcho: _spin_echo, GradientEcho: _gradient_echo,
    Diffusion: _diffusion,
}  # fmt: skip
"""Who speaks for which sequence."""
