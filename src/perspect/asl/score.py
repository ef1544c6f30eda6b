"""Outliers as Dolui and Wang left them out: SCORE, pair by pair, and SCRUB, voxel by voxel. Both are options.

They suppose one delay, and a brain whose flow is that of its grey and white matter. A lesion is not: so it takes no
part in what pairs are judged by, and SCRUB draws nothing in it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import chdtri

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


def scored(found: Differences, around: Around, brain: Region) -> Bool[np.ndarray, " differences"]:
    """Which pairs SCORE keeps, by the maps of tissue. Raises Problem where it cannot be used."""
    if not found.is_single or around.grey is None or around.white is None:
        raise Problem(
            "asl.outliers is 'score' or 'scrub' but there are several delays, or no maps of grey and white matter.",
            "SCORE compares pairs of one delay within tissues, and SCRUB draws to what they are.",
            "Give --gm and --wm, or use asl.outliers=robust.",
        )
    fluid = np.zeros(brain.grid.shape) if around.fluid is None else around.fluid
    shares = np.stack([np.nan_to_num(brain.taken(one)) > PURE for one in (around.grey, around.white, fluid)])
    return score(found, (shares & ~_ill(around, brain)).astype(float))


@dataclass(frozen=True, eq=False)
class Scrubbed:
    """Means that pairs and tissue agree on, their noise, and how much of each is what tissue lets expect."""

    means: Float[np.ndarray, " voxels"]
    noise: Float[np.ndarray, " voxels"]
    drawn: Float[np.ndarray, " voxels"]


def scrub(
    values: Float[np.ndarray, "voxels pairs"],
    grey: Float[np.ndarray, " voxels"],
    white: Float[np.ndarray, " voxels"],
    ill: Bool[np.ndarray, " voxels"],
) -> Scrubbed:
    r"""Structural correlation with robust Bayesian estimation: the x of every voxel that minimises

    $$\sum_i \rho\big((y_i - x)/s\big) + \mu\,(x - p)^2 / s^2, \qquad p = b_g\,\text{grey} + b_w\,\text{white}$$

    with Huber's ρ, by reweighing. μ is 0 where the variance over the pairs is that of most grey matter, rises with it
    beyond what chance makes, and with its square far beyond. In `ill` μ is 0: no lesion is drawn to normal tissue.

    Dolui et al. 2017, doi:10.1002/jmri.25436, and the first implementation of SCRUB (Dolui, Wolk and Detre 2016,
    ISMRM 24:2880)
    """
    n = values.shape[1]
    variance = values.var(axis=1, ddof=1).astype(np.float64)
    of_grey = variance[(grey > PURE) & ~ill]
    usual = float(np.median(of_grey)) / (chdtri(n - 1, 0.5) / (n - 1))
    mu = np.where(ill, 0.0, pull(variance / max(usual, 1e-30), n))
    mean = values.mean(axis=1).astype(np.float64)
    prior = _of_tissue(mean, grey, white, ~ill & (mu == 0))
    # The spread of ordinary noise: a voxel's own would take its outliers for noise.
    scale = np.sqrt(max(usual, 1e-30))
    x = np.median(values, axis=1).astype(np.float64)
    weight = np.ones(values.shape)
    for _ in range(ROUNDS):
        weight = 1.0 / np.maximum(np.abs(values - x[:, None]) / (HUBER * scale), 1.0)
        total = weight.sum(axis=1) + mu
        new = ((weight * values).sum(axis=1) + mu * prior) / total
        done = float(np.abs(new - x).max()) < 1e-4 * scale
        x = new
        if done:
            break
    total = weight.sum(axis=1) + mu
    own = np.sqrt(np.maximum((weight**2 * (values - x[:, None]) ** 2).sum(axis=1), usual * (weight**2).sum(axis=1)))
    return Scrubbed(x, own / (total - mu), mu / total)


def pull(ratio: Float[np.ndarray, " voxels"], n_pairs: int) -> Float[np.ndarray, " voxels"]:
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
    """The means of the pairs that SCORE has kept, as SCRUB has them; what it drew is said."""
    assert around.grey is not None and around.white is not None
    grey, white = (np.nan_to_num(brain.taken(one)).astype(np.float64) for one in (around.grey, around.white))
    out = scrub(found.values, grey, white, _ill(around, brain))
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
    return replace(averaged, means=out.means[:, None].astype(np.float32), noise_of_means=noise, step=step, flags=flags)


def _ill(around: Around, brain: Region) -> Bool[np.ndarray, " voxels"]:
    return np.zeros(brain.n_voxels, bool) if around.lesion is None else np.asarray(brain.taken(around.lesion.mask))
