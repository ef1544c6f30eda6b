"""The slow change of brightness across an image that coils make: a smooth gain, estimated from what tissue should show.

Its logarithm is a polynomial in the place. Steep terms are held down, since a gain that may follow anatomy will.

Van Leemput et al. 1999, doi:10.1109/42.811268; Ashburner & Friston 2005, doi:10.1016/j.neuroimage.2005.02.018
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Int

DEGREE: Final = 4
"""Of the polynomial over the box around the brain [our default]: what coils of a head array add."""

STIFFNESS: Final = 0.01
"""By which a term is held down, times its degree to the fourth power (bending) and the mean weight of all
[our default]: at a tenth of it the gain follows the deep grey matter, at ten times it is too stiff for 40 %."""

TERMS: Final = tuple(term for term in product(range(DEGREE + 1), repeat=3) if 0 < sum(term) <= DEGREE)
"""Powers along the three axes; none is constant, because the brightness of the tissues is one already."""

BENDING: Final = np.array([float(sum(term)) ** 4 for term in TERMS])


@dataclass(frozen=True, eq=False)
class Place:
    """Where samples lie in a box: the terms of the polynomial (Legendre's, which hardly depend on each other)."""

    terms: Float32[np.ndarray, "samples terms"]

    @classmethod
    def of(cls, index: Int[np.ndarray, "3 samples"], shape: tuple[int, int, int]) -> "Place":
        """Samples at `index` of a box of a given shape."""
        along = [axis[one] for axis, one in zip(_axes(shape), index, strict=True)]
        rows = [along[0][:, a] * along[1][:, b] * along[2][:, c] for a, b, c in TERMS]
        return cls(np.stack(rows, axis=1).astype(np.float32))

    def gain(self, bend: Float[np.ndarray, "terms channels"]) -> Float32[np.ndarray, "samples channels"]:
        """The gain at the samples; its logarithm has mean 0 over them."""
        log = self.terms @ bend.astype(np.float32)
        out: Float32[np.ndarray, "samples channels"] = np.exp(log - log.mean(axis=0))
        return out

    def renewed(
        self,
        bend: Float[np.ndarray, "terms channels"],
        excess: Float32[np.ndarray, "samples channels"],
        weights: Float32[np.ndarray, "samples channels"],
    ) -> Float[np.ndarray, "terms channels"]:
        """The bend after one Gauss-Newton step from samples that are freed of the present gain.

        With each kind's probability over its variance as weight, `excess` is the sum over kinds of
        weight · expected · (sample - expected), and `weights` that of weight · expected².
        """
        out = bend.astype(np.float64)
        for channel in range(bend.shape[1]):
            normal = ((self.terms * weights[:, channel, None]).T @ self.terms).astype(np.float64)
            stiff = STIFFNESS * np.trace(normal) / len(normal) * BENDING
            force = self.terms.T @ excess[:, channel] - stiff * out[:, channel]
            out[:, channel] += np.linalg.solve(normal + np.diag(stiff), force.astype(np.float64))
        return out


def everywhere(
    bend: Float[np.ndarray, "terms channels"], shape: tuple[int, int, int]
) -> Float32[np.ndarray, "x y z channels"]:
    """The logarithm of the gain over the whole box, up to a constant."""
    cube = np.zeros((DEGREE + 1, DEGREE + 1, DEGREE + 1, bend.shape[1]))
    for term, one in zip(TERMS, bend, strict=True):
        cube[term] = one
    x, y, z = _axes(shape)
    return np.asarray(np.einsum("abcd,xa,yb,zc->xyzd", cube, x, y, z, optimize=True), np.float32)


def _axes(shape: tuple[int, int, int]) -> list[Float[np.ndarray, "n powers"]]:
    return [np.polynomial.legendre.legvander(np.linspace(-1, 1, n) if n > 1 else np.zeros(1), DEGREE) for n in shape]
