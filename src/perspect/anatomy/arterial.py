"""Finding the arterial input: the few voxels whose curve is early, high, narrow and smooth. Shared by DSC and DCE."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from perspect.vocabulary import Grid

LARGEST_SHARE: Final = 0.10
"""Of the voxels, those with the largest area (Mouridsen et al. 2006, doi:10.1002/mrm.20759)."""

ROUGHEST_SHARE: Final = 0.25
"""Of those, the roughest are dropped (Mouridsen et al. 2006)."""

CLUSTERS: Final = 5
"""Shapes that are told apart, twice (Mouridsen et al. 2006)."""

MOST_VOXELS: Final = 20
"""More would average partial volume in [our default]."""

ENOUGH: Final = 8192
"""Voxels that tell the brain's mean curve well enough to say who comes before it."""

FEWEST_VOXELS: Final = 3
"""Fewer are no shape but one voxel's noise [our default]."""

LEAST_CONTRAST: Final = 10.0
"""Peak over noise of an arterial voxel [our default]."""

HIGHEST_TAIL: Final = 0.4
"""A curve that stays above this share of its peak after the first pass is leaking tissue or a vein, not an artery
[our default]."""


@dataclass(frozen=True, eq=False)
class ArterialInput:
    """The mean curve of the chosen voxels (their positions among the voxels given), and how good it is.

    `moment` is the first moment of the first pass and `width` its full width at half maximum, in s; `lead` is how much
    earlier it comes than the whole brain, in s. `n_candidates` voxels survived the exclusions.
    """

    curve: Float[np.ndarray, " time"]
    voxels: Int[np.ndarray, " chosen"]
    moment: float
    width: float
    lead: float
    n_candidates: int


