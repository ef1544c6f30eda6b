"""Values per voxel, put back into space with their standard error and status."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.dsc.blood import Flow, Volume, has_bolus
from perspect.dsc.calibrate import Calibration
from perspect.dsc.leakage import Correction
from perspect.dsc.normalise import ratio
from perspect.dsc.passage import Passage
from perspect.dsc.signal import Relaxation
from perspect.dsc.tissue import WhiteMatter
from perspect.vocabulary import FAILED_FROM, Map, Quantity, Region, Status, lexicon

Column = tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"], Int[np.ndarray, " voxels"]]


def maps(
    brain: Region,
    relaxation: Relaxation,
    correction: Correction | None,
    area: Correction,
    volume: Volume | None,
    white: WhiteMatter,
    standard: tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]] | None,
    flow: Flow | None,
    peak: Passage,
    simulated: Calibration,
) -> Mapping[str, Map]:
    """Every map that could be determined, by the key of its quantity; what could not be is absent.

    `correction` is None where none was wanted; `area` then holds the uncorrected areas.
    """
    plain = relaxation.status
    columns: dict[Quantity, Column] = {}
    if volume is not None:
        columns[lexicon.CBV] = (volume.cbv, volume.std, area.status)
    if white.inside.any():
        columns[lexicon.RCBV] = (*ratio(area.area, area.area_std, white.level), area.status)
    if standard is not None:
        columns[lexicon.SRCBV] = (*standard, area.status)
    if correction is not None:
        columns[lexicon.K1] = (correction.k1, correction.k1_std, plain)
        columns[lexicon.K2] = (correction.k2, correction.k2_std, plain)
        known = np.isfinite(correction.kep_std)
        if known.any():
            columns[lexicon.KEP_LEAKAGE] = (np.where(known, correction.kep, np.nan), correction.kep_std, plain)
    timed = np.where(has_bolus(peak, relaxation) | (plain >= FAILED_FROM), plain, Status.NO_BOLUS).astype(np.int16)
    if flow is not None:
        if volume is not None:
            columns[lexicon.CBF] = (flow.cbf, flow.cbf_std, timed)
        columns[lexicon.MTT] = (flow.mtt, flow.mtt_std, timed)
        columns[lexicon.TMAX] = (flow.tmax, flow.tmax_std, _ambiguous(timed, flow.is_tmax_ambiguous))
        columns[lexicon.DELAY] = (flow.delay, flow.delay_std, _ambiguous(timed, flow.is_delay_ambiguous))
    with np.errstate(invalid="ignore", divide="ignore"):
        contrast = peak.height / relaxation.noise
    columns[lexicon.PH] = (peak.height, peak.height * simulated.scatter["ph"](contrast, peak.sharpness), timed)
    # Times are counted from the arrival in the brain as a whole, which is uncertain too.
    ttp_std = np.hypot(peak.time_noise, relaxation.rest.arrival_std)
    columns[lexicon.TTP] = (peak.time, ttp_std, _ambiguous(timed, peak.is_ambiguous))
    columns[lexicon.PSR] = (peak.recovery, peak.recovery_std, timed)
    columns |= _log_recovery(peak, white, timed)
    return {quantity.key: Map.of(quantity, brain, *column) for quantity, column in columns.items()}


def _ambiguous(timed: Int[np.ndarray, " voxels"], where: Bool[np.ndarray, " voxels"]) -> Int[np.ndarray, " voxels"]:
    """The status of a time, which is ambiguous where another peak is as likely to be the true one."""
    return np.where((timed == Status.OK) & where, Status.AMBIGUOUS, timed).astype(np.int16)


def _log_recovery(peak: Passage, white: WhiteMatter, timed: Int[np.ndarray, " voxels"]) -> dict[Quantity, Column]:
    """The recovery of the signal over that of white matter, as a logarithm (Sanvito et al. 2025,
    doi:10.1007/s00234-025-03580-7).
    """
    inside = white.inside & np.isfinite(peak.recovery)
    normal = float(np.median(peak.recovery[inside])) if inside.any() else float("nan")
    if not normal > 0:
        return {}
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.log(np.where(peak.recovery > 0, peak.recovery, np.nan) / normal)
        std = peak.recovery_std / np.abs(peak.recovery)
    return {lexicon.LOG_PSR: (value, std, timed)}
