"""The errors of a fit checked by samples of its posterior density: what a bound of Cramér and Rao cannot show.

The bound is the curvature at the best fit. It is right where the model is linear over the error; beside a wall (an
amount that cannot be negative) and where shapes trade with amounts, the density is not normal. Samples follow the
density as it is: moves keep its normal approximation with walls exactly, and each is accepted or not by the true
density (surrogate transitions: Liu 2001, doi:10.1007/978-0-387-76371-2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.mrs.amounts import DETECTED, weights
from perspect.mrs.combine import Task, shadow_of, stand
from perspect.mrs.decompose import Decomposition
from perspect.mrs.descend import limits
from perspect.mrs.profile import SUMS, members
from perspect.mrs.scale import Scale
from perspect.numerics.truncated import Truncated
from perspect.vocabulary import Amount, Status, Step

MOTIONS: Final = (1.2, 0.8, 0.5, 0.3, 0.15)
"""Times of the motion between two samples in rad that are tried: π/2 would forget the last one, and be accepted less
often."""

PILOT, WANTED = 60, 0.35
"""Moves by which a time is judged, and the share of them that must be accepted [our default]."""

SETTLING: Final = 0.15
"""Share of the samples at the beginning that are thrown away."""

LEAST_ACCEPTED: Final = 0.1
"""Share of accepted moves below which the samples are not believed [our default]."""

FEWEST_EFFECTIVE: Final = 25.0
"""Independent samples that a limit needs at least [our default]."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Amplitudes in the order of the fit's signals, one row a sample; the share of moves that were accepted."""

    values: Float[np.ndarray, "samples signals"]
    accepted: float


def sampled(found: Decomposition, n: int, seed: int = 0) -> Samples:
    """So many samples of the posterior density of the amplitudes, everything else sampled with them."""
    rng = np.random.default_rng(seed)
    like = _normal(found)
    x = np.concatenate([found.amplitudes, found.solution.place.theta])
    for motion in MOTIONS:
        chain, share = _chain(found, like, x, motion, PILOT, rng)
        if share >= WANTED:
            break
    chain, share = _chain(found, like, chain[-1], motion, n, rng)
    return Samples(chain[int(SETTLING * n) :, : len(found.names)], share)


def _chain(
    found: Decomposition, like: Truncated, x: Float[np.ndarray, " all"], motion: float, n: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "samples all"], float]:
    """So many moves from a place, and how many of them were accepted."""
    shadow = shadow_of(found.task, found.solution.dimensions)

    def misplaced(y: Float[np.ndarray, " all"]) -> float:
        return energy(found.task, y, shadow, found.solution.noise) - like.energy(y)

    here, kept, n_accepted = misplaced(x), np.empty((n, x.size)), 0
    for k in range(n):
        tried = like.moved(x, motion, rng)
        there = misplaced(tried)
        if rng.random() < np.exp(min(here - there, 0.0)):
            x, here, n_accepted = tried, there, n_accepted + 1
        kept[k] = x
    return kept, n_accepted / n


def energy(task: Task, x: Float[np.ndarray, " all"], shadow: Float[np.ndarray, "splines bins"], noise: float) -> float:
    """Minus the logarithm of the posterior density at amplitudes and parameters; the baseline is taken out.

    Infinite beyond the limits of the fit, so that the density is the one whose best place the fit is.
    """
    a, theta = x[: task.n_signals], x[task.n_signals :]
    low, high = limits(task, theta)
    if (theta < low).any() or (theta > high).any():
        return np.inf
    place = stand(task, theta, shadow, None)
    rest = a @ place.columns - place.data
    shaded = shadow @ rest
    misfit = float(rest @ rest - shaded @ shaded) / noise**2
    return (misfit + float(a @ task.tied @ a + np.sum(task.precision * theta**2)) / task.sigma**2) / 2


STEPS: Final = (0.005, 0.005, 0.02, 0.05, 1.0)
"""Of the common parameters (rad, rad/ppm, Hz, 1/s, 1/s²) in differences that stand for slopes; those of each signal's
own shift and width are the third and fourth."""


