"""What a series shows of a bolus, before anything is made of it: an aligned brain, a level at rest, curves of ΔR2*."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from perspect.anatomy.aligned import Aligned, aligned
from perspect.anatomy.in_turn import lag_behind_artery
from perspect.dsc.bolus import refuse_few_voxels
from perspect.dsc.drift import drift_share
from perspect.dsc.given_t1 import GivenT1, freed
from perspect.dsc.inputs import find_brain_and_rest, refuse_brighter_echo
from perspect.dsc.own_t1 import OwnT1
from perspect.dsc.passage import FirstPass, first_pass, width_of
from perspect.dsc.plan import Plan
from perspect.dsc.quality import Protocol, protocol, refuse_protocol
from perspect.dsc.reference import refuse_negative_tails
from perspect.dsc.signal import Relaxation, Rest, relaxation, rest
from perspect.dsc.t1_effect import LARGEST_SHARE, T1Effect, t1_effect
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Acquisition, Problem, Refusal, Region, Series
from perspect.vocabulary.progress import Progress


@dataclass(frozen=True, eq=False)
class Seen:
    """The curves of the `brain` as the series shows them, how it was taken (`setting` says how good that is), and what
    they have in common.

    `tissue` is their mean in 1/s, `passed` its first pass, of a `width` in s; `window` are the frames over which blood
    volume is integrated, `drift` the share of it that a straight line through the baseline would be. `in_turn` is how
    much later (s) each voxel was sampled than the mean of them; None: all at once.
    """

    acquisition: Acquisition
    setting: Protocol
    brain: Region
    moved: Aligned
    times: Float[np.ndarray, " time"]
    rest: Rest
    curves: Relaxation
    tissue: Float[np.ndarray, " time"]
    passed: FirstPass
    width: float
    window: slice
    drift: float
    in_turn: Float[np.ndarray, " voxels"] | None

    @property
    def saturating(self) -> T1Effect | OwnT1 | None:
        """By what leaking voxels are fitted where no preload is on record; None where the T1 effect is not modelled."""
        return None if self.acquisition.has_preload else self.curves.t1


def seen(
    echoes: tuple[Series, ...], plan: Plan, mask: Region | None, tell: Progress, given: GivenT1 | None = None
) -> Seen:
    """What one echo, or two of the same bolus, show within the `mask` or the brain that is found; without the T1 effect
    that a map tells of, where one is `given`.

    Raises Problem where the input cannot be used, Refusal where there is no bolus or it must not be interpreted.
    """
    acquisition = echoes[0].acquisition
    echo_times = tuple(float(echo.acquisition.te or np.nan) for echo in echoes)
    refuse_protocol(acquisition, echo_times)
    tell("steady state and bolus", 0.0)
    try:
        brain, at_rest = find_brain_and_rest(echoes[-1], plan, mask)
    except Refusal:
        refuse_brighter_echo(echoes)  # a cause that the caller can mend
        raise
    moved = aligned(echoes, at_rest.frames, brain, plan.motion, tell)
    times = moved.echoes[0].times
    at_rest = rest(moved.echoes[-1].mean_curve(moved.inside), times, plan.guard)

    tell("relaxation rate", 0.0)
    t1 = modelled_t1(acquisition, echo_times, plan) if given is None else None
    signals = tuple(echo.curves(moved.inside) for echo in moved.echoes)
    # From here on only the brain's curves are needed: a whole series in float32 is the largest thing in memory.
    moved = replace(moved, echoes=())
    curves = relaxation(signals, echo_times, at_rest, t1)
    if given is not None:
        curves = freed(curves, times, acquisition, plan, given, brain)
    refuse_few_voxels(curves.curves, curves.is_usable, at_rest.peak)
    refuse_negative_tails(curves, times)
    tissue = mean_curve(curves)
    passed = first_pass(tissue, times, at_rest.stop, at_rest.peak)
    window = passed.frames if plan.window == "first-pass" else slice(at_rest.stop, times.size)
    return Seen(
        acquisition, protocol(acquisition, echo_times, times, at_rest, plan.leakage != "none"), brain, moved, times,
        at_rest, curves, tissue, passed, width_of(passed, tissue, times), window,
        drift_share(tissue, times, at_rest, window), lag_behind_artery(echoes[0].slice_times, brain, brain),
    )  # fmt: skip


def modelled_t1(acquisition: Acquisition, echo_times: tuple[float, ...], plan: Plan) -> T1Effect | None:
    """The T1 effect that is to be taken out of ΔR2*, or None.

    Raises Problem where it is wanted, or a T1 is given for it, but the protocol is not known or does not allow it.
    """
    if plan.t1_effect == "ignored":
        return None
    effect = t1_effect(acquisition, echo_times, plan.white_t1)
    if plan.t1_effect == "auto":
        # Without a preload, or where nobody says, the T1 of what leaks is another, and only the automatic correction
        # fits it.
        wanted = acquisition.has_preload or plan.leakage == "auto"
        if effect is not None and wanted and effect.share < LARGEST_SHARE:
            return effect
        if plan.white_t1 is None:
            return None
        raise Problem(
            f"dsc.white_t1 is {plan.white_t1}, and the T1 effect of this acquisition is not modelled.",
            "That takes one echo, TR and flip angle, and a preload on record or dsc.leakage=auto.",
            "Leave it out, or say what is missing (--tr, --flip-angle, --preload).",
        )
    if effect is None or effect.share >= LARGEST_SHARE:
        raise Problem(
            "dsc.t1_effect is 'modelled' but the T1 effect of this acquisition cannot be.",
            "It needs one echo, and a flip angle and TR with which T1 and T2* effects do not cancel.",
            "Give --flip-angle and --tr, or use dsc.t1_effect=auto.",
        )
    return effect


def mean_curve(curves: Relaxation) -> Float[np.ndarray, " time"]:
    """Mean ΔR2* of the usable voxels, in 1/s."""
    usable = curves.is_usable
    parts = each(lambda span: curves.curves[span][usable[span]].sum(axis=0, dtype=np.float64), spans(usable.size))
    mean: Float[np.ndarray, " time"] = np.sum(parts, axis=0) / usable.sum()
    return mean
