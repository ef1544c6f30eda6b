"""The arterial input of a DCE series as plasma concentration: found, given as a region or a curve, or a population's.

Blood and plasma are never mixed up: every way in says which of the two it is, and the haematocrit turns one into the
other once, here.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.anatomy.arterial import FEWEST_VOXELS, LEAST_CONTRAST, MOST_VOXELS, find
from perspect.dce.bolus import AtRest, first_pass
from perspect.dce.concentration import concentration
from perspect.dce.one_way import MEASURED, demand_one_way
from perspect.dce.plan import Plan
from perspect.models.arterial import POPULATIONS
from perspect.numerics.convolve import exponential_convolution
from perspect.vocabulary import Acquisition, Curve, Flag, Problem, Refusal, Region, Severity

SOURCE: Final = "dce"

BLOOD_T1: Final = {1.5: 1.48, 3.0: 1.65, 7.0: 2.09}
"""T1 of arterial blood in s by field in T (Zhang et al. 2013, doi:10.1002/mrm.24550: 1.48, 1.65 and 2.09)."""

FIRST_PASS: Final = 25.0
"""Seconds after the steepest rise in which shapes of curves are compared [our default]."""

NOISE_FLOOR: Final = 3.0
"""Signal-to-noise of blood at rest below which magnitude noise lifts the baseline by more than 6 % [Rice]."""

FEWEST_FOR_NOISE: Final = 3
"""Frames at rest without which the noise of a voxel is not known."""

LOW_PEAK, HIGH_PEAK = 1.0, 25.0
"""Peak of plasma in mM outside which an arterial curve is worth a word: partial volume, inflow or saturation."""

PURE: Final = 0.9
"""Share of the agent of veins, late, from which on arterial voxels hold nothing but blood [our default]."""

FINE: Final = 1.0
"""Seconds between the knots of a population's input, which is known at any time [our default]."""

STANDS_OUT: Final = 1.8
"""First pass over late level of a vessel: leaking tissue has less [our default]."""


@dataclass(frozen=True, eq=False)
class Arterial:
    """Plasma concentration in mM at the times of the series, its relative error, where it is from, what to know.

    `fine` is the same at times of its own, where it is known more finely than the series is sampled: straight lines
    between samples 10 s and more apart miss the first pass, or make too much of it.
    """

    cp: Float[np.ndarray, " time"]
    relative_error: float
    region: Region | None
    origin: str
    flags: tuple[Flag, ...]
    fine: Curve | None = None

    @property
    def drives(self) -> dict[str, Float[np.ndarray, " knots"]]:
        """What a `Kinetic` model takes: the curve, with its knots where these are not the times of the series."""
        return {"cp": self.cp} if self.fine is None else {"cp": self.fine.values, "knots": self.fine.times}


def arterial_input(
    signal: Float[np.ndarray, "voxels time"],
    tissue: Float[np.ndarray, "voxels time"],
    times: Float[np.ndarray, " time"],
    rest: AtRest,
    inside: Region,
    acquisition: Acquisition,
    t1: Float[np.ndarray, " voxels"],
    b1: Float[np.ndarray, " voxels"] | None,
    given: Region | Curve | None,
    vein: Region | None,
    plan: Plan,
) -> Arterial:
    """The arterial input as it comes to the tissue; among the concentrations in `tissue`, worked out with the T1 of
    tissue, arteries are looked for.

    `vein` is a region in a large vein, whose shape replaces that of an artery that is mixed with tissue; where none is
    given, veins are found. Raises Problem where nothing can be had, Refusal where blood at rest is lost in the noise.
    """
    found = _arterial(signal, tissue, times, rest, inside, acquisition, t1, b1, given, vein, plan)
    if plan.dispersion == 0.0:
        return found
    origin = f"{found.origin}; dispersed by {plan.dispersion:g} s"
    if found.fine is None:
        return replace(found, cp=dispersed(found.cp, times, plan.dispersion), origin=origin)
    fine = replace(found.fine, values=dispersed(found.fine.values, found.fine.times, plan.dispersion))
    return replace(found, cp=np.interp(times, fine.times, fine.values), origin=origin, fine=fine)


def dispersed(
    cp: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"], seconds: float
) -> Float[np.ndarray, " time"]:
    """A curve behind a transport with exponential times of this mean: wider, lower, later, of the same area.

    Calamante et al. 2000, doi:10.1002/1522-2594(200009)44:3<466::AID-MRM18>3.0.CO;2-M, equation 5
    """
    return np.asarray(exponential_convolution(times, cp, np.array(1.0 / seconds)) / seconds)


