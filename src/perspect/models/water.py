"""Water that does not mix: the extended Tofts model in the signal, with exchange of water at finite rates."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from jaxtyping import Float

from perspect.models.base import Model
from perspect.models.tofts import DelayedExtendedTofts, ExtendedTofts
from perspect.vocabulary.lexicon import ARTERIAL_DELAY, B1, KTRANS, T1, VE, VP
from perspect.vocabulary.quantity import Quantity

PINNED: Final = 1e3
"""Weight of what is known of a voxel beside a sample of its signal: known to a thousandth of the noise of a sample."""

MIXED: Final = 1e5
"""Exchange in 1/s beyond which water is mixed between any two pulses; infinity is taken as this."""

SMALLEST: Final = 1e-4
"""Share of water below which a compartment counts as this large, so that exchange with it stays finite."""

_TINY: Final = 1e-12
_RATES: Final = np.geomspace(3e-4, 0.1, 8)
_DELAYS: Final = np.array([-1.0, 0.0, 1.0, 2.0, 4.0])


def exchanging_signal(
    rates: tuple[Float[np.ndarray, "*any"], Float[np.ndarray, "*any"], Float[np.ndarray, "*any"]],
    shares: tuple[Float[np.ndarray, "*#any"], Float[np.ndarray, "*#any"], Float[np.ndarray, "*#any"]],
    leaves: tuple[float, float],
    tr: float,
    flip_angle: float | Float[np.ndarray, "*#any"],
) -> Float[np.ndarray, "*any"]:
    r"""Steady state of a spoiled gradient echo, over its fully relaxed signal and sin α, of three pools of water.

    Blood, interstitium and cells have the `rates` R1 (1/s) and the `shares` p of all water (they sum to one); water
    `leaves` blood and cells for the interstitium at these rates (1/s), and comes back so that the shares stay. With
    $L = R + K$ made symmetric by $\sqrt p$ the magnetisation before each pulse is $f(L)$, so that

    $$S = \sqrt p^{\,T} f(L) \sqrt p, \qquad f(x) = \frac{1 - e^{-TR\,x}}{1 - \cos\alpha\, e^{-TR\,x}}$$

    As exchange moves no water in equilibrium, $K\sqrt p = 0$ and the first two moments of L are those of the rates,
    $\sum p R$ and $\sum p R^2$: with the three eigenvalues they are all that f(L) needs. Exchange changes the
    eigenvalues alone. Without it S is the mean of f(R), with much of it f of the mean of R.

    The equations of exchange: McConnell 1958, doi:10.1063/1.1744152
    """
    blood, space, cells = rates
    p_blood, p_space, p_cells = shares
    from_blood, from_cells = (min(one, MIXED) for one in leaves)
    wide = np.maximum(p_space, SMALLEST)
    diagonal = blood + from_blood, space + (from_blood * p_blood + from_cells * p_cells) / wide, cells + from_cells
    slow, middle, fast = _eigenvalues(diagonal, from_blood**2 * p_blood / wide, from_cells**2 * p_cells / wide)
    mean = p_blood * blood + p_space * space + p_cells * cells
    square = p_blood * blood**2 + p_space * space**2 + p_cells * cells**2
    cosine = np.cos(flip_angle)
    at_slow, at_middle, at_fast = (_relaxed(x, cosine, tr) for x in (slow, middle, fast))
    slope = (at_fast - at_slow) / np.maximum(fast - slow, _TINY)
    # Between the outer eigenvalues a straight line; the middle one adds by how much f bends there, and its share.
    spread = np.minimum((middle - slow) * (middle - fast), -_TINY)
    share = np.clip((square - (slow + fast) * mean + slow * fast) / spread, 0.0, 1.0)
    bend = at_middle - at_slow - slope * (middle - slow)
    return np.asarray(at_slow + slope * (mean - slow) + share * bend)


def _relaxed(
    x: Float[np.ndarray, "*any"], cosine: float | Float[np.ndarray, "*#any"], tr: float
) -> Float[np.ndarray, "*any"]:
    """F of `exchanging_signal`."""
    return np.asarray(-np.expm1(-tr * x) / (1.0 - cosine * np.exp(-tr * x)))


def signal_of_two_pools(
    rates: tuple[Float[np.ndarray, "*any"], Float[np.ndarray, "*#any"]],
    share: Float[np.ndarray, "*#any"],
    leaves: float,
    tr: float,
    flip_angle: float,
) -> Float[np.ndarray, "*any"]:
    """The same of blood, which holds `share` of all water (0 to less than 1) and which water `leaves` at this rate
    (1/s), and of all that is outside, in which water is mixed. Two eigenvalues and the first moment say all.
    """
    blood, outside = rates
    leaving = min(leaves, MIXED)
    back = leaving * share / (1.0 - share)
    middle, half = 0.5 * (blood + leaving + outside + back), 0.5 * (blood + leaving - outside - back)
    root = np.sqrt(half * half + leaving * back)
    cosine = np.cos(flip_angle)
    slow, fast = (np.exp(-tr * (middle + sign * root)) for sign in (-1.0, 1.0))
    at_slow, at_fast = ((1.0 - one) / (1.0 - cosine * one) for one in (slow, fast))
    mean = share * blood + (1.0 - share) * outside
    return np.asarray(at_slow + (at_fast - at_slow) * (mean - middle + root) / np.maximum(2.0 * root, _TINY))


def _eigenvalues(
    diagonal: tuple[np.ndarray, np.ndarray, np.ndarray], square_one: np.ndarray, square_two: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of symmetric matrices with this diagonal and these squares beside it (the corner is zero), in order.

    Smith 1961, doi:10.1145/355578.366316
    """
    a, b, c = diagonal
    centre = (a + b + c) / 3.0
    a, b, c = a - centre, b - centre, c - centre
    size = np.sqrt(np.maximum((a * a + b * b + c * c + 2.0 * (square_one + square_two)) / 6.0, _TINY))
    half = 0.5 * (a * b * c - a * square_two - c * square_one) / size**3
    angle = np.arccos(np.clip(half, -1.0, 1.0)) / 3.0
    fast, slow = centre + 2.0 * size * np.cos(angle), centre + 2.0 * size * np.cos(angle + 2.0 * np.pi / 3.0)
    return slow, 3.0 * centre - slow - fast, fast


