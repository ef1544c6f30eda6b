"""What can be wrong with a DCE series: its protocol, its voxels, the models."""

from typing import Final

import numpy as np
from jaxtyping import Float, Int16

from perspect.dce.blood import FEWEST_FOR_NOISE, NOISE_FLOOR
from perspect.dce.bolus import AtRest
from perspect.dce.kinetics import FLOW, QUICK, Kinetics
from perspect.dce.plan import SOURCE, Plan
from perspect.vocabulary import Acquisition, Flag, Region, Severity, Status

SLOW, TOO_SLOW = 6.0, 12.0
"""Seconds between volumes: vp and Ktrans can no longer be told apart well, and hardly at all [our default]."""

SHORT, TOO_SHORT = 240.0, 120.0
"""Seconds after arrival: ve of slowly leaking tissue is not seen, nor slow leakage told from plasma [our default]."""

FEW_AT_REST: Final = 5
"""Frames before agent below which the level at rest is a fair part of the error."""

FLIP_ANGLES: Final = (10.0, 35.0)
"""Degrees between which signal grows with agent over the range of tissue and blood [our default]."""

DARK: Final = 0.1
"""Share of voxels near their noise from which on it is worth a word [our default]."""

LOOKED_AT: Final = 20000
"""Voxels that tell that share."""

STRUCTURED: Final = 0.35
"""Correlation of neighbouring residuals beyond which a model misses something [our default]."""

DEPENDS: Final = 1.25
"""Ktrans of one model over that of another, both with some belief, from which on the choice is worth a word."""


def protocol(
    acquisition: Acquisition, times: Float[np.ndarray, " time"], rest: AtRest, plan: Plan, has_b1: bool
) -> tuple[str, tuple[Flag, ...]]:
    """The reliability of a protocol in a word, and every reason as a flag."""
    found = [*_of_times(times, rest, plan), *_of_excitation(acquisition, has_b1)]
    if rest.is_first_left_out:
        text = "The first volume is not yet in the steady state and was left out of the baseline."
        found.append(_found(Severity.NOTE, "first-volume-left-out", text))
    worst = max((flag.severity for flag in found), default=Severity.NOTE)
    word = {Severity.NOTE: "recommended", Severity.CAUTION: "acceptable", Severity.LIMITED: "limited"}[worst]
    return word, tuple(found)


def _found(severity: Severity, code: str, sentence: str) -> Flag:
    return Flag(code, severity, sentence, "protocol", source=SOURCE)


def _of_times(times: Float[np.ndarray, " time"], rest: AtRest, plan: Plan) -> list[Flag]:
    """What volumes are too far apart, too short a time, or too few at rest for."""
    around = float(np.median(np.diff(times[max(rest.steepest - 3, 0) : rest.steepest + 8])))
    after = float(times[-1] - rest.arrival)
    found: list[Flag] = []
    if around > SLOW:
        found.append(_found(
            Severity.LIMITED if around > TOO_SLOW else Severity.CAUTION, "slow-sampling",
            f"A volume every {around:.1f} s samples the first pass coarsely ({SLOW:.0f} s or less): its peak may be "
            "missed, and vp and Ktrans are wrong by as much as the input is.",
        ))  # fmt: skip
    if plan.model in (*FLOW, "aath") and around > QUICK:
        found.append(_found(
            Severity.CAUTION, "flow-not-resolved",
            f"The model has a plasma flow, which takes {QUICK:.0f} s between volumes or less, not {around:.1f} s.",
        ))  # fmt: skip
    if after < SHORT:
        found.append(_found(
            Severity.LIMITED if after < TOO_SHORT else Severity.CAUTION, "short-series",
            f"The series ends {after:.0f} s after agent arrives; slow leakage and ve need {SHORT:.0f} s or more.",
        ))  # fmt: skip
    if rest.n_frames < FEW_AT_REST:
        found.append(_found(
            Severity.CAUTION, "short-baseline",
            f"Only {rest.n_frames} volumes lie before agent; each concentration carries the error of their mean.",
        ))  # fmt: skip
    return found


