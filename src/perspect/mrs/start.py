"""Where a fit begins: phase and shift found together from all lines at once, so that no single one has to be there."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float

from perspect.mrs.band import Band
from perspect.mrs.combine import Task, shadow_at, stand
from perspect.mrs.equations import N_COMMON
from perspect.numerics.nonnegative import nonnegative_many, solved
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

ALIKE: Final = 1.15
"""A second start whose cost is within this factor of the best is tried as well [our default]."""

A_TRY: Final = 0.1
"""Of the starts, the best in which amplitudes may be negative: the best of them bounds what is looked at closer."""

N_SWEEPS: Final = 12
"""Of the amplitudes, which need not be exact here."""

ROUGH: Final = (12.0, 250.0)
"""γ (1/s) and v (1/s²) at the start: a line of some 8 Hz [our default]."""

STIFF: Final = 5.0
"""Effective dimensions of the baseline while phase and shift are looked for [our default]."""


def begun(
    band: Band,
    values: Complex[np.ndarray, "spectra points"],
    signals: Complex[np.ndarray, "signals points"],
    names: tuple[str, ...],
    spline: PenalisedSpline,
    n_best: int = 2,
) -> list[list[tuple[float, float, float]]]:
    """For each spectrum the best (cost, phase in rad, shift in Hz of the lines), each in a valley of its own, the least
    first; infinite costs stand for all that are not alike.

    `values` and `signals` are in the band.
    """
    t = band.times
    decay = np.exp(-ROUGH[0] * t - ROUGH[1] * t**2)
    columns = band.spectrum(_lumped(signals, names) * decay).real
    _, shadow = shadow_at(spline, STIFF)
    shifts = np.arange(-REACH, REACH + STEP / 2, STEP) * band.frequency * 1e-6
    # Single precision: a start is one of some hundred, and need only be told from the others.
    turns = np.exp(-2j * np.pi * shifts[:, None] * t).astype(np.complex64)
    moved = band.spectrum(values[:, None].astype(np.complex64) * turns)
    parts = np.stack([moved.real, moved.imag])
    shaded_columns = columns @ shadow.T
    gram = columns @ columns.T - shaded_columns @ shaded_columns.T
    shaded = parts @ shadow.T.astype(np.float32)
    seen = parts @ (columns - shaded_columns @ shadow).T.astype(np.float32)
    power = np.einsum("pvsb,qvsb->pqvs", parts, parts) - np.einsum("pvsk,qvsk->pqvs", shaded, shaded)
    # The real part of a turned spectrum is a mixture of both parts, so that every phase comes from two products.
    phases = np.arange(N_PHASES) * 2 * np.pi / N_PHASES
    mixture = np.stack([np.cos(phases), -np.sin(phases)])
    projection = np.einsum("pf,pvsn->nvfs", mixture, seen, optimize=True)
    size = np.einsum("pf,qf,pqvs->vfs", mixture, mixture, power, optimize=True)
    cost = _costs(gram, projection.reshape(len(gram), len(values), -1), size.reshape(len(values), -1))
    return [_valleys(one, phases, shifts, n_best) for one in cost.reshape(size.shape)]


def _costs(
    gram: Float[np.ndarray, "n n"],
    projection: Float[np.ndarray, "n spectra starts"],
    size: Float[np.ndarray, "spectra starts"],
) -> Float[np.ndarray, "spectra starts"]:
    """What amplitudes that are not negative leave, wherever it may be within `ALIKE` of the least; elsewhere infinite.

    Amplitudes that may be negative leave less, and show at once where there is nothing to be found.
    """
    ridge = 1e-9 * np.trace(gram) / len(gram) * np.eye(len(gram))
    free = solved(gram + ridge, projection.reshape(len(gram), -1)).reshape(projection.shape)
    least = size - np.einsum("nvs,nvs->vs", projection, free)
    out = np.full(size.shape, np.inf)

    def look(at: Bool[np.ndarray, "spectra starts"]) -> None:
        wanted = np.ascontiguousarray(projection[:, at])
        amplitudes = nonnegative_many(gram, wanted, N_SWEEPS)
        out[at] = size[at] - np.einsum("ns,ns->s", amplitudes, 2 * wanted - gram @ amplitudes)

    look(least <= np.quantile(least, A_TRY, axis=1, keepdims=True))
    look((least <= ALIKE * out.min(axis=1, keepdims=True)) & np.isinf(out))
    return out


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
