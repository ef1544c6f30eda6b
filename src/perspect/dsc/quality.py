"""What can be wrong with a DSC series: the protocol, the bolus, the reference, the voxels."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.dsc.leakage import Correction
from perspect.dsc.reference import LESS_T1, Reference
from perspect.dsc.signal import Relaxation, Rest
from perspect.dsc.t1_effect import LARGEST_SHARE, T1_LONG, T1Effect, t1_effect
from perspect.vocabulary import Acquisition, Flag, Refusal, Severity, Status

SOURCE: Final = "dsc"

T1_SHARE_LIMITED: Final = 0.45
"""T1 effect over T2* effect beyond which a correction leaves a bias that matters [our reference objects]."""


T1_SHARE_NOTICED: Final = 0.25
"""The same, beyond which a missing preload is worth a word [our default]."""

T1_SHARE_STRONG: Final = 0.75
"""The same, beyond which even a preload leaves much of it [our reference objects]."""

SLOW, TOO_SLOW = 1.52, 2.05
"""Seconds between volumes: the consensus has 1.0 to 1.5 s, and from 2 s on a bolus of 6 s is three samples."""

FEW_FRAMES, TOO_FEW_FRAMES = 10, 6
"""Frames of the baseline below which the level at rest is uncertain, and poor [our default]."""

SHORT_TAIL, TOO_SHORT_TAIL = 60.0, 40.0
"""Seconds after the peak below which leakage is hard to tell from recirculation, and hardly can be [our default]."""

ECHO_TIMES = {3.0: (0.020, 0.035), 1.5: (0.040, 0.050)}
"""Recommended echo times in s by field in T (Boxerman et al. 2020, doi:10.1093/neuonc/noaa141)."""

ECHO_TIME_BELOW, ECHO_TIME_ABOVE = 0.005, 0.010
"""How far in s an echo time may lie outside before it is worth a word [our default]."""


CLEAR_RATE, CLEAR_ERRORS = 0.02, 3.0
"""1/s and standard errors from zero beyond which K2 is no chance [our default]."""

WIDESPREAD: Final = 0.1
"""Share of the brain with such a K2 from which on it is not leakage alone: in virtual patients with a tumour at most
0.01, in a patient with moyamoya disease 0.27."""


class Reliability(IntEnum):
    """How far a protocol lets blood volume be trusted, best first."""

    RECOMMENDED = 0
    ACCEPTABLE = 1
    LIMITED = 2
    UNRELIABLE = 3

    @property
    def word(self) -> str:
        """The class in words."""
        return self.name.lower()


@dataclass(frozen=True)
class Protocol:
    """The class of a protocol, its reasons, and the flags that say them. `t1_share` is NaN where FA, TE or TR is
    unknown.
    """

    reliability: Reliability
    reasons: tuple[str, ...]
    flags: tuple[Flag, ...]
    t1_share: float


def t1_share(acquisition: Acquisition, echo_times: tuple[float, ...]) -> float:
    """How large the T1 effect of intravascular agent is, relative to its T2* effect; NaN where the protocol is unknown.

    All water of the voxel is taken to be in fast exchange (an upper bound). Dual echo has no T1 effect.
    """
    effect = t1_effect(acquisition, echo_times)
    if effect is None:
        return 0.0 if len(echo_times) > 1 else float("nan")
    return replace(effect, t1=T1_LONG).share


def protocol(
    acquisition: Acquisition,
    echo_times: tuple[float, ...],
    times: Float[np.ndarray, " time"],
    rest: Rest,
    has_correction: bool,
) -> Protocol:
    """The reliability class of a protocol for tumour blood volume, each reason a flag.

    Boxerman et al. 2020 (doi:10.1093/neuonc/noaa141): full-dose preload with FA 60° and TE 40-50 ms at 1.5 T or 20-35
    ms at 3 T, or FA 30° without preload; TR 1.0-1.5 s, at least 120 s.
    """
    share = t1_share(acquisition, echo_times)
    found = [*_contrast_checks(acquisition, echo_times, share, has_correction), *_timing_checks(times, rest)]
    worst = max((level for level, _ in found), default=Reliability.RECOMMENDED)
    return Protocol(worst, tuple(flag.sentence for _, flag in found), tuple(flag for _, flag in found), share)


_SEVERITY: Final = {
    Reliability.RECOMMENDED: Severity.NOTE,
    Reliability.ACCEPTABLE: Severity.NOTE,
    Reliability.LIMITED: Severity.LIMITED,
    Reliability.UNRELIABLE: Severity.LIMITED,
}


def _found(level: Reliability, code: str, sentence: str) -> tuple[Reliability, Flag]:
    return level, Flag(code, _SEVERITY[level], sentence, "protocol", source=SOURCE)


def turn_flags(lag: Float[np.ndarray, " voxels"] | None) -> tuple[Flag, ...]:
    """What is to be said of slices that were taken in turn; None: all of a volume is at once, or nothing says when."""
    if lag is None or not np.ptp(lag) > 0:
        return ()
    sentence = (
        f"Slices were taken in turn, over {float(np.ptp(lag)):.1f} s: Tmax, delay and TTP are counted from when each "
        "slice was taken."
    )
    return (Flag("slices-in-turn", Severity.NOTE, sentence, "tmax, delay, ttp", source=SOURCE),)


def _contrast_checks(
    acquisition: Acquisition, echo_times: tuple[float, ...], share: float, has_correction: bool
) -> list[tuple[Reliability, Flag]]:
    found = [
        _unknown_protocol(acquisition),
        _t1_weighting(share, acquisition.has_preload) if len(echo_times) == 1 else None,
        _echo_time(acquisition.field, echo_times[-1]),
        None if has_correction else _found(
            Reliability.LIMITED, "no-correction", "Leakage was not corrected: where vessels leak the value is wrong."
        ),
    ]  # fmt: skip
    return [one for one in found if one is not None]


def _unknown_protocol(acquisition: Acquisition) -> tuple[Reliability, Flag] | None:
    values = {
        "flip angle": acquisition.flip_angle,
        "repetition time": acquisition.tr,
        "field strength": acquisition.field,
        "preload": acquisition.has_preload,
    }
    unknown = [name for name, value in values.items() if value is None or not np.isfinite(value)]
    if not unknown:
        return None
    sentence = f"Not recorded: {', '.join(unknown)}. How much T1 shortening distorts the blood volume cannot be judged."
    return _found(Reliability.LIMITED, "protocol-unknown", sentence)


def _t1_weighting(share: float, has_preload: bool | None) -> tuple[Reliability, Flag] | None:
    # The T1 is said because the same effect has another size where white matter's is taken out.
    effect = f"T1 effect {share:.0%} of the T2* effect where T1 is {T1_LONG:g} s"
    if share > T1_SHARE_LIMITED and has_preload is False:
        sentence = (
            f"Without preload this protocol is strongly T1 weighted ({effect}): in leaking tissue a bias remains."
        )
        return _found(
            Reliability.UNRELIABLE if share > T1_SHARE_STRONG else Reliability.LIMITED, "t1-weighted", sentence
        )
    if share > T1_SHARE_STRONG:
        sentence = f"This protocol is strongly T1 weighted ({effect})"
        sentence += ", in spite of preload." if has_preload else "; whether a preload was given is not recorded."
        return _found(Reliability.LIMITED, "t1-weighted", sentence)
    if share > T1_SHARE_NOTICED and has_preload is False:
        sentence = f"No preload was given; the T1 effect relies on the correction ({effect})."
        return _found(Reliability.ACCEPTABLE, "no-preload", sentence)
    return None


def _echo_time(field: float | None, te: float) -> tuple[Reliability, Flag] | None:
    if field is None:
        return None
    low, high = ECHO_TIMES[min(ECHO_TIMES, key=lambda one: abs(one - field))]
    if low - ECHO_TIME_BELOW - 1e-4 <= te <= high + ECHO_TIME_ABOVE + 1e-4:
        return None
    sentence = (
        f"TE {1000 * te:.0f} ms is far from the {1000 * low:.0f}-{1000 * high:.0f} ms recommended at {field:g} T."
    )
    return _found(Reliability.LIMITED, "echo-time", sentence)


def _timing_checks(times: Float[np.ndarray, " time"], rest: Rest) -> list[tuple[Reliability, Flag]]:
    found = []
    step, after = float(np.median(np.diff(times))), float(times[-1] - times[rest.peak])
    if step > SLOW:
        level = Reliability.LIMITED if step > TOO_SLOW else Reliability.ACCEPTABLE
        found.append(
            _found(level, "slow-sampling", f"A volume every {step:.2f} s samples the bolus coarsely (1.5 s or less).")
        )
    if rest.n_frames < FEW_FRAMES:
        level = Reliability.LIMITED if rest.n_frames < TOO_FEW_FRAMES else Reliability.ACCEPTABLE
        found.append(
            _found(level, "short-baseline", f"Only {rest.n_frames} frames lie before the bolus; 10 or more are wanted.")
        )
    if rest.is_guard_short:
        sentence = (
            f"So few frames lie before the bolus that the baseline ends {rest.guard:.1f} s before it arrives in the "
            "brain as a whole; where it arrives earlier, blood volume is too low."
        )
        found.append(_found(Reliability.LIMITED, "guard-shortened", sentence))
    if after < SHORT_TAIL:
        level = Reliability.LIMITED if after < TOO_SHORT_TAIL else Reliability.ACCEPTABLE
        found.append(
            _found(
                level,
                "truncated-tail",
                f"The series ends {after:.0f} s after the peak; leakage needs 60 s or more to be told from "
                "recirculation.",
            )
        )
    return found


def refuse_protocol(acquisition: Acquisition, echo_times: tuple[float, ...]) -> None:
    """Stops where T1 and T2* effects of agent cancel even in tissue that does not leak.

    Raises Refusal.
    """
    share = t1_share(acquisition, echo_times)
    if share >= LARGEST_SHARE:
        raise Refusal(
            f"With this flip angle, TE and TR the T1 effect of agent is {share:.0%} of its T2* effect even inside "
            "vessels.",
            "The two cancel in tissue without leakage, which every correction is measured against, so that it has no "
            "bound.",
            LESS_T1,
        )


def refuse_reference(reference: Reference, first_pass: slice) -> None:
    """Stops where the reference of the leakage correction is not a blood-volume curve.

    Raises Refusal where its first pass is not positive, or where its tail is negative: T1 shortening outweighs T2*
    even in tissue that does not leak.
    """
    passing, std = reference.curve[first_pass], reference.std[first_pass]
    if not (passing.sum() > 3 * np.sqrt((std**2).sum()) and np.isfinite(reference.tail)):
        raise Refusal(
            "The mean curve of non-enhancing brain does not show a loss of signal during the bolus.",
            "Every blood volume is measured against that curve.",
            LESS_T1,
        )
    if reference.tail < -0.02 and reference.tail < -3 * reference.tail_std:
        raise Refusal(
            f"The mean curve of non-enhancing brain ends {-100 * reference.tail:.0f} % of its peak below zero.",
            "Agent shortens T1 there so much that the reference itself is contaminated; no correction can be trusted.",
            LESS_T1,
        )


def t1_flags(t1: T1Effect | None, is_fitted: bool) -> tuple[Flag, ...]:
    """What a reader must know where the T1 effect was taken out by a model; `is_fitted` where leaking voxels have a T1
    of their own.
    """
    if t1 is None:
        return ()
    sentence = (
        f"The T1 effect of agent ({t1.share:.0%} of the T2* effect) was taken out: in leaking voxels with a T1 that is "
        f"fitted to each curve, elsewhere with {t1.t1:g} s. A lesion that does not leak but has a longer T1 comes out "
        "too low, and every ratio too high where that of white matter is longer: give that as dsc.white_t1 if a T1 map "
        "says it. Compare with dsc.t1_effect=ignored."
        if is_fitted
        else f"The T1 effect of agent inside vessels ({t1.share:.0%} of the T2* effect) was taken out, with one T1 of "
        f"{t1.t1:g} s for all tissue; where a lesion's T1 is longer, its rCBV comes out too low, and where that of "
        "white matter is, every ratio too high: give that as dsc.white_t1 if a T1 map says it. Compare with "
        "dsc.t1_effect=ignored."
    )
    severity = Severity.CAUTION if t1.share > T1_SHARE_LIMITED else Severity.NOTE
    return (Flag("t1-effect-modelled", severity, sentence, "cbv, rcbv", source=SOURCE),)


def leakage_flags(correction: Correction | None) -> tuple[Flag, ...]:
    """What is to be said where more of the brain seems to leak than a lesion fills."""
    if correction is None:
        return ()
    k2, known = correction.k2, np.isfinite(correction.k2)
    with np.errstate(invalid="ignore"):
        is_clear = known & (np.abs(k2) > np.maximum(CLEAR_ERRORS * correction.k2_std, CLEAR_RATE))
    share = float(is_clear.sum() / max(int(known.sum()), 1))
    if share <= WIDESPREAD:
        return ()
    sentence = (
        f"K2 is clearly not zero in {share:.0%} of the brain. Where that does not enhance it is no leakage: blood that "
        "comes earlier, later or slower than in the reference looks like it, as behind a narrowed artery. Read K2 and "
        "kep beside Tmax and TTP, and compare rCBV with dsc.leakage=none."
    )
    return (Flag("widespread-leakage", Severity.CAUTION, sentence, "k2, kep, rcbv", share, SOURCE),)


def voxel_flags(relaxation: Relaxation) -> tuple[Flag, ...]:
    """What the voxels themselves tell: saturation, missing signal."""
    n = relaxation.status.size
    flags = []
    for code, status, sentence in (
        (
            "saturated",
            Status.SATURATED,
            "of the brain's voxels fall to the noise floor at the peak: their values are lower bounds.",
        ),
        ("no-signal", Status.NO_SIGNAL, "of the brain's voxels have no signal at some time: they have no value."),
        (
            "not-finite",
            Status.NOT_FINITE,
            "of the brain's voxels are not finite or left the field of view: they have no value.",
        ),
    ):
        share = float((relaxation.status == status).sum() / n) if n else float("nan")
        if share > 0:
            severity = Severity.CAUTION if share > 0.02 else Severity.NOTE
            said = f"{share:.1%}" if share >= 0.0005 else "Less than 0.1%"
            flags.append(Flag(code, severity, f"{said} {sentence}", "brain", share, SOURCE))
    return tuple(flags)
