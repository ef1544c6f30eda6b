"""A map of T1 that was given: whether it can be used, and curves of ΔR2* without the T1 effect that it tells of."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.dsc.integrate import trapezoid_weights
from perspect.dsc.own_t1 import LEFT, OwnT1
from perspect.dsc.plan import T1_RANGE, Plan
from perspect.dsc.reference import design
from perspect.dsc.scale import WHITE_VOLUME
from perspect.dsc.signal import Relaxation
from perspect.dsc.t1_effect import LARGEST_SHARE, R2STAR, T1Effect
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Acquisition, Flag, Problem, Region, Series, Severity

KNOWN: Final = (0.2, 5.0)
"""T1 in s that tissue or fluid may have; what a map holds beyond is taken as not known [our default]."""

FEWEST_KNOWN: Final = 0.5
"""Share of the reference whose T1 a map must know."""

MANY_UNKNOWN: Final = 0.05
"""Share of the brain without a T1 of its own from which on that is more than a note [our default]."""

ROUNDS: Final = 4
"""Of blood volume and what T1 hides of it, each from the other: the third changes it by less than a hundredth."""

STEPS: Final = 100
"""The same for the curve of white matter, of which all else is reckoned."""

CHUNK: Final = 512
"""Voxels at a time."""


@dataclass(frozen=True, eq=False)
class GivenT1:
    """A map of T1 in s at the time of the bolus, and the normal white matter beside which blood is measured."""

    values: Float[np.ndarray, "x y z"]
    white: Region

    @property
    def is_known(self) -> Bool[np.ndarray, "x y z"]:
        """Where it holds what a T1 may be."""
        with np.errstate(invalid="ignore"):
            known: Bool[np.ndarray, "x y z"] = (self.values >= KNOWN[0]) & (self.values <= KNOWN[1])
        return known


def given_t1(
    values: Float[np.ndarray, "x y z"] | None, echoes: tuple[Series, ...], plan: Plan, white: Region | None
) -> GivenT1 | None:
    """The map, if there is one. Raises Problem where it would be read by nobody, lies elsewhere, has no white matter to
    start from, or is not in s.
    """
    if values is None:
        if plan.water_leaves_blood != Plan.water_leaves_blood:
            raise Problem(
                f"dsc.water_leaves_blood is {plan.water_leaves_blood:g} and no map of T1 was given.",
                "A setting without effect would be mistaken for one.",
                "Leave it out, or give --t1.",
            )
        return None
    _demand_reader(echoes, plan)
    if values.shape != echoes[0].grid.shape:
        raise Problem(
            f"The map of T1 has shape {values.shape}, the series {echoes[0].grid.shape}.",
            "Each voxel has its own T1.",
            "Bring the map onto the grid of the series.",
        )
    if white is None:
        raise Problem(
            "A map of T1 was given, and no normal-appearing white matter.",
            "How much agent is in the blood is read off its curve, and the T1 effect from that.",
            "Give --reference or conventional images, or leave the map out.",
        )
    given = GivenT1(values, white)
    inside = white.taken(values)
    finite = inside[np.isfinite(inside) & (inside > 0)]
    low, high = T1_RANGE
    typical = float(np.median(finite)) if finite.size else float("nan")
    if finite.size >= FEWEST_KNOWN * inside.size and not low <= typical <= high:
        raise Problem(
            f"The map of T1 has {typical:.4g} in white matter, which has {low:g} to {high:g} s.",
            "It is in another unit, or of something else.",
            "Give T1 in s.",
        )
    known = float(white.taken(given.is_known).mean())
    if known < FEWEST_KNOWN:
        raise Problem(
            f"The map of T1 knows {known:.0%} of the white matter that is the reference.",
            "All ratios are to that.",
            "Give a map that covers it, or leave it out.",
        )
    _demand_effect(echoes[0], typical)
    return given


def _demand_reader(echoes: tuple[Series, ...], plan: Plan) -> None:
    acquisition = echoes[0].acquisition
    reasons = (
        (len(echoes) > 1, "there are two echoes, of which T1 cancels", "Leave it out."),
        (plan.t1_effect == "ignored", "dsc.t1_effect is 'ignored'", "Leave one of the two out."),
        (plan.white_t1 is not None, "dsc.white_t1 says another one for all", "Leave one of the two out."),
        (
            acquisition.tr is None or acquisition.flip_angle is None,
            "TR or flip angle is not known",
            "Give --tr and --flip-angle, or leave the map out.",
        ),
    )
    for is_so, why, remedy in reasons:
        if is_so:
            raise Problem(f"A map of T1 was given, and {why}.", "It would be read by nobody.", remedy)


def _demand_effect(echo: Series, t1: float) -> None:
    """Raises Problem where T1 and T2* effects may cancel in white matter itself."""
    how = echo.acquisition
    assert how.te is not None
    assert how.tr is not None
    assert how.flip_angle is not None
    if T1Effect(how.te, how.tr, how.flip_angle, t1).share >= LARGEST_SHARE:
        raise Problem(
            f"A map of T1 was given, and with {t1:.2f} s in white matter T1 and T2* effects cancel in this series.",
            "What is left of the bolus cannot be undone.",
            "Leave the map out.",
        )


def freed(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    how: Acquisition,
    plan: Plan,
    given: GivenT1,
    inside: Region,
) -> Relaxation:
    """Curves of the voxels `inside`, as one echo shows them, with what T1 hides of them put back."""
    own = _own_t1(relaxation, how, plan, given, inside)
    is_white = inside.taken(given.white.mask) & relaxation.is_usable & own.is_known
    whole, agent = _of_white(relaxation, own, is_white)
    frames = slice(relaxation.rest.stop, times.size)
    k1 = np.linalg.pinv(design(times, whole, frames))[0]
    area = trapezoid_weights(times, frames)
    curves: np.ndarray = np.empty((times.size, own.t1.size), np.float32).T

    def work(span: slice) -> None:
        seen, here = relaxation.curves[span].astype(np.float64), own.of(span)
        amount = np.ones(seen.shape[0])
        for _ in range(ROUNDS):
            hidden = here.effect(agent, amount * WHITE_VOLUME)
            amount = np.maximum(np.nan_to_num((seen + hidden) @ k1), 0.0)
        curves[span] = seen + hidden
        typical = here.effect(agent, np.full(amount.size, WHITE_VOLUME))
        own.share[span] = np.minimum(typical @ area / (whole @ area), LARGEST_SHARE)

    each(work, spans(curves.shape[0], CHUNK))
    return replace(relaxation, curves=curves, t1=own)


def _own_t1(relaxation: Relaxation, how: Acquisition, plan: Plan, given: GivenT1, inside: Region) -> OwnT1:
    assert how.tr is not None
    assert how.flip_angle is not None
    known = inside.taken(given.is_known)
    values = inside.taken(given.values).astype(np.float64)
    white = float(np.median(values[known & inside.taken(given.white.mask)]))
    return OwnT1(
        relaxation.echo_times[0], how.tr, how.flip_angle, np.where(known, values, white), known, white,
        plan.water_leaves_blood, LEFT if how.has_preload else 0.0, np.zeros(known.size),
    )  # fmt: skip


def _of_white(
    relaxation: Relaxation, own: OwnT1, is_white: Bool[np.ndarray, " voxels"]
) -> tuple[Float[np.ndarray, " time"], Float[np.ndarray, " time"]]:
    """The mean curve of white matter without its T1 effect (1/s), and the agent in its blood (mM)."""
    seen = relaxation.curves[is_white].mean(axis=0, dtype=np.float64)
    one = replace(own, t1=np.array([own.white]), is_known=np.ones(1, bool), share=np.zeros(1))
    whole = seen
    for _ in range(STEPS):
        agent = np.maximum(whole, 0.0) / (R2STAR * WHITE_VOLUME)
        agent[: relaxation.rest.stop] = 0.0
        whole = seen + one.effect(agent, np.array([WHITE_VOLUME]))[0]
    return whole, agent


def own_t1_flags(t1: OwnT1, how: Acquisition) -> tuple[Flag, ...]:
    """What a reader must know where the T1 effect was taken out by a map."""
    when = (
        " The map has to be that after the preload: what leaks has a shorter T1 then, and one from before adds too "
        "much there."
        if how.has_preload
        else ""
    )
    sentence = (
        f"The T1 effect of agent inside vessels was taken out with the T1 that a map gives each voxel (white matter: "
        f"{t1.white:.2f} s) and water that leaves capillaries {t1.exchange:g} times a second, which is not known of "
        f"this patient.{when} The error of the map is not in the standard errors. Compare without it."
    )
    flags = [Flag("t1-of-map", Severity.NOTE, sentence, "cbv, rcbv", source="dsc")]
    unknown = float((~t1.is_known).mean())
    if unknown > 0:
        said = f"{unknown:.1%}" if unknown >= 0.0005 else "Less than 0.1%"
        flags.append(
            Flag(
                "t1-not-known",
                Severity.CAUTION if unknown > MANY_UNKNOWN else Severity.NOTE,
                f"{said} of the brain's voxels have no T1 on the map, or none that tissue has: they were taken to have "
                "that of white matter.",
                "cbv, rcbv",
                unknown,
                "dsc",
            )
        )
    return tuple(flags)
