"""Which kinetic model each curve asks for, and what the chosen one says in the quantities that all models share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int, Int16

from perspect.dce.errors import Gain, of_signal
from perspect.dce.plan import Plan
from perspect.dce.water import without_open
from perspect.fit import Fit, aicc, choice, fit, to_beat, weights
from perspect.models import (
    AdiabaticTissueHomogeneity,
    DelayedAdiabaticTissueHomogeneity,
    DelayedExtendedTofts,
    DelayedPatlak,
    DelayedTofts,
    DelayedTwoCompartmentExchange,
    DelayedTwoCompartmentUptake,
    DelayedVascular,
    ExtendedTofts,
    Kinetic,
    Model,
    Patlak,
    Separable,
    Tofts,
    TwoCompartmentExchange,
    TwoCompartmentUptake,
    Vascular,
)  # fmt: skip
from perspect.vocabulary import FAILED_FROM, Quantity, Status, lexicon

MODELS: Final[Mapping[str, tuple[type[Kinetic], type[Kinetic]]]] = MappingProxyType({
    "vascular": (Vascular, DelayedVascular), "patlak": (Patlak, DelayedPatlak), "tofts": (Tofts, DelayedTofts),
    "extended-tofts": (ExtendedTofts, DelayedExtendedTofts),
    "2cum": (TwoCompartmentUptake, DelayedTwoCompartmentUptake),
    "2cxm": (TwoCompartmentExchange, DelayedTwoCompartmentExchange),
    "aath": (AdiabaticTissueHomogeneity, DelayedAdiabaticTissueHomogeneity),
})  # fmt: skip
"""Each model as it is, and with an arterial delay."""

NUMBERS: Final = MappingProxyType({name: number for number, name in enumerate(MODELS)})
"""What stands in the map of models."""

QUICK: Final = 2.0
"""Seconds between volumes up to which plasma flow can be told from plasma volume [our default]."""

LEAKS: Final = "patlak"
"""The model that says how much may leak where vessels alone explain a curve."""

ALWAYS: Final = ("vascular", LEAKS, "extended-tofts")
LIMITS: Final = ALWAYS[:2]
"""Which all models that are chosen among hold as limits."""

FLOW: Final = ("2cum", "2cxm")
"""Among which `auto` chooses; those with a flow only where the sampling is quick. Each holds the one before as a
limit.
"""

SHARED: Final = (lexicon.KTRANS, lexicon.VE, lexicon.VP, lexicon.KEP, lexicon.FP, lexicon.PS, lexicon.ARTERIAL_DELAY)
"""What may be said of a voxel, whichever model says it."""

PROPORTIONAL: Final = (lexicon.KTRANS, lexicon.VE, lexicon.VP, lexicon.FP, lexicon.PS)
"""Of these, what grows with the concentration in tissue, and shrinks with that in plasma."""

BELIEVED: Final = 0.05
"""Akaike weight from which on a model takes part in the question how much the answer depends on the model."""

LOOKED_AT: Final = 2000
"""Voxels whose residuals are looked at for structure."""

Column = tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"], Int16[np.ndarray, " voxels"]]


@dataclass(frozen=True, eq=False)
class Seen:
    """The curves that models are fitted to, their unit, and how errors of the signal come into them.

    `gain` is as in `errors.of_signal`. Behind the samples of the series there may be others.
    """

    curves: Float[np.ndarray, "voxels samples"]
    gain: Gain
    unit: str = "mM"


@dataclass(frozen=True, eq=False)
class Kinetics:
    """What was fitted, the fits by name, which was chosen in each voxel (-1: none), and the shares of belief.

    `is_open` marks models that could not be chosen and were therefore not followed to their end.
    """

    seen: Seen
    fits: Mapping[str, Fit]
    chosen: Int[np.ndarray, " voxels"]
    weights: Float[np.ndarray, "models voxels"]
    is_open: Bool[np.ndarray, "models voxels"]

    @property
    def names(self) -> tuple[str, ...]:
        """The models in the order of `chosen` and `weights`."""
        return tuple(self.fits)

    @property
    def status(self) -> Int16[np.ndarray, " voxels"]:
        """What became of each voxel, in the fit that was chosen; in the first one where none was."""
        out: Int16[np.ndarray, " voxels"] = next(iter(self.fits.values())).status.copy()
        for place, one in enumerate(self.fits.values()):
            mine = self.chosen == place
            out[mine] = one.status[mine]
        return out


def candidates(plan: Plan, times: Float[np.ndarray, " time"], steepest: int) -> tuple[str, ...]:
    """The models that are fitted: the one that was chosen, or those that the sampling can tell apart."""
    if plan.model != "auto":
        return (plan.model,)
    around = np.diff(times[max(steepest - 3, 0) : steepest + 8])
    return (*ALWAYS, *FLOW) if float(np.median(around)) <= QUICK else ALWAYS


def kinetics(
    seen: Seen,
    models: Mapping[str, Model],
    n_rest: int,
    tell: Callable[[str, float], None],
    whole: Bool[np.ndarray, " voxels"] | None = None,
) -> Kinetics:
    """Every model fitted to every curve, and the choice by AICc; `n_rest` as in `errors.of_signal`.

    A model whose numbers are shown only where it is chosen is fitted to the end only where it may be, and in the voxels
    `whole`, of which all models are compared.
    """
    fits: dict[str, Fit] = {}
    is_open = np.zeros((len(models), len(seen.curves)), bool)
    for place, (name, model) in enumerate(models.items()):
        tell("kinetics", place / len(models))
        asked = None
        if fits and name != LEAKS:
            asked = to_beat(list(fits.values()), len(model.parameters))
            asked = asked if whole is None else np.where(whole, np.inf, asked)
        one = fit(model, seen.curves, asked=asked)
        fits[name] = _closed(one)
        if asked is not None:
            is_open[place] = np.isfinite(asked) & (one.sse >= asked)
    tell("kinetics", 1.0)
    every = list(fits.values())
    chosen = choice(every)
    names = tuple(models)
    stated = {
        name: _closed(
            of_signal(one, np.flatnonzero(_speaks(name, place, names, chosen)), seen.curves, seen.gain, n_rest)
        )
        for place, (name, one) in enumerate(fits.items())
    }
    return Kinetics(seen, stated, chosen, weights(every), is_open)


def _closed(one: Fit) -> Fit:
    """A fit without what its own errors leave open; a fit of a separable model has left it open by itself."""
    return one if isinstance(one.model, Separable) else without_open(one)


def _speaks(
    name: str, place: int, names: tuple[str, ...], chosen: Int[np.ndarray, " voxels"]
) -> Bool[np.ndarray, " n"]:
    """The voxels of which a model's numbers are shown: those that chose it, and for Patlak those that do not leak."""
    mine: Bool[np.ndarray, " n"] = chosen == place
    return mine | (chosen == names.index("vascular")) if name == LEAKS and "vascular" in names else mine