def _arterial(
    signal: np.ndarray,
    tissue: np.ndarray,
    times: np.ndarray,
    rest: AtRest,
    inside: Region,
    acquisition: Acquisition,
    t1: np.ndarray,
    b1: np.ndarray | None,
    given: Region | Curve | None,
    vein: Region | None,
    plan: Plan,
) -> Arterial:
    demand_one_way(given, vein, plan)
    if plan.arterial != MEASURED:
        return _of_population(times, rest, given, plan)
    if isinstance(given, Curve) and given.label != "signal":
        return _of_curve(given, times, plan)
    if isinstance(given, Curve):
        blood, flags = _in_blood(_on(given, times)[None], rest, acquisition, np.ones(1), None, plan)
        return Arterial(blood / (1.0 - plan.hct), 0.0, None, "given as signal", (*flags, *_peak_flags(blood, plan.hct)))
    voxels, origin, some = _voxels(tissue, times, rest, inside, given)
    # The mean of the signals, not of the concentrations: noise in single voxels would not cancel in the latter.
    refuse_noise_floor(signal[voxels], rest)
    curve = mean_above_floor(signal[voxels], rest)[None]
    own_b1 = None if b1 is None else np.array([float(np.nanmedian(b1[voxels]))])
    blood, flags = _in_blood(curve, rest, acquisition, t1[voxels], own_b1, plan)
    noise = float(blood[rest.frames].std(ddof=1))
    error = noise * np.sqrt(np.diff(times).mean() * np.ptp(times)) / max(float(np.trapezoid(blood, times)), 1e-9)
    region = _part(inside, voxels, origin)
    if vein is not None:
        pure = np.flatnonzero(inside.taken(vein.mask))
        if pure.size == 0:
            raise Problem(
                f"The vein '{vein.name}' lies outside what is measured.",
                "It has no curve there.",
                "Choose other voxels.",
            )
    elif plan.blood == "vein" or (given is None and plan.blood == "auto"):
        pure = _vein(signal, tissue, times, rest, acquisition, b1, plan)
        if pure.size == 0 and plan.blood == "vein":
            raise Problem(
                "No voxels look like a large vein, but dce.blood is 'vein'.",
                "The arterial input was to have their shape.",
                "Give a region with --vein, or use dce.blood=auto.",
            )
    else:
        pure = voxels[:0]
    if pure.size:
        venous = _venous(signal, rest, acquisition, t1, b1, pure, plan)
        blood, some, note = _unmixed(blood, venous, times, rest, some, plan)
        flags = (*flags, *note)
    return Arterial(blood / (1.0 - plan.hct), float(error), region, some, (*flags, *_peak_flags(blood, plan.hct)))


def _of_curve(given: Curve, times: Float[np.ndarray, " time"], plan: Plan) -> Arterial:
    """A concentration that was given, at its own times where these are closer than those of the series."""
    cp, origin = plasma_of(given, times, plan.hct), f"given as {given.label}"
    within = (given.times > times[0]) & (given.times < times[-1])
    knots = np.concatenate([times[:1], given.times[within], times[-1:]])
    if knots.size <= times.size:
        return Arterial(cp, 0.0, None, origin, ())
    fine = Curve(knots, plasma_of(given, knots, plan.hct), "mM", "arterial plasma")
    return Arterial(cp, 0.0, None, f"{origin}, at its own times", (), fine)


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
    values = _on(given, times)
    return values / (1.0 - hct) if given.label == "cb" else values


