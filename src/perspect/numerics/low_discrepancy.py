"""Points that fill a cube evenly without lying on a grid, the same ones every time."""

from typing import Final

import numpy as np
from jaxtyping import Float

PLASTIC: Final = 1.2207440846057596
"""The root of x⁴ = x + 1, whose powers are as hard to approach by fractions as three numbers can be."""


def sequence(n: int) -> Float[np.ndarray, "3 n"]:
    """The first `n` points of an additive sequence in the unit cube.

    M. Roberts, "The unreasonable effectiveness of quasirandom sequences" (2018), after Kronecker and Weyl.
    """
    steps = PLASTIC ** -np.arange(1.0, 4.0)
    out: Float[np.ndarray, "3 n"] = (0.5 + steps[:, None] * np.arange(1, n + 1)) % 1.0
    return out
