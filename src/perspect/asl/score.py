"""Outliers as Dolui and Wang left them out: SCORE, pair by pair, and SCRUB, voxel by voxel. Both are options.

They suppose one delay, and a brain whose flow is that of its grey and white matter. A lesion is not: so it takes no
part in what pairs are judged by, and SCRUB draws nothing in it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import chdtri

from perspect.asl.m0 import slices_of
from perspect.asl.samples import Differences
from perspect.asl.weights import Weighed
from perspect.vocabulary import Around, Flag, Problem, Region, Severity, Step

SCORE_SPREAD: Final = 2.5
"""Robust standard deviations of the mean of grey matter beyond which SCORE leaves a pair out (Dolui et al. 2017,
doi:10.1002/jmri.25436)."""

HUBER: Final = 1.345
"""Standard deviations beyond which a pair's pull stays the same (Huber 1964, doi:10.1214/aoms/1177703732; 95 % of the
efficiency of the mean where noise is normal)."""

ROUNDS: Final = 30
"""Of reweighing, at most."""

UNUSUAL: Final = 0.01
"""Share of ordinary voxels whose variance lies above what is called unusual. [our default; the first implementation has
a table]"""

STEEP: Final = 10.0
"""Times the unusual variance from which on the weight of what tissue lets expect grows with the square of the variance
(as in the first implementation)."""

PURE: Final = 0.7
"""Share from which on a voxel is called a tissue here: maps that were resampled hardly reach 0.95. [our default]"""

FEWEST_GREY: Final = 50
"""Voxels of grey matter without which neither says anything: their mean, or their usual variance, would be chance.
[our default]"""

FEWEST_PAIRS: Final = 3
"""Pairs from which on one can be told to be unlike the others."""

DRAWN: Final = 0.1
"""Share of the voxels of tissue that are drawn by more than half, from which on it is said."""

SOURCE: Final = "outliers"


def score(found: Differences, tissues: Float[np.ndarray, "tissues voxels"]) -> Bool[np.ndarray, " differences"]:
    """Which differences SCORE keeps: structural correlation based outlier rejection, as first described.

    First those whose mean over grey matter (the first of `tissues`, as 0 or 1) lies more than 2.5 robust standard
    deviations from the median are left out. Then, one at a time, the one that is most like the mean map of those kept,
    as long as the variance within the tissues, pooled, falls by it; the last that made it rise is kept.

    Dolui et al. 2017, doi:10.1002/jmri.25436
    """
    levels = found.values[tissues[0] > 0].mean(axis=0)
    middle = np.median(levels)
    robust = np.median(np.abs(levels - middle)) / 0.675
    kept = np.abs(levels - middle) <= SCORE_SPREAD * max(robust, 1e-30)

    def pooled(some: np.ndarray) -> float:
        mean = found.values[:, some].mean(axis=1)
        sizes = [int((tissue > 0).sum()) for tissue in tissues]
        return float(sum((n - 1) * np.var(mean[t > 0], ddof=1) for n, t in zip(sizes, tissues, strict=True) if n > 1))

    inside = (tissues > 0).any(axis=0)
    now = pooled(kept)
    while kept.sum() > 2:
        mean = found.values[inside][:, kept].mean(axis=1)
        places = np.flatnonzero(kept)
        likeness = [np.corrcoef(found.values[inside, at], mean)[0, 1] for at in places]
        without = kept.copy()
        without[places[int(np.argmax(likeness))]] = False
        then = pooled(without)
        if then >= now:
            break
        kept, now = without, then
    return np.asarray(kept)


def scored(
    found: Differences, around: Around, brain: Region, trust: Float[np.ndarray, " differences"]
) -> Bool[np.ndarray, " differences"]:
    """Which pairs SCORE keeps, by the maps of tissue, of those that motion has left any weight (`trust`).

    Raises Problem where it cannot be used: there is more than one delay, or no grey matter to judge by.
    """
    if not found.is_single or around.grey is None or around.white is None:
        raise Problem(
            "asl.outliers is 'score' or 'scrub' but there are several delays, or no maps of grey and white matter.",
            "SCORE compares pairs of one delay within tissues, and SCRUB draws to what they are.",
            "Give --gm and --wm, or use asl.outliers=robust.",
        )
    fluid = np.zeros(brain.grid.shape) if around.fluid is None else around.fluid
    shares = np.stack([np.nan_to_num(brain.taken(one)) > PURE for one in (around.grey, around.white, fluid)])
    # One value that is not finite would make the mean of its tissue so, and of every pair.
    shares &= ~_ill(around, brain) & np.isfinite(found.values).all(axis=1)
    _demand_grey(int(shares[0].sum()))
    left = trust > 0
    left = left if left.sum() > 2 else np.ones(left.size, bool)
    kept = np.zeros(left.size, bool)
    kept[left] = score(found.kept(left), shares.astype(float))
    return kept


def _demand_grey(n: int) -> None:
    """Raises Problem where there is no grey matter to judge by: every pair, and every map, would be NaN."""
    if n < FEWEST_GREY:
        raise Problem(
            f"asl.outliers is 'score' or 'scrub' but {n or 'no'} voxels outside the lesion are grey matter by more "
            f"than {PURE:.0%} (at least {FEWEST_GREY} are needed).",
            "Both judge pairs by grey matter: SCORE by its mean, SCRUB by its usual variance.",
            "Check that --gm is a map of shares on this head (0 to 1), or use asl.outliers=robust.",
        )


@dataclass(frozen=True, eq=False)
class Scrubbed:
    """Means that pairs and tissue agree on, their noise, and how much of each is what tissue lets expect.

    `weights` are those of the pairs in the end, by motion and by what is unlike the others.
    """

    means: Float[np.ndarray, " voxels"]
    noise: Float[np.ndarray, " voxels"]
    drawn: Float[np.ndarray, " voxels"]
    weights: Float[np.ndarray, "voxels pairs"]

    @property
    def worth(self) -> Float[np.ndarray, " voxels"]:
        """How many ordinary pairs tell as much as what is used of them."""
        return np.asarray(self.weights.sum(axis=1) ** 2 / (self.weights**2).sum(axis=1))


def scrub(
    values: Float[np.ndarray, "voxels pairs"],
    grey: Float[np.ndarray, " voxels"],
    white: Float[np.ndarray, " voxels"],
    ill: Bool[np.ndarray, " voxels"],
    trust: Float[np.ndarray, " pairs"] | None = None,
) -> Scrubbed:
    r"""Structural correlation with robust Bayesian estimation: the x of every voxel that minimises

    $$\sum_i t_i\,\rho\big((y_i - x)/s\big) + \mu\,(x - p)^2 / s^2, \qquad p = b_g\,\text{grey} + b_w\,\text{white}$$

    with Huber's ρ, by reweighing. t is the `trust` in each pair (by how the head moved in it; 1 where not given, as
    first described). μ is 0 where the variance over the pairs is that of most grey matter, rises with it beyond what
    chance makes, and with its square far beyond. In `ill` μ is 0: no lesion is drawn to normal tissue. A voxel that is
    not finite in every pair is NaN.

    Dolui et al. 2017, doi:10.1002/jmri.25436, and the first implementation of SCRUB (Dolui, Wolk and Detre 2016,
    ISMRM 24:2880)
    """
    t = np.ones(values.shape[1]) if trust is None else trust
    finite = np.isfinite(values).all(axis=1)
    values = np.where(finite[:, None], values, 0.0)
    # So many pairs of full trust have a mean as sure.
    n = float(t.sum() ** 2 / (t**2).sum())
    mean = (values @ t / t.sum()).astype(np.float64)
    variance = (values - mean[:, None]) ** 2 @ t / t.sum() * n / (n - 1.0)
    of_grey = variance[(grey > PURE) & ~ill & finite]
    _demand_grey(of_grey.size)
    usual = float(np.median(of_grey)) / (chdtri(n - 1.0, 0.5) / (n - 1.0))
    mu = np.where(ill, 0.0, pull(variance / max(usual, 1e-30), n))
    prior = _of_tissue(mean, grey, white, ~ill & finite & (mu == 0))
    # The spread of ordinary noise: a voxel's own would take its outliers for noise.
    scale = np.sqrt(max(usual, 1e-30))
    x = np.median(values[:, t > 0], axis=1).astype(np.float64)
    weight = np.ones(values.shape) * t
    for _ in range(ROUNDS):
        weight = t / np.maximum(np.abs(values - x[:, None]) / (HUBER * scale), 1.0)
        total = weight.sum(axis=1) + mu
        new = ((weight * values).sum(axis=1) + mu * prior) / total
        done = float(np.abs(new - x).max()) < 1e-4 * scale
        x = new
        if done:
            break
    total = weight.sum(axis=1) + mu
    own = np.sqrt(np.maximum((weight**2 * (values - x[:, None]) ** 2).sum(axis=1), usual * (weight**2).sum(axis=1)))
    gone = np.where(finite, 0.0, np.nan)
    return Scrubbed(x + gone, own / (total - mu) + gone, np.where(finite, mu / total, 0.0), weight)


def pull(ratio: Float[np.ndarray, " voxels"], n_pairs: float) -> Float[np.ndarray, " voxels"]:
    """Pairs' worth of what tissue lets expect, for a variance over the usual one."""
    unusual = chdtri(n_pairs - 1, UNUSUAL) / (n_pairs - 1)
    beyond = ratio**2 / (2.0 * STEEP * unusual) + (0.5 * STEEP - 1.0) * unusual
    return np.asarray(np.where(ratio <= unusual, 0.0, np.where(ratio < STEEP * unusual, ratio - unusual, beyond)))


