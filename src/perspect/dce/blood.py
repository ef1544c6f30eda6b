"""Blood in the images: its mean signal freed from noise, turned into concentration with the T1 of blood."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from perspect.dce.bolus import AtRest
from perspect.dce.concentration import concentration, gains
from perspect.dce.plan import SOURCE, Plan
from perspect.dce.tissue import Tissue
from perspect.vocabulary import Acquisition, Flag, Problem, Refusal, Severity

BLOOD_T1: Final = {1.5: 1.48, 3.0: 1.65, 7.0: 2.09}
"""T1 of arterial blood in s by field in T (Zhang et al. 2013, doi:10.1002/mrm.24550: 1.48, 1.65 and 2.09)."""

NOISE_FLOOR: Final = 3.0
"""Signal-to-noise of blood at rest below which magnitude noise lifts the baseline by more than 6 % [Rice]."""

FEWEST_FOR_NOISE: Final = 3
"""Frames at rest without which the noise of a voxel is not known."""

LOW_PEAK: Final = 1.0
"""Peak of plasma in mM below which an arterial curve is worth a word: partial volume or inflow."""

HIGH_PEAK: Final = 150.0
"""Peak of plasma in mM for each mmol/kg of agent above which it is worth a word: usual are 60 to 120 [our default]."""

HIGHEST_PEAK: Final = 200.0
"""Peak of plasma in mM for each mmol/kg that no heart can make. On its way through heart and lungs a bolus mixes with
the blood of the shortest first pass: 6 s wide at half its height, times 80 mL/kg/min of output, are 8 mL/kg, in which
1 mmol/kg is 120 mM of blood, and with a haematocrit of 0.42 200 mM of plasma [our default].
"""

DOSE: Final = 0.2
"""Agent in mmol/kg where none is on record, or none that is one: twice the usual, the most that is in common use."""

DOSES: Final = (0.01, 0.5)
"""mmol/kg between which a number on record is a dose; beyond are millilitres."""

IMPOSSIBLE: Final = 200.0
"""Peak of plasma in mM that no dose reaches: the numbers are in another unit."""


@dataclass(frozen=True, eq=False)
class Blood:
    """Agent in whole blood in mM at the times of the series, the relative error of its area, and what is to be said."""

    curve: Float[np.ndarray, " time"]
    relative_error: float
    flags: tuple[Flag, ...]


def mean_above_floor(signal: Float[np.ndarray, "voxels time"], rest: AtRest) -> Float[np.ndarray, " time"]:
    """Mean signal of blood as it would be without the lift that the noise of magnitudes gives it.

    A signal A with noise s in both channels has the mean magnitude A + s²/2A, to 0.2 % from A = 3 s on, below which
    blood is refused. s is the scatter at rest, before agent.

    Gudbjartsson and Patz 1995, doi:10.1002/mrm.1910340618
    """
    mean = signal.mean(axis=0, dtype=np.float64)
    if rest.n_frames < FEWEST_FOR_NOISE:
        return np.asarray(mean)
    noise = float(np.median(signal[:, rest.frames].astype(np.float64).std(axis=1, ddof=1)))
    return np.asarray(0.5 * (mean + np.sqrt(np.maximum(mean**2 - 2.0 * noise**2, 0.0))))


def refuse_noise_floor(signal: Float[np.ndarray, "voxels time"], rest: AtRest) -> None:
    """Stops where blood at rest is so dark that magnitude noise is what is seen.

    Raises Refusal.
    """
    quiet = signal[:, rest.frames].astype(np.float64)
    if quiet.shape[1] < FEWEST_FOR_NOISE:
        return
    ratio = float(np.median(quiet.mean(axis=1) / np.maximum(quiet.std(axis=1, ddof=1), 1e-12)))
    if ratio < NOISE_FLOOR:
        raise Refusal(
            f"The signal of arterial blood at rest is only {ratio:.1f} times its noise.",
            "The noise of magnitude images is never negative and lifts this level, so that every concentration in "
            "blood comes out too small, and Ktrans, ve and vp too large.",
            "Use a population's input (--aif parker), or a given curve.",
        )


def blood_t1(acquisition: Acquisition, plan: Plan) -> float:
    """T1 of arterial blood in s: as chosen, else that of the nearest field strength (3 T where it is not known)."""
    if plan.blood_t1 is not None:
        return plan.blood_t1
    field = acquisition.field or 3.0
    return BLOOD_T1[min(BLOOD_T1, key=lambda one: abs(one - field))]


def in_blood(
    curve: Float[np.ndarray, " time"],
    tissue: Tissue,
    voxels: Int[np.ndarray, " some"] | None,
    plan: Plan,
) -> Blood:
    """Concentration in whole blood from its signal, with the T2* effect that is strong there.

    `voxels` are those that the signal is of, for their T1 (where the map is asked for it) and flip angle; None: it is
    from elsewhere. Raises Problem where no concentration gives that signal.
    """
    acquisition, rest = tissue.acquisition, tissue.rest
    is_mapped = voxels is not None and plan.blood_from == "map"
    t1 = np.array([float(np.nanmedian(tissue.t1[voxels])) if is_mapped else blood_t1(acquisition, plan)])
    b1 = None if voxels is None or tissue.b1 is None else np.array([float(np.nanmedian(tissue.b1[voxels]))])
    tr, flip_angle = float(acquisition.tr or np.nan), float(acquisition.flip_angle or np.nan)
    found = concentration(curve[None], rest.frames, t1, tr, flip_angle, plan.r1, b1, acquisition.te or 0.0, plan.r2star)
    if found.status[0]:
        raise Problem(
            "The signal of the arterial voxels is larger than any concentration can make it.",
            "Inflow, a wrong flip angle or a wrong T1 of blood do that.",
            "Choose other voxels, give --b1 or dce.blood_t1, or a population's input (--aif parker).",
        )
    flags: tuple[Flag, ...] = ()
    if acquisition.te is None and plan.r2star > 0:
        flags = (
            Flag(
                "no-echo-time",
                Severity.NOTE,
                "No echo time is recorded, so that the loss of arterial signal by T2* was not made good.",
                "arterial input",
                source=SOURCE,
            ),
        )
    blood = found.curves[0].astype(np.float64)
    steep = gains(blood[None], t1, tr, np.array([flip_angle]) * (1.0 if b1 is None else b1), plan.r1)
    return Blood(blood, _area_error(blood, curve, tissue, steep), flags)


def _area_error(
    blood: Float[np.ndarray, " time"],
    signal: Float[np.ndarray, " time"],
    tissue: Tissue,
    steep: tuple[Float[np.ndarray, "1 time"], Float[np.ndarray, "1 time"]],
) -> float:
    """Relative standard error of the area under a concentration: noise of each sample, which counts the more the more
    agent there is, and that of the level at rest, which all samples share. `steep` is as `gains` has it.
    """
    quiet = signal[tissue.rest.frames]
    relative = float(quiet.std(ddof=1) / quiet.mean())
    step = np.diff(tissue.times)
    weights = 0.5 * (np.append(step, 0.0) + np.append(0.0, step))
    own, common = (one[0] * weights for one in steep)
    variance = relative**2 * ((own**2).sum() + common.sum() ** 2 / quiet.size)
    return float(np.sqrt(variance) / max(float(np.trapezoid(blood, tissue.times)), 1e-9))


def peak_flags(plasma: Float[np.ndarray, " time"], dose: float | None) -> tuple[Flag, ...]:
    """What is to be said of a plasma curve whose peak is no patient's, after a `dose` in mmol/kg (None: not known).
    Raises Problem where it holds no agent, or more than any unit of concentration can mean.
    """
    peak = float(plasma.max())
    if not 0 < peak <= IMPOSSIBLE or float(plasma.sum()) <= 0:
        raise Problem(
            f"Arterial plasma peaks at {peak:.3g} mM, with a mean of {float(plasma.mean()):.3g} mM.",
            "A dose of 0.1 mmol/kg makes some 5 to 12 mM; another unit, or no agent at all, looks so.",
            "Give the input in mM (mmol/L), or other voxels.",
        )
    is_known = dose is not None and DOSES[0] <= dose <= DOSES[1]
    given = dose if dose is not None and is_known else DOSE
    if peak > HIGHEST_PEAK * given:
        return (_unbelievable(peak, given, is_known),)
    if LOW_PEAK <= peak <= HIGH_PEAK * given:
        return ()
    word = "small: the vessel is mixed with tissue, or blood flows in fresh" if peak < LOW_PEAK else "large"
    return (
        Flag(
            "odd-arterial-peak",
            Severity.CAUTION,
            f"Arterial plasma peaks at {peak:.2g} mM, which is {word}; Ktrans, ve and vp are wrong by the same factor.",
            "arterial input",
            source=SOURCE,
        ),
    )


def _unbelievable(peak: float, dose: float, is_known: bool) -> Flag:
    """That a peak in mM is more than a dose in mmol/kg can make, and what to do."""
    of = f"{dose:g} mmol/kg" if is_known else f"even {dose:g} mmol/kg (no dose is on record)"
    text = (
        f"Arterial plasma peaks at {peak:.2g} mM, which is no blood: {of} makes {HIGHEST_PEAK * dose:.2g} mM at most, "
        "mixed with what the heart moves meanwhile. Inflow, saturation, or a wrong flip angle, TR, T1 of blood or "
        "relaxivity look so. Ktrans, ve and vp must not be read. Use a population's input (--aif parker) or other "
        "voxels (--aif MASK), and check --tr, --flip-angle, --b1, --r1 and dce.blood_t1."
    )
    return Flag("unbelievable-blood", Severity.REFUSED, text, "arterial input", source=SOURCE)
