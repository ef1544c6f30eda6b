"""Agent that leaves the vessels: K1, K2, kep of every voxel, and what they take out of the blood volume.

A voxel's curve is K1 times the reference minus K2 times its (decaying) integral; only the second term is taken out.
K2 > 0 where leaked agent raises the signal (T1), K2 < 0 where it lowers it (T2*).
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.dsc.integrate import linear_maps, trapezoid_weights
from perspect.dsc.reference import design
from perspect.dsc.saturation import SURE, Saturation, saturation
from perspect.dsc.signal import Relaxation
from perspect.dsc.t1_effect import T1Effect
from perspect.fit import Fit, fit, weights
from perspect.models import BidirectionalLeakage, Leakage
from perspect.numerics.convolve import exponential_convolution
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Status, lexicon

TOGETHER: Final = 2048
"""Voxels in a chunk whose noise is held at once."""

HALF: Final = 0.5
"""Belief beyond which the second of two models is taken."""

TYPICAL_RETURN: Final = 0.01
"""kep in 1/s where no voxel tells one: the middle of what is found in high-grade glioma [our default]."""

WORST_VARIATION: Final = 1.0
"""Standard error over |K2| beyond which leakage cannot be told from none and nothing is corrected."""


@dataclass(frozen=True, eq=False)
class Correction:
    """Leakage of every voxel: K1, K2 (1/s), kep (1/s) with standard errors, and the corrected area.

    `area` is the integral over the window of the corrected curve (dimensionless: 1/s times s). `kep` is NaN where the
    one-way model is the better one. `saturation` holds the voxels that were fitted by the signal equation; K2 there is
    that of the first agent to leak. `status` is NOT_CORRECTED where the K2 of the linear models cannot be told from
    zero: there `area` is the uncorrected one, with the standard error of the corrected. `plain_std` is what noise alone
    does to an uncorrected area.
    """

    k1: Float[np.ndarray, " voxels"]
    k1_std: Float[np.ndarray, " voxels"]
    k2: Float[np.ndarray, " voxels"]
    k2_std: Float[np.ndarray, " voxels"]
    kep: Float[np.ndarray, " voxels"]
    kep_std: Float[np.ndarray, " voxels"]
    area: Float[np.ndarray, " voxels"]
    area_std: Float[np.ndarray, " voxels"]
    plain_std: Float[np.ndarray, " voxels"]
    status: Int[np.ndarray, " voxels"]
    is_corrected: Bool[np.ndarray, " voxels"]
    is_bidirectional: Bool[np.ndarray, " voxels"]
    table: "Washout | None"
    saturation: Saturation | None = None


def one_way(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    curve: Float[np.ndarray, " time"],
    window: slice,
    kep: float = 0.0,
) -> tuple[Float[np.ndarray, "4 voxels"], Float[np.ndarray, "4 voxels"]]:
    """K1, K2, the area and the corrected area of every voxel, and their standard errors.

    All four are linear in the curve, so they are one product with a matrix of four columns. With a `kep` (1/s) that is
    known, leaked agent returns at that rate.

    Boxerman, Schmainda & Weisskoff 2006, AJNR 27:859
    """
    frames = slice(relaxation.rest.stop, times.size)
    columns = design(times, curve, frames, kep)
    k = np.linalg.pinv(columns).T
    area = trapezoid_weights(times, window)
    # Atom 2 is minus the integral of the reference: what is added back is K2 times that integral.
    leaked = -float(area @ columns[:, 1])
    weights = np.stack([k[:, 0], k[:, 1], area, area + leaked * k[:, 1]], axis=1)
    return linear_maps(relaxation, weights)


@dataclass(frozen=True, eq=False)
class Washout:
    """Tables over kep: the integral of the reference with return of leaked agent, its derivative, and its window
    area.
    """

    kep: Float[np.ndarray, " nodes"]
    leaked: Float[np.ndarray, "nodes time"]
    slope: Float[np.ndarray, "nodes time"]

    def between(self, kep: Float[np.ndarray, " voxels"]) -> tuple[Int[np.ndarray, " voxels"], np.ndarray]:
        """The node below each kep, and which share of the way to the next it is."""
        width = self.kep[1] - self.kep[0]
        left = np.clip((kep / width).astype(np.int64), 0, self.kep.size - 2)
        return left, (kep - self.kep[left]) / width

    def integral(
        self, kep: Float[np.ndarray, " voxels"], weights: Float[np.ndarray, " time"]
    ) -> Float[np.ndarray, " voxels"]:
        """The weighted sum of the first curve over time, at any kep."""
        summed = Washout(self.kep, (self.leaked @ weights)[:, None], (self.slope @ weights)[:, None])
        return summed.at(kep)[0][:, 0]

    def at(
        self, kep: Float[np.ndarray, " voxels"]
    ) -> tuple[Float[np.ndarray, "voxels time"], Float[np.ndarray, "voxels time"]]:
        """Both curves at any kep, by cubic Hermite interpolation (value) and straight lines (derivative)."""
        left, share = self.between(kep)
        width, u = self.kep[1] - self.kep[0], share[:, None]
        here, there = self.leaked[left], self.leaked[left + 1]
        d0, d1 = self.slope[left] * width, self.slope[left + 1] * width
        value = here + u * (d0 + u * (3 * (there - here) - 2 * d0 - d1 + u * (2 * (here - there) + d0 + d1)))
        return value, self.slope[left] * (1 - u) + self.slope[left + 1] * u


def washout(
    times: Float[np.ndarray, " time"], curve: Float[np.ndarray, " time"], frames: slice, n_nodes: int = 129
) -> Washout:
    """The tables of a reference curve, on equal steps of kep over its bounds."""
    kep = np.linspace(lexicon.KEP_LEAKAGE.low, lexicon.KEP_LEAKAGE.high, n_nodes)
    leaked = np.zeros((n_nodes, times.size))
    leaked[:, frames] = exponential_convolution(times[frames], curve[frames], kep)
    slope: Float[np.ndarray, "nodes time"] = np.asarray(np.gradient(leaked, kep, axis=0, edge_order=2))
    return Washout(kep, leaked, slope)


def bidirectional(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    curve: Float[np.ndarray, " time"],
    window: slice,
    voxels: Int[np.ndarray, " some"],
    table: Washout,
) -> tuple[Float[np.ndarray, "4 some"], Float[np.ndarray, "4 some"], Fit]:
    """K1, K2, kep and corrected area of some voxels with standard errors, and the fit they are from; `table` is that
    of `curve`.

    All are NaN where kep is left open.

    Leu et al. 2016, doi:10.3174/ajnr.A4759
    """
    frames = slice(relaxation.rest.stop, times.size)
    found = fit(BidirectionalLeakage(t=times[frames], reference=curve[frames]), relaxation.curves[voxels][:, frames])
    k1, k2, kep = (found.values[one.key] for one in (lexicon.K1, lexicon.K2, lexicon.KEP_LEAKAGE))
    weights = trapezoid_weights(times, window)
    values, spread = np.full((4, voxels.size), np.nan), np.full((4, voxels.size), np.nan)
    # Where kep is left open the return cannot be seen, and there is nothing to add to the one-way model.
    seen = np.flatnonzero(np.isfinite(kep))
    node, _ = table.between(kep[seen])
    values[:3, seen] = k1[seen], k2[seen], kep[seen]
    values[3, seen] = k2[seen] * table.integral(kep[seen], weights)
    # Where kep is not free (on its bound, or without leakage) it is no source of error.
    is_free = np.isfinite(found.std[lexicon.KEP_LEAKAGE.key][seen])
    is_free &= (kep[seen] > table.kep[0]) & (kep[seen] < table.kep[-1])
    tables = [sensitivity(table, curve, weights, frames, is_free=one) for one in (False, True)]
    noise_at_rest = relaxation.noise**2 / relaxation.rest.n_frames

    def work(piece: tuple[bool, int, Int[np.ndarray, " some"]]) -> None:
        free, left, which = piece
        here = seen[which]
        variance = np.nan_to_num(relaxation.variance(voxels[here]), nan=0.0)
        around = tables[free][left : left + 2]
        squared = np.square(around).reshape(-1, times.size)
        both = squared @ variance.T + np.square(around.sum(axis=-1)).reshape(-1, 1) * noise_at_rest[voxels[here]]
        low, high = both.reshape(2, 4, -1)
        spread[:, here] = low + table.between(kep[here])[1] * (high - low)
        values[3, here] += relaxation.curves[voxels[here]] @ weights

    each(work, _alike(node, is_free))
    # The sensitivity of kep is that of the product K2 kep.
    with np.errstate(divide="ignore", invalid="ignore"):
        spread[2] /= k2**2
    spread[2, seen[~is_free]] = np.nan
    return values, np.sqrt(spread), found


def sensitivity(
    table: Washout,
    curve: Float[np.ndarray, " time"],
    weights: Float[np.ndarray, " time"],
    frames: slice,
    *,
    is_free: bool,
) -> Float[np.ndarray, "nodes 4 time"]:
    """By how much K1, K2, K2 times kep and the corrected area change with every sample of a curve, for every kep of the
    table.

    Least squares with the columns that the two-way model has there; that of kep only where it `is_free`. K2 scales only
    the last column, so it changes none of these.
    """
    jacobian = np.zeros((table.kep.size, 3 if is_free else 2, weights.size))
    jacobian[:, 0, frames] = curve[frames]
    jacobian[:, 1] = -table.leaked
    if is_free:
        jacobian[:, 2] = -table.slope
    inverse = np.linalg.pinv(jacobian).transpose(0, 2, 1)
    out = np.zeros((table.kep.size, 4, weights.size))
    out[:, : inverse.shape[1]] = inverse
    # The corrected area is that of the curve less the leakage term, which is linear in what was found.
    out[:, 3] = weights - np.einsum("npt,nps->ns", (jacobian @ weights)[:, 1:, None], inverse[:, 1:])
    return out


def _alike(
    node: Int[np.ndarray, " some"], is_free: Bool[np.ndarray, " some"]
) -> list[tuple[bool, int, Int[np.ndarray, " few"]]]:
    """Voxels that share two nodes of the table and whether kep is free, in pieces of at most `TOGETHER`."""
    order = np.lexsort((node, is_free))
    edges = np.flatnonzero(np.diff(node[order]) | np.diff(is_free[order].astype(np.int64))) + 1
    groups = [one for one in np.split(order, edges) if one.size]
    return [
        (bool(is_free[one[0]]), int(node[one[0]]), one[span]) for one in groups for span in spans(one.size, TOGETHER)
    ]


def correct(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    curve: Float[np.ndarray, " time"],
    window: slice,
    method: Literal["auto", "bsw", "leu"],
    saturating: T1Effect | None = None,
    field: float | None = None,
) -> Correction:
    """Leakage of every voxel against the reference `curve`, by the one-way or the two-way model, or the better by
    AICc; where leaked agent surely raises the signal and `saturating` says how, by the signal equation.
    """
    one, one_std = one_way(relaxation, times, curve, window)
    plain, plain_std = one[2], one_std[2]
    nothing = np.full(plain.size, np.nan)
    answer = _Answer(np.stack([*one[:2], nothing, one[3]]), np.stack([*one_std[:2], nothing, one_std[3]]))
    table = washout(times, curve, slice(relaxation.rest.stop, times.size))
    both_ways = np.zeros(plain.size, bool)
    if method != "bsw":
        both_ways[_return(answer, relaxation, times, curve, window, table, is_sure=method == "leu")] = True
    told = answer.std[1] < WORST_VARIATION * np.abs(answer.values[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        certainty = answer.values[1] / answer.std[1]
    kept = None
    if saturating is not None:
        leaky = np.flatnonzero(relaxation.is_usable & (certainty > SURE))
        kept = saturation(relaxation, times, curve, window, leaky, saturating, field)
        both_ways[kept.voxels] = False
        doubt = _doubt(certainty[kept.voxels]) * (answer.values[3, kept.voxels] - kept.values[3]) ** 2
        answer.values[:, kept.voxels], answer.std[:, kept.voxels] = kept.values, kept.std
        answer.std[3, kept.voxels] = np.sqrt(answer.std[3, kept.voxels] ** 2 + doubt)
    status = np.where(told, relaxation.status, np.maximum(relaxation.status, Status.NOT_CORRECTED)).astype(np.int16)
    (k1, k2, kep, corrected), (k1_std, k2_std, kep_std, corrected_std) = answer.values, answer.std
    area = np.where(told, corrected, plain)
    # Whether there is leakage at all is a choice too; the likelihood ratio of K2 = 0 says how sure it is.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        belief = 1 / (1 + np.exp(1 - 0.5 * certainty**2))
    spread = belief * (corrected - area) ** 2 + (1 - belief) * (plain - area) ** 2
    area_std = np.sqrt(corrected_std**2 + spread)
    return Correction(
        k1, k1_std, k2, k2_std, kep, kep_std, area, area_std, plain_std, status, told, both_ways, table, kept
    )


@dataclass(frozen=True, eq=False)
class _Answer:
    """K1, K2, kep and corrected area of every voxel with standard errors, while one model after another is tried."""

    values: Float[np.ndarray, "4 voxels"]
    std: Float[np.ndarray, "4 voxels"]


def _return(
    answer: _Answer,
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    curve: Float[np.ndarray, " time"],
    window: slice,
    table: Washout,
    *,
    is_sure: bool,
) -> Int[np.ndarray, " chosen"]:
    """Puts the two-way model into the answer where it is the likelier one (everywhere if that `is_sure`), and says
    where.
    """
    usable = np.flatnonzero(relaxation.is_usable)
    frames = slice(relaxation.rest.stop, times.size)
    two, two_std, two_fit = bidirectional(relaxation, times, curve, window, usable, table)
    one_fit = fit(Leakage(t=times[frames], reference=curve[frames]), relaxation.curves[usable][:, frames])
    # Where kep is left open the one-way model is taken; that the return could not be seen is part of its error.
    is_open = ~np.isfinite(two).all(axis=0)
    at_typical, at_typical_std = one_way(relaxation, times, curve, window, typical_return(two[2]))
    same = [0, 1, 3]
    two[np.ix_(same, is_open)] = at_typical[np.ix_(same, usable[is_open])]
    two_std[np.ix_(same, is_open)] = at_typical_std[np.ix_(same, usable[is_open])]
    share = np.nan_to_num(weights([one_fit, two_fit])[1], nan=0.0)
    share[is_open] = np.minimum(share[is_open], HALF)
    if is_sure:
        share[~is_open] = 1.0
    for row in same:
        value, error = either(answer.values[row, usable], two[row], answer.std[row, usable], two_std[row], share)
        answer.values[row, usable], answer.std[row, usable] = value, error
    chosen = share > HALF
    answer.values[2, usable[chosen]], answer.std[2, usable[chosen]] = two[2, chosen], two_std[2, chosen]
    out: Int[np.ndarray, " chosen"] = usable[chosen]
    return out


def _doubt(certainty: Float[np.ndarray, " voxels"]) -> Float[np.ndarray, " voxels"]:
    """How far it is open which side of `SURE` a voxel belongs to: a quarter on the edge, none well beyond."""
    belief = 1 / (1 + np.exp(np.clip(0.5 * (SURE**2 - certainty**2), -50.0, 50.0)))
    out: Float[np.ndarray, " voxels"] = belief * (1 - belief)
    return out


def typical_return(kep: Float[np.ndarray, " voxels"]) -> float:
    """The median rate at which agent returns where that can be seen, in 1/s."""
    known = kep[np.isfinite(kep)]
    return float(np.median(known)) if known.size >= 10 else TYPICAL_RETURN


def either(
    one: Float[np.ndarray, " voxels"],
    two: Float[np.ndarray, " voxels"],
    one_std: Float[np.ndarray, " voxels"],
    two_std: Float[np.ndarray, " voxels"],
    share: Float[np.ndarray, " voxels"],
) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]]:
    """The value of the likelier of two models, and its error with that of the choice: `share` is the belief in the
    second.

    Burnham & Anderson 2004, doi:10.1177/0049124104268644 (unconditional variance)
    """
    chosen = np.where(share > HALF, two, one)
    variance = (1 - share) * (one_std**2 + (one - chosen) ** 2)
    variance += np.where(share > 0, share * (two_std**2 + (two - chosen) ** 2), 0.0)
    return chosen, np.sqrt(variance)


def uncorrected(relaxation: Relaxation, times: Float[np.ndarray, " time"], window: slice) -> Correction:
    """The plain area of every voxel, where no correction is wanted; K1, K2 and kep are NaN."""
    (area,), (std,) = linear_maps(relaxation, trapezoid_weights(times, window)[:, None])
    nothing = np.full(area.size, np.nan)
    k = (nothing,) * 6
    return Correction(*k, area, std, std, relaxation.status, *(np.zeros(area.size, bool),) * 2, None)


def corrected_curves(
    relaxation: Relaxation, correction: Correction, voxels: slice | Int[np.ndarray, " some"]
) -> Float[np.ndarray, "some time"]:
    """ΔR2* of some voxels without the leakage term, in 1/s; unchanged where leakage cannot be told from none."""
    table = correction.table
    if table is None:
        return relaxation.curves[voxels]
    k2 = np.where(correction.is_corrected[voxels], correction.k2[voxels], 0.0).astype(np.float32)
    out: Float[np.ndarray, "some time"] = relaxation.curves[voxels] + k2[:, None] * table.leaked[0].astype(np.float32)
    returns = np.flatnonzero(correction.is_bidirectional[voxels] & (k2 != 0))
    if returns.size:
        leaked = table.at(correction.kep[voxels][returns])[0] - table.leaked[0]
        out[returns] += k2[returns, None] * leaked.astype(np.float32)
    if correction.saturation is not None:
        chosen = np.arange(relaxation.curves.shape[0])[voxels]
        _, here, rows = np.intersect1d(chosen, correction.saturation.voxels, assume_unique=True, return_indices=True)
        out[here] = correction.saturation.corrected(relaxation, rows)
    return out
