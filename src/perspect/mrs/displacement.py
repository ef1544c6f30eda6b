"""Where the voxel of each molecule really is: a slice is selected by frequency, and molecules differ in frequency.

    shift along an edge of the voxel = edge · (δ_carrier - δ) · f / bandwidth

with f the spectrometer's frequency in MHz, δ in ppm, and the sign of the gradient in that of the bandwidth. Lactate
loses its inversion where the slice of one of its two partners is not that of the other: its methyl and its methine are
2.8 ppm apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.vocabulary import Flag, Problem, Severity

RESONANCES: Final[Mapping[str, float]] = {"NAA": 2.01, "Cho": 3.21, "Lac": 1.31, "lipid": 1.28}
"""Those that are read together and lie far apart, in ppm."""

DRAWN: Final = ("NAA", "Cho", "Lac")
"""Lipid's box is lactate's to a hundredth of the voxel."""

FAR: Final = 0.5
"""Share of the voxel that two boxes must have in common; below it a ratio compares two places [our default]."""


@dataclass(frozen=True)
class Selection:
    """The pulses that select the voxel: bandwidth in Hz along its first, second and third edge, negative where the
    frequency falls along the edge, and the ppm to which the voxel's nominal place belongs.
    """

    bandwidths: tuple[float, float, float]
    carrier: float

    def __post_init__(self) -> None:
        if not all(abs(one) >= 100 for one in self.bandwidths):
            raise Problem(
                f"Bandwidths of {', '.join(f'{one:g}' for one in self.bandwidths)} Hz.",
                "Pulses that select a voxel have some 500 to 20000 Hz.",
                "Give three numbers in Hz, one for each edge of the voxel, negative where the gradient points back.",
            )


def displaced(
    voxel: Float[np.ndarray, "4 4"], ppm: float, frequency: float, selection: Selection
) -> Float[np.ndarray, "4 4"]:
    """The voxel of a resonance; `frequency` in Hz."""
    shares = (selection.carrier - ppm) * frequency * 1e-6 / np.array(selection.bandwidths)
    out = voxel.copy()
    out[:3, 3] += voxel[:3, :3] @ shares
    return out


def in_common(one: Float[np.ndarray, "4 4"], other: Float[np.ndarray, "4 4"]) -> float:
    """The share of a voxel that another one of the same edges, moved, has in common with it."""
    moved = np.linalg.solve(one[:3, :3], other[:3, 3] - one[:3, 3])
    return float(np.prod(np.clip(1 - np.abs(moved), 0, 1)))


def displacement_flags(boxes: Mapping[str, Float[np.ndarray, "4 4"]]) -> tuple[Flag, ...]:
    """What of two boxes that are read as one ratio does not overlap."""
    pairs = (("Cho", "NAA"), ("Lac", "Cho"))
    said = [f"{a} and {b} share {common:.0%}" for a, b in pairs if (common := in_common(boxes[a], boxes[b])) < FAR]
    if not said:
        return ()
    sentence = (
        f"The voxels of different molecules lie apart ({', '.join(said)} of their place): their ratio compares two "
        "places."
    )
    return (Flag("displaced-voxels", Severity.CAUTION, sentence, source="place"),)
