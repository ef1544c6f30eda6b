"""How label decays where it has arrived: what another model makes of flow, and of a lesion's over that of white matter.

Label reaches white matter late and decays fast there (T1 0.8 s against 1.65 s of blood). The model of the consensus
lets it decay as in blood everywhere, so that it reads half of the flow in white matter, and nearly all in a lesion with
a long T1: a ratio of the two is far too high with it. Each by its own T1 is right on average, with a doubt that is
told.
"""

from dataclasses import dataclass
from math import hypot
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect.asl.kinetics import Samples, Setting
from perspect.asl.plan import Plan
from perspect.fit.posterior import normal, posterior

TYPICAL: Final = {"grey": (60.0 / 6000.0, 1.0), "white": (20.0 / 6000.0, 1.3), "lesion": (60.0 / 6000.0, 1.3)}
"""Flow (1/s) and transit time (s) at which models are compared."""

DOUBT_T1: Final = {"white": 0.10, "lesion": 0.20}
"""Relative standard deviation of T1 where it was not measured: of white matter between people and methods, of lesions
among each other [our default]."""

DOUBT_ATT: Final = 0.3
"""Standard deviation in s of a transit time that is assumed [our default; it is 1.2 to 1.7 s in white matter]."""


@dataclass(frozen=True)
class OverWhite:
    """`factor` turns flow of a lesion over that of white matter into what each reads by its own T1; `doubt` is the
    relative standard deviation of that, from T1 and, where there is one delay, transit times that are not known.
    """

    factor: float
    doubt: float


def switched(samples: Samples, setting: Setting, plan: Plan) -> dict[str, dict[str, float]]:
    """What other models make of typical tissue that this one is true of, over its flow."""
    return {
        tissue: {
            name: _read(samples, setting, plan, tissue, t1)
            for name, t1 in _t1s(plan, tissue).items()
            if name != plan.kinetics
        }
        for tissue in TYPICAL
    }


def over_white(samples: Samples, setting: Setting, plan: Plan) -> OverWhite:
    """What decay by the T1 of each tissue makes of flow of a lesion over that of white matter."""
    read, doubt = {}, 0.0
    for tissue, spread in DOUBT_T1.items():
        t1 = _own_t1(plan)[tissue]
        read[tissue] = _read(samples, setting, plan, tissue, t1)
        pairs = [[_read(samples, setting, plan, tissue, t1 * (1 + sign * spread)) for sign in (-1, 1)]]
        if samples.delays.size == 1:
            pairs.append([_read(samples, setting, plan, tissue, t1, sign * DOUBT_ATT) for sign in (-1, 1)])
        doubt = hypot(doubt, *(0.5 * (low - high) / read[tissue] for low, high in pairs))
    return OverWhite(read["lesion"] / read["white"], doubt)


def _own_t1(plan: Plan) -> dict[str, float]:
    """T1 of each tissue in s."""
    return {"grey": plan.tissue_t1, "white": plan.white_t1, "lesion": plan.lesion_t1}


def _t1s(plan: Plan, tissue: str) -> dict[str, float | None]:
    """T1 in s by which every model lets label decay in a tissue; None is that of blood."""
    return {"blood": None, "t1app": plan.tissue_t1, "tissue": _own_t1(plan)[tissue]}


def _read(samples: Samples, setting: Setting, plan: Plan, tissue: str, t1: float | None, late: float = 0.0) -> float:
    """Flow that the model with this T1 reads where the model of the plan is true, over that flow. Of one delay it reads
    with a transit time that is `late` by so many s; of several it finds the transit time itself.
    """
    flow, att = TYPICAL[tissue]
    if samples.delays.size == 1:
        # As the consensus supposes, all of the bolus has come.
        lasts = samples.durations if setting.kind == "pasl" else np.zeros(1)
        latest = max(float((samples.delays - lasts).max()), 0.0)
        att = min(att, latest)
    true = setting.model(samples.delays, samples.durations, _t1s(plan, tissue)[plan.kinetics])
    model = setting.model(samples.delays, samples.durations, t1)
    curve: Float[np.ndarray, " samples"] = true.predict(np.array([flow, att]))
    if samples.delays.size == 1:
        return _of_one(model, curve, att + late) / flow
    nodes = np.arange(0.0, 4.0, 0.04)
    noise = np.full(1, 0.02 * float(np.abs(curve).max()))
    found = posterior(model, curve[None], noise, nodes[:, None], normal(nodes, 1.2, 1.0))
    return float(found.values["cbf"][0]) / flow


def _of_one(model: Any, curve: Float[np.ndarray, " one"], att: float) -> float:
    """Flow in 1/s that a model reads from one delay with this transit time."""
    return float(curve[0] / model.atoms(np.array([att]))[0, 0])
