"""A radio-frequency pulse as a value: its shape in time, and what it does to a spin 1/2 at any offset."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Complex, Float, Int

N_STEPS: Final = 168
"""Steps that a made pulse is cut into."""

N_PARTS: Final = 14
"""Parts of a pulse between which couplings act [our default]: within 1e-3 of the peak of finer steps at 3 T."""

Rotations = tuple[Complex[np.ndarray, "positions spins"], Complex[np.ndarray, "positions spins"]]
Parts = tuple[Complex[np.ndarray, "parts positions spins"], Complex[np.ndarray, "parts positions spins"]]


@dataclass(frozen=True, eq=False)
class Pulse:
    """`shape` is the complex B1 over the pulse, in rad/s (γB1); `duration` in s; `name` says where it is from."""

    shape: Complex[np.ndarray, " steps"]
    duration: float
    name: str

    @cached_property
    def bandwidth(self) -> float:
        """Width in Hz at half maximum of the slice that it refocuses (selects, for pulses of less than 120 degrees)."""
        reach = 40.0 / self.duration
        offsets = np.linspace(-reach, reach, 2001)
        a, b = self.rotations(2 * np.pi * offsets[:, None])
        effect = np.abs(b[:, 0]) ** 2 if self.angle > 2.0 else 2 * np.abs(a[:, 0] * b[:, 0])
        inside = offsets[effect > 0.5 * effect.max()]
        return float(inside[-1] - inside[0])

    @cached_property
    def angle(self) -> float:
        """By how much it turns a spin on resonance, in rad (0 to π)."""
        _, b = self.rotations(np.zeros((1, 1)))
        return float(2 * np.arcsin(min(abs(b[0, 0]), 1.0)))

    def rotations(self, omega: Float[np.ndarray, "positions spins"]) -> Rotations:
        """The rotation of a spin 1/2 at every offset in rad/s, as a and b of [[a, b], [-b*, a*]]."""
        a, b = self.parts(omega, np.array([0, self.shape.size]))
        return a[0], b[0]

    def parts(self, omega: Float[np.ndarray, "positions spins"], edges: Int[np.ndarray, " edges"]) -> Parts:
        """The same for each part of the pulse, between steps that are its `edges`; all parts side by side."""
        lengths = np.diff(edges)
        held = np.arange(lengths.max()) < lengths[:, None]
        field = np.zeros(held.shape, complex)
        field[held] = self.shape[edges[0] : edges[-1]]
        # A part that is shorter than the longest waits without turning.
        steps = np.where(held, self.duration / self.shape.size, 0.0)
        shape = (lengths.size, *omega.shape)
        a, b = np.ones(shape, complex), np.zeros(shape, complex)
        square = omega**2
        for strength, step in zip(field.T[:, :, None, None], steps.T[:, :, None, None], strict=True):
            size = np.sqrt(square + np.abs(strength) ** 2)
            half = size * (step / 2)
            sine = np.sin(half)
            sine /= np.where(size > 0, size, 1.0)
            p = np.cos(half) - 1j * (omega * sine)
            q = (-1j * strength.conj()) * sine
            a, b = p * a - q * b.conj(), p * b + q * a.conj()
        return a, b

    def scaled(self, angle: float) -> "Pulse":
        """The same shape, as strong as turns a spin on resonance by an angle in rad (for real shapes)."""
        area = abs(np.sum(self.shape)) * self.duration / self.shape.size
        return Pulse(self.shape * (angle / area), self.duration, self.name)


def sinc(duration: float, lobes: int = 5, angle: float = np.pi) -> Pulse:
    """A Hamming-filtered sinc with so many zero crossings: a generic selective pulse, of no vendor."""
    x = (np.arange(N_STEPS) + 0.5) / N_STEPS * 2 - 1
    shape = np.sinc(x * (lobes + 1) / 2) * (0.54 + 0.46 * np.cos(np.pi * x))
    return Pulse(shape.astype(complex), duration, f"generic sinc, {lobes} lobes, {duration * 1e3:g} ms").scaled(angle)
