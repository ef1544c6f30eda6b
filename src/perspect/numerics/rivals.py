"""Which of several maxima of a noisy curve is the highest one, and what that doubt adds to the error of its place."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.special
from jaxtyping import Bool, Float, Int

FARTHEST: Final = 2.5
"""Standard errors below the maximum from which another one is no rival."""

SURER: Final = 3.0
"""How much surer it is which of two maxima is the higher one than with nothing known of either beforehand: of the
highest of several maxima it is known that most are noise. With 3 the mean squares that are stated are those that are
seen in simulated tissue with transit times to 24 s; with √2 they were two to ten times as large [measured]."""

LIKELY: Final = 0.1
"""Probability of another maximum from which it is in question which one is the highest [our default]."""


@dataclass(frozen=True, eq=False)
class Noise:
    """Noise of curves whose samples depend on each other: `size` of each curve times one of several covariances of
    unit noise, which `level` names.
    """

    covariance: Float[np.ndarray, "levels samples samples"]
    level: Int[np.ndarray, " curves"]
    size: Float[np.ndarray, " curves"]

    def of_difference(
        self,
        row: Int[np.ndarray, " pairs"],
        one: Int[np.ndarray, " pairs"],
        other: Int[np.ndarray, " pairs"],
        share: float = 1.0,
    ) -> Float[np.ndarray, " pairs"]:
        """Standard deviation of sample `one` less a `share` of sample `other` of the curves `row`."""
        level = self.level[row]
        variance = (
            self.covariance[level, one, one]
            + share**2 * self.covariance[level, other, other]
            - 2 * share * self.covariance[level, one, other]
        )
        out: Float[np.ndarray, " pairs"] = self.size[row] * np.sqrt(np.maximum(variance, 0.0))
        return out

    def of_sum(
        self, weights: Float[np.ndarray, "terms curves"], samples: Int[np.ndarray, "terms curves"]
    ) -> Float[np.ndarray, " curves"]:
        """Standard deviation of a weighted sum of a few samples of every curve."""
        variance = np.zeros(self.size.shape)
        for w, i in zip(weights, samples, strict=True):
            for v, j in zip(weights, samples, strict=True):
                variance += w * v * self.covariance[self.level, i, j]
        out: Float[np.ndarray, " curves"] = self.size * np.sqrt(np.maximum(variance, 0.0))
        return out


@dataclass(frozen=True, eq=False)
class Rivals:
    """Local maxima beside the highest: of which curve (`row`), where (`column`), and the odds that each is truly
    higher.
    """

    row: Int[np.ndarray, " pairs"]
    column: Int[np.ndarray, " pairs"]
    odds: Float[np.ndarray, " pairs"]

    def chance(self, n: int) -> Float[np.ndarray, " curves"]:
        """How probable it is, by the odds, that one of them is the true maximum of each of `n` curves."""
        total = np.bincount(self.row, self.odds, n)
        out: Float[np.ndarray, " curves"] = total / (1 + total)
        return out

    def spread(self, distance: Float[np.ndarray, " pairs"], n: int) -> Float[np.ndarray, " curves"]:
        """Root of the mean squared distance at which the true maximum of each of `n` curves is expected, by the odds;
        a distance that is not finite does not count.
        """
        known = np.isfinite(distance)
        odds = np.where(known, self.odds, 0.0)
        total = np.bincount(self.row, odds, n)
        far = np.bincount(self.row, odds * np.where(known, distance, 0.0) ** 2, n)
        out: Float[np.ndarray, " curves"] = np.sqrt(far / (1 + total))
        return out


def rivals(
    curves: Float[np.ndarray, "curves samples"],
    top: Int[np.ndarray, " curves"],
    noise: Noise,
    allowed: Bool[np.ndarray, " samples"],
) -> Rivals:
    """The local maxima of each curve that noise may have kept below its largest sample `top`.

    A sample has the first and the last one as neighbours at the ends, as on a circle; only `allowed` ones count. A
    maximum that is lower by D is taken for the higher one with probability Φ(-SURER D/s), s being the standard error
    of the difference.
    """
    contiguous = np.ascontiguousarray(curves)
    is_maximum = (contiguous >= np.roll(contiguous, 1, axis=1)) & (contiguous > np.roll(contiguous, -1, axis=1))
    is_maximum &= allowed
    is_maximum[np.arange(top.size), top] = False
    row, column = np.nonzero(is_maximum)
    below = contiguous[row, top[row]] - contiguous[row, column]
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = below / noise.of_difference(row, top[row], column)
    near = apart < FARTHEST
    chance = scipy.special.ndtr(-SURER * apart[near])
    return Rivals(row[near], column[near], np.asarray(chance / (1 - chance)))