@dataclass(frozen=True, eq=False)
class ExchangingWater(Model):
    r"""The extended Tofts model in the signal of a spoiled gradient echo whose water need not be mixed.

    $$\frac{S(t)}{S(0)} = \frac{s(R_b, R_e, R_i)}{s(R_{10}, R_{10}, R_{10})}\, e^{-TE\, r_2^* C(t)}, \qquad
    R_b = R_{10} + r_1 (1 - Hct)\, c_p,\quad R_e = R_{10} + r_1 c_e,\quad R_i = R_{10}$$

    s is `exchanging_signal` of blood, interstitium and cells, whose shares of the water are $v_b = v_p/(1 - Hct)$,
    $v_e$ and the rest; $C = v_p c_p + v_e c_e$ is that of the extended Tofts model. Before agent all have one T1. Water
    leaves blood at the rate `leaves_blood` and cells at `leaves_cells` (1/s): 0 is no exchange, infinity fast exchange,
    what lies between the shutter-speed regime.

    The samples are S(t)/S(0) at the times t (s), and behind them T1 (s) and B1 of the voxel as they were measured
    before, times `PINNED`. cp is the arterial plasma curve in mM, at the times `knots` (s; None: at t). `tr` and `te`
    in s, `flip_angle` (nominal) in rad, `r1` and `r2star` in 1/s/mM.

    McConnell 1958, doi:10.1063/1.1744152; for agent in tissue Landis et al. 1999, Magn Reson Med 42:467
    """

    t: Float[np.ndarray, " time"]
    cp: Float[np.ndarray, " knots"]
    tr: float
    flip_angle: float
    r1: float
    hct: float = 0.42
    leaves_blood: float = 3.0
    leaves_cells: float = 2.0
    te: float = 0.0
    r2star: float = 0.0
    knots: Float[np.ndarray, " knots"] | None = None

    parameters: ClassVar[tuple[Quantity, ...]] = (KTRANS, VE, VP, T1, B1)

    @property
    def tissue(self) -> ExtendedTofts:
        """Where the agent is."""
        return ExtendedTofts(self.t, self.cp, self.knots)

    def bounds(self, quantity: Quantity) -> tuple[float, float]:
        """Blood is a part of the voxel, and flip angles are off by less than half."""
        if quantity is VP:
            return 0.0, 1.0 - self.hct
        return (0.4, 1.6) if quantity is B1 else super().bounds(quantity)

    def predict(self, p: Float[np.ndarray, "*voxels parameters"]) -> Float[np.ndarray, "*voxels time"]:
        """The signal over that before agent, and what is known of the voxel."""
        ktrans, ve, vp, t1, b1 = (p[..., i, None] for i in range(5))
        theta = np.concatenate([np.where(ve > 0, ktrans / np.maximum(ve, 1e-9), 0.0), p[..., 5:]], axis=-1)
        atoms = self.tissue.atoms(theta)
        held, plasma = ktrans * atoms[..., 0, :], atoms[..., 1, :]
        in_space = held / np.maximum(ve, SMALLEST)
        rest = 1.0 / t1
        blood = vp / (1.0 - self.hct)
        cells = np.maximum(1.0 - blood - ve, 0.0)
        whole = blood + ve + cells
        still = np.broadcast_to(rest, held.shape)
        angle = self.flip_angle * b1
        signal = exchanging_signal(
            (rest + self.r1 * (1.0 - self.hct) * plasma, rest + self.r1 * in_space, still),
            (blood / whole, ve / whole, cells / whole),
            (self.leaves_blood, self.leaves_cells), self.tr, angle,
        )  # fmt: skip
        e = np.exp(-self.tr * rest)
        lost = np.exp(-self.te * self.r2star * (vp * plasma + held))
        known = PINNED * np.concatenate([t1, b1], axis=-1)
        return np.concatenate([signal * (1.0 - e * np.cos(angle)) / (1.0 - e) * lost, known], axis=-1)

    def start(self, curves: Float[np.ndarray, "voxels time"]) -> Float[np.ndarray, "*starts voxels parameters"]:
        """The best of some rates (and delays) where water is taken to be mixed."""
        known = curves[:, -2:] / PINNED
        c = self._mixed(curves[:, :-2], known[:, 0], known[:, 1])
        theta = self._searched()
        best, p = np.full(c.shape[0], np.inf), np.zeros((c.shape[0], 3 + theta.shape[1]))
        for one, atoms in zip(theta, self.tissue.atoms(theta), strict=True):
            amplitudes = np.maximum(c @ np.linalg.pinv(atoms), 0.0)
            left = ((c - amplitudes @ atoms) ** 2).sum(axis=1)
            better = left < best
            best = np.where(better, left, best)
            ktrans = amplitudes[:, 0]
            found = np.stack([ktrans, np.clip(ktrans / one[0], 0.01, 0.9), amplitudes[:, 1]], axis=-1)
            p[better] = np.concatenate([found, np.broadcast_to(one, (c.shape[0], one.size))], axis=1)[better]
        return np.concatenate([p[:, :3], known, p[:, 4:]], axis=1)

    def _searched(self) -> Float[np.ndarray, "starts nonlinear"]:
        return _RATES[:, None]

    def _mixed(self, ratio: np.ndarray, t1: np.ndarray, b1: np.ndarray) -> np.ndarray:
        """Concentrations in mM if all water were mixed; near the limit of the signal they are only large."""
        e, cosine = np.exp(-self.tr / t1)[:, None], np.cos(self.flip_angle * b1)[:, None]
        a = np.clip(ratio * (1.0 - e) / (1.0 - e * cosine), 1e-6, 0.98)
        return np.asarray((np.log1p(-a * cosine) - np.log1p(-a) + np.log(e)) / (self.tr * self.r1))


@dataclass(frozen=True, eq=False)
class DelayedExchangingWater(ExchangingWater):
    r"""Extended Tofts in the signal with exchange of water, of tissue that agent reaches later than the arterial input.

    $$C(t) = v_p\, c_p(t-T_a) + K^{trans} \int_0^{t-T_a} c_p(u)\, e^{-k_{ep}(t-T_a-u)}\, du$$

    McConnell 1958, doi:10.1063/1.1744152; for agent in tissue Landis et al. 1999, Magn Reson Med 42:467
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (*ExchangingWater.parameters, ARTERIAL_DELAY)

    @property
    def tissue(self) -> ExtendedTofts:
        """Where the agent is, some time later."""
        return DelayedExtendedTofts(self.t, self.cp, self.knots)

    def _searched(self) -> Float[np.ndarray, "starts nonlinear"]:
        return np.stack(np.meshgrid(_RATES, _DELAYS, indexing="ij"), axis=-1).reshape(-1, 2)
