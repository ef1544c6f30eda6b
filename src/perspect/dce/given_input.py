"""An arterial input that is not measured here: a table's or a population's, of blood or plasma as each says."""

from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.dce.blood import peak_flags
from perspect.dce.plan import SOURCE, Plan
from perspect.dce.plasma import Arterial
from perspect.models.arterial import POPULATIONS
from perspect.vocabulary import Curve, Flag, Problem, Region, Severity

FINE: Final = 1.0
"""Seconds between the knots of a population's input, which is known at any time [our default]."""


def of_curve(given: Curve, times: Float[np.ndarray, " time"], plan: Plan, dose: float | None = None) -> Arterial:
    """A concentration that was given, at its own times where these are closer than those of the series; `dose` in
    mmol/kg, where it is known.
    """
    cp, origin = plasma_of(given, times, plan.hct), f"given as {given.label}"
    within = (given.times > times[0]) & (given.times < times[-1])
    knots = np.concatenate([times[:1], given.times[within], times[-1:]])
    if knots.size <= times.size:
        return Arterial(cp, float("nan"), None, origin, peak_flags(cp, dose))
    fine = Curve(knots, plasma_of(given, knots, plan.hct), "mM", "arterial plasma")
    return Arterial(cp, float("nan"), None, f"{origin}, at its own times", peak_flags(fine.values, dose), fine)


def plasma_of(given: Curve, times: Float[np.ndarray, " time"], hct: float) -> Float[np.ndarray, " time"]:
    """A concentration that was given, as that of plasma on the clock of the series, in mM.

    Raises Problem for a curve that does not say whether it is of blood (cb) or of plasma (cp).
    """
    if given.label not in ("cb", "cp"):
        raise Problem(
            f"The arterial curve is labelled '{given.label}' ({given.unit}).",
            "Plasma holds 1/(1 - Hct) times what whole blood does, so that it must be said which it is.",
            "Give a table with a column cb (whole blood, mM), cp (plasma, mM), or signal.",
        )
    values = at_times(given, times)
    return values / (1.0 - hct) if given.label == "cb" else values


def at_times(given: Curve, times: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    """A curve at the times of the series. Raises Problem where it does not reach that far."""
    if given.times[0] > times[0] + 1e-6 or given.times[-1] < times[-1] - 1e-6:
        raise Problem(
            f"The arterial curve covers {given.times[0]:g} to {given.times[-1]:g} s, the series {times[0]:g} to "
            f"{times[-1]:g} s.",
            "An input that stops early cannot explain what comes after.",
            "Give a curve over the whole series.",
        )
    return np.asarray(np.interp(times, given.times, given.values))


def of_population(
    times: Float[np.ndarray, " time"], arrival: float, given: Region | Curve | None, plan: Plan
) -> Arterial:
    """The input of a population, from the `arrival` of agent (s) on. Raises Problem where another one was given."""
    if given is not None:
        raise Problem(
            f"An arterial input was given, but dce.arterial is '{plan.arterial}'.",
            "Only one of the two can be used.",
            "Leave one out.",
        )
    population = POPULATIONS[plan.arterial]
    flag = Flag(
        "population-input",
        Severity.CAUTION,
        f"The arterial input is that of a population ({plan.arterial}), not this patient's: Ktrans, ve and vp carry "
        "its error, which is 20 % and more, in common; patterns within this series do not.",
        "arterial input",
        source=SOURCE,
    )
    cp = population.plasma(times - arrival, plan.hct)
    fine = None
    if float(np.diff(times).max()) > FINE:
        knots = np.append(np.arange(times[0], times[-1], FINE), times[-1])
        fine = Curve(knots, population.plasma(knots - arrival, plan.hct), "mM", "arterial plasma")
    return Arterial(cp, float("nan"), None, f"population: {population.source}", (flag,), fine)