def find(
    curves: Float[np.ndarray, "voxels time"],
    noise: Float[np.ndarray, " voxels"],
    allowed: Bool[np.ndarray, " voxels"],
    times: Float[np.ndarray, " time"],
    first_pass: slice,
    lag: Float[np.ndarray, " voxels"] | None = None,
) -> ArterialInput | None:
    """The arterial input among `curves` (of any agent-proportional unit), or None where no voxel looks like an artery.

    `allowed` excludes what must not be used: saturated voxels, the brain's edge, a lesion. The search is k-means on the
    shape of the first pass, started from quantiles of the first moment, so that it gives the same voxels every time.
    `lag` is how much later (s) each voxel was sampled than the mean of them: it seems earlier by that.

    Mouridsen et al. 2006, doi:10.1002/mrm.20759, with exclusions added.
    """
    voxels = np.flatnonzero(allowed)
    if voxels.size == 0:
        return None
    t, frames = times[first_pass], first_pass
    brain = np.asarray(np.nanmean(curves[voxels[:: max(1, voxels.size // ENOUGH)]], axis=0, dtype=np.float64))
    brain_moment = first_moment(brain[None, frames], t)[0]
    large, moment = _early_and_large(curves, noise, voxels, times, frames, brain_moment, lag)
    if large.size < FEWEST_VOXELS:
        return None
    passing = curves[large][:, frames]
    shapes = passing / np.trapezoid(passing, t, axis=1)[:, None]
    rough = (np.diff(shapes, n=2, axis=1) ** 2).sum(axis=1)
    candidates = np.flatnonzero(rough <= np.quantile(rough, 1 - ROUGHEST_SHARE))
    n_candidates = candidates.size
    for _ in range(2):
        candidates = candidates[earliest_shape(shapes[candidates], moment[candidates])]
    chosen = candidates[np.argsort(-_arterial_score(passing[candidates], t), kind="stable")[:MOST_VOXELS]]
    if chosen.size < FEWEST_VOXELS:
        return None
    curve = curves[large[chosen]].mean(axis=0, dtype=np.float64)
    curve_moment = float(first_moment(curve[None, frames], t)[0])
    lead, width = float(brain_moment - curve_moment), width_at_half(curve, times)
    return ArterialInput(curve, np.sort(large[chosen]), curve_moment, width, lead, n_candidates)


def _early_and_large(
    curves: Float[np.ndarray, "voxels time"],
    noise: Float[np.ndarray, " voxels"],
    voxels: Int[np.ndarray, " allowed"],
    times: Float[np.ndarray, " time"],
    frames: slice,
    latest: float,
    lag: Float[np.ndarray, " voxels"] | None,
) -> tuple[Int[np.ndarray, " large"], Float[np.ndarray, " large"]]:
    """Those of some voxels with the largest areas whose first pass is clear, comes before `latest` (s) and ends.

    And the first moment of each, in s.
    """
    t = times[frames]
    with np.errstate(invalid="ignore", divide="ignore"):
        area = np.trapezoid(curves[:, frames], t, axis=1)[voxels]
        large = voxels[area >= np.nanquantile(area, 1 - LARGEST_SHARE)]
        some = curves[large]
        passing, after = some[:, frames], some[:, frames.stop :]
        peak = passing.max(axis=1)
        tail = after.mean(axis=1) if after.size else np.zeros(large.size)
        moment = first_moment(passing, t) + (0.0 if lag is None else lag[large])
        usable = (passing.sum(axis=1) > 0) & (peak > LEAST_CONTRAST * noise[large]) & (tail < HIGHEST_TAIL * peak)
        usable &= moment < latest
    return large[usable], moment[usable]


def first_moment(
    curves: Float[np.ndarray, "voxels time"], t: Float[np.ndarray, " time"]
) -> Float[np.ndarray, " voxels"]:
    """Mean time of each curve, weighted by its positive part, in s."""
    positive = np.maximum(curves, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        moment: Float[np.ndarray, " voxels"] = np.trapezoid(positive * t, t, axis=1) / np.trapezoid(positive, t, axis=1)
    return moment


def width_at_half(curve: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"]) -> float:
    """Full width at half maximum in s, between straight lines; NaN where the curve does not fall to half."""
    peak = int(np.argmax(curve))
    half = curve[peak] / 2
    before, after = np.flatnonzero(curve[:peak] < half), np.flatnonzero(curve[peak:] < half)
    if not (before.size and after.size):
        return float("nan")
    i, j = int(before[-1]), peak + int(after[0])
    left = np.interp(half, curve[i : i + 2], times[i : i + 2])
    right = np.interp(-half, -curve[j - 1 : j + 1], times[j - 1 : j + 1])
    return float(right - left)


def earliest_shape(
    shapes: Float[np.ndarray, "voxels time"], moment: Float[np.ndarray, " voxels"]
) -> Int[np.ndarray, " some"]:
    """The voxels of the cluster with the lowest first moment; all of them where there are too few to tell apart."""
    if shapes.shape[0] < 3 * CLUSTERS:
        return np.arange(shapes.shape[0])
    order = np.argsort(moment, kind="stable")
    centres = np.stack([shapes[part].mean(axis=0) for part in np.array_split(order, CLUSTERS)])
    label = np.zeros(shapes.shape[0], np.int64)
    for _ in range(100):
        distance = ((shapes[:, None] - centres[None]) ** 2).sum(axis=-1)
        nearest = distance.argmin(axis=1)
        if (nearest == label).all() and _ > 0:
            break
        label = nearest
        centres = np.stack(
            [shapes[label == k].mean(axis=0) if (label == k).any() else centres[k] for k in range(CLUSTERS)]
        )
    large_enough = [k for k in range(CLUSTERS) if (label == k).sum() >= FEWEST_VOXELS]
    first = min(large_enough, key=lambda k: float(np.median(moment[label == k])))
    return np.flatnonzero(label == first)


def _arterial_score(
    passing: Float[np.ndarray, "voxels time"], t: Float[np.ndarray, " time"]
) -> Float[np.ndarray, " voxels"]:
    """High, narrow and early: peak over (width times rise), width as area over peak."""
    peak = passing.max(axis=1)
    width = np.trapezoid(np.maximum(passing, 0), t, axis=1) / peak
    rise = t[passing.argmax(axis=1)] - t[0] + np.median(np.diff(t))
    score: Float[np.ndarray, " voxels"] = peak / (width * rise)
    return score


def away_from_edge(mask: Bool[np.ndarray, "x y z"], grid: Grid, margin: float = 3.0) -> Bool[np.ndarray, "x y z"]:
    """The mask without its outer `margin` mm within each slice, where scalp vessels and misregistration look
    arterial.
    """
    in_plane = np.zeros((3, 3, 1), bool)
    in_plane[1, :, 0] = in_plane[:, 1, 0] = True
    n = max(1, round(margin / min(grid.spacing[:2])))
    eroded: Bool[np.ndarray, "x y z"] = ndimage.binary_erosion(mask, in_plane, iterations=n)
    return eroded
