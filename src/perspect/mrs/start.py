"""Where a fit begins: phase and shift found together from all lines at once, so that no single one has to be there."""

from typing import Final

import numpy as np
from jaxtyping import Complex, Float

from perspect.mrs.band import Band
from perspect.mrs.combine import N_COMMON, Task, shadow_at, stand
from perspect.numerics.nonnegative import nonnegative_many
from perspect.numerics.spline import PenalisedSpline

LUMPS: Final = (
    ("NAA", "NAAG"), ("Cr", "PCr"), ("GPC", "PCho", "PCh", "Cho"), ("Glu", "Gln"), ("Ins", "Gly"), ("Lac",), ("Ala",),
    ("Lip13a", "Lip13b"), ("Lip09", "MM09"), ("Lip20", "MM20"), ("MM12", "MM14", "MM17"),
)  # fmt: skip
"""What is looked for: few enough that a wrong phase cannot be fitted, many enough that no line is needed."""

REACH: Final = 0.35
"""Shifts up to so many ppm are tried [our default]: a phantom at 18 °C is off by 0.2, one vendor by 0.17."""

STEP: Final = 0.015
"""Between shifts, in ppm."""

N_PHASES: Final = 18
"""Phases of a turn that are tried."""

N_SWEEPS: Final = 12
"""Of the amplitudes, which need not be exact here."""

ROUGH: Final = (12.0, 250.0)
"""γ (1/s) and v (1/s²) at the start: a line of some 8 Hz [our default]."""

STIFF: Final = 5.0
"""Effective dimensions of the baseline while phase and shift are looked for [our default]."""


def begun(
    band: Band,
    values: Complex[np.ndarray, " points"],
    signals: Complex[np.ndarray, "signals points"],
    names: tuple[str, ...],
    spline: PenalisedSpline,
    n_best: int = 2,
) -> list[tuple[float, float, float]]:
    """The best (cost, phase in rad, shift in Hz of the lines), each in a valley of its own, the lowest first.

    `values` and `signals` are in the band.
    """
    t = band.times
    decay = np.exp(-ROUGH[0] * t - ROUGH[1] * t**2)
    columns = band.spectrum(_lumped(signals, names) * decay).real
    _, shadow = shadow_at(spline, STIFF)
    hz = band.frequency * 1e-6
    shifts = np.arange(-REACH, REACH + STEP / 2, STEP) * hz
    moved = band.spectrum(values * np.exp(-2j * np.pi * shifts[:, None] * t))
    parts = np.stack([moved.real, moved.imag])
    shaded_columns, shaded = columns @ shadow.T, parts @ shadow.T
    gram = columns @ columns.T - shaded_columns @ shaded_columns.T
    seen = np.einsum("nb,psb->pns", columns, parts, optimize=True)
    seen -= np.einsum("nk,psk->pns", shaded_columns, shaded, optimize=True)
    power = np.einsum("psb,qsb->pqs", parts, parts) - np.einsum("psk,qsk->pqs", shaded, shaded)
    # The real part of a turned spectrum is a mixture of both parts, so that every phase comes from two products.
    phases = np.arange(N_PHASES) * 2 * np.pi / N_PHASES
    mixture = np.stack([np.cos(phases), -np.sin(phases)])
    projection = np.einsum("pf,pns->nfs", mixture, seen).reshape(len(columns), -1)
    size = np.einsum("pf,qf,pqs->fs", mixture, mixture, power)
    amplitudes = nonnegative_many(gram, projection, N_SWEEPS)
    gain = np.einsum("np,np->p", amplitudes, 2 * projection - gram @ amplitudes)
    return _valleys(size - gain.reshape(size.shape), phases, shifts, n_best)


def _lumped(
    signals: Complex[np.ndarray, "signals points"], names: tuple[str, ...]
) -> Complex[np.ndarray, "lumps points"]:
    """Sums of what is looked for together; measured macromolecules stand alone."""
    sums = []
    for lump in LUMPS:
        at = [names.index(one) for one in lump if one in names]
        if at:
            sums.append(signals[at].sum(axis=0))
    alone = [k for k, name in enumerate(names) if name in ("Mac", "MM", "MMBL")]
    sums += [signals[k] for k in alone]
    return np.array(sums) if sums else signals


def _valleys(
    cost: Float[np.ndarray, "phases shifts"],
    phases: Float[np.ndarray, " phases"],
    shifts: Float[np.ndarray, " shifts"],
    n: int,
) -> list[tuple[float, float, float]]:
    """The lowest places that are no neighbours (a turn closes)."""
    found: list[tuple[float, float, float]] = []
    left = cost.copy()
    for _ in range(n):
        p, s = np.unravel_index(int(np.argmin(left)), left.shape)
        found.append((float(left[p, s]), float(phases[p]), float(shifts[s])))
        near = [(int(p) + k) % phases.size for k in range(-2, 3)]
        left[np.ix_(near, range(max(int(s) - 4, 0), min(int(s) + 5, shifts.size)))] = np.inf
    return found


def first_theta(
    task: Task, phase: float, shift: float, wandering: list[int], shadow: Float[np.ndarray, "splines bins"]
) -> Float[np.ndarray, " parameters"]:
    """Parameters to begin with. Signals that are `wandering` (measured macromolecules, whose reference is their own)
    are tried at shifts of up to two standard deviations.
    """
    theta = np.zeros(N_COMMON + 2 * task.n_signals)
    theta[0], theta[2], theta[3], theta[4] = phase, shift, *ROUGH
    for at in wandering:
        tried = []
        for move in np.linspace(-2.0, 2.0, 9) * task.priors.shift[at]:
            theta[N_COMMON + at] = move
            tried.append((stand(task, theta, shadow, None).cost, move))
        theta[N_COMMON + at] = min(tried)[1]
    return theta