def _of_excitation(acquisition: Acquisition, has_b1: bool) -> list[Flag]:
    """What the flip angle does to the signal, and that it is not known."""
    angle = float(np.rad2deg(acquisition.flip_angle or 0.0))
    found: list[Flag] = []
    if not FLIP_ANGLES[0] - 0.5 <= angle <= FLIP_ANGLES[1] + 0.5:
        found.append(_found(
            Severity.CAUTION, "flip-angle",
            f"A flip angle of {angle:.0f}° lets the signal saturate with agent, or shows little of it "
            f"({FLIP_ANGLES[0]:.0f} to {FLIP_ANGLES[1]:.0f}°).",
        ))  # fmt: skip
    if not has_b1 and (acquisition.field or 3.0) >= 2.5:
        found.append(_found(
            Severity.CAUTION, "no-b1-map",
            "No map of the true flip angle was given. At 3 T it differs from the nominal one by up to a quarter, and "
            "T1 and concentration by up to half.",
        ))  # fmt: skip
    return found


def model_flags(found: Kinetics, structure: float, depends: float) -> tuple[Flag, ...]:
    """What a reader must know of the models."""
    flags = []
    if structure > STRUCTURED:
        flags.append(
            Flag(
                "residual-structure",
                Severity.CAUTION,
                f"Neighbouring residuals correlate by {structure:.2f}: the models miss something of these curves, or "
                "motion and drift are left. Standard errors are too small.",
                ", ".join(found.names),
                source=SOURCE,
            )
        )
    if depends > DEPENDS:
        flags.append(
            Flag(
                "depends-on-model",
                Severity.CAUTION,
                f"Models that fit almost equally well differ in Ktrans by a factor of {depends:.2f} in the median "
                "voxel that has several.",
                "ktrans",
                source=SOURCE,
            )
        )
    return tuple(flags)


def lesion_flags(lesion: Region) -> tuple[Flag, ...]:
    """That nothing can be said of a lesion none of whose voxels was fitted."""
    text = (
        f"None of the {lesion.n_voxels} voxels of '{lesion.name}' was fitted: they lie outside what was measured, or "
        "have no value. No model was chosen for it."
    )
    return (Flag("lesion-not-measured", Severity.LIMITED, text, lesion.name, source=SOURCE),)


def noise_flags(signal: Float[np.ndarray, "voxels time"], rest: AtRest) -> tuple[Flag, ...]:
    """Tissue so near its noise at rest that the magnitude itself is lifted, and concentrations are too small."""
    if rest.n_frames < FEWEST_FOR_NOISE:
        return ()
    quiet = signal[:: max(1, signal.shape[0] // LOOKED_AT), rest.frames].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = float((quiet.mean(axis=1) < NOISE_FLOOR * quiet.std(axis=1, ddof=1)).mean())
    if share < DARK:
        return ()
    text = (
        f"{share:.0%} of the voxels have a signal at rest of less than {NOISE_FLOOR:g} times their noise. The noise of "
        "magnitudes lifts it, so that their concentrations, Ktrans, ve and vp come out too small."
    )
    return (Flag("noise-floor", Severity.LIMITED, text, "series", share, SOURCE),)


def voxel_flags(status: Int16[np.ndarray, " voxels"]) -> tuple[Flag, ...]:
    """What the voxels themselves tell."""
    flags = []
    for code, one, sentence in (
        ("out-of-range", Status.OUT_OF_RANGE, "of the voxels are brighter than the signal equation allows with their T1 and flip angle: they have no value. Inflow, a wrong T1 or a wrong flip angle do that."),  # noqa: E501
        ("no-signal", Status.NO_SIGNAL, "of the voxels have no signal at rest: they have no value."),
        ("not-finite", Status.NOT_FINITE, "of the voxels are not finite or left the field of view."),
        ("no-t1", Status.NOT_DETERMINED, "of the voxels have no T1, and so no concentration."),
    ):  # fmt: skip
        share = float((status == one).mean()) if status.size else 0.0
        if share > 0:
            severity = Severity.CAUTION if share > 0.02 else Severity.NOTE
            said = f"{share:.1%}" if share >= 0.0005 else "Fewer than 0.1%"
            flags.append(Flag(code, severity, f"{said} {sentence}", "brain", share, SOURCE))
    return tuple(flags)
