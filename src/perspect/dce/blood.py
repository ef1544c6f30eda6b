"""Blood in the images: its mean signal freed from noise, turned into concentration with the T1 of blood."""

from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.dce.bolus import AtRest
from perspect.dce.concentration import concentration
from perspect.dce.plan import SOURCE, Plan
from perspect.vocabulary import Acquisition, Flag, Problem, Refusal, Severity

BLOOD_T1: Final = {1.5: 1.48, 3.0: 1.65, 7.0: 2.09}
"""T1 of arterial blood in s by field in T (Zhang et al. 2013, doi:10.1002/mrm.24550: 1.48, 1.65 and 2.09)."""

NOISE_FLOOR: Final = 3.0
"""Signal-to-noise of blood at rest below which magnitude noise lifts the baseline by more than 6 % [Rice]."""

FEWEST_FOR_NOISE: Final = 3
"""Frames at rest without which the noise of a voxel is not known."""

LOW_PEAK, HIGH_PEAK = 1.0, 25.0
"""Peak of plasma in mM outside which an arterial curve is worth a word: partial volume, inflow or saturation."""


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
    curve: Float[np.ndarray, "1 time"],
    rest: AtRest,
    acquisition: Acquisition,
    mapped: Float[np.ndarray, " voxels"],
    b1: Float[np.ndarray, " 1"] | None,
    plan: Plan,
) -> tuple[Float[np.ndarray, " time"], tuple[Flag, ...]]:
    """Concentration in whole blood from its signal, with the T2* effect that is strong there.

    `mapped` is what the T1 map has in its voxels. Raises Problem where no concentration gives that signal.
    """
    t1 = float(np.nanmedian(mapped)) if plan.blood_from == "map" else blood_t1(acquisition, plan)
    found = concentration(
        curve, rest.frames, np.array([t1]), float(acquisition.tr or np.nan), float(acquisition.flip_angle or np.nan),
        plan.r1, b1, acquisition.te or 0.0, plan.r2star,
    )  # fmt: skip
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
    return found.curves[0].astype(np.float64), flags


def peak_flags(plasma: Float[np.ndarray, " time"]) -> tuple[Flag, ...]:
    """What is to be said of a plasma curve whose peak is no patient's."""
    peak = float(plasma.max())
    if LOW_PEAK <= peak <= HIGH_PEAK:
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
