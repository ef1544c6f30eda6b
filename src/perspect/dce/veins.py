"""Large veins, whose voxels hold nothing but blood: what an artery that is mixed with tissue would show."""

from typing import Final

import numpy as np
from jaxtyping import Float, Int

from perspect.anatomy.arterial import FEWEST_VOXELS, LEAST_CONTRAST, MOST_VOXELS
from perspect.dce.blood import Blood, blood_t1, in_blood, mean_above_floor
from perspect.dce.bolus import AtRest, first_pass
from perspect.dce.concentration import concentration
from perspect.dce.plan import SOURCE, Plan
from perspect.dce.tissue import Tissue
from perspect.vocabulary import Flag, Problem, Region, Severity

PURE: Final = 0.9
"""Share of the agent of veins, late, from which on arterial voxels hold nothing but blood [our default]."""

APART: Final = 0.25
"""Share of the agent of veins, late, below which arteries are not those of the same blood, mixed with tissue: one of
the two is none [our default].
"""

STANDS_OUT: Final = 1.8
"""First pass over late level of a vessel: leaking tissue has less [our default]."""


def venous_voxels(tissue: Tissue, vein: Region | None, is_artery_given: bool, plan: Plan) -> Int[np.ndarray, " some"]:
    """The voxels of large veins whose shape may replace that of arteries: given, found, or none.

    Raises Problem where veins are asked for and there are none.
    """
    if vein is not None:
        given = np.flatnonzero(tissue.inside.taken(vein.mask))
        if given.size == 0:
            raise Problem(
                f"The vein '{vein.name}' lies outside what is measured.",
                "It has no curve there.",
                "Choose other voxels.",
            )
        return given
    if plan.blood == "artery" or (plan.blood == "auto" and is_artery_given):
        return np.zeros(0, np.intp)
    found = _found(tissue, plan)
    if found.size == 0 and plan.blood == "vein":
        raise Problem(
            "No voxels look like a large vein, but dce.blood is 'vein'.",
            "The arterial input was to have their shape.",
            "Give a region with --vein, or use dce.blood=auto.",
        )
    return found


def unmixed(blood: Blood, pure: Int[np.ndarray, " some"], tissue: Tissue, origin: str, plan: Plan) -> tuple[Blood, str]:
    """The blood of arteries, or where it is mixed with tissue the shape of the veins `pure` at the time of the
    arteries; with where it is from.
    """
    times, rest = tissue.times, tissue.rest
    venous = in_blood(mean_above_floor(tissue.signal[pure], rest), tissue, pure, plan)
    late = _late(times, rest)
    share = float(blood.curve[late].mean() / venous.curve[late].mean())
    if plan.blood == "auto" and share > PURE:
        return blood, origin
    lag = max(_half_rise(venous.curve, times, rest) - _half_rise(blood.curve, times, rest), 0.0)
    mixed, doubt = ", as vessels mixed with tissue do", ""
    if share < APART:
        mixed, doubt = "", " So little is not mixing: one of the two may be no vessel. Look at both."
    note = Flag(
        "venous-input",
        Severity.NOTE if share >= APART else Severity.LIMITED,
        f"Arterial voxels hold {max(share, 0.0):.0%} of the agent that veins hold late{mixed}; the input has the "
        f"shape of veins, moved {lag:.1f} s to the time of the arteries.{doubt}",
        "arterial input",
        share,
        SOURCE,
    )
    moved = np.interp(times + lag, times, venous.curve)
    said = f"{origin}; shape of veins, {lag:.1f} s earlier"
    return Blood(moved, venous.relative_error, (*blood.flags, note)), said


def _found(tissue: Tissue, plan: Plan) -> Int[np.ndarray, " some"]:
    """The voxels that hold most agent late, as blood has it, among those that show a first pass: large veins."""
    curves, rest, acquisition = tissue.agent.curves, tissue.rest, tissue.acquisition
    passing, late = first_pass(rest, tissue.times), _late(tissue.times, rest)
    with np.errstate(invalid="ignore"):
        noise = curves[:, rest.frames].std(axis=1)
        peak = curves[:, passing].max(axis=1)
        some = np.flatnonzero((peak > LEAST_CONTRAST * noise) & (peak > STANDS_OUT * curves[:, late].mean(axis=1)))
    # The T1 map is no guide in blood that flows: all candidates are looked at with the T1 of blood.
    found = concentration(
        tissue.signal[some], rest.frames, np.full(some.size, blood_t1(acquisition, plan)),
        float(acquisition.tr or np.nan), float(acquisition.flip_angle or np.nan), plan.r1,
        None if tissue.b1 is None else tissue.b1[some], acquisition.te or 0.0, plan.r2star,
    )  # fmt: skip
    held = np.nan_to_num(found.curves[:, late].mean(axis=1), nan=-np.inf)
    order = np.argsort(-held, kind="stable")[:MOST_VOXELS]
    return some[order] if order.size >= FEWEST_VOXELS and np.isfinite(held[order]).all() else some[:0]


def _late(times: Float[np.ndarray, " time"], rest: AtRest) -> slice:
    """The last third of the frames after the baseline."""
    return slice(times.size - max(3, (times.size - rest.frames.stop) // 3), times.size)


def _half_rise(curve: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"], rest: AtRest) -> float:
    """When a curve first reaches half of its peak, in s."""
    peak = int(curve.argmax())
    below = np.flatnonzero(curve[: peak + 1] < 0.5 * curve[peak])
    last = int(below[-1]) if below.size else rest.frames.stop
    return float(np.interp(0.5 * curve[peak], curve[last : last + 2], times[last : last + 2]))
