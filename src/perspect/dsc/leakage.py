"""Agent that leaves the vessels: K1, K2, kep of every voxel, and what they take out of the blood volume.

A voxel's curve is K1 times the reference minus K2 times its (decaying) integral; only the second term is taken out.
K2 > 0 where leaked agent raises the signal (T1), K2 < 0 where it lowers it (T2*).
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.dsc.extraction import Extraction
from perspect.dsc.integrate import linear_maps, trapezoid_weights
from perspect.dsc.own_t1 import OwnT1
from perspect.dsc.reference import design
from perspect.dsc.saturation import SURE, Saturation, saturation
from perspect.dsc.sensitivity import sensitivity, spread
from perspect.dsc.signal import Relaxation
from perspect.dsc.t1_effect import T1Effect
from perspect.dsc.transit import beside_transit
from perspect.fit import Fit, aicc, fit, weights
from perspect.models import BidirectionalLeakage, Leakage
from perspect.numerics.convolve import exponential_convolution
from perspect.vocabulary import Status, lexicon

HALF: Final = 0.5
"""Belief beyond which the second of two models is taken."""

FAR_LIKELIER: Final = 0.9
"""Akaike weight beyond which a voxel has a transit time of its own: the odds against it, before the data, are nine to
one [our default]."""

TYPICAL_RETURN: Final = 0.01
"""kep in 1/s where no voxel tells one: the middle of what is found in high-grade glioma [our default]."""

WORST_VARIATION: Final = 1.0
"""Standard error over |K2| beyond which leakage cannot be told from none and nothing is corrected."""


@dataclass(frozen=True, eq=False)
class Correction:
    """Leakage of every voxel: K1, K2 (1/s), kep (1/s) with standard errors, and the corrected area.

    `area` is the integral over the window of the corrected curve (dimensionless: 1/s times s). `kep` is NaN where a
    one-way model is the better one; `has_own_transit` says where that is the one beside another transit time.
    `saturation` holds the voxels that were fitted by the signal equation; K2 there is that of the first agent to leak.
    `extraction` holds those whose area has what the bolus does not show of their blood.
    `status` is NOT_CORRECTED where the K2 of the linear models cannot be told from
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
    has_own_transit: Bool[np.ndarray, " voxels"]
    saturation: Saturation | None = None
    extraction: Extraction | None = None


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
    area: Float[np.ndarray, " some"],
    table: Washout,
) -> tuple[Float[np.ndarray, "4 some"], Float[np.ndarray, "4 some"], Fit]:
    """K1, K2, kep and corrected area of some voxels with standard errors, and the fit they are from; `area` is that
    before correction, `table` that of `curve`.

    All are NaN where kep is left open.

    Leu et al. 2016, doi:10.3174/ajnr.A4759
    """
    frames = slice(relaxation.rest.stop, times.size)
    found = fit(BidirectionalLeakage(t=times[frames], reference=curve[frames]), relaxation.some(voxels)[:, frames])
    k1, k2, kep = (found.values[one.key] for one in (lexicon.K1, lexicon.K2, lexicon.KEP_LEAKAGE))
    weights = trapezoid_weights(times, window)
    values, std = np.full((4, voxels.size), np.nan), np.full((4, voxels.size), np.nan)
    # Where kep is left open the return cannot be seen, and there is nothing to add to the one-way model.
    seen = np.flatnonzero(np.isfinite(kep))
    values[:3, seen] = k1[seen], k2[seen], kep[seen]
    values[3, seen] = area[seen] + k2[seen] * table.integral(kep[seen], weights)
    # Where kep is not free (on its bound, or without leakage) it is no source of error.
    is_free = np.isfinite(found.std[lexicon.KEP_LEAKAGE.key][seen])
    is_free &= (kep[seen] > table.kep[0]) & (kep[seen] < table.kep[-1])
    columns = np.zeros((table.kep.size, times.size, 3))
    columns[:, frames, 0] = curve[frames]
    columns[..., 1], columns[..., 2] = -table.leaked, -table.slope
    # K2 scales only the column of kep, so it changes none of the sensitivities; that of kep is of the product K2 kep.
    free, held = seen[is_free], seen[~is_free]
    std[:, free] = spread(
        relaxation, voxels[free], table.between(kep[free]), sensitivity(columns, weights, slice(1, None))
    )
    std[np.ix_([0, 1, 3], held)] = spread(
        relaxation, voxels[held], table.between(kep[held]), sensitivity(columns[..., :2], weights, slice(1, None))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        std[2] /= np.abs(k2)
    return values, std, found


def correct(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    curve: Float[np.ndarray, " time"],
    window: slice,
    method: Literal["auto", "bsw", "leu"],
    saturating: T1Effect | OwnT1 | None = None,
    field: float | None = None,
    *,
    is_white: bool = False,
) -> Correction:
    """Leakage of every voxel against the reference `curve`, by the one-way or the two-way model, or (`auto`) the better
    by AICc; then where leaked agent surely raises the signal and `saturating` says how, by the signal equation, and
    where the curve `is_white`, that of white matter, also beside a transit time of the voxel's own if that is far the
    likelier. (Against that of the whole brain white matter is slow itself, too faint to show it, and would be corrected
    where a lesion is not.)
    """
    one, one_std = one_way(relaxation, times, curve, window)
    plain, plain_std = one[2], one_std[2]
    nothing = np.full(plain.size, np.nan)
    answer = _Answer(np.stack([*one[:2], nothing, one[3]]), np.stack([*one_std[:2], nothing, one_std[3]]))
    table = washout(times, curve, slice(relaxation.rest.stop, times.size))
    both_ways, otherwise = np.zeros((2, plain.size), bool)
    if method != "bsw":
        fits = _return(answer, relaxation, times, curve, window, plain, table, is_sure=method == "leu")
        both_ways = np.isfinite(answer.values[2])
        if method == "auto" and is_white:
            otherwise[_another_transit(answer, relaxation, times, curve, window, fits)] = True
            both_ways &= ~otherwise
    told = answer.is_told()
    otherwise &= told
    with np.errstate(divide="ignore", invalid="ignore"):
        certainty = answer.values[1] / answer.std[1]
    kept = None
    if saturating is not None:
        leaky = np.flatnonzero(relaxation.is_usable & (certainty > SURE))
        kept = saturation(relaxation, times, curve, window, leaky, saturating, field)
        both_ways[kept.voxels] = otherwise[kept.voxels] = False
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
        k1, k1_std, k2, k2_std, kep, kep_std, area, area_std, plain_std, status, told, both_ways, table, otherwise, kept
    )