def _on(given: Curve, times: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    if given.times[0] > times[0] + 1e-6 or given.times[-1] < times[-1] - 1e-6:
        raise Problem(
            f"The arterial curve covers {given.times[0]:g} to {given.times[-1]:g} s, the series {times[0]:g} to "
            f"{times[-1]:g} s.",
            "An input that stops early cannot explain what comes after.",
            "Give a curve over the whole series.",
        )
    return np.asarray(np.interp(times, given.times, given.values))


def _of_population(times: np.ndarray, rest: AtRest, given: Region | Curve | None, plan: Plan) -> Arterial:
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
    cp = population.plasma(times - rest.arrival, plan.hct)
    fine = None
    if float(np.diff(times).max()) > FINE:
        knots = np.append(np.arange(times[0], times[-1], FINE), times[-1])
        fine = Curve(knots, population.plasma(knots - rest.arrival, plan.hct), "mM", "arterial plasma")
    return Arterial(cp, float("nan"), None, f"population: {population.source}", (flag,), fine)


def _voxels(
    tissue: np.ndarray, times: np.ndarray, rest: AtRest, inside: Region, given: Region | None
) -> tuple[np.ndarray, str, str]:
    if given is not None:
        voxels = np.flatnonzero(inside.taken(given.mask))
        if voxels.size == 0:
            raise Problem(
                f"None of the {given.n_voxels} voxels of the arterial region '{given.name}' can be used.",
                "They lie outside the mask of what is measured.",
                "Choose other voxels, widen --mask, or use --aif auto.",
            )
        return voxels, f"given as {given.name}", f"mean of {voxels.size} voxels of {given.name}"
    passing = first_pass(rest, times, FIRST_PASS)
    noise = tissue[:, rest.frames].std(axis=1)
    found = find(tissue, noise, np.isfinite(tissue).all(axis=1), times, passing)
    if found is None:
        raise Problem(
            "No voxel looks like an artery: early, high and narrow.",
            "Exchange is measured against the arterial input.",
            "Give a region or a curve with --aif, or a population (--aif parker).",
        )
    said = f"found in {found.voxels.size} voxels of {found.n_candidates} candidates"
    return found.voxels, "found by clustering of curve shapes", said


def mean_above_floor(signal: Float[np.ndarray, "voxels time"], rest: AtRest) -> Float[np.ndarray, " time"]:
    """Mean signal of blood as it would be without the lift that the noise of magnitudes gives it.

    A signal A with noise s in both channels has the mean magnitude A + s²/2A, to 0.2 % from A = 3 s on, below which
    blood is refused. s is the scatter at rest, before agent.

    Gudbjartsson and Patz 1995, doi:10.1002/mrm.1910340618
    """
    mean = signal.mean(axis=0, dtype=np.float64)
    if rest.n_frames < FEWEST_FOR_NOISE:
        return np.asarray(mean)
    noise = float(np.median(signal[:, rest.frames].astype(np.float64).std(axis=1, ddof=1)))
    return np.asarray(0.5 * (mean + np.sqrt(np.maximum(mean**2 - 2.0 * noise**2, 0.0))))


def refuse_noise_floor(signal: Float[np.ndarray, "voxels time"], rest: AtRest) -> None:
    """Stops where blood at rest is so dark that magnitude noise is what is seen.

    Raises Refusal.
    """
    quiet = signal[:, rest.frames].astype(np.float64)
    if quiet.shape[1] < FEWEST_FOR_NOISE:
        return
    ratio = float(np.median(quiet.mean(axis=1) / np.maximum(quiet.std(axis=1, ddof=1), 1e-12)))
    if ratio < NOISE_FLOOR:
        raise Refusal(
            f"The signal of arterial blood at rest is only {ratio:.1f} times its noise.",
            "The noise of magnitude images is never negative and lifts this level, so that every concentration in "
            "blood comes out too small, and Ktrans, ve and vp too large.",
            "Use a population's input (--aif parker), or a given curve.",
        )


def blood_t1(acquisition: Acquisition, plan: Plan) -> float:
    """T1 of arterial blood in s: as chosen, else that of the nearest field strength (3 T where it is not known)."""
    if plan.blood_t1 is not None:
        return plan.blood_t1
    field = acquisition.field or 3.0
    return BLOOD_T1[min(BLOOD_T1, key=lambda one: abs(one - field))]


def _in_blood(
    curve: Float[np.ndarray, "1 time"],
    rest: AtRest,
    acquisition: Acquisition,
    mapped: np.ndarray,
    b1: np.ndarray | None,
    plan: Plan,
) -> tuple[Float[np.ndarray, " time"], tuple[Flag, ...]]:
    """Concentration in whole blood, with the T2* effect that is strong there."""
    t1 = float(np.nanmedian(mapped)) if plan.blood_from == "map" else blood_t1(acquisition, plan)
    found = concentration(
        curve, rest.frames, np.array([t1]), float(acquisition.tr or np.nan), float(acquisition.flip_angle or np.nan),
        plan.r1, b1, acquisition.te or 0.0, plan.r2star,
    )  # fmt: skip
    if found.status[0]:
        raise Problem(
            "The signal of the arterial voxels is larger than any concentration can make it.",
            "Inflow, a wrong flip angle or a wrong T1 of blood do that.",
            "Choose other voxels, give --b1 or dce.blood_t1, or a population's input (--aif parker).",
        )
    flags: tuple[Flag, ...] = ()
    if acquisition.te is None and plan.r2star > 0:
        flags = (
            Flag(
                "no-echo-time",
                Severity.NOTE,
                "No echo time is recorded, so that the loss of arterial signal by T2* was not made good.",
                "arterial input",
                source=SOURCE,
            ),
        )
    return found.curves[0].astype(np.float64), flags


def _peak_flags(blood: Float[np.ndarray, " time"], hct: float) -> tuple[Flag, ...]:
    peak = float(blood.max()) / (1.0 - hct)
    if LOW_PEAK <= peak <= HIGH_PEAK:
        return ()
    word = "small: the vessel is mixed with tissue, or blood flows in fresh" if peak < LOW_PEAK else "large"
    return (
        Flag(
            "odd-arterial-peak",
            Severity.CAUTION,
            f"Arterial plasma peaks at {peak:.2g} mM, which is {word}; Ktrans, ve and vp are wrong by the same factor.",
            "arterial input",
            source=SOURCE,
        ),
    )


def _vein(
    signal: Float[np.ndarray, "voxels time"],
    tissue: Float[np.ndarray, "voxels time"],
    times: Float[np.ndarray, " time"],
    rest: AtRest,
    acquisition: Acquisition,
    b1: Float[np.ndarray, " voxels"] | None,
    plan: Plan,
) -> Int[np.ndarray, " some"]:
    """The voxels that hold most agent late, as blood has it, among those that show a first pass: large veins."""
    passing, late = first_pass(rest, times, FIRST_PASS), _late(times, rest)
    with np.errstate(invalid="ignore"):
        noise = tissue[:, rest.frames].std(axis=1)
        peak = tissue[:, passing].max(axis=1)
        some = np.flatnonzero((peak > LEAST_CONTRAST * noise) & (peak > STANDS_OUT * tissue[:, late].mean(axis=1)))
    # The T1 map is no guide in blood that flows: all candidates are looked at with the T1 of blood.
    found = concentration(
        signal[some], rest.frames, np.full(some.size, blood_t1(acquisition, plan)), float(acquisition.tr or np.nan),
        float(acquisition.flip_angle or np.nan), plan.r1, None if b1 is None else b1[some], acquisition.te or 0.0,
        plan.r2star,
    )  # fmt: skip
    held = np.nan_to_num(found.curves[:, late].mean(axis=1), nan=-np.inf)
    order = np.argsort(-held, kind="stable")[:MOST_VOXELS]
    return some[order] if order.size >= FEWEST_VOXELS and np.isfinite(held[order]).all() else some[:0]


def _late(times: Float[np.ndarray, " time"], rest: AtRest) -> slice:
    """The last third of the frames after the baseline."""
    return slice(times.size - max(3, (times.size - rest.frames.stop) // 3), times.size)


def _venous(
    signal: np.ndarray,
    rest: AtRest,
    acquisition: Acquisition,
    t1: np.ndarray,
    b1: np.ndarray | None,
    pure: np.ndarray,
    plan: Plan,
) -> Float[np.ndarray, " time"]:
    own_b1 = None if b1 is None else np.array([float(np.nanmedian(b1[pure]))])
    curve = mean_above_floor(signal[pure], rest)[None]
    return _in_blood(curve, rest, acquisition, t1[pure], own_b1, plan)[0]


def _unmixed(
    blood: Float[np.ndarray, " time"],
    venous: Float[np.ndarray, " time"],
    times: Float[np.ndarray, " time"],
    rest: AtRest,
    origin: str,
    plan: Plan,
) -> tuple[Float[np.ndarray, " time"], str, tuple[Flag, ...]]:
    """The arterial curve, or where it is mixed with tissue the shape of veins at the time of the arteries."""
    late = _late(times, rest)
    share = float(blood[late].mean() / venous[late].mean())
    if plan.blood == "auto" and share > PURE:
        return blood, origin, ()
    lag = max(_half_rise(venous, times, rest) - _half_rise(blood, times, rest), 0.0)
    note = Flag(
        "venous-input",
        Severity.NOTE,
        f"Arterial voxels hold {share:.0%} of the agent that veins hold late, as vessels mixed with tissue do; the "
        f"input has the shape of veins, moved {lag:.1f} s to the time of the arteries.",
        "arterial input",
        share,
        SOURCE,
    )
    return np.interp(times + lag, times, venous), f"{origin}; shape of veins, {lag:.1f} s earlier", (note,)


def _half_rise(curve: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"], rest: AtRest) -> float:
    """When a curve first reaches half of its peak, in s."""
    peak = int(curve.argmax())
    below = np.flatnonzero(curve[: peak + 1] < 0.5 * curve[peak])
    last = int(below[-1]) if below.size else rest.frames.stop
    return float(np.interp(0.5 * curve[peak], curve[last : last + 2], times[last : last + 2]))


def _part(inside: Region, voxels: np.ndarray, origin: str) -> Region:
    chosen: Bool[np.ndarray, " voxels"] = np.zeros(inside.n_voxels, bool)
    chosen[voxels] = True
    return inside.part(chosen, "aif", origin)
