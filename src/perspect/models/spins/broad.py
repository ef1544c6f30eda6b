"""Signals that are broad by nature: mobile lipids and macromolecules, as sums of Gaussian lines.

Positions, widths, protons and spreads of Provencher's model (Provencher 1993, doi:10.1002/mrm.1910300604, and the
manual of its program); a line is as wide in ppm at any field. His lines are the narrowest that there are: what is seen
is wider, by an amount of its own for each signal.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Complex

from perspect.models.spins.dynamics import REFERENCE


@dataclass(frozen=True)
class Broad:
    """A name, what it is, its lines (ppm, least full width at half maximum in ppm, protons), the standard deviation of
    their shift from spectrum to spectrum in ppm, and by how much they are `wider` than that in the mean, in ppm.
    """

    key: str
    kind: Literal["macromolecule", "lipid"]
    lines: tuple[tuple[float, float, float], ...]
    spread: float
    wider: float


BROAD: Final[dict[str, Broad]] = {
    one.key: one
    for one in (
        Broad("Lip09", "lipid", ((0.89, 0.14, 3.0),), 0.02, 0.05),
        Broad("Lip13a", "lipid", ((1.28, 0.15, 2.0),), 0.01, 0.05),
        Broad("Lip13b", "lipid", ((1.28, 0.089, 2.0),), 0.01, 0.001),
        Broad("Lip20", "lipid", ((2.04, 0.15, 1.33), (2.25, 0.15, 0.67), (2.80, 0.20, 0.87)), 0.005, 0.05),
        Broad("MM09", "macromolecule", ((0.91, 0.14, 3.0),), 0.02, 0.03),
        Broad("MM12", "macromolecule", ((1.21, 0.15, 2.0),), 0.01, 0.05),
        Broad("MM14", "macromolecule", ((1.43, 0.17, 2.0),), 0.02, 0.03),
        Broad("MM17", "macromolecule", ((1.67, 0.15, 2.0),), 0.03, 0.02),
        Broad(
            "MM20",
            "macromolecule",
            ((2.08, 0.15, 1.33), (2.25, 0.20, 0.33), (1.95, 0.15, 0.33), (3.0, 0.20, 0.40)),
            0.005,
            0.03,
        ),
    )
}  # fmt: skip
"""Every broad signal by its short name."""


def broad_signal(
    one: Broad, frequency: float, dwell: float, n_points: int, delay: float = 0.0, *, wider: float = 0.0
) -> Complex[np.ndarray, " points"]:
    """Its signal in protons at a spectrometer `frequency` in Hz from the `delay` (s) on in which nothing refocuses, its
    lines `wider` (ppm) than the narrowest by a Lorentzian; it does not depend on the sequence.
    """
    t = delay + np.arange(n_points) * dwell
    hz = frequency * 1e-6
    signal: Complex[np.ndarray, " points"] = np.zeros(n_points, complex)
    for ppm, width, protons in one.lines:
        decay = (np.pi * width * hz * t) ** 2 / (4 * np.log(2)) + np.pi * wider * hz * t
        signal = signal + protons * np.exp(2j * np.pi * (REFERENCE - ppm) * hz * t - decay)
    return signal