def columns(found: Kinetics) -> dict[Quantity, Column]:
    """Every shared quantity as the chosen model of each voxel has it.

    Where vessels alone explain a curve, Ktrans is that of the Patlak model, whose error says how much leakage may have
    been missed: a number with an error is worth more than none.
    """
    said = {name: shared(one) for name, one in found.fits.items()}
    out: dict[Quantity, Column] = {}
    for quantity in SHARED:
        if not any(quantity in one for one in said.values()):
            continue
        n = found.chosen.size
        values, std = np.full(n, np.nan), np.full(n, np.nan)
        status = found.status
        for place, name in enumerate(found.names):
            source = said[name]
            if quantity is lexicon.KTRANS and name == "vascular" and LEAKS in said:
                source = said[LEAKS]
            mine = found.chosen == place
            if quantity in source:
                values[mine], std[mine] = source[quantity][0][mine], source[quantity][1][mine]
        status = np.where((status < FAILED_FROM) & ~np.isfinite(values), Status.NOT_DETERMINED, status)
        out[quantity] = (values, std, status.astype(np.int16))
    return out


def shared(one: Fit) -> dict[Quantity, tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]]]:
    """What a fit says in shared quantities: its own parameters, and Ktrans and kep where they follow from these."""
    own = {quantity: (one.values[quantity.key], one.std[quantity.key]) for quantity in one.model.parameters}
    place = {quantity: i for i, quantity in enumerate(one.model.parameters)}
    if lexicon.FP in own:
        fp, ps = own[lexicon.FP][0], own[lexicon.PS][0]
        with np.errstate(divide="ignore", invalid="ignore"):
            if isinstance(one.model, AdiabaticTissueHomogeneity):
                stays = np.exp(-ps / fp)
                ktrans, by_fp, by_ps = fp * (1.0 - stays), 1.0 - stays * (1.0 + ps / fp), stays
            else:
                ktrans, by_fp, by_ps = fp * ps / (fp + ps), (ps / (fp + ps)) ** 2, (fp / (fp + ps)) ** 2
        own[lexicon.KTRANS] = ktrans, _carried(one, {place[lexicon.FP]: by_fp, place[lexicon.PS]: by_ps})
    elif lexicon.KTRANS in own and lexicon.VE in own:
        ktrans, ve = own[lexicon.KTRANS][0], own[lexicon.VE][0]
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = {place[lexicon.KTRANS]: 1.0 / ve, place[lexicon.VE]: -ktrans / ve**2}
            own[lexicon.KEP] = ktrans / ve, _carried(one, slopes)
    return own


def _carried(one: Fit, slopes: Mapping[int, np.ndarray]) -> Float[np.ndarray, " voxels"]:
    """The standard error of what follows from parameters with these slopes."""
    variance = sum(a * b * one.covariance[:, i, j] for i, a in slopes.items() for j, b in slopes.items())
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(variance))


@dataclass(frozen=True, eq=False)
class OneModel:
    """The one model that a region asks for as a whole, the Akaike weights of all by name, its voxels, and the medians
    over them (inside units) of what that model says. `of_voxels` is the share of its voxels that choose each model by
    themselves.
    """

    name: str
    weights: Mapping[str, float]
    n_voxels: int
    medians: Mapping[str, float]
    of_voxels: Mapping[str, float]


