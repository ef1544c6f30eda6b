"""Extended Tofts in the signal itself, for water that does not mix: it cannot be turned into a concentration first."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.dce.errors import Gain
from perspect.dce.plan import Plan
from perspect.fit import Fit
from perspect.models.water import PINNED, DelayedExchangingWater, ExchangingWater
from perspect.vocabulary import FAILED_FROM, Problem, lexicon

OPEN: Final = 1.0
"""Relative standard error of ve beyond which it is not determined [our default]."""

IN_SIGNAL: Final = "extended-tofts"
"""The model of agent that is known together with exchange of water."""

RATES: Final[Mapping[str, tuple[float, float]]] = MappingProxyType({"none": (0.0, 0.0)})
"""How often water leaves blood and cells, in 1/s, where the choice itself says so."""


def demand_known(plan: Plan) -> str:
    """The model that is known in the signal. Raises Problem where another one was chosen."""
    if plan.model not in ("auto", IN_SIGNAL):
        raise Problem(
            f"dce.water is '{plan.water}' with dce.model '{plan.model}'.",
            "Where water is not mixed the signal itself is fitted, and only extended Tofts is known there.",
            "Give --model extended-tofts, or --water fast.",
        )
    return IN_SIGNAL


def signal_model(
    times: Float[np.ndarray, " time"],
    drives: Mapping[str, Float[np.ndarray, " knots"]],
    tr: float,
    te: float,
    flip_angle: float,
    plan: Plan,
) -> ExchangingWater:
    """The model of a series whose water exchanges as `plan` says, with the arterial input that `drives` it."""
    kind = DelayedExchangingWater if plan.delay else ExchangingWater
    from_blood, from_cells = RATES.get(plan.water, (plan.water_leaves_blood, plan.water_leaves_cells))
    return kind(
        t=times, tr=tr, flip_angle=flip_angle, r1=plan.r1, hct=plan.hct, leaves_blood=from_blood,
        leaves_cells=from_cells, te=te, r2star=plan.r2star_tissue, **drives,
    )  # fmt: skip


def relative_signal(
    signal: Float[np.ndarray, "voxels time"],
    rest: slice,
    t1: Float[np.ndarray, " voxels"],
    b1: Float[np.ndarray, " voxels"] | None,
    usable: np.ndarray,
) -> tuple[Float[np.ndarray, "voxels samples"], Gain]:
    """What that model predicts (the signal over that at rest, and what is known of each voxel), NaN where not `usable`,
    with its gains as `errors.of_signal` wants them.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = signal / signal[:, rest].mean(axis=1, dtype=np.float64, keepdims=True)
    known = PINNED * np.stack([t1, np.ones_like(t1) if b1 is None else b1], axis=-1)
    curves = np.where(usable[:, None], np.concatenate([ratio, known], axis=1), np.nan)

    def gain(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        common = curves[rows].copy()
        common[:, -2:] = 0.0
        return np.ones_like(common), common

    return curves, gain


def without_open(found: Fit) -> Fit:
    """The fit with ve left open where its error is as large as itself: too little returns to tell it. Where what leaves
    returns faster than any kep it looks like plasma, and Ktrans is open as well.
    """
    ve, ktrans = lexicon.VE.key, lexicon.KTRANS.key
    with np.errstate(invalid="ignore"):
        is_open = ~(found.std[ve] <= OPEN * found.values[ve]) & (found.status < FAILED_FROM)
        is_plasma = is_open & (found.values[ktrans] > lexicon.KEP.high * found.values[ve])
    values, std = (
        {**part} | {key: np.where(one, np.nan, part[key]) for key, one in ((ve, is_open), (ktrans, is_plasma))}
        for part in (found.values, found.std)
    )
    return replace(found, values=values, std=std)
