"""Images at several flip angles, or after several inversions, to a map of T1: reads as a methods section."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.dce.bolus import has_signal
from perspect.dce.t1 import Method, variable_flip_angle
from perspect.fit import Fit, fit
from perspect.models import Hifi, InversionRecovery, LookLocker
from perspect.numerics import robust
from perspect.vocabulary import (
    FAILED_FROM,
    Flag,
    Grid,
    Map,
    Measured,
    Problem,
    Quantity,
    Recipe,
    Region,
    Severity,
    Status,
    Step,
    lexicon,
)  # fmt: skip

SOURCE: Final = "t1"

COARSE: Final = 20.0
"""Signal in stored units below which whole numbers are a rounding worth a word: 1/√12 of a unit is 1.4 % of it."""

NOISE_FLOOR: Final = 5.0
"""Signal-to-noise of the darkest image below which magnitude noise lifts it by more than 2 % [Rice]."""

RECOVERY_FLOOR: Final = 10.0
"""Signal-to-noise of the brightest image of a recovery below which magnitude noise, which lifts what is near zero and
hides its sign, biases T1: by 2 to 12 % at 4 to 8, by up to 4 % at 10, by less than its scatter above [measured].
"""

OFF_NOMINAL: Final = 0.05
"""Flip angles off by this much change T1 by 10 %."""


@dataclass(frozen=True, eq=False)
class Images:
    """Images of one head on one grid, last axis in the order of the acquisition; `is_integer`: stored as such."""

    values: Float[np.ndarray, "x y z images"]
    grid: Grid
    is_integer: bool = False


def of_flip_angles(
    images: Images,
    flip_angles: Float[np.ndarray, " images"],
    tr: float,
    *,
    b1: Float[np.ndarray, "x y z"] | None = None,
    mask: Region | None = None,
    method: Method = "nonlinear",
) -> Measured:
    """T1 from spoiled gradient echoes at nominal `flip_angles` (rad) with one `tr` (s); `b1` is true over nominal."""
    inside = _inside(images, mask)
    signals = _taken(images, inside)
    scale = None if b1 is None else inside.taken(b1).astype(np.float64)
    noise = np.full(inside.n_voxels, noise_of_neighbours(images, inside)) if flip_angles.size == 2 else None
    found = variable_flip_angle(signals, flip_angles, tr, scale, method, noise)
    angles = ", ".join(f"{np.rad2deg(one):g}" for one in flip_angles)
    b1_said = "the measured flip angle of each voxel" if b1 is not None else "nominal flip angles"
    step = Step(
        "T1",
        f"T1 was fitted ({method}) to spoiled gradient echoes at {angles}° with TR {1000 * tr:g} ms and {b1_said}.",
        {"method": method},
        ("Deoni, Rutt and Peters 2003, doi:10.1002/mrm.10407", "Chang et al. 2008, doi:10.1002/mrm.21669"),
    )
    flags = [*_signal_flags(images, signals, found.noise), *_angle_flags(b1 is not None, flip_angles.size)]
    columns = {lexicon.T1: (found.t1, found.t1_std), lexicon.S0: (found.s0, found.s0_std)}
    return _measured(
        inside, columns, found.status, flags, step, {"flip_angles_deg": np.rad2deg(flip_angles).tolist(), "tr": tr}
    )


def of_inversions(
    images: Images,
    inversion_times: Float[np.ndarray, " images"],
    *,
    is_look_locker: bool = False,
    is_magnitude: bool = True,
    mask: Region | None = None,
) -> Measured:
    """T1 from images after inversions (s), each seen once, or (Look-Locker) in one recovery under small flip angles.

    Magnitudes have lost their sign: it is given back to the first images, as many of them as fits best.
    """
    if inversion_times.size < 4 or np.unique(inversion_times).size < 3:
        raise Problem(
            f"{inversion_times.size} inversion times were given, {np.unique(inversion_times).size} of them different.",
            "Three numbers are fitted, and one more image must tell the error.",
            "Give at least four images, at three times or more.",
        )
    order = np.argsort(inversion_times)
    times = inversion_times[order]
    model = LookLocker(times) if is_look_locker else InversionRecovery(times)
    inside = _inside(images, mask)
    signals = _taken(images, inside)[:, order].astype(np.float64)
    found = _best_sign(model, signals) if is_magnitude else fit(model, signals)
    status = found.status.copy()
    is_open = (status < FAILED_FROM) & ~np.isfinite(found.values["T1map"] + found.std["T1map"])
    status[is_open] = Status.NOT_DETERMINED
    kind = "Look-Locker recovery" if is_look_locker else "inversion recovery"
    step = Step(
        "T1",
        f"T1 was fitted to {kind} at {times.size} times from {1000 * times[0]:.0f} to {1000 * times[-1]:.0f} ms"
        + (", with the sign that magnitudes lack given back." if is_magnitude else "."),
        {},
        ("Deichmann and Haase 1992, doi:10.1016/0022-2364(92)90347-6",) if is_look_locker
        else ("Barral et al. 2010, doi:10.1002/mrm.22497",),
    )  # fmt: skip
    columns = {lexicon.T1: (found.values["T1map"], found.std["T1map"])}
    # Signs that were not lost cannot be guessed wrongly, and nothing lifts them.
    noise = _residual(found, times.size - 3) if is_magnitude else np.full(inside.n_voxels, np.nan)
    flags = _signal_flags(images, signals, noise, is_recovery=True)
    return _measured(inside, columns, status, flags, step, {"inversion_times": times.tolist()})


def of_both(images: Images, model: Hifi, *, mask: Region | None = None) -> Measured:
    """T1 and the true flip angle together (DESPOT1-HIFI), of images in the order of the model's samples."""
    inside = _inside(images, mask)
    signals = _taken(images, inside).astype(np.float64)
    found = fit(model, signals)
    step = Step(
        "T1",
        "T1 and the true flip angle were fitted together to spoiled gradient echoes with and without an inversion.",
        {},
        ("Deoni 2007, doi:10.1002/jmri.21130",),
    )
    columns = {quantity: (found.values[quantity.key], found.std[quantity.key]) for quantity in model.parameters}
    n_spare = model.flip_angles.size - len(model.parameters)
    noise = _residual(found, n_spare) if n_spare else np.full(inside.n_voxels, noise_of_neighbours(images, inside))
    # Images after an inversion may be dark as they pass through zero, which tells T1 and lifts little.
    flags = _signal_flags(images, signals[:, ~np.isfinite(model.inversion_times)], noise)
    return _measured(inside, columns, found.status, flags, step, {"tr": model.tr})


