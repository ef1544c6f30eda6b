"""Settings that a series gives no occasion to: each would be read by nobody, and mistaken for one with an effect."""

from dataclasses import fields
from typing import Final

import numpy as np

from perspect.asl.plan import Plan
from perspect.vocabulary import Around, Labelled, Problem
from perspect.vocabulary.labelling import SAME

OF_A_MAP: Final = ("seed", "motion")
"""Choices that a scanner's own map leaves open, or that mean to do less."""


def demand_effect(labelled: Labelled, plan: Plan, around: Around) -> None:
    """Raises Problem for a setting, or a map, without effect on this series."""
    labelling = labelled.labelling
    if not labelling.of("control", "label", "deltam", "encoded").size:
        _demand_only_a_map(plan, around)
        return
    _demand_bolus(labelled, plan)
    if plan.att_spread != Plan().att_spread and n_delays(labelled) == 1:
        raise Problem(
            f"asl.att_spread is {plan.att_spread:g} s, and the series has one delay.",
            "A transit time that is assumed has no spread: it would be read by nobody.",
            "Leave it out, or give the transit time itself (asl.att).",
        )
    if plan.subtraction != "pairs" and not labelling.of("control").size:
        raise Problem(
            f"asl.subtraction is '{plan.subtraction}', and the series has no control images.",
            "Its differences were made by the scanner, or are decoded: nothing is subtracted here.",
            "Leave asl.subtraction out.",
        )
    if around.att is not None and n_delays(labelled) > 1:
        raise Problem(
            f"There is a map of transit times, and the series has {n_delays(labelled)} delays.",
            "Transit times are measured with several delays; the map would be read by nobody.",
            "Leave --att-map out.",
        )


def _demand_only_a_map(plan: Plan, around: Around) -> None:
    """A scanner's own map has been made: nothing that makes one is read."""
    usual = Plan()
    idle = [
        f"asl.{one.name}"
        for one in fields(Plan)
        if one.name not in OF_A_MAP and getattr(plan, one.name) != getattr(usual, one.name)
    ]
    idle += [
        words for words, one in (("a map of transit times", around.att), ("a map of T1", around.t1)) if one is not None
    ]
    if idle:
        raise Problem(
            f"There is {', '.join(idle)}, and the series holds only the scanner's own map of flow.",
            "How that was made cannot be chosen any more; it would be read by nobody.",
            "Leave it out, or give the series that the map was made of.",
        )


def _demand_bolus(labelled: Labelled, plan: Plan) -> None:
    """asl.bolus is for pulsed labelling whose bolus has no known end."""
    labelling = labelled.labelling
    places = labelling.of("control", "label", "deltam", "encoded")
    if plan.bolus is None:
        return
    if labelling.kind != "pasl":
        raise Problem(
            f"asl.bolus is {plan.bolus:g} s, and labelling is {labelling.kind.upper()}.",
            "It is the duration of a bolus of pulsed labelling that is not cut off.",
            "Give how long labelling lasts with --tau, and leave asl.bolus out.",
        )
    lasting = labelling.durations[places]
    if np.isfinite(lasting).all():
        raise Problem(
            f"asl.bolus is {plan.bolus:g} s, and the bolus is cut off after {lasting[0]:g} s.",
            "It is the duration of a bolus that is not cut off; it would be read by nobody.",
            "Leave asl.bolus out, or correct BolusCutOffDelayTime (--ti1).",
        )


def n_delays(labelled: Labelled) -> int:
    """How many delays a series has."""
    labelling = labelled.labelling
    if labelling.of("encoded").size and labelling.matrix is not None:
        return int(labelling.blocks()[0].size)
    delays = labelling.delays[labelling.of("control", "label", "deltam")]
    return int(np.unique(np.round(delays[np.isfinite(delays)] / SAME)).size)
