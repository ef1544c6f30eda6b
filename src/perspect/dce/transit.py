"""What a model without a flow makes of plasma that takes its time to pass, at the times and with the input at hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.dce.plan import SOURCE
from perspect.models import DelayedExtendedTofts, TwoCompartmentExchange
from perspect.vocabulary import Flag, Severity

RIM: Final[Mapping[str, float]] = {"vp": 0.06, "ve": 0.3, "ktrans": 0.1 / 60.0, "transit": 4.0}
"""Tissue like the rim of a glioma: fractions, Ktrans in 1/s, and the time vp/Fp in s that plasma takes through it
[our default]."""

RATES: Final = np.geomspace(1e-3, 0.05, 60)
DELAYS: Final = np.linspace(-1.0, 5.0, 25)
"""kep in 1/s and delays in s among which the best is looked for: to a per cent of vp."""

WORTH: Final = 0.1
"""Relative error of vp of such tissue from which on it is worth a word [our default]."""


@dataclass(frozen=True)
class Neglect:
    """Relative errors of vp and Ktrans of tissue like `RIM`, without any noise."""

    vp: float
    ktrans: float


def neglected(
    times: Float[np.ndarray, " time"], drives: Mapping[str, Float[np.ndarray, " knots"]], has_delay: bool
) -> Neglect:
    """The errors that the extended Tofts model makes, which lets plasma pass at once, with the input that `drives` it.

    The slow part of a passage looks like agent that leaks and returns; how often samples are taken changes little.
    """
    flow, ktrans = RIM["vp"] / RIM["transit"], RIM["ktrans"]
    truth = np.array([flow, ktrans * flow / (flow - ktrans), RIM["ve"], RIM["vp"]])
    curve = TwoCompartmentExchange(times, **drives).predict(truth)
    theta = np.stack(np.meshgrid(RATES, DELAYS if has_delay else 0.0, indexing="ij"), axis=-1).reshape(-1, 2)
    # A table of all rates and delays: a fit would build finer ones for a single curve.
    atoms = DelayedExtendedTofts(times, **drives).atoms(theta)
    amplitudes = np.linalg.solve(atoms @ np.swapaxes(atoms, 1, 2), (atoms @ curve)[..., None])[..., 0]
    best = amplitudes[np.einsum("nk,nkt,t->n", amplitudes, atoms, curve).argmax()]
    return Neglect(float(best[1]) / RIM["vp"] - 1.0, float(best[0]) / ktrans - 1.0)


def transit_flags(error: Neglect | None) -> tuple[Flag, ...]:
    """What is to be said of it; None: models with a flow were fitted as well."""
    if error is None or not abs(error.vp) > WORTH:
        return ()
    text = (
        f"Where plasma takes {RIM['transit']:g} s to pass (vp {RIM['vp']:g}, Ktrans {60 * RIM['ktrans']:g} /min), "
        f"extended Tofts at these times and with this input reads vp {error.vp:+.0%} and Ktrans {error.ktrans:+.0%} "
        "off without any noise: it takes a slow passage for leakage. Standard errors do not hold that; 2 s or less "
        "between volumes would tell the flow."
    )
    return (Flag("transit-neglected", Severity.CAUTION, text, "vp, ktrans", source=SOURCE),)