@dataclass(frozen=True, eq=False)
class _Answer:
    """K1, K2, kep and corrected area of every voxel with standard errors, while one model after another is tried."""

    values: Float[np.ndarray, "4 voxels"]
    std: Float[np.ndarray, "4 voxels"]

    def is_told(self) -> Bool[np.ndarray, " voxels"]:
        """Where K2 is known well enough to be told from none."""
        told: Bool[np.ndarray, " voxels"] = self.std[1] < WORST_VARIATION * np.abs(self.values[1])
        return told


@dataclass(frozen=True, eq=False)
class _Tried:
    """Which voxels were fitted, and the least AICc of the models of leakage alone in each."""

    voxels: Int[np.ndarray, " usable"]
    criterion: Float[np.ndarray, " usable"]


def _return(
    answer: _Answer,
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    curve: Float[np.ndarray, " time"],
    window: slice,
    plain: Float[np.ndarray, " voxels"],
    table: Washout,
    *,
    is_sure: bool,
) -> _Tried:
    """Puts the two-way model into the answer where it is the likelier one (everywhere if that `is_sure`)."""
    usable = np.flatnonzero(relaxation.is_usable)
    frames = slice(relaxation.rest.stop, times.size)
    two, two_std, two_fit = bidirectional(relaxation, times, curve, window, usable, plain[usable], table)
    one_fit = fit(Leakage(t=times[frames], reference=curve[frames]), relaxation.some(usable)[:, frames])
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
    return _Tried(usable, np.fmin(aicc(one_fit), aicc(two_fit)))


def _another_transit(
    answer: _Answer,
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    curve: Float[np.ndarray, " time"],
    window: slice,
    tried: _Tried,
) -> Int[np.ndarray, " chosen"]:
    """Puts leakage beside a transit time of the voxel's own into the answer where that is far the likelier one, and
    says where.

    Only where leakage was told: elsewhere nothing is taken out, whatever its cause. With one echo only where it seems
    to be by T2*, as in slow tissue: a fast one looks as the T1 effects do that one echo leaves in.
    """
    is_open = answer.is_told() & ((answer.values[1] < 0) | (len(relaxation.echo_times) > 1))
    rows = np.flatnonzero(is_open[tried.voxels])
    voxels = tried.voxels[rows]
    own, own_std, own_fit = beside_transit(relaxation, times, curve, window, voxels)
    against = FAR_LIKELIER / (1 - FAR_LIKELIER)
    with np.errstate(over="ignore"):
        share = 1 / (1 + against * np.exp(0.5 * (aicc(own_fit) - tried.criterion[rows])))
    share = np.where(np.isfinite(own).all(axis=0), np.nan_to_num(share, nan=0.0), 0.0)
    answer.values[3, voxels], answer.std[3, voxels] = either(
        answer.values[3, voxels], own[2], answer.std[3, voxels], own_std[2], share
    )
    is_chosen = share > HALF
    chosen: Int[np.ndarray, " chosen"] = voxels[is_chosen]
    answer.values[:3, chosen] = np.stack([*own[:2, is_chosen], np.full(chosen.size, np.nan)])
    answer.std[:3, chosen] = np.stack([*own_std[:2, is_chosen], np.full(chosen.size, np.nan)])
    return chosen


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


def completed(
    correction: Correction,
    times: Float[np.ndarray, " time"],
    curve: Float[np.ndarray, " time"],
    window: slice,
    leaves: Extraction,
) -> Correction:
    """The same with what the bolus does not show of blood that agent leaves; `curve` is the reference of both."""
    area, std = correction.area.copy(), correction.area_std.copy()
    missing, missing_std = leaves.missing(float(trapezoid_weights(times, window) @ curve))
    area[leaves.voxels] += missing
    std[leaves.voxels] = np.hypot(std[leaves.voxels], missing_std)
    return replace(correction, area=area, area_std=std, extraction=leaves)


def uncorrected(relaxation: Relaxation, times: Float[np.ndarray, " time"], window: slice) -> Correction:
    """The plain area of every voxel, where no correction is wanted; K1, K2 and kep are NaN."""
    (area,), (std,) = linear_maps(relaxation, trapezoid_weights(times, window)[:, None])
    nothing = np.full(area.size, np.nan)
    k = (nothing,) * 6
    return Correction(
        *k, area, std, std, relaxation.status, *(np.zeros(area.size, bool),) * 2, None, np.zeros(area.size, bool)
    )


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
