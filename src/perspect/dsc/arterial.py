"""The arterial input of a DSC series: found, taken from a region, or given as a curve."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from perspect.anatomy.arterial import away_from_edge, find, first_moment, width_at_half
from perspect.dsc.integrate import linear_maps, sums, trapezoid_weights
from perspect.dsc.passage import FirstPass
from perspect.dsc.plan import Plan
from perspect.dsc.quality import SOURCE
from perspect.dsc.signal import Relaxation, delta_r2star, echo_factor
from perspect.dsc.t1_effect import R2STAR
from perspect.vocabulary import Curve, Flag, Problem, Region, Severity, Status

IN_BLOOD = ("cb", "cp")
"""Labels of an arterial concentration: in whole blood, in plasma."""

MANY_SATURATED = 0.005
"""Share of the brain at the noise floor beyond which its large arteries are among it [our default]."""

LOWEST_PEAK = 1.5
"""An arterial curve that peaks below this multiple of the brain's mean is mostly tissue [our default]."""


@dataclass(frozen=True, eq=False)
class Arterial:
    """The arterial curve in 1/s (None where none could be had), the relative error of its area, and where it is
    from.
    """

    curve: Float[np.ndarray, " time"] | None
    relative_error: float
    region: Region | None
    origin: str
    flags: tuple[Flag, ...]
    moment: float = float("nan")
    width: float = float("nan")
    lead: float = float("nan")


def arterial_input(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    passed: FirstPass,
    brain: Region,
    given: Region | Curve | None,
    plan: Plan,
    lag: Float[np.ndarray, " voxels"] | None = None,
    lesion: Region | None = None,
) -> Arterial:
    """The arterial input from what is given, or found among the voxels of the brain that are not of the `lesion`, whose
    vessels are not those that feed the brain; `lag` is that of slices in turn.

    Raises Problem for a region without usable voxels or a curve that does not cover the series.
    """
    if isinstance(given, Curve):
        return _described(
            _converted(given, times, relaxation, plan), 0.0, None, f"given as {given.label}", times, passed
        )
    if given is not None:
        return _from_region(relaxation, times, passed, brain, given)
    inside = away_from_edge(brain.mask, brain.grid)
    allowed = brain.taken(inside if lesion is None else inside & ~lesion.mask)
    eligible = allowed & (relaxation.status == Status.OK)
    found = find(relaxation.curves, relaxation.noise, eligible, times, passed.frames, lag)
    if found is None:
        flag = Flag(
            "no-arterial-input",
            Severity.LIMITED,
            "No voxel looks like an artery: early, high, narrow and not saturated. There is no CBV, CBF or MTT; "
            "ratios are not affected. Give a region or a curve with --aif.",
            "brain",
            source=SOURCE,
        )
        return Arterial(None, float("nan"), None, "none", (flag,))
    where = "" if lesion is None else ", outside the lesion"
    region = _region(found.voxels, brain, f"found by clustering of curve shapes{where}")
    arterial = _described(
        found.curve,
        max(_area_error(relaxation, times, found.voxels), _choice_error(relaxation, times, found.voxels)),
        region,
        f"found in {found.voxels.size} voxels of {found.n_candidates} candidates{where}",
        times,
        passed,
    )
    saturated = float((relaxation.status[allowed] == Status.SATURATED).mean())
    if saturated <= MANY_SATURATED:
        return replace(arterial, lead=found.lead)
    # What may be an artery: another share than that of all voxels, which has a flag of its own.
    edges = "its edge" if lesion is None else "its edge and the lesion"
    note = Flag(
        "arteries-saturated",
        Severity.CAUTION,
        f"{saturated:.1%} of the brain away from {edges} falls to the noise floor at the peak, as large "
        "arteries do; the arterial input is from smaller ones, by whose area CBV and CBF may be too high.",
        "arterial input",
        saturated,
        SOURCE,
    )
    return replace(arterial, lead=found.lead, flags=(*arterial.flags, note))


def _from_region(
    relaxation: Relaxation, times: Float[np.ndarray, " time"], passed: FirstPass, brain: Region, given: Region
) -> Arterial:
    inside = brain.taken(given.mask)
    voxels = np.flatnonzero(inside & (relaxation.status == Status.OK))
    if voxels.size == 0:
        raise Problem(
            f"None of the {given.n_voxels} voxels of the arterial region '{given.name}' can be used.",
            "They are outside the brain mask, saturated or without signal.",
            "Choose other voxels, widen --mask, or use --aif auto.",
        )
    curve = relaxation.curves[voxels].mean(axis=0, dtype=np.float64)
    left_out = given.n_voxels - voxels.size
    flags: tuple[Flag, ...] = ()
    if left_out:
        flags = (
            Flag(
                "arterial-voxels-left-out",
                Severity.CAUTION,
                f"{left_out} of {given.n_voxels} voxels of the arterial region are saturated, without signal or "
                "outside the brain mask, and were left out.",
                given.name,
                left_out / given.n_voxels,
                SOURCE,
            ),
        )
    region = _region(voxels, brain, f"given as {given.name}")
    return _described(
        curve,
        _area_error(relaxation, times, voxels),
        region,
        f"mean of {voxels.size} voxels of {given.name}",
        times,
        passed,
        flags,
    )