def _of_tissue(
    mean: Float[np.ndarray, " voxels"], grey: np.ndarray, white: np.ndarray, good: Bool[np.ndarray, " voxels"]
) -> Float[np.ndarray, " voxels"]:
    """What shares of grey and white matter let expect, by regression over ordinary voxels of tissue."""
    shares = np.stack([grey, white], axis=1).astype(np.float64)
    rows = good & (shares.sum(axis=1) > 0.5)
    coefficients, *_ = np.linalg.lstsq(shares[rows], mean[rows], rcond=None)
    return np.asarray(shares @ coefficients)


def scrubbed(found: Differences, averaged: Weighed, around: Around, brain: Region) -> Weighed:
    """The means of the pairs that SCORE has kept, as SCRUB has them; what it drew is said.

    Pairs weigh by how the head moved in them as well, and what is used of them is what SCRUB has left.
    """
    assert around.grey is not None and around.white is not None
    grey, white = (np.nan_to_num(brain.taken(one)).astype(np.float64) for one in (around.grey, around.white))
    slices = slices_of(brain)
    trust = averaged.weights[:, slices[0]] / found.variance
    trust = trust / trust.max()
    if (trust > 0).sum() < FEWEST_PAIRS:
        raise Problem(
            f"Only {int((trust > 0).sum())} pairs are left for asl.outliers=scrub.",
            "What is unusual among so few cannot be told.",
            "Use asl.outliers=robust.",
        )
    out = scrub(found.values, grey, white, _ill(around, brain), trust)
    weights, worth = np.zeros(averaged.weights.shape), np.zeros(averaged.worth.shape)
    for z in np.unique(slices):
        weights[:, z] = out.weights[slices == z].mean(axis=0)
        worth[0, z] = out.worth[slices == z].mean()
    tissue = grey + white > 0.5
    much = float((out.drawn[tissue] > 0.5).mean()) if tissue.any() else 0.0
    flags = averaged.flags
    if much > DRAWN:
        sentence = f"SCRUB drew {much:.0%} of the voxels of tissue by more than half to the mean of their tissue."
        flags = (*flags, Flag("scrub-drawn", Severity.CAUTION, sentence, "cbf", much, SOURCE))
    sentence = (
        "Pairs that SCORE kept were averaged by SCRUB: robustly, and in voxels of unusual variance drawn to what grey "
        f"and white matter are on average (by {out.drawn.mean():.1%} in all, never in a lesion). Noise is that of the "
        "pairs: the draw is not in it."
    )
    step = Step(
        "averaging", sentence, {"drawn": float(out.drawn.mean())}, ("Dolui et al. 2017, doi:10.1002/jmri.25436",)
    )
    noise = out.noise.astype(np.float64)[:, None]
    return replace(
        averaged, means=out.means[:, None].astype(np.float32), noise_of_means=noise, weights=weights, worth=worth,
        step=step, flags=flags,
    )  # fmt: skip


def _ill(around: Around, brain: Region) -> Bool[np.ndarray, " voxels"]:
    return np.zeros(brain.n_voxels, bool) if around.lesion is None else np.asarray(brain.taken(around.lesion.mask))