def of_region(found: Kinetics, inside: Bool[np.ndarray, " voxels"] | None) -> OneModel | None:
    """Which one model a region asks for: AICc summed over its voxels. None where there is no region, or none of its
    voxels is fitted by all models.

    The sum takes the noise of voxels for independent, so that weights of large regions are nearly 0 or 1 (Burnham and
    Anderson 2004, doi:10.1177/0049124104268644).
    """
    if inside is None:
        return None
    names = found.names
    criteria = np.stack([aicc(one) for one in found.fits.values()])
    known = inside & np.isfinite(criteria).all(axis=0) & (found.chosen >= 0)
    if not known.any():
        return None
    total = criteria[:, known].sum(axis=1)
    relative = np.exp(-0.5 * (total - total.min()))
    best = names[int(total.argmin())]
    told = {quantity.key: values[known] for quantity, (values, _) in shared(found.fits[best]).items()}
    medians = {key: float(np.nanmedian(one)) for key, one in told.items() if np.isfinite(one).any()}
    return OneModel(
        best,
        dict(zip(names, map(float, relative / relative.sum()), strict=True)),
        int(known.sum()),
        medians,
        {name: float((found.chosen[known] == place).mean()) for place, name in enumerate(names)},
    )


def of_choice(found: Kinetics) -> dict[Quantity, Column]:
    """How sure the choice is: the Akaike weight of the chosen model, and the AICc of every model that was tried.

    A model that was not followed to its end has none. Its sum of squares is at most that of vessels alone and of
    Patlak, which all later models hold as limits, so that its own weight is known from below, and that of the chosen
    model from above (AT_MOST).
    """
    fits, n = found.fits, found.chosen.size
    own = np.stack([aicc(one) for one in fits.values()])
    limit = np.fmin.reduce([one.sse for name, one in fits.items() if name in LIMITS])
    bounded = np.stack([aicc(replace(one, sse=np.fmin(one.sse, limit))) for one in fits.values()])
    criteria = np.where(found.is_open, bounded, own)
    is_chosen = found.chosen >= 0
    best = np.where(is_chosen, criteria[found.chosen, np.arange(n)], np.nan)
    weight = 1.0 / np.exp(-0.5 * (criteria - best)).sum(axis=0)
    sure = np.where(found.is_open.any(axis=0), Status.AT_MOST, Status.OK)
    out = {lexicon.MODEL_WEIGHT: _counted(weight, np.where(is_chosen, sure, Status.NOT_DETERMINED))}
    for name, one, value, is_open in zip(fits, fits.values(), own, found.is_open, strict=True):
        status = np.where(one.status < FAILED_FROM, Status.OK, one.status)
        out[lexicon.AICC[name]] = _counted(value, np.where(is_open, Status.NOT_FOLLOWED, status))
    return out


def _counted(values: Float[np.ndarray, " voxels"], status: np.ndarray) -> Column:
    """What is worked out from the fits and not estimated: without an error, as is the number of the model."""
    is_known = (status < FAILED_FROM) & np.isfinite(values)
    status = np.where(is_known | (status >= FAILED_FROM), status, Status.NOT_DETERMINED)
    return np.where(is_known, values, np.nan), np.where(is_known, 0.0, np.nan), status.astype(np.int16)


def dependence(found: Kinetics) -> float:
    """How much Ktrans depends on the model: median over leaking voxels of largest over smallest among the models that
    earn some belief there; 1 where there is but one.
    """
    said = [shared(one).get(lexicon.KTRANS) for one in found.fits.values()]
    rows = [(one[0], weight) for one, weight in zip(said, found.weights, strict=True) if one is not None]
    if len(rows) < 2:
        return 1.0
    values = np.stack([np.where(weight > BELIEVED, value, np.nan) for value, weight in rows])
    several = (np.isfinite(values).sum(axis=0) > 1) & (np.nan_to_num(values, nan=1.0) > 0).all(axis=0)
    if not several.any():
        return 1.0
    some = values[:, several]
    return float(np.median(np.nanmax(some, axis=0) / np.nanmin(some, axis=0)))


def residual_structure(found: Kinetics) -> float:
    """Median correlation of neighbouring residuals, over some voxels: near zero where nothing is left but noise."""
    parts = []
    for place, one in enumerate(found.fits.values()):
        mine = np.flatnonzero((found.chosen == place) & (one.status < FAILED_FROM))
        mine = mine[:: max(1, mine.size // LOOKED_AT)]
        p = np.stack([one.values[quantity.key][mine] for quantity in one.model.parameters], axis=-1)
        whole = np.isfinite(p).all(axis=1)
        if not whole.any():
            continue
        rest = found.seen.curves[mine[whole]] - one.model.predict(p[whole])
        rest -= rest.mean(axis=1, keepdims=True)
        parts.append((rest[:, 1:] * rest[:, :-1]).sum(axis=1) / (rest**2).sum(axis=1))
    return float(np.median(np.concatenate(parts))) if parts else float("nan")
