"""Smooth curves: cubic B-splines whose second differences are penalised, with the stiffness in effective dimensions."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.interpolate import BSpline
from scipy.linalg import eigh
from scipy.optimize import brentq

NOTHING: Final = 1e-8
"""A shape of which the penalty keeps less is not there."""


@dataclass(frozen=True, eq=False)
class PenalisedSpline:
    """Cubic B-splines on equally spaced knots; `columns` is one spline a column.

    Eilers and Marx 1996, doi:10.1214/ss/1038425655
    """

    columns: Float[np.ndarray, "samples splines"]

    @cached_property
    def penalty(self) -> Float[np.ndarray, "splines splines"]:
        """DᵀD of second differences."""
        d = np.diff(np.eye(self.columns.shape[1]), 2, axis=0)
        out: Float[np.ndarray, "splines splines"] = d.T @ d
        return out

    @cached_property
    def gram(self) -> Float[np.ndarray, "splines splines"]:
        """SᵀS, with a ridge that keeps splines without samples harmless."""
        gram = self.columns.T @ self.columns
        out: Float[np.ndarray, "splines splines"] = gram + 1e-9 * np.trace(gram) / len(gram) * np.eye(len(gram))
        return out

    @cached_property
    def _natural(self) -> tuple[Float[np.ndarray, " splines"], Float[np.ndarray, "splines splines"]]:
        sizes, mixtures = eigh(self.penalty, self.gram)
        return np.maximum(sizes, 0.0), mixtures

    @property
    def stiffnesses(self) -> Float[np.ndarray, " splines"]:
        """How much the penalty holds each independent shape back, least first; two are free."""
        return self._natural[0]

    @cached_property
    def shapes(self) -> Float[np.ndarray, "splines samples"]:
        """The independent shapes, orthonormal: a penalised fit keeps 1 / (1 + weight x stiffness) of each.

        Demmler and Reinsch 1975, doi:10.1007/BF01437407
        """
        return np.ascontiguousarray((self.columns @ self._natural[1]).T)

    @property
    def null(self) -> int:
        """How many shapes cost nothing: straight lines."""
        return 2

    def dimensions(self, weight: float) -> float:
        """Effective number of free shapes at a weight of the penalty."""
        return float(np.sum(1 / (1 + weight * self.stiffnesses)))

    def weight(self, dimensions: float) -> float:
        """The weight of the penalty that leaves so many effective dimensions (more than two)."""
        most = self.dimensions(1e-12)
        if dimensions >= most:
            return 0.0
        root = brentq(lambda log: self.dimensions(np.exp(log)) - dimensions, -40.0, 60.0)
        return float(np.exp(root))

    def shadow(self, weight: float) -> Float[np.ndarray, "shapes samples"]:
        """K with KᵀK the smoother S(SᵀS + w DᵀD)⁻¹Sᵀ: of any v, the best penalised curve leaves |v|² - |Kv|².

        Shapes of which nothing is kept are left out.
        """
        share = 1 / (1 + weight * self.stiffnesses)
        kept = share > NOTHING
        out: Float[np.ndarray, "shapes samples"] = np.sqrt(share[kept])[:, None] * self.shapes[kept]
        return out

    def fitted(self, values: Float[np.ndarray, " samples"], weight: float) -> Float[np.ndarray, " samples"]:
        """The best penalised curve."""
        shadow = self.shadow(weight)
        out: Float[np.ndarray, " samples"] = shadow.T @ (shadow @ values)
        return out


def penalised_spline(x: Float[np.ndarray, " samples"], per_unit: float) -> PenalisedSpline:
    """Splines over the range of x, with so many knots to a unit of it."""
    low, high = float(x.min()), float(x.max())
    n = max(int(np.ceil((high - low) * per_unit)), 4)
    step = (high - low) / n
    knots = low + step * np.arange(-3, n + 4)
    inside = np.clip(x, low, high - 1e-9 * (high - low))
    return PenalisedSpline(BSpline.design_matrix(inside, knots, 3).toarray())
