"""Volumes that do not belong: chosen by a person, empty, or unlike what comes before and after; and slices in turn."""

from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.dce.plan import SOURCE, Plan
from perspect.vocabulary import Flag, Problem, Region, Series, Severity

ODD: Final = 0.15
"""Relative deviation of the median voxel from the volumes around, and from one next to it, beyond which a volume is odd
[our default]."""

RETURNS: Final = 0.03
"""Relative difference of the levels before and after up to which the curve has come back: a bolus does not
[our default]."""

BESIDE: Final = 3
"""Volumes on each side that tell the level there; one of them may be odd itself."""

LOOKED_AT: Final = 2000
"""Voxels that tell whether a volume is odd."""

FEWEST: Final = 5
"""Volumes without which no curve is fitted [our default]."""

MANY: Final = 0.1
"""Share of odd volumes from which on the series itself is in doubt [our default]."""


def without_odd(series: Series, inside: Region, plan: Plan) -> tuple[Series, tuple[int, ...], tuple[Flag, ...]]:
    """The series without the volumes to be left out, the places of those that stay, and what is to be said of it.

    Times stay those of the volumes: everything after knows uneven ones.
    """
    wrong = [one for one in plan.drop if not 0 <= one < series.n_times]
    if wrong:
        raise Problem(
            f"dce.drop names volume {wrong[0]}, but {series.name} has {series.n_times}.",
            "It is not known which one is meant.",
            "Volumes are counted from 0.",
        )
    odd = np.zeros(series.n_times, bool)
    if plan.find_odd:
        some = inside.places[:: max(1, inside.n_voxels // LOOKED_AT)]
        signal = series.values.reshape(-1, series.n_times, order="F")[some] * np.float64(series.slope)
        odd = odd_volumes(signal + series.intercept)
    given = np.zeros(series.n_times, bool)
    given[list(plan.drop)] = True
    flags = tuple(_said(np.flatnonzero(odd & ~given), odd.mean()))
    kept = np.flatnonzero(~(odd | given))
    if kept.size < FEWEST:
        raise Problem(
            f"Of {series.n_times} volumes of {series.name} {kept.size} are left.",
            "Nothing can be fitted to so few.",
            "Look at the series; dce.find_odd=false keeps volumes that seem odd.",
        )
    if kept.size == series.n_times:
        return series, tuple(kept.tolist()), ()
    values = np.asfortranarray(series.values[..., kept])
    return replace(series, values=values, times=series.times[kept]), tuple(kept.tolist()), flags


def odd_volumes(signal: Float[np.ndarray, "voxels time"]) -> Bool[np.ndarray, " time"]:
    """Volumes without signal in most voxels, and those whose median voxel leaves its level and comes back at once.

    The rise of a bolus does not come back, as tissue holds agent after it; where little is held, its peak has slopes.
    """
    n = signal.shape[1]
    seen = np.isfinite(signal) & (signal > 0)
    # Background in the mask is empty in every volume and says nothing of one.
    alive = seen.mean(axis=1) >= 0.5
    if not alive.any():
        return np.zeros(n, bool)
    signal = signal[alive]
    odd = seen[alive].mean(axis=0) < 0.5
    for at in range(2, n - 2):
        before, after = signal[:, max(at - BESIDE, 0) : at], signal[:, at + 1 : at + 1 + BESIDE]
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = np.median(before, axis=1), np.median(after, axis=1)
            returns = abs(float(np.nanmedian(high / low)) - 1.0) < RETURNS
            level = 0.5 * (low + high)
            away = abs(float(np.nanmedian(signal[:, at] / level)) - 1.0) > ODD
            jumps = [
                abs(float(np.nanmedian((signal[:, at] - signal[:, one]) / level))) > ODD for one in (at - 1, at + 1)
            ]
        odd[at] |= returns and away and any(jumps)
    return np.asarray(odd)


def lag_flags(lag: Float[np.ndarray, " voxels"] | None, has_delay: bool) -> tuple[Flag, ...]:
    """What is to be said of slices that were taken in turn."""
    if lag is None:
        return ()
    widest = float(np.ptp(lag))
    if has_delay:
        text = f"Slices were taken in turn, over {widest:.1f} s; the delay of each voxel takes it up."
        return (Flag("slices-in-turn", Severity.NOTE, text, "delay", source=SOURCE),)
    text = (
        f"Slices were taken in turn, over {widest:.1f} s, and no delay is fitted that would take it up: vp and Ktrans "
        "of slices far from the artery are wrong."
    )
    return (Flag("slices-in-turn", Severity.CAUTION, text, "series", source=SOURCE),)


def _said(odd: np.ndarray, share: float) -> list[Flag]:
    if odd.size == 0:
        return []
    listed = ", ".join(str(one) for one in odd[:12]) + (" and others" if odd.size > 12 else "")
    text = f"{odd.size} volumes are empty or unlike those around them and were left out: {listed} (counted from 0)."
    severity = Severity.LIMITED if share > MANY else Severity.CAUTION
    return [Flag("odd-volumes", severity, text, "series", float(share), SOURCE)]
