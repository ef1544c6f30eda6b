"""Flow that is drawn to its neighbours, beside the measured one and never in its place.

A prior that says "neighbours are alike" makes normal brain look better and gives a dead core the flow of the rim around
it. So this map stands beside `cbf`, from which everything else is read; what it says and how much of it is neighbours
is written for every voxel; and it is drawn only

- within a tissue, as far as its shares are alike, never across the edge of a lesion;
- as far as flow itself shows no edge: neighbours that differ by more than noise are let go;
- in a lesion not at all, or, if that is asked for, by no more than its own data: at most half.

Flow may be negative in it, too: a voxel at zero has a slope like every other, and no prior can own it.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import cg

from perspect.asl.kinetics import Kinetics
from perspect.vocabulary import FAILED_FROM, Around, Flag, Region, Severity, Step, lexicon

ALIKE: Final = 0.2
"""Difference of the shares of a tissue by which two voxels are hardly of one tissue any more. [our default]"""

LEAST_SPREAD: Final = 0.05
"""Share of the typical flow by which that of neighbours of one tissue differs at least. [our default]"""

EDGE: Final = 2.0
"""Standard deviations of a difference (noise and spread) from which on it is an edge (half of the coupling is left;
Geman and McClure 1987) [our default]."""

MOST: Final = 0.5
"""Share of its neighbours in a voxel of a lesion, at most."""

ROUNDS: Final = 8
"""In which edges are looked for anew; and in which what is known of a voxel comes from ever farther away."""

SOLVED: Final = 1e-7
"""Residual of the equations over their right side, from which down they are solved."""

MOST_STEPS: Final = 500
"""Of conjugate gradients in a round: noise of 1 and of 1000 side by side took less than 150. [our default]"""

SOURCE: Final = "regular"
Where = Literal["none", "tissue", "everywhere"]


@dataclass(frozen=True, eq=False)
class Regular:
    """Flow drawn to its neighbours and its standard error (1/s), and how much of each value they are (0 to 1).

    The error supposes that neighbours differ as much as they were found to; `spread` is that, in 1/s. Where the
    equations were not solved (`is_solved`) all three are NaN.
    """

    flow: Float[np.ndarray, " voxels"]
    std: Float[np.ndarray, " voxels"]
    share: Float[np.ndarray, " voxels"]
    spread: float
    step: Step
    flags: tuple[Flag, ...]
    is_solved: bool = True


@dataclass(frozen=True, eq=False)
class Drawn:
    """Values drawn to their neighbours, their variance, the share of the neighbours, and whether they were reached."""

    values: Float[np.ndarray, " voxels"]
    variance: Float[np.ndarray, " voxels"]
    share: Float[np.ndarray, " voxels"]
    is_solved: bool


@dataclass(frozen=True, eq=False)
class Links:
    """Pairs of voxels that share a face, how alike their tissue is (0 to 1), over the square of their distance."""

    one: Int[np.ndarray, " links"]
    other: Int[np.ndarray, " links"]
    alike: Float[np.ndarray, " links"]


def regular(fitted: Kinetics, around: Around, brain: Region, where: Where) -> Regular:
    """The flow of a run, drawn to its neighbours; voxels that failed stay NaN, those of a lesion as measured."""
    flow, std = fitted.values["cbf"], fitted.std["cbf"]
    good = (fitted.status["cbf"] < FAILED_FROM) & np.isfinite(flow) & (std > 0)
    ill = np.zeros(brain.n_voxels, bool) if around.lesion is None else brain.taken(around.lesion.mask)
    links = linked(brain, good & ~ill if where == "tissue" else good, around, ill)
    weight = np.where(good, 1.0 / np.where(good, std, 1.0) ** 2, 1.0)
    value = np.where(good, flow, 0.0)
    spread = spread_of(value, weight, links)
    drawn = drawn_to_neighbours(value, weight, links, spread, ill, most_steps=MOST_STEPS)
    share = drawn.share
    has_value = good & drawn.is_solved
    out = [np.where(has_value, one, np.nan) for one in (drawn.values, np.sqrt(drawn.variance), share)]
    inside = "were left as measured" if where == "tissue" else f"take at most {MOST:.0%} from each other"
    mean = float(np.mean(share[good])) if good.any() else 0.0
    sentence = (
        f"Beside it stands flow that was drawn to its neighbours of the same tissue (which differ by "
        f"{lexicon.REGULAR_FLOW.shown_factor * spread:.1f} {lexicon.REGULAR_FLOW.shown_unit}), as far as flow shows no "
        f"edge; voxels of a lesion {inside}. "
        f"On average {mean:.0%} of a value are its neighbours."
    )
    if not drawn.is_solved:
        sentence = "Flow that is drawn to its neighbours was asked for and could not be solved for: there is none."
    step = Step(
        "regularisation", sentence, {"spread": spread, "neighbours": mean},
        ("Geman and McClure 1987, Bulletin of the International Statistical Institute 52:5",),
    )  # fmt: skip
    flags = _flags(share, ill & good) if drawn.is_solved else (_not_solved(),)
    return Regular(out[0], out[1], out[2], spread, step, flags, drawn.is_solved)


def linked(
    brain: Region, usable: Bool[np.ndarray, " voxels"], around: Around, ill: Bool[np.ndarray, " voxels"]
) -> Links:
    """Neighbours that may lend to each other: none across the edge of a lesion."""
    place = brain.spread(np.where(usable, np.arange(brain.n_voxels), -1), -1)
    ones, others, scales = [], [], []
    nearest = min(brain.grid.spacing)
    for axis in range(3):
        low = np.moveaxis(place, axis, 0)[:-1].ravel()
        high = np.moveaxis(place, axis, 0)[1:].ravel()
        both = (low >= 0) & (high >= 0)
        ones.append(low[both])
        others.append(high[both])
        scales.append(np.full(int(both.sum()), (nearest / brain.grid.spacing[axis]) ** 2))
    one, other, alike = (np.concatenate(part) for part in (ones, others, scales))
    for share in (around.grey, around.white, around.fluid):
        if share is not None:
            own = np.nan_to_num(brain.taken(share))
            # What tissue maps make of a lesion is not to be relied on.
            differs = np.where(ill[one] & ill[other], 0.0, own[one] - own[other])
            alike = alike * np.exp(-0.5 * (differs / ALIKE) ** 2)
    return Links(one, other, np.where(ill[one] == ill[other], alike, 0.0))


def spread_of(value: Float[np.ndarray, " voxels"], weight: Float[np.ndarray, " voxels"], links: Links) -> float:
    """Standard deviation by which neighbours of one tissue differ beyond their noise, in the unit of the values."""
    clear = links.alike > 0.25
    least = LEAST_SPREAD * float(np.median(np.abs(value)))
    if not clear.any():
        return max(least, 1e-9)
    one, other = links.one[clear], links.other[clear]
    # The middle of it: edges are not what tissue does. χ² of one degree of freedom has its median at 0.455.
    noise = 1.0 / weight[one] + 1.0 / weight[other]
    middle = float(np.median((value[one] - value[other]) ** 2)) / 0.455 - float(np.median(noise))
    return float(np.sqrt(max(middle, least**2, 1e-18)))


def drawn_to_neighbours(
    value: Float[np.ndarray, " voxels"],
    weight: Float[np.ndarray, " voxels"],
    links: Links,
    spread: float,
    ill: Bool[np.ndarray, " voxels"],
    *,
    keeps_edges: bool = True,
    most_steps: int = MOST_STEPS,
) -> Drawn:
    r"""The f that minimises $\sum_v w_v (f_v - y_v)^2 + \sum_{uv} c_{uv} (f_u - f_v)^2$, its variance, and the share of
    neighbours.

    c is 1/spread², less where tissues are not alike, less where flow has an edge, found anew in every round; in `ill`
    never more in all than w. Without `keeps_edges` it is the prior that makes flow up in a dead core: for comparison.
    Each round is solved by conjugate gradients in no more than `most_steps`; one that was not reached stops all.
    """
    one, other = links.one, links.other
    noise = 1.0 / weight[one] + 1.0 / weight[other] + spread**2
    pull, f, is_solved = links.alike / spread**2, value, True
    for _ in range(ROUNDS if keeps_edges else 1):
        if keeps_edges:
            # Measured differences, not those of the drawn map: what was drawn together once would stay so.
            apart = (value[one] - value[other]) ** 2 / noise
            near = (f[one] - f[other]) ** 2 / noise
            kept = 1.0 / (1.0 + np.maximum(near, 0.25 * apart) / EDGE**2) ** 2
            pull = links.alike / spread**2 * kept
            pull = _held(pull, weight, links, ill)
        f, is_solved = _solved(value, weight, pull, links, most_steps)
        if not is_solved:
            break
    variance = _variance(weight, pull, links)
    return Drawn(f, variance, np.clip(1.0 - weight * variance, 0.0, 1.0), is_solved)


def _held(
    pull: Float[np.ndarray, " links"],
    weight: Float[np.ndarray, " voxels"],
    links: Links,
    ill: Bool[np.ndarray, " voxels"],
) -> Float[np.ndarray, " links"]:
    """The same, so that in a lesion neighbours together weigh no more than a voxel's own data."""
    total = np.bincount(links.one, pull, weight.size) + np.bincount(links.other, pull, weight.size)
    limit = weight * MOST / (1.0 - MOST)
    factor = np.where(ill, np.minimum(1.0, limit / np.maximum(total, 1e-30)), 1.0)
    return np.asarray(pull * np.minimum(factor[links.one], factor[links.other]))