def _normal(found: Decomposition) -> Truncated:
    """The normal density with the value, slope and curvature of the posterior at the fit, and its walls."""
    task, solution = found.task, found.solution
    place, n, noise = solution.place, task.n_signals, solution.noise
    shadow = shadow_of(task, solution.dimensions)
    rows = np.concatenate([place.columns, _slopes(found, shadow)])
    rest = place.amplitudes @ place.columns - place.data
    shaded, shaded_rest = rows @ shadow.T, shadow @ rest
    precision = (rows @ rows.T - shaded @ shaded.T) / noise**2
    gradient = (rows @ rest - shaded @ shaded_rest) / noise**2
    precision[:n, :n] += task.tied / task.sigma**2
    gradient[:n] += task.tied @ place.amplitudes / task.sigma**2
    precision[np.diag_indices_from(precision)] += np.concatenate([np.zeros(n), task.precision / task.sigma**2])
    gradient[n:] += task.precision * place.theta / task.sigma**2
    walled = np.concatenate([~task.priors.free, np.zeros(place.theta.size, bool)])
    walled[n + 3 : n + 5] = True
    return Truncated(np.concatenate([place.amplitudes, place.theta]), precision, gradient, walled)


def _slopes(found: Decomposition, shadow: Float[np.ndarray, "splines bins"]) -> Float[np.ndarray, "parameters bins"]:
    """Derivatives of (model - data) along every parameter at fixed amplitudes, as differences: the analytic ones that
    the bound rests on are not used to check it.
    """
    task, place = found.task, found.solution.place
    n = task.n_signals
    steps = np.concatenate([STEPS, np.full(n, STEPS[2]), np.full(n, STEPS[3])])
    out = np.empty((steps.size, place.data.size))
    for k, step in enumerate(steps):
        beside = []
        for side in (step, -step):
            theta = place.theta.copy()
            theta[k] += side
            there = stand(task, theta, shadow, place.amplitudes > 0)
            beside.append(place.amplitudes @ there.columns - there.data)
        out[k] = (beside[0] - beside[1]) / (2 * step)
    return out


def effective(values: Float[np.ndarray, " samples"]) -> float:
    """How many independent samples a chain is worth (initial positive sequence: Geyer 1992,
    doi:10.1214/ss/1177011137).
    """
    n = values.size
    centred = values - values.mean()
    power = np.abs(np.fft.fft(centred, 2 * n)) ** 2
    memory = np.fft.ifft(power).real[:n]
    if memory[0] <= 0:
        return float(n)
    memory = memory / memory[0]
    pairs = memory[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    stop = int(np.argmax(pairs < 0)) if (pairs < 0).any() else pairs.size
    return float(n / max(2 * pairs[:stop].sum() - 1, 1.0))


def checked(found: Decomposition, samples: Samples, scale: Scale) -> dict[str, Amount]:
    """Every amount from the samples: median, standard deviation, and one-sided 95 % limits as they are.

    What too few independent samples say is not determined.
    """
    out: dict[str, Amount] = {}
    sums: Mapping[str, tuple[str, ...]] = {**{one: (one,) for one in found.names}, **dict(SUMS)}
    factor = np.full(len(samples.values), scale.factor)
    if scale.below:
        below = samples.values @ np.array([float(one in members(scale.below)) for one in found.names])
        factor = 1 / np.where(below > 0, below, np.nan)
    for key, parts in sums.items():
        there = tuple(one for one in parts if one in found.names)
        if there:
            w = np.array([float(one in there) for one in found.names]) if len(there) > 1 else weights(found, there)
            out[key] = _amount(key, there, samples.values @ w * factor, samples.accepted, scale)
    return out


def _amount(
    key: str, parts: tuple[str, ...], values: Float[np.ndarray, " samples"], accepted: float, scale: Scale
) -> Amount:
    low, middle, high = (float(one) for one in np.quantile(values, [0.05, 0.5, 0.95]))
    if not np.isfinite(values).all() or accepted < LEAST_ACCEPTED or effective(values) < FEWEST_EFFECTIVE:
        nan = float("nan")
        return Amount(key, nan, nan, nan, nan, scale.unit, Status.NOT_DETERMINED, False, parts)
    std = float(values.std())
    return Amount(key, middle, std, low, high, scale.unit, Status.OK, bool(middle > DETECTED * std), parts)


def step_of_samples(samples: Samples, n: int) -> Step:
    """The check in a sentence."""
    sentence = (
        f"Standard errors were checked by {n} samples of the posterior density by Hamiltonian moves between walls "
        f"({samples.accepted:.0%} accepted)."
    )
    return Step(
        "samples", sentence, {"accepted": samples.accepted},
        ("Pakman and Paninski 2014, doi:10.1080/10618600.2013.788448",),
    )  # fmt: skip
