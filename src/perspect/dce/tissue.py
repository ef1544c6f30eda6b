"""What a series says of each voxel before anything is known of its input: signal, T1, concentration of agent."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import degrees, pi
from typing import Any

import numpy as np
from jaxtyping import Float

from perspect.anatomy.aligned import Aligned, aligned
from perspect.anatomy.brain import brain_mask
from perspect.dce.bolus import AtRest, at_rest, has_signal
from perspect.dce.concentration import Concentration, concentration
from perspect.dce.frames import without_odd
from perspect.dce.plan import Plan
from perspect.vocabulary import FAILED_FROM, Acquisition, Flag, Map, Problem, Region, Series, Status


@dataclass(frozen=True, eq=False)
class Tissue:
    """The voxels `inside`, where they were at rest: their signal, T1 before agent in s with its standard error (NaN
    where it is not known), true over nominal flip angle (None: not known), and the agent in them.

    `moved` says how volumes were aligned and which were kept, `odd` what is to be said of those that were not.
    """

    inside: Region
    acquisition: Acquisition
    times: Float[np.ndarray, " time"]
    signal: Float[np.ndarray, "voxels time"]
    rest: AtRest
    t1: Float[np.ndarray, " voxels"]
    t1_std: Float[np.ndarray, " voxels"]
    b1: Float[np.ndarray, " voxels"] | None
    agent: Concentration
    moved: Aligned
    odd: tuple[Flag, ...]

    @property
    def error_by_t1(self) -> Float[np.ndarray, " voxels"]:
        """Relative error of the concentration that comes of that of T1, with its sign; 0 where that is not known."""
        with np.errstate(divide="ignore", invalid="ignore"):
            error = self.agent.t1_slope * self.t1_std / self.t1
        return np.where(np.isfinite(error), error, 0.0)


def tissue_of(
    series: Series,
    plan: Plan,
    t1: Map | float,
    b1: Float[np.ndarray, "x y z"] | None,
    mask: Region | None,
    tell: Callable[[str, float], Any],
) -> Tissue:
    """The voxels of a series, aligned, with the agent in them; arguments as `quantify` has them.

    Raises Problem where the input cannot be used, Refusal where volumes do not show the same head.
    """
    tr, flip_angle = excitation(series.acquisition, series.name)
    tell("steady state and bolus", 0.0)
    inside = mask or _inside(series, plan)
    if inside.n_voxels == 0:
        raise Problem(f"The mask '{inside.name}' is empty.", "Nothing would be measured.", "Give another mask.")
    whole, kept, odd = without_odd(series, inside, plan)
    rest = at_rest(whole.curves(inside.mask), whole.times, plan.guard)
    moved = aligned((whole,), rest.frames, inside, plan.motion, tell)
    times, signal = moved.echoes[0].times, moved.echoes[0].curves(moved.inside)
    moved = replace(moved, echoes=(), kept=tuple(kept[at] for at in moved.kept))
    rest = at_rest(signal, times, plan.guard)
    tell("concentration", 0.0)
    before, before_std = _t1_of(t1, inside)
    own_b1 = None if b1 is None else inside.taken(b1).astype(np.float64)
    agent = concentration(
        signal, rest.frames, before, tr, flip_angle, plan.r1, own_b1, series.acquisition.te or 0.0, plan.r2star_tissue
    )
    _demand_some(agent, tissue_name=inside.name)
    return Tissue(
        inside, series.acquisition, times, signal, rest, before, before_std, own_b1, agent, moved, odd
    )  # fmt: skip


def _demand_some(agent: Concentration, tissue_name: str) -> None:
    """Raises Problem where no voxel has a concentration, with the reason that most of them have."""
    if (agent.status < FAILED_FROM).any():
        return
    most = Status(int(np.bincount(agent.status).argmax()))
    why = {Status.NOT_DETERMINED: "T1 before agent is not known", Status.NOT_FINITE: "signal or B1 is not a number"}
    raise Problem(
        f"No voxel of '{tissue_name}' has a concentration; in most {why.get(most, most.sentence)}.",
        "Every map would be empty.",
        "Look at the series, at the maps of T1 and B1 (in s, as a ratio, on the same head), at --tr and --flip-angle.",
    )


def excitation(acquisition: Acquisition, name: str) -> tuple[float, float]:
    """TR (s) and flip angle (rad), without which no signal becomes a concentration.

    Raises Problem where either is missing, or is none of a spoiled gradient echo.
    """
    for value, what, option in (
        (acquisition.tr, "RepetitionTime", "--tr 0.005"),
        (acquisition.flip_angle, "FlipAngle", "--flip-angle 15"),
    ):
        if value is None:
            raise Problem(
                f"{name} has no {what}.",
                "The signal of a spoiled gradient echo becomes a concentration by TR and flip angle.",
                f"Add it to the sidecar, or give {option}.",
            )
    tr, flip_angle = float(acquisition.tr or 0.0), float(acquisition.flip_angle or 0.0)
    if not tr > 0:
        raise Problem(f"{name} has a repetition time of {tr:g} s.", "Signal scales with it.", "Give --tr in seconds.")
    if acquisition.te is not None and not acquisition.te < tr:
        raise Problem(
            f"{name} has an echo time of {acquisition.te:g} s and a repetition time of {tr:g} s.",
            "An echo is read before the next pulse.",
            "Give --te and --tr in seconds.",
        )
    if not 0 < flip_angle <= pi / 2:
        raise Problem(
            f"{name} has a flip angle of {degrees(flip_angle):g}°.",
            "A spoiled gradient echo is excited by a quarter turn or less.",
            "Give --flip-angle in degrees, such as 15.",
        )
    if tr > 0.1:
        raise Problem(
            f"{name} has a repetition time of {tr:g} s.",
            "Between the pulses of a spoiled gradient echo lie 2 to 20 ms; this looks like the time between volumes.",
            "Give the time between excitations with --tr, and the times of volumes with --times.",
        )
    return tr, flip_angle


def _inside(series: Series, plan: Plan) -> Region:
    """What is measured where no mask was given."""
    image = series.values[..., : max(2, min(6, series.n_times // 8))].mean(axis=-1, dtype=np.float64)
    image = image * series.slope + series.intercept
    if plan.region == "all":
        return Region(
            has_signal(image), series.grid, "voxels with signal", "above a tenth of the bright signal at rest"
        )
    brain = brain_mask(image, None, series.grid)
    if not brain.any():
        raise Problem(
            f"No brain was found in {series.name}.",
            "Every map would be computed on noise.",
            "Give --mask, or use dce.region=all.",
        )
    return Region(brain, series.grid, "brain", "found on the image at rest")


def _t1_of(t1: Map | float, inside: Region) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]]:
    """T1 before agent and its standard error (NaN where it is not known)."""
    if isinstance(t1, Map):
        return inside.taken(t1.values).astype(np.float64), inside.taken(t1.std).astype(np.float64)
    if not 0.1 <= t1 <= 6.0:
        raise Problem(f"T1 before agent is {t1:g} s.", "Tissue has 0.2 to 4 s.", "Give seconds, such as --t1 1.4.")
    return np.full(inside.n_voxels, float(t1)), np.full(inside.n_voxels, np.nan)
