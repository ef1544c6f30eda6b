"""What traps are looked for in: series and their maps beside the lesion, as values; and the patient as a whole."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect import io, pitfalls
from perspect.anatomy import resample
from perspect.anatomy.expected import expected_shares
from perspect.app.anatomy import Seen
from perspect.app.contribute.contribution import Patient
from perspect.app.dsc import Examined
from perspect.app.head import Head
from perspect.app.lesion import Placed
from perspect.pitfalls import ArterialInput, Expected, Passage, Record, Scene, Shown, Trap
from perspect.pitfalls.cortex import cortex_drawn_as_lesion
from perspect.vocabulary import Grid, Map, Measured, Region

PURE: Final = 0.9
"""Share of white matter of voxels that count as nothing else."""

GREY_OVER_WHITE: Final = (1.05, 8.0)
"""Between which the blood volume of grey over white matter lies [our default; 2.8 to 3.9 in Schmidt et al. 2020,
doi:10.1259/bjr.20190543, and 1.5 to 2 where voxels are coarse].
"""

OF_PATIENT: Final = "population"
"""Word of an arterial input that is not this patient's, in the account of DCE."""


def of_patient(head: Head, lesion: Placed, record: Record) -> tuple[Trap, ...]:
    """The traps of the conventional images, and of drugs and timing."""
    found = pitfalls.look(record)
    if "t1w" in head.images and "t1c" in head.images:
        white = np.nan_to_num(head.tissues.white) >= PURE
        shown = Shown(head.grid, _wide(head.images["t1w"]), _wide(head.images["t1c"]), white, lesion.parts.regions)
        found = (*pitfalls.look(shown), *found)
    return found


def of_perfusion(scan: Examined, seen: Seen, patient: Patient) -> Scene:
    """A DSC series."""
    maps, summary = scan.measured.maps, scan.measured.summary
    grid = next(iter(maps.values())).grid
    values = {key: one.values for key, one in maps.items()}
    values |= {f"{key}_std": maps[key].std for key in ("k2", "ttp") if key in maps}
    told = summary.get("white_matter", {})
    in_use = told.get(summary.get("white_matter_in_use"), {}).get("rCBV")
    grey, fluid = tissue_on(patient.head, grid, seen.series_to_anatomy.matrix)
    return Scene(
        grid=grid,
        at_rest=scan.at_rest,
        maps=values,
        brain=scan.measured.regions["brain"].mask,
        white=scan.measured.regions["reference"].mask,
        parts=patient.lesion.on(grid, seen.series_to_anatomy.matrix),
        grey=grey,
        fluid=fluid,
        references={name: one["rCBV"] / in_use for name, one in told.items() if in_use and "rCBV" in one},
        is_corrected="k2" in maps,
        anatomy=brain_on(patient, grid, seen.series_to_anatomy.matrix),
        reference_spread=float(summary.get("white_matter_spread", np.nan)),
        passage=passage_of(scan.measured),
        arterial=_arterial(summary, summary.get("arterial_relative_error")),
        bolus_motion=bolus_motion(summary),
        steps=bolus_steps(scan.measured),
        alignment_error=seen.series_to_anatomy.error,
        expected=_grey_over_white(maps.get("rcbv"), grey, patient.head, seen, grid),
    )


def of_other(
    spoils: str,
    measured: Measured,
    at_rest: Float[np.ndarray, "x y z"],
    seen: Seen,
    patient: Patient,
    keys: tuple[str, ...],
    brain: Bool[np.ndarray, "x y z"],
) -> Scene:
    """A series of labelled blood or of leakage, with some of its maps."""
    grid = measured.maps[keys[0]].grid
    grey, fluid = tissue_on(patient.head, grid, seen.series_to_anatomy.matrix)
    summary = measured.summary
    white = np.zeros(grid.shape, bool) if seen.white is None else seen.white.mask
    error = summary.get("arterial_relative_error")
    return Scene(
        grid=grid,
        at_rest=at_rest,
        maps={"cbf" if key == "relcbf" else key: measured.maps[key].values for key in keys},
        brain=brain,
        white=white,
        parts=patient.lesion.on(grid, seen.series_to_anatomy.matrix),
        grey=grey,
        fluid=fluid,
        spoils=spoils,
        is_t2star=False,
        anatomy=brain_on(patient, grid, seen.series_to_anatomy.matrix),
        arterial=None if error is None else _arterial(summary, error),
        alignment_error=seen.series_to_anatomy.error,
        unevenness=float(summary.get("spatial_cov", np.nan)),
    )


def tissue_on(
    head: Head, grid: Grid, matrix: Float[np.ndarray, "4 4"] | None
) -> tuple[Float[np.ndarray, "x y z"], Float[np.ndarray, "x y z"]]:
    """Shares of grey matter and fluid on a grid; cortex that was drawn as lesion counts as grey."""
    grey = np.array(head.tissues.grey)
    grey[_cortex_in(head)] = 1.0
    first, second = (resample.onto(one, head.grid, grid, matrix=matrix) for one in (grey, head.tissues.csf))
    return first, second


