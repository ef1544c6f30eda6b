"""The way down: Levenberg-Marquardt on the non-linear parameters, amplitudes and baseline following along (Kaufman)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.mrs.combine import Place, Task, again, slopes, stand
from perspect.mrs.equations import N_COMMON
from perspect.numerics.damped import damped_step, held, next_damping
from perspect.numerics.nonnegative import solved

MOST_STEPS: Final = 40
"""After so many steps the fit has not converged."""

ENOUGH: Final = 1e-4
"""A step that lowers the cost, or promises to, by a smaller share of it ends the fit: with some 400 bins a twentieth of
what one parameter gains by chance [our default]."""

ROUGHLY: Final = 5e-3
"""The same for a fit that is only a place to begin another [our default]."""

N_TRIES: Final = 8
"""Of shorter and shorter steps from one place."""

FIRST_DAMPING: Final = 1e-2
"""Of the steps, relative to the curvature along each parameter."""

BROADEST: Final = 100.0
"""Hz to which the common shape of lines may widen, by its Lorentzian and by its Gaussian part: beyond it there is no
line, and times before the start would make it grow without bound [our default]."""

WIDEST_COMMON: Final = (np.pi * BROADEST, (np.pi * BROADEST) ** 2 / (4 * np.log(2)))
"""The same as γ in 1/s and v in 1/s²."""


@dataclass(frozen=True, eq=False)
class _Ground:
    """The cost around a place: half its gradient and its Gauss-Newton curvature for the parameters that have a slope.

    Those that are `held` stand at a limit that they would like to pass.
    """

    moving: Int[np.ndarray, " moving"]
    held: Bool[np.ndarray, " moving"]
    gradient: Float[np.ndarray, " moving"]
    curvature: Float[np.ndarray, "moving moving"]

    def step(
        self, theta: Float[np.ndarray, " parameters"], damping: float, limits: Float[np.ndarray, "2 parameters"]
    ) -> tuple[Float[np.ndarray, " parameters"], float]:
        """A move of all parameters within limits, and by how much it should lower the cost.

        What belongs to a signal at zero has no slope: its prior alone draws it to zero.
        """
        low, high = (limits - theta)[:, self.moving]
        found, promise = damped_step(self.gradient, self.curvature, np.array(damping), ~self.held, low, high)
        move = np.clip(-theta, *(limits - theta))
        move[self.moving] = found
        return move, float(promise)


def descended(
    task: Task,
    begin: Place,
    shadow: Float[np.ndarray, "splines bins"],
    most: int = MOST_STEPS,
    enough: float = ENOUGH,
) -> tuple[Place, int, bool]:
    """The nearest minimum of the cost, how many steps led there, and whether they ended by themselves."""
    place, damping = again(task, begin, shadow), FIRST_DAMPING
    for step in range(most):
        ground = _ground(task, place, shadow)
        gain, tried = 0.0, place
        for _ in range(N_TRIES):
            move, promise = ground.step(place.theta, damping, limits(task, place.theta))
            if promise < enough * place.cost:
                return place, step, True
            tried = stand(task, _allowed(task, place.theta + move), shadow, place.amplitudes > 0)
            gain = place.cost - tried.cost
            damping = float(next_damping(np.array(damping), np.array(gain), np.array(promise)))
            if gain > 0:
                break
        if gain <= 0:
            return place, step, True
        place = tried
        if gain < enough * place.cost:
            return place, step + 1, True
    return place, most, False


def _ground(task: Task, place: Place, shadow: Float[np.ndarray, "splines bins"]) -> _Ground:
    """Gradient and curvature, amplitudes and baseline following along.

    Kaufman 1975, doi:10.1007/BF01932995
    """
    used = np.flatnonzero(place.amplitudes)
    moving = np.concatenate([np.arange(N_COMMON), N_COMMON + used, N_COMMON + task.n_signals + used])
    j = np.concatenate(slopes(task, place, used))
    rows = np.concatenate([place.columns[used], j, (place.amplitudes @ place.columns - place.data)[None]])
    product = _less(rows, shadow)
    n, m = len(used), len(j)
    product[:n, :n] += task.tied[np.ix_(used, used)]
    a, ja, jj = product[:n, :n], product[n : n + m, :n], product[n : n + m, n : n + m]
    if n:
        a[np.diag_indices(n)] += 1e-12 * np.trace(a) / n
        jj = jj - ja @ solved(a, ja.T)
    jj[np.diag_indices(m)] += task.precision[moving]
    gradient = product[n : n + m, -1] + (task.precision * place.theta)[moving]
    low, high = limits(task, place.theta)[:, moving]
    return _Ground(moving, held(place.theta[moving], low, high, gradient), gradient, jj)


def _less(rows: Float[np.ndarray, "rows bins"], shadow: Float[np.ndarray, "shapes bins"]) -> np.ndarray:
    """Products of rows once the baseline has been taken out of them."""
    shaded = rows @ shadow.T
    out: np.ndarray = rows @ rows.T - shaded @ shaded.T
    return out


def limits(task: Task, theta: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, "2 parameters"]:
    """Between which parameters stay: common widths above zero and no hill, no line sharper than the basis has it, no
    broad signal much narrower than its template, nothing far from what is known of it.
    """
    out = np.empty((2, theta.size))
    out[0, :N_COMMON], out[1, :N_COMMON] = -np.inf, np.inf
    out[0, 3:N_COMMON] = 0.0
    out[1, 3:N_COMMON] = WIDEST_COMMON
    out[:, N_COMMON:] = task.far
    widths = out[0, N_COMMON + task.n_signals :]
    np.maximum(widths, np.where(task.priors.broad, widths, -theta[3]), out=widths)
    return out


def _allowed(task: Task, theta: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " parameters"]:
    out = theta.copy()
    out[3:N_COMMON] = np.maximum(out[3:N_COMMON], 0.0)
    low, high = limits(task, out)
    clipped: Float[np.ndarray, " parameters"] = np.clip(out, low, high)
    return clipped
