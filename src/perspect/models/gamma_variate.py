"""The first pass of a bolus."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln, lambertw

from perspect.models.base import Separable
from perspect.vocabulary.lexicon import ARRIVAL, PEAK, RISE, SHAPE
from perspect.vocabulary.quantity import Quantity

_FOOT = 0.1
"""Share of the peak below which the bolus has not yet arrived, for the start of a fit."""

_TYPICAL_SHAPE = 3.0


@dataclass(frozen=True, eq=False)
class GammaVariate(Separable):
    r"""A bolus that arrives, peaks and washes out, written with its peak so that the parameters are nearly independent.

    $$y(t) = y_{max} \left(x\, e^{1-x}\right)^{\alpha}, \qquad x = (t - BAT)/t_m > 0$$

    t are the times in s; y has the unit of the curve.

    Madsen 1992, doi:10.1088/0031-9155/37/7/010
    """

    t: Float[np.ndarray, " time"]

    parameters = (PEAK, ARRIVAL, RISE, SHAPE)
    linear = (PEAK,)
    nonlinear = (ARRIVAL, RISE, SHAPE)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The bolus with peak 1."""
        arrival, rise, shape = np.moveaxis(theta[..., None], -2, 0)
        x = (self.t - arrival) / rise
        has_arrived = x > 0
        x = np.where(has_arrived, x, 1.0)
        return np.where(has_arrived, np.exp(shape * (1.0 + np.log(x) - x)), 0.0)[..., None, :]

    def bounds(self, quantity: Quantity) -> tuple[float, float]:
        """The bolus cannot arrive after the last sample, nor so long before the first that its rise is over."""
        low, high = super().bounds(quantity)
        if quantity is ARRIVAL:
            return max(low, float(self.t[0]) - RISE.high), min(high, float(self.t[-1]))
        return low, high

    def start(self, curves: Float[np.ndarray, "voxels time"]) -> Float[np.ndarray, "voxels parameters"]:
        """Where a fit begins: peak and time to peak as they look, arrival where the curve last was at its foot."""
        top = curves.argmax(axis=-1)
        peak = curves.max(axis=-1)
        is_foot = (curves < _FOOT * peak[:, None]) & (np.arange(self.t.size) < top[:, None])
        foot = np.where(is_foot.any(axis=-1), self.t.size - 1 - is_foot[:, ::-1].argmax(axis=-1), 0)
        arrival = self.t[foot]
        rise = np.clip(self.t[top] - arrival, *self.bounds(RISE))
        return np.stack([peak, arrival, rise, np.full_like(rise, _TYPICAL_SHAPE)], axis=-1)


def area(p: Float[np.ndarray, "*voxels 4"]) -> Float[np.ndarray, "*voxels"]:
    """Area under the whole first pass, in (unit of the curve)·s."""
    peak, _, rise, shape = np.moveaxis(p, -1, 0)
    under: np.ndarray = peak * rise * np.exp(shape - (shape + 1.0) * np.log(shape) + gammaln(shape + 1.0))
    return under


def mean_time(p: Float[np.ndarray, "*voxels 4"]) -> Float[np.ndarray, "*voxels"]:
    """Centre of gravity of the first pass (its normalised first moment), in s on the clock of the curve."""
    _, arrival, rise, shape = np.moveaxis(p, -1, 0)
    centre: np.ndarray = arrival + rise * (shape + 1.0) / shape
    return centre


def full_width(p: Float[np.ndarray, "*voxels 4"]) -> Float[np.ndarray, "*voxels"]:
    """Width at half the peak, in s."""
    _, _, rise, shape = np.moveaxis(p, -1, 0)
    # x exp(1 - x) = 2^(-1/α) has one solution on either side of the peak: the two real branches of Lambert's W.
    inside = -np.exp(-1.0 - np.log(2.0) / shape)
    width: Float[np.ndarray, "*voxels"] = rise * (lambertw(inside, 0) - lambertw(inside, -1)).real
    return width