def brain_on(patient: Patient, grid: Grid, matrix: Float[np.ndarray, "4 4"] | None) -> Bool[np.ndarray, "x y z"]:
    """The brain of the conventional images, with the lesion, on a grid."""
    brain = patient.head.tissues.brain.mask | patient.lesion.parts["whole"].mask
    out: Bool[np.ndarray, "x y z"] = resample.onto(brain, patient.head.grid, grid, matrix=matrix)
    return out


def _cortex_in(head: Head) -> Bool[np.ndarray, "x y z"]:
    """Where cortex was drawn as lesion."""
    tissues = head.tissues
    out = np.zeros(head.grid.shape, bool)
    if head.ill is None or not tissues.lesion.any() or not np.isfinite(tissues.means).all():
        return out
    inside = Region(tissues.lesion, head.grid, "lesion")
    # Shading is known around the lesion, and smooth: that of the nearest tissue holds within.
    known = np.isfinite(tissues.shares[..., 0]) & tissues.brain.mask
    nearest = ndimage.distance_transform_edt(~known, head.grid.spacing, return_distances=False, return_indices=True)
    gain = tissues.gain[tuple(nearest)]
    images = np.stack(
        [inside.taken(head.images[name] / gain[..., k]) for k, name in enumerate(tissues.names)], axis=1
    )  # fmt: skip
    expected = expected_shares(io.icbm_2009a(), head.to_template, inside)
    found = cortex_drawn_as_lesion(_wide(images), tissues.means, tissues.spreads, _wide(expected))
    return np.asarray(inside.spread(found, False), bool)


def passage_of(measured: Measured) -> Passage:
    """How well the bolus is seen, by the account of DSC; its contrast is that of blood volume in a voxel of the
    reference over its standard error.
    """
    summary, rcbv = measured.summary, measured.maps.get("rcbv")
    contrast = float("nan")
    if rcbv is not None and "reference" in measured.regions:
        white = measured.regions["reference"].mask & np.isfinite(rcbv.values) & (rcbv.std > 0)
        contrast = float(np.median(rcbv.values[white] / rcbv.std[white])) if white.any() else contrast
    return Passage(
        n_baseline=int(summary.get("n_baseline", 0)),
        step=float(summary.get("time_step", np.nan)),
        tail=float(summary.get("seconds_after_peak", np.nan)),
        contrast=contrast,
        **_times_of(measured),
    )


def _times_of(measured: Measured) -> dict[str, Any]:
    """When rest and first pass were, and the end of the series, in s on its axis."""
    summary = measured.summary
    if "tissue" not in measured.curves or "baseline_frames" not in summary:
        return {}
    times = measured.curves["tissue"].times
    start, stop = summary["baseline_frames"]
    return {
        "rest": (float(times[start]), float(times[stop - 1])),
        "first_pass": (float(summary["arrival"]), float(summary["first_pass_end"])),
        "end": float(times[-1]),
    }


def _arterial(summary: Mapping[str, Any], error: float | None) -> ArterialInput | None:
    if error is None:
        return None
    return ArterialInput(
        float(error), float(summary.get("arterial_peak_mM", np.nan)), float(summary.get("arterial_width") or np.nan),
        OF_PATIENT not in str(summary.get("arterial_origin", "")),
    )  # fmt: skip


def bolus_motion(summary: Mapping[str, Any]) -> float:
    """The largest framewise displacement (mm) while the bolus passes; NaN where motion was not looked at."""
    framewise = summary.get("framewise_displacement")
    if framewise is None:
        return float("nan")
    some = np.asarray(framewise, float)[_bolus(summary)]
    return float(np.nanmax(some)) if np.isfinite(some).any() else float("nan")


def bolus_steps(measured: Measured) -> tuple[tuple[float, float], ...]:
    """When (s) each volume was taken while the bolus passes, and how far (mm) the head had moved since the one before;
    nothing where motion was not looked at.
    """
    framewise = measured.summary.get("framewise_displacement")
    if framewise is None or "displacement" not in measured.curves:
        return ()
    during = _bolus(measured.summary)
    times, far = measured.curves["displacement"].times[during], np.asarray(framewise, float)[during]
    return tuple((float(at), float(one)) for at, one in zip(times, far, strict=True) if np.isfinite(one))


def _bolus(summary: Mapping[str, Any]) -> slice:
    """The volumes in which the bolus passes, and one after it."""
    start = int(summary["baseline_frames"][1])
    n = max(int(np.ceil((summary["first_pass_end"] - summary["arrival"]) / summary["time_step"])), 1)
    return slice(start, start + n + 1)


def _grey_over_white(
    rcbv: Map | None, grey: Float[np.ndarray, "x y z"], head: Head, seen: Seen, grid: Grid
) -> tuple[Expected, ...]:
    """Blood volume of grey over white matter: a map of something else, or of another scale, rarely has it."""
    if rcbv is None:
        return ()
    white = resample.onto(head.tissues.white, head.grid, grid, matrix=seen.series_to_anatomy.matrix)
    with np.errstate(invalid="ignore"):
        both = [rcbv.values[(one >= PURE) & np.isfinite(rcbv.values)] for one in (grey, white)]
    if min(one.size for one in both) < 50:
        return ()
    ratio = float(np.median(both[0]) / np.median(both[1]))
    return (Expected("blood volume of grey over white matter", ratio, *GREY_OVER_WHITE),)


def _wide(values: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    return np.asarray(values, np.float64)