def _solved(
    value: Float[np.ndarray, " voxels"],
    weight: Float[np.ndarray, " voxels"],
    pull: Float[np.ndarray, " links"],
    links: Links,
    most_steps: int,
) -> tuple[Float[np.ndarray, " voxels"], bool]:
    """The solution of one round, and whether conjugate gradients reached it."""
    n = value.size
    both = np.concatenate([links.one, links.other]), np.concatenate([links.other, links.one])
    between = coo_array((np.concatenate([pull, pull]), both), shape=(n, n)).tocsr()
    # In units of the weights, so that one tolerance is good for all.
    scale = 1.0 / np.sqrt(weight + between.sum(axis=1))
    matrix = diags_array(scale**2 * (weight + between.sum(axis=1))) - diags_array(scale) @ between @ diags_array(scale)
    found, state = cg(matrix, scale * weight * value, x0=value / scale, rtol=SOLVED, maxiter=most_steps)
    return np.asarray(scale * found), state == 0 and bool(np.isfinite(found).all())


def _variance(
    weight: Float[np.ndarray, " voxels"], pull: Float[np.ndarray, " links"], links: Links
) -> Float[np.ndarray, " voxels"]:
    """Variance of every voxel: what its neighbours know comes through the links, what they heard from it does not.

    Messages between voxels (Weiss and Freeman 2001, doi:10.1162/089976601750541769): exact on trees, a little too small
    on a grid, so that the share of the neighbours is rather over- than understated.
    """
    start, end = np.concatenate([links.one, links.other]), np.concatenate([links.other, links.one])
    c, back = np.concatenate([pull, pull]), np.roll(np.arange(2 * pull.size), pull.size)
    message = np.zeros(c.size)
    known = weight
    for _ in range(ROUNDS):
        own = known[start] - message[back]
        message = c * own / (c + own)
        known = weight + np.bincount(end, message, weight.size)
    return np.asarray(1.0 / known)


def _not_solved() -> Flag:
    sentence = (
        f"Flow that is drawn to its neighbours was not reached in {MOST_STEPS} steps of conjugate gradients: it is not "
        "shown. The measured flow is not touched by that."
    )
    return Flag("regular-not-solved", Severity.LIMITED, sentence, "cbfreg", source=SOURCE)


def _flags(share: Float[np.ndarray, " voxels"], ill: Bool[np.ndarray, " voxels"]) -> tuple[Flag, ...]:
    if not ill.any() or not float(share[ill].mean()) > 0:
        return ()
    sentence = (
        f"The drawn flow of the lesion is its neighbours' by {share[ill].mean():.0%} (at most {MOST:.0%} anywhere): "
        "small parts of it may look like what is around them. Its numbers come from the measured flow."
    )
    return (Flag("lesion-regularised", Severity.CAUTION, sentence, "lesion", float(share[ill].mean()), SOURCE),)
