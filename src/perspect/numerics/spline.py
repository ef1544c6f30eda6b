"""Smooth curves: cubic B-splines whose second differences are penalised, with the stiffness in effective dimensions."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.interpolate import BSpline
from scipy.linalg import cholesky, eigh, solve_triangular
from scipy.optimize import brentq


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
    def stiffnesses(self) -> Float[np.ndarray, " splines"]:
        """How much the penalty holds each independent shape back; two are free."""
        out: Float[np.ndarray, " splines"] = np.maximum(eigh(self.penalty, self.gram, eigvals_only=True), 0.0)
        return out

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

    def shadow(self, weight: float) -> Float[np.ndarray, "splines samples"]:
        """K with KᵀK the smoother S(SᵀS + w DᵀD)⁻¹Sᵀ: of any v, the best penalised curve leaves |v|² - |Kv|²."""
        lower = cholesky(self.gram + weight * self.penalty, lower=True)
        out: Float[np.ndarray, "splines samples"] = solve_triangular(lower, self.columns.T, lower=True)
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
