"""The plasma curve that drives the tissue, as a value."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from perspect.numerics.convolve import exponential_convolution
from perspect.vocabulary import Curve, Flag, Region


@dataclass(frozen=True, eq=False)
class Arterial:
    """Plasma concentration in mM at the times of the series, its relative error (NaN: not known), where it is from,
    what to know.

    `fine` is the same at times of its own, where it is known more finely than the series is sampled: straight lines
    between samples 10 s and more apart miss the first pass, or make too much of it. `was_plasma`: no haematocrit has
    turned it; `was_signal`: it was worked out from a signal of blood.
    """

    cp: Float[np.ndarray, " time"]
    relative_error: float
    region: Region | None
    origin: str
    flags: tuple[Flag, ...]
    fine: Curve | None = None
    was_plasma: bool = False
    was_signal: bool = False

    @property
    def drives(self) -> dict[str, Float[np.ndarray, " knots"]]:
        """What a `Kinetic` model takes: the curve, with its knots where these are not the times of the series."""
        return {"cp": self.cp} if self.fine is None else {"cp": self.fine.values, "knots": self.fine.times}


def dispersed(
    cp: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"], seconds: float
) -> Float[np.ndarray, " time"]:
    """A curve behind a transport with exponential times of this mean: wider, lower, later, of the same area.

    Calamante et al. 2000, doi:10.1002/1522-2594(200009)44:3<466::AID-MRM18>3.0.CO;2-M, equation 5
    """
    return np.asarray(exponential_convolution(times, cp, np.array(1.0 / seconds)) / seconds)


def behind_transport(found: Arterial, times: Float[np.ndarray, " time"], seconds: float) -> Arterial:
    """An input as it comes to the tissue, `seconds` of transport from where it was measured; 0: the same."""
    if seconds == 0.0:
        return found
    origin = f"{found.origin}; dispersed by {seconds:g} s"
    if found.fine is None:
        return replace(found, cp=dispersed(found.cp, times, seconds), origin=origin)
    fine = replace(found.fine, values=dispersed(found.fine.values, found.fine.times, seconds))
    return replace(found, cp=np.interp(times, fine.times, fine.values), origin=origin, fine=fine)
