"""Signals that cannot be magnitudes of an MR series are refused at the door, before anything is computed from them."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Num

from perspect.vocabulary import Flag, Problem, Severity

NEGATIVE_SHARE: Final = 0.25
"""Share of the summed magnitude of the first volume that may be negative; interpolation rings far less than this."""

LEAST, LARGEST = 1e-13, 1e13
"""Of the largest value of a series: sums of its squares stay within single precision, which ends at 1e-38 and 1e38."""


def plausible_signal(
    values: Num[np.ndarray, "x y z time"], slope: float, intercept: float, name: str
) -> tuple[Flag, ...]:
    """Notes on a series that may be used; a `Problem` for one that may not.

    Refused: volumes without one finite number, constant volumes (named by index), a series that is one volume again and
    again, signal that is not positive, or so large or small that its squares are no numbers.
    """
    volumes = values.reshape(-1, values.shape[3], order="F").T
    finite = _finite_shares(volumes)
    _refuse(finite == 0, name, "holds no finite number", "the curve of every voxel has a gap there")
    low, high = _extremes(volumes)
    _refuse(low == high, name, "is constant", "there is no image in it")
    if len(volumes) > 1 and all(np.array_equal(one, volumes[0], equal_nan=finite.min() < 1) for one in volumes[1:]):
        raise Problem(
            f"All {len(volumes)} volumes of {name} are the same, number for number.",
            "There is no time in the series: even a head at rest shows noise.",
            "Give the series as it came from the scanner, not its first volume repeated.",
        )
    _refuse_negative(volumes[0], low * slope + intercept, high * slope + intercept, slope, intercept, name)
    _refuse_size(float(max(abs(low).max(), abs(high).max())) * abs(slope), name)
    if finite.min() == 1.0:
        return ()
    concerned = np.flatnonzero(finite < 1)
    return (
        Flag(
            "not-finite",
            Severity.NOTE,
            f"{name} has voxels that are NaN or infinite (up to {1 - finite.min():.1%} of a volume); they stay empty.",
            f"volumes {_list(concerned)}",
            float(1 - finite.min()),
            "reading",
        ),
    )


def _finite_shares(volumes: Num[np.ndarray, "time voxels"]) -> Num[np.ndarray, " time"]:
    if volumes.dtype.kind != "f":
        return np.ones(len(volumes))
    return np.array([np.isfinite(volume).mean() for volume in volumes])


def _extremes(volumes: Num[np.ndarray, "time voxels"]) -> tuple[Num[np.ndarray, " time"], Num[np.ndarray, " time"]]:
    """Smallest and largest finite number of every volume."""
    whole = [volume if volume.dtype.kind != "f" else volume[np.isfinite(volume)] for volume in volumes]
    return np.array([float(v.min()) for v in whole]), np.array([float(v.max()) for v in whole])


def _refuse(are_bad: Bool[np.ndarray, " time"], name: str, what: str, why: str) -> None:
    """Stops where some volumes, or all, cannot be used; `why` is said of volumes that are named."""
    volumes = np.flatnonzero(are_bad)
    if not volumes.size:
        return
    if are_bad.all():
        raise Problem(
            f"Every volume of {name} {what}.",
            "There is no signal to be read.",
            "Give the series as it came from the scanner, or convert it again.",
        )
    some = "Volume" if volumes.size == 1 else "Each of the volumes"
    raise Problem(
        f"{some} {_list(volumes)} of {name} {what} (counted from 0).",
        f"{why[0].upper()}{why[1:]}.",
        f"Take {'it' if volumes.size == 1 else 'them'} out of the series and give the times of the others with "
        "--times, or convert the series again.",
    )


def _refuse_negative(
    first: Num[np.ndarray, " voxels"],
    low: Num[np.ndarray, " time"],
    high: Num[np.ndarray, " time"],
    slope: float,
    intercept: float,
    name: str,
) -> None:
    """Signal without positive values, or balanced about zero as z-scores and differences are."""
    remedy = "Give the magnitude series as it came from the scanner, without normalisation or subtraction."
    if max(high.max(), low.max()) <= 0:
        raise Problem(f"{name} has no positive signal.", "Agent is read from how a positive signal changes.", remedy)
    signal = first[np.isfinite(first)].astype(np.float64) * slope + intercept
    share = float(-signal[signal < 0].sum() / max(np.abs(signal).sum(), np.finfo(np.float64).tiny))
    if share > NEGATIVE_SHARE:
        raise Problem(
            f"{share:.0%} of the signal of {name} is negative; it looks normalised (z-scores) or subtracted.",
            "Agent is read from the ratio of two signals, which such numbers do not have.",
            remedy,
        )


def _refuse_size(largest: float, name: str) -> None:
    if not LEAST <= largest <= LARGEST:
        raise Problem(
            f"The largest value of {name} is {largest:.1e}.",
            "Sums of squares of such numbers are beyond single precision.",
            "Multiply the series so that its signal lies near 1000; no ratio depends on that.",
        )


def _list(numbers: Num[np.ndarray, " n"]) -> str:
    """Indices for people: at most eight, then how many there are."""
    shown = ", ".join(str(n) for n in numbers[:8])
    return shown if numbers.size <= 8 else f"{shown}, ... ({numbers.size} in all)"