def _described(
    curve: Float[np.ndarray, " time"],
    relative_error: float,
    region: Region | None,
    origin: str,
    times: Float[np.ndarray, " time"],
    passed: FirstPass,
    flags: tuple[Flag, ...] = (),
) -> Arterial:
    moment = float(first_moment(curve[None, passed.frames], times[passed.frames])[0])
    after, clock = curve[passed.frames.start :], times[passed.frames.start :]
    width = width_at_half(after, clock)
    peak, tissue_peak = float(after.max()), passed.height
    if curve[: passed.frames.start].max() > peak:
        raise Problem(
            f"The arterial curve is largest at {times[int(curve.argmax())]:g} s, before the bolus arrives in the "
            "brain.",
            "It cannot be the input of what comes later.",
            "Check its times, or give another one with --aif.",
        )
    if peak < LOWEST_PEAK * tissue_peak:
        flags = (
            *flags,
            Flag(
                "weak-arterial-input",
                Severity.CAUTION,
                f"The arterial curve peaks at {peak:.1f} /s, the mean brain at {tissue_peak:.1f} /s: it is mixed with "
                "tissue. By its area CBV and CBF are too high, and its shape shortens MTT.",
                "arterial input",
                source=SOURCE,
            ),
        )
    if not peak > 0 or not np.trapezoid(after, clock) > 0:
        raise Problem(
            "The arterial input has no positive area.",
            "It cannot have carried any agent.",
            "Give another one with --aif.",
        )
    return Arterial(curve, relative_error, region, origin, flags, moment, width)


def _converted(
    given: Curve, times: Float[np.ndarray, " time"], relaxation: Relaxation, plan: Plan
) -> Float[np.ndarray, " time"]:
    """A curve that was given, as ΔR2* in 1/s on the series' times."""
    if given.times[0] > times[0] + 1e-6 or given.times[-1] < times[-1] - 1e-6:
        raise Problem(
            f"The arterial curve covers {given.times[0]:g} to {given.times[-1]:g} s, the series {times[0]:g} to "
            f"{times[-1]:g} s.",
            "An input that stops early cannot explain what comes after.",
            "Give a curve over the whole series.",
        )
    values = np.interp(times, given.times, given.values)
    # Tissue is seen as change since rest, with whatever a preload has left; so must the input be.
    change: np.ndarray = values - values[relaxation.rest.frames].mean()
    if given.unit == "1/s":
        return change
    if given.unit == "mM":
        if given.label not in IN_BLOOD:
            raise Problem(
                f"The arterial concentration is labelled '{given.label}'.",
                "Plasma holds 1/(1 - Hct) times what whole blood does.",
                "Label it cb (whole blood) or cp (plasma).",
            )
        return R2STAR * change * ((1 - plan.hct_large) if given.label == "cp" else 1.0)
    at_rest = values[relaxation.rest.frames].mean()
    curve = delta_r2star(values, np.asarray(at_rest), echo_factor(relaxation.echo_times))
    if not np.isfinite(curve).all():
        raise Problem(
            "The arterial signal is not positive at every time.", "Its logarithm is needed.", "Give another curve."
        )
    return curve if relaxation.t1 is None else relaxation.t1.true(curve)


def _area_error(relaxation: Relaxation, times: Float[np.ndarray, " time"], voxels: np.ndarray) -> float:
    """Relative standard error of the area of the mean curve of some voxels, from their noise."""
    weights = trapezoid_weights(times, slice(relaxation.rest.stop, times.size))[:, None]
    (values,), (std,) = linear_maps(relaxation.of(voxels), weights)
    return float(np.sqrt((std**2).sum()) / abs(values.sum()))


def _choice_error(relaxation: Relaxation, times: Float[np.ndarray, " time"], voxels: np.ndarray) -> float:
    """Relative standard error of the area of the mean curve of voxels that were chosen: with the next noise others of
    their kind would have been, so that they are a sample, and differ by more than their noise.
    """
    areas = sums(relaxation.curves[voxels], trapezoid_weights(times, slice(relaxation.rest.stop, times.size))[:, None])
    if voxels.size < 2 or not areas.mean() > 0:
        return float("nan")
    return float(areas.std(ddof=1) / np.sqrt(voxels.size) / areas.mean())


def _region(voxels: np.ndarray, brain: Region, origin: str) -> Region:
    """Positions within the brain as a region."""
    inside = np.zeros(brain.n_voxels, bool)
    inside[voxels] = True
    return brain.part(inside, "aif", origin)
