"""Samples of a normal density that ends at walls, by exact Hamiltonian motion: no step size, no rejection.

A particle in the well of a normal density moves on ellipses, so that when it meets a wall is known in closed form;
there it is reflected. Pakman and Paninski 2014, doi:10.1080/10618600.2013.788448
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import solve_triangular

MOST_BOUNCES: Final = 2000
"""In one motion; it then ends where it is, which keeps the density."""

JITTER: Final = 1e-9
"""Of the scaled precision, added to what the data do not determine at all."""


@dataclass(frozen=True, eq=False)
class Truncated:
    """The density exp(-(x - x0)ᵀ P (x - x0) / 2 - gᵀ (x - x0)) where every `walled` x is at least zero."""

    at: Float[np.ndarray, " n"]
    precision: Float[np.ndarray, "n n"]
    gradient: Float[np.ndarray, " n"]
    walled: Bool[np.ndarray, " n"]

    @cached_property
    def factor(self) -> Float[np.ndarray, "n n"]:
        """L of P = L Lᵀ."""
        scale = np.sqrt(np.maximum(np.diag(self.precision), 1e-300))
        scaled = self.precision / np.outer(scale, scale) + JITTER * np.eye(scale.size)
        out: Float[np.ndarray, "n n"] = scale[:, None] * np.linalg.cholesky(scaled)
        return out

    @cached_property
    def middle(self) -> Float[np.ndarray, " n"]:
        """Where the density would be largest without walls."""
        half = solve_triangular(self.factor, self.gradient, lower=True)
        out: Float[np.ndarray, " n"] = self.at - solve_triangular(self.factor.T, half)
        return out

    @cached_property
    def walls(self) -> Float[np.ndarray, "walls n"]:
        """Rows that take the whitened place to each walled x, less its middle."""
        out: Float[np.ndarray, "walls n"] = solve_triangular(self.factor.T, np.eye(self.at.size))[self.walled]
        return out

    def energy(self, x: Float[np.ndarray, " n"]) -> float:
        """Minus the logarithm of the density, up to a constant."""
        z = self.factor.T @ (x - self.middle)
        return float(z @ z) / 2

    def moved(self, x: Float[np.ndarray, " n"], time: float, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Where a particle at x is after a time (rad; π/2 forgets where it was) when kicked at random."""
        z, v = self.factor.T @ (x - self.middle), rng.normal(size=x.size)
        walls, levels = self.walls, self.middle[self.walled]
        lengths = np.einsum("wn,wn->w", walls, walls)
        met, left = -1, time
        for _ in range(MOST_BOUNCES):
            when, first = self._next(walls @ z, walls @ v, levels, met)
            step = min(when, left)
            z, v = z * np.cos(step) + v * np.sin(step), v * np.cos(step) - z * np.sin(step)
            left -= step
            if left <= 0 or when >= 2 * np.pi:
                break
            v = v - 2 * (walls[first] @ v) / lengths[first] * walls[first]
            met = first
        out: Float[np.ndarray, " n"] = self.middle + solve_triangular(self.factor.T, z)
        return np.where(self.walled, np.maximum(out, 0.0), out)

    @staticmethod
    def _next(
        place: Float[np.ndarray, " walls"],
        speed: Float[np.ndarray, " walls"],
        levels: Float[np.ndarray, " walls"],
        met: int,
    ) -> tuple[float, int]:
        """When the next wall is met, and which; never when none can be reached."""
        if not place.size:
            return np.inf, -1
        size = np.hypot(place, speed)
        reach = size > np.abs(levels)
        # place cos t + speed sin t = size cos(t - φ) falls to -level where t - φ = arccos(-level / size).
        angle = np.arctan2(speed, place) + np.arccos(np.clip(-levels / np.maximum(size, 1e-300), -1, 1))
        when = np.where(reach, angle % (2 * np.pi), np.inf)
        # A wall that is being left is met again after nearly a turn; rounding must not meet it now.
        near = (when < 1e-9) | (when > 2 * np.pi - 1e-9)
        if met >= 0 and near[met]:
            when[met] = np.inf
        # One that a particle stands on, in a corner say, is met at once when it moves against it.
        touching = (place + levels < 1e-9 * size) & (speed < 0)
        if met >= 0:
            touching[met] = False
        when[touching] = 0.0
        first = int(np.argmin(when))
        return float(when[first]), first