def _residual(found: Fit, n_spare: int) -> Float[np.ndarray, " voxels"]:
    """Standard deviation of the signal, from what a fit with so many samples to spare leaves."""
    return np.sqrt(found.sse / n_spare)


def _best_sign(model: InversionRecovery | LookLocker, signals: Float[np.ndarray, "voxels time"]) -> Fit:
    """The fit of the sign with the least sum of squares, of each voxel."""
    best: Fit | None = None
    for n_negative in range(model.inversion_times.size):
        sign = np.where(np.arange(model.inversion_times.size) < n_negative, -1.0, 1.0)
        one = fit(model, signals * sign)
        if best is None:
            best = one
            continue
        takes = np.nan_to_num(one.sse, nan=np.inf) < np.nan_to_num(best.sse, nan=np.inf)
        best = replace(
            best,
            values={key: np.where(takes, one.values[key], best.values[key]) for key in best.values},
            std={key: np.where(takes, one.std[key], best.std[key]) for key in best.std},
            status=np.where(takes, one.status, best.status),
            sse=np.where(takes, one.sse, best.sse),
            covariance=np.where(takes[:, None, None], one.covariance, best.covariance),
        )
    assert best is not None
    return best


def _inside(images: Images, mask: Region | None) -> Region:
    """What is measured. Raises Problem where that is nothing."""
    if mask is not None:
        return mask
    bright = has_signal(images.values.max(axis=-1).astype(np.float64))
    if not bright.any():
        raise Problem("The images hold no signal.", "No voxel would have a T1.", "Give the images as magnitudes.")
    return Region(bright, images.grid, "voxels with signal", "above a tenth of the bright signal")


