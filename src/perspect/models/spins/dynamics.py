"""How coupled spins move: operators, Hamiltonian, rotations, all exact (strong coupling, no product operators).

Equivalent protons are one composite spin: three protons are a spin 3/2 and two spins 1/2, so that valine needs matrices
of 64 and not of 256. Frequencies follow the files: a resonance at δ ppm turns as exp(2πi (4.65 - δ) f t).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import comb, factorial, sqrt
from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float

from perspect.models.spins.system import SpinSystem

REFERENCE: Final = 4.65
"""Where zero frequency lies, in ppm: water at 37 °C."""


def irreducible(n: int) -> list[tuple[float, int]]:
    """The composite spins that n equivalent spins 1/2 make, and how often each occurs.

    >>> irreducible(3)
    [(1.5, 1), (0.5, 2)]
    """
    return [(n / 2 - k, comb(n, k) - (comb(n, k - 1) if k else 0)) for k in range(n // 2 + 1)]


@dataclass(frozen=True, eq=False)
class Spins:
    """Composite spins in one state of their surroundings; `weight` is how often it occurs in one molecule.

    `spins` are their quantum numbers, `omega` their frequencies in rad/s, `couplings` (place, place, 2πJ in rad/s).
    """

    spins: tuple[float, ...]
    omega: tuple[float, ...]
    couplings: tuple[tuple[int, int, float], ...]
    weight: float

    @cached_property
    def sizes(self) -> list[int]:
        """Number of states of each spin."""
        return [int(2 * one) + 1 for one in self.spins]

    @cached_property
    def size(self) -> int:
        """Number of states of all."""
        return int(np.prod(self.sizes))

    @cached_property
    def components(self) -> list[tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]]:
        """Of each spin the diagonal of Iz and the raising operator I+ in the product basis (both real)."""
        out = []
        for at, one in enumerate(self.spins):
            m = one - np.arange(self.sizes[at])
            up = np.diag(np.sqrt(one * (one + 1) - m[1:] * (m[1:] + 1)), 1)
            out.append((np.diag(self._embedded(np.diag(m), at)).copy(), self._embedded(up, at)))
        return out

    def _embedded(self, one: Float[np.ndarray, "n n"], at: int) -> Float[np.ndarray, "d d"]:
        left, right = int(np.prod(self.sizes[:at])), int(np.prod(self.sizes[at + 1 :]))
        out: Float[np.ndarray, "d d"] = np.kron(np.kron(np.eye(left), one), np.eye(right))
        return out

    @cached_property
    def fz(self) -> Float[np.ndarray, " d"]:
        """The diagonal of the total Iz."""
        total: Float[np.ndarray, " d"] = np.sum([z for z, _ in self.components], axis=0)
        return total

    @cached_property
    def raising(self) -> Float[np.ndarray, "d d"]:
        """The total I+, which is also what a receiver sees."""
        total: Float[np.ndarray, "d d"] = np.sum([up for _, up in self.components], axis=0)
        return total

    @cached_property
    def order(self) -> Float[np.ndarray, "d d"]:
        """The order of coherence of each element of a density matrix."""
        out: Float[np.ndarray, "d d"] = self.fz[:, None] - self.fz[None, :]
        return out

    @cached_property
    def scalar(self) -> Float[np.ndarray, "d d"]:
        """The Hamiltonian of the couplings in rad/s."""
        total = np.zeros((self.size, self.size))
        for a, b, strength in self.couplings:
            (za, upa), (zb, upb) = self.components[a], self.components[b]
            flip = upa @ upb.T
            total += strength * (np.diag(za * zb) + 0.5 * (flip + flip.T))
        return total

    @cached_property
    def hamiltonian(self) -> Float[np.ndarray, "d d"]:
        """Frequencies and couplings, in rad/s."""
        offsets = np.sum([w * z for w, (z, _) in zip(self.omega, self.components, strict=True)], axis=0)
        out: Float[np.ndarray, "d d"] = self.scalar + np.diag(offsets)
        return out

    @cached_property
    def levels(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]:
        """Energies in rad/s and eigenvectors in columns."""
        energies, vectors = np.linalg.eigh(self.hamiltonian)
        return energies, vectors

    def propagator(self, time: float) -> Complex[np.ndarray, "d d"]:
        """Free evolution over a time in s."""
        energies, vectors = self.levels
        out: Complex[np.ndarray, "d d"] = (vectors * np.exp(-1j * energies * time)) @ vectors.T
        return out

    def rotation(
        self, angle: float, phase: float, which: Bool[np.ndarray, " spins"] | None = None
    ) -> Complex[np.ndarray, "d d"]:
        """An ideal pulse: an angle in rad about the axis at `phase` from x in the transverse plane; of some spins only
        where it says `which`.
        """
        half = np.full((1, len(self.spins)), angle / 2)
        if which is not None:
            half = np.where(which, half, 0.0)
        a = np.cos(half).astype(complex)
        b = -1j * np.sin(half) * np.exp(-1j * phase)
        out: Complex[np.ndarray, "d d"] = self.product(a, b)[0]
        return out

    def product(
        self, a: Complex[np.ndarray, "positions spins"], b: Complex[np.ndarray, "positions spins"]
    ) -> Complex[np.ndarray, "positions d d"]:
        """Rotations of the single spins as one matrix for each position, from the elements a and b of [[a, b], [-b*,
        a*]], the rotation of a spin 1/2.
        """
        total = np.ones((a.shape[0], 1, 1), a.dtype)
        for at, one in enumerate(self.spins):
            here = rotated(one, a[:, at], b[:, at])
            n, m = total.shape[1], here.shape[1]
            total = (total[:, :, None, :, None] * here[:, None, :, None, :]).reshape(-1, n * m, n * m)
        return total


def rotated(
    spin: float, a: Complex[np.ndarray, " positions"], b: Complex[np.ndarray, " positions"]
) -> Complex[np.ndarray, "positions n n"]:
    """The rotation of a spin of any quantum number, from that of a spin 1/2: symmetric powers of [[a, b], [-b*, a*]].

    The state m is the polynomial u^(I+m) v^(I-m) / sqrt((I+m)! (I-m)!) in the two states of a spin 1/2.
    """
    n = int(2 * spin)
    out = np.zeros((a.size, n + 1, n + 1), a.dtype)
    norm = [sqrt(factorial(n - k) * factorial(k)) for k in range(n + 1)]
    for column in range(n + 1):
        # (a u - b* v)^(n - column) (b u + a* v)^column
        for i in range(n - column + 1):
            for j in range(column + 1):
                down = i + j
                term = comb(n - column, i) * comb(column, j) * a ** (n - column - i) * (-b.conj()) ** i
                out[:, down, column] += term * b ** (column - j) * a.conj() ** j * norm[down] / norm[column]
    return out


def states(system: SpinSystem, frequency: float) -> Iterator[Spins]:
    """All composite spins that a system is made of at a spectrometer `frequency` in Hz."""
    if not system.couplings:
        yield from _singlets(system, frequency)
        return
    couplings = tuple((a, b, 2 * np.pi * j) for a, b, j in system.couplings)
    forms = [irreducible(n) for _, n in system.shifts]
    for weight, added in system.offsets():
        omega = tuple(
            2 * np.pi * ((REFERENCE - ppm) * 1e-6 * frequency + more)
            for (ppm, _), more in zip(system.shifts, added, strict=True)
        )
        for chosen in product(*forms):
            often = float(np.prod([n for _, n in chosen]))
            kept = [place for place, (spin, _) in enumerate(chosen) if spin > 0]
            if kept:
                yield _spins(
                    [chosen[k][0] for k in kept], [omega[k] for k in kept], kept, couplings, system, weight, often
                )


def _spins(
    spins: Sequence[float],
    omega: Sequence[float],
    kept: Sequence[int],
    couplings: tuple[tuple[int, int, float], ...],
    system: SpinSystem,
    weight: float,
    often: float,
) -> Spins:
    """Composite spins without those of quantum number 0, which neither turn nor couple."""
    at = {place: new for new, place in enumerate(kept)}
    left = tuple((at[a], at[b], j) for a, b, j in couplings if a in at and b in at)
    total = float(2.0**system.n_protons)
    # Tr(Iz²) of the whole system is n 2^n / 4; a signal is scaled so that one proton gives one.
    return Spins(tuple(spins), tuple(omega), left, system.share * weight * often * 4.0 / total)


def _singlets(system: SpinSystem, frequency: float) -> Iterator[Spins]:
    """Uncoupled protons: one spin 1/2 for each place, as strong as its protons are many."""
    for weight, added in system.offsets():
        for (ppm, n), more in zip(system.shifts, added, strict=True):
            omega = 2 * np.pi * ((REFERENCE - ppm) * 1e-6 * frequency + more)
            yield Spins((0.5,), (omega,), (), system.share * weight * n * 2.0)
