"""The fit of `combine`, of many spectra at once, where only what their signals share moves.

Own shifts and widths are settled (in a grid they are those of its mean), so that a spectrum has five non-linear
parameters: φ0, φ1, Δ, γ, v. Arrays have the spectra first; each takes its own steps, and those that have arrived leave.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from perspect.mrs.band import Band
from perspect.mrs.descend import FIRST_DAMPING, MOST_STEPS, N_TRIES, WIDEST_COMMON
from perspect.mrs.equations import (
    N_COMMON,
    Priors,
    common_decays,
    common_slopes,
    noise_in,
    normal_equations,
    times,
    turned,
)  # fmt: skip
from perspect.numerics.damped import damped_step, held, next_damping
from perspect.numerics.nonnegative import nonnegative_each, solved_among
from perspect.numerics.spline import PenalisedSpline

AT_WORK: Final = 16
"""Spectra that take a step at once: their columns (a megabyte) stay in the second-level cache."""

LOST: Final = 0.3
"""ppm from which on a common width, by its Lorentzian or its Gaussian part, is followed no further on one baseline:
three times the widest that is used of an image, from where hardly a fit comes back [our default]."""

LIMITS: Final = np.array([[-np.inf, -np.inf, -np.inf, 0.0, 0.0], [np.inf, np.inf, np.inf, *WIDEST_COMMON]])
"""Between which the shared parameters stay."""


@dataclass(frozen=True, eq=False)
class Batch:
    """What does not change during the fits: spectra, signals, baseline, noise of a bin of each, as in `combine.Task`.

    `ties` are for each spectrum the products of its soft ratios, in units of an inverse amplitude squared; `share` is
    how much of each shape of the baseline a penalised fit keeps.
    """

    band: Band
    spectra: Complex[np.ndarray, "spectra bins"]
    signals: Complex[np.ndarray, "signals band"]
    spline: PenalisedSpline | None
    priors: Priors
    ties: Float[np.ndarray, "spectra signals signals"]
    sigma: Float[np.ndarray, " spectra"]
    share: Float[np.ndarray, "spectra shapes"]

    def only(self, at: Int[np.ndarray, " some"] | Bool[np.ndarray, " spectra"]) -> "Batch":
        """Some of the spectra."""
        return replace(
            self, spectra=self.spectra[at], ties=self.ties[at], sigma=self.sigma[at], share=self.share[at]
        )  # fmt: skip

    @property
    def shapes(self) -> Float[np.ndarray, "shapes bins"]:
        """The independent shapes of the baseline; none without one."""
        return np.zeros((0, self.band.ppm.size)) if self.spline is None else self.spline.shapes

    @property
    def precision(self) -> Float[np.ndarray, "spectra common"]:
        """Noise variance over prior variance of the shared parameters."""
        out: Float[np.ndarray, "spectra common"] = (self.sigma[:, None] / self.priors.common) ** 2
        return out


@dataclass(frozen=True, eq=False)
class Places:
    """Where the fits stand, as in `combine.Place`; `shaded` and `shaded_data` are columns and data in the shapes of the
    baseline, `gram` and `projection` the products once it is taken out.
    """

    theta: Float[np.ndarray, "spectra common"]
    columns: Float[np.ndarray, "spectra signals bins"]
    data: Float[np.ndarray, "spectra bins"]
    shaded: Float[np.ndarray, "spectra signals shapes"]
    shaded_data: Float[np.ndarray, "spectra shapes"]
    gram: Float[np.ndarray, "spectra signals signals"]
    amplitudes: Float[np.ndarray, "spectra signals"]
    cost: Float[np.ndarray, " spectra"]

    def only(self, at: Int[np.ndarray, " some"] | Bool[np.ndarray, " spectra"]) -> "Places":
        """Some of them."""
        return Places(**{name: value[at] for name, value in vars(self).items()})

    def copied(self) -> "Places":
        """The same in arrays of their own."""
        return Places(**{name: value.copy() for name, value in vars(self).items()})

    def put(self, at: Int[np.ndarray, " some"], others: "Places") -> None:
        """Writes others at some places: only into what was `copied` before."""
        for name, value in vars(others).items():
            vars(self)[name][at] = value

    @property
    def left(self) -> Float[np.ndarray, "spectra bins"]:
        """Data that the signals do not explain."""
        out: Float[np.ndarray, "spectra bins"] = self.data - times(self.columns.mT, self.amplitudes)
        return out


def stand(
    batch: Batch, theta: Float[np.ndarray, "spectra common"], warm: Bool[np.ndarray, "spectra signals"]
) -> Places:
    """The best amplitudes and baselines at these parameters."""
    signals = decayed(batch.band, theta, batch.priors, batch.signals)
    columns = batch.band.spectrum(signals).real.astype(np.float64)
    data = turned(batch.band, theta, batch.spectra).real
    shapes = batch.shapes.T
    return weighed(batch, theta, columns, data, columns @ shapes, data @ shapes, warm)


def decayed(
    band: Band, theta: Float[np.ndarray, "spectra common"], priors: Priors, signals: Complex[np.ndarray, "signals band"]
) -> Complex[np.ndarray, "spectra signals band"]:
    """Signals with the shifts and widths that all have in common."""
    narrow, broad = common_decays(band, theta)
    out: Complex[np.ndarray, "spectra signals band"] = (
        np.where(priors.broad[:, None], broad[:, None], narrow[:, None]) * signals
    )
    return out


def weighed(
    batch: Batch,
    theta: Float[np.ndarray, "spectra common"],
    columns: Float[np.ndarray, "spectra signals bins"],
    data: Float[np.ndarray, "spectra bins"],
    shaded: Float[np.ndarray, "spectra signals shapes"],
    shaded_data: Float[np.ndarray, "spectra shapes"],
    warm: Bool[np.ndarray, "spectra signals"],
) -> Places:
    """Amplitudes and cost of columns that are known."""
    ties = batch.sigma[:, None, None] ** 2 * batch.ties
    normal = normal_equations(columns, data, shaded, shaded_data, batch.share, ties)
    a = nonnegative_each(normal.gram, normal.projection, batch.priors.free, warm)
    cost = normal.cost(a, batch.precision, theta)
    return Places(theta, columns, data, shaded, shaded_data, normal.gram, a, cost)


def again(batch: Batch, places: Places) -> Places:
    """The same places with another baseline, other ties or another noise."""
    p = places
    return weighed(batch, p.theta, p.columns, p.data, p.shaded, p.shaded_data, p.amplitudes > 0)


def noise(batch: Batch, places: Places, least: Float[np.ndarray, " spectra"]) -> Float[np.ndarray, " spectra"]:
    """The spread of what is left (`combine.baseline_and_noise`), not below what is known to be noise."""
    shapes = batch.shapes
    left = places.left
    rest = left - (batch.share * (left @ shapes.T)) @ shapes
    return noise_in(rest, places.amplitudes, batch.share.sum(axis=1), least)


@dataclass(frozen=True, eq=False)
class _Grounds:
    """Half the gradients of the costs and their Gauss-Newton curvatures; what is `held` would like to pass a limit."""

    held: Bool[np.ndarray, "spectra common"]
    gradient: Float[np.ndarray, "spectra common"]
    curvature: Float[np.ndarray, "spectra common common"]

    def steps(
        self, theta: Float[np.ndarray, "spectra common"], damping: Float[np.ndarray, " spectra"]
    ) -> tuple[Float[np.ndarray, "spectra common"], Float[np.ndarray, " spectra"]]:
        """Moves within the limits, and by how much they should lower the costs (`damped_step`)."""
        return damped_step(self.gradient, self.curvature, damping, ~self.held, LIMITS[0] - theta, LIMITS[1] - theta)


def _grounds(batch: Batch, places: Places) -> _Grounds:
    """Gradients and curvatures, amplitudes and baselines following along (`descend._ground`)."""
    j = _slopes(batch, places)
    root = np.sqrt(batch.share)[:, None]
    j_shaded = (j @ batch.shapes.T) * root
    left = places.left
    over = times(places.shaded.mT, places.amplitudes) - places.shaded_data
    used = places.amplitudes != 0
    mixed = np.where(used[:, None], j @ places.columns.mT - j_shaded @ (places.shaded * root).mT, 0.0)
    ridge = 1e-12 * np.trace(places.gram, axis1=1, axis2=2) / used.shape[1]
    system = places.gram + ridge[:, None, None] * np.eye(used.shape[1])
    curvature = j @ j.mT - j_shaded @ j_shaded.mT - mixed @ solved_among(system, mixed.mT, used)
    curvature += batch.precision[:, None] * np.eye(N_COMMON)
    gradient = -times(j, left) - times(j_shaded, root[:, 0] * over) + batch.precision * places.theta
    return _Grounds(held(places.theta, LIMITS[0], LIMITS[1], gradient), gradient, curvature)


def _slopes(batch: Batch, places: Places) -> Float[np.ndarray, "spectra common bins"]:
    """Derivatives of (model - data) at fixed amplitudes along what is shared (`combine.slopes`)."""
    band, t = batch.band, batch.band.times.astype(np.float32)
    narrow, broad = common_decays(band, places.theta)
    a, sharp = places.amplitudes.astype(np.float32), ~batch.priors.broad
    sharp_sum = ((a * sharp) @ batch.signals) * narrow
    whole = sharp_sum + ((a * ~sharp) @ batch.signals) * broad
    timed = band.spectrum(np.stack([whole * t, sharp_sum * t, sharp_sum * t**2], axis=1))
    return common_slopes(band, turned(band, places.theta, batch.spectra), timed)


@dataclass(frozen=True, eq=False)
class Descent:
    """Where the fits ended, after how many steps each, and which ended by themselves."""

    places: Places
    n_steps: Int[np.ndarray, " spectra"]
    has_converged: Bool[np.ndarray, " spectra"]


def descended(batch: Batch, begin: Places, enough: float) -> Descent:
    """The nearest minimum of each cost (`descend.descended`): a round is one try of those at work. Where one has
    arrived the next one begins, so that a round never has only the few that take long.
    """
    places, n = again(batch, begin).copied(), len(begin.cost)
    damping, n_steps, n_tries, n_rounds = np.full(n, FIRST_DAMPING), *np.zeros((3, n), int)
    is_open = np.ones(n, bool)
    while (at := np.flatnonzero(is_open & (n_rounds < MOST_STEPS))[:AT_WORK]).size:
        n_rounds[at] += 1
        here = places.only(at)
        moves, promise = _grounds(batch.only(at), here).steps(here.theta, damping[at])
        has_hope = promise >= enough * here.cost
        is_open[at[~has_hope]] = False
        if not has_hope.all():
            at, here, moves, promise = at[has_hope], here.only(has_hope), moves[has_hope], promise[has_hope]
        if not at.size:
            continue
        tried = stand(batch.only(at), np.clip(here.theta + moves, *LIMITS), here.amplitudes > 0)
        gain = here.cost - tried.cost
        better = gain > 0
        places.put(at[better], tried if better.all() else tried.only(better))
        damping[at] = next_damping(damping[at], gain, promise)
        n_steps[at] += better
        n_tries[at] = np.where(better, 0, n_tries[at] + 1)
        is_open[at[(better & (gain < enough * tried.cost)) | (n_tries[at] >= N_TRIES) | _lost(batch.band, tried)]] = (
            False
        )
    return Descent(places, n_steps, ~is_open)


def _lost(band: Band, places: Places) -> Bool[np.ndarray, " spectra"]:
    """Where lines have become so wide that there are none."""
    widest = np.pi * LOST * band.frequency * 1e-6
    return np.asarray((places.theta[:, 3] > widest) | (4 * np.log(2) * places.theta[:, 4] > widest**2))