def _taken(images: Images, inside: Region) -> Float[np.ndarray, "voxels images"]:
    return np.stack([inside.taken(one) for one in np.moveaxis(images.values, -1, 0)], axis=1)


def noise_of_neighbours(images: Images, inside: Region) -> float:
    """Standard deviation of the signal, from how far voxels lie from their two neighbours along either axis of a slice;
    the mean over the images. NaN where no voxel has two.
    """
    found = []
    for image in np.moveaxis(images.values, -1, 0):
        seen = np.where(inside.mask, image.astype(np.float64), np.nan)
        axes = [axis for axis in (0, 1) if seen.shape[axis] > 2]
        apart = [robust.second_differences(seen, axis).ravel() for axis in axes]
        known = [one[np.isfinite(one)] for one in apart]
        sizes = [float(robust.spread(one)) for one in known if one.size]
        # Along one of the two axes there may be edges where along the other there are few.
        found.append(min(sizes, default=float("nan")))
    return float(np.sqrt(np.mean(np.square(found))))


def _signal_flags(
    images: Images,
    signals: Float[np.ndarray, "voxels images"],
    noise: Float[np.ndarray, " voxels"],
    is_recovery: bool = False,
) -> list[Flag]:
    """What whole numbers and the noise of magnitudes do to the darkest image, or to a recovery, which passes through
    zero and counts by its brightest one; noise that is NaN is not looked at.
    """
    flags = []
    pick, which = (np.max, "brightest") if is_recovery else (np.min, "darkest")
    level = float(pick(np.median(np.abs(signals), axis=0)))
    if images.is_integer and 0 < level < COARSE:
        flags.append(
            _flag(
                "coarse-rounding",
                Severity.CAUTION,
                f"The {which} image has a median of {level:.0f} and is stored in whole numbers: rounding alone is "
                f"{100 / np.sqrt(12) / level:.0f} % of it, and biases T1.",
            )
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = pick(np.abs(signals), axis=1) / noise
    typical = float(np.nanmedian(ratio)) if np.isfinite(ratio).any() else np.inf
    if typical < (RECOVERY_FLOOR if is_recovery else NOISE_FLOOR):
        does = "lifts what is near zero and hides its sign" if is_recovery else "lifts it"
        flags.append(
            _flag(
                "noise-floor",
                Severity.LIMITED,
                f"The {which} image is only {typical:.1f} times its noise in the median voxel; the noise of magnitudes "
                f"{does}, and biases T1.",
            )
        )
    return flags


def _angle_flags(has_b1: bool, n_angles: int) -> list[Flag]:
    """What flip angles that are not known, or too few, leave open."""
    flags = []
    if not has_b1:
        flags.append(
            _flag(
                "no-b1-map",
                Severity.CAUTION,
                "No map of the true flip angle was given: where it is off by 10 %, T1 is off by 20 %.",
            )
        )
    if n_angles == 2:
        flags.append(
            _flag(
                "noise-of-neighbours",
                Severity.CAUTION,
                "Two flip angles are fitted exactly and tell no error: noise was read from the differences of "
                "neighbouring voxels, which holds differences of tissue as well. Standard errors are upper limits.",
            )
        )
    return flags


def _flag(code: str, severity: Severity, sentence: str) -> Flag:
    return Flag(code, severity, sentence, "T1", source=SOURCE)


def _measured(
    inside: Region,
    columns: dict[Quantity, tuple[np.ndarray, np.ndarray]],
    status: np.ndarray,
    flags: list[Flag],
    step: Step,
    summary: dict[str, object],
) -> Measured:
    maps: dict[str, Map] = {
        quantity.key: Map.of(quantity, inside, values, std, status) for quantity, (values, std) in columns.items()
    }
    usable = maps[lexicon.T1.key].values
    said = {**summary, "t1_median": float(np.nanmedian(usable)) if np.isfinite(usable).any() else float("nan")}
    return Measured(
        maps, tuple(flags), Recipe((step,)), {"brain": inside}, {}, {**said, "reliability": "see the flags"}
    )
