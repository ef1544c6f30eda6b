"""A dynamic series, or images at several flip angles, from DICOM with one image to a file."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import degrees
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.io.dicom_header import Header, dicom_files, is_dicom, read_headers, tolerant
from perspect.io.identity import Said, demand_one_patient_of
from perspect.io.placement import TO_RAS
from perspect.io.sidecar import combined
from perspect.io.timing import TOLERANCE
from perspect.vocabulary import Acquisition, Flag, Grid, Problem, Series, Severity

DYNAMIC: Final = 10
"""Images of one place that make a series dynamic; flip angles and echoes are fewer [our default]."""

LONGEST_TR: Final = 0.1
"""Seconds between excitations of a spoiled gradient echo, at most."""

UNEVEN: Final = 0.02
"""Of the distance between slices: by how much it may vary where positions are rounded [our default]."""

ALIKE: Final = 1e-3
"""Cosine and mm by which directions and places may differ and be the same."""

SMALLEST_LAG: Final = 1e-3
"""Seconds between slices below which all are taken at once."""

SAME_ECHO: Final = 1e-4
"""Seconds by which echo times of one echo may differ, as they are rounded [our default]."""

MAGNITUDES, PHASE_MAPS = ("M", "M_FFE", "M_SE"), ("P", "PHASE MAP")
"""What ImageType calls them, by Siemens and by Philips."""

Phase = tuple[Header, ...]
"""The slices of one volume, in the order of the grid."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Volumes in the order of time, all on one grid; `has_positions` is false where the headers give no place."""

    phases: tuple[Phase, ...]
    grid: Grid
    has_positions: bool
    flags: tuple[Flag, ...] = ()

    @property
    def first(self) -> Header:
        """The first image."""
        return self.phases[0][0]


def series_below(folder: Path) -> dict[str, tuple[Header, ...]]:
    """The images of every series below a folder; those of one series may have several flip angles.

    Raises Refusal where they are of several people, Problem where there are none.
    """
    headers = read_headers(dicom_files(folder))
    if not headers:
        raise Problem(f"{folder.name} holds no MR image in DICOM.", "There is nothing to read.", "Check the folder.")
    found: dict[str, list[Header]] = defaultdict(list)
    for one in headers:
        found[one.series].append(one)
    demand_one_patient_of([images[0].whose for images in found.values()])
    return {key: tuple(images) for key, images in found.items()}


def dynamic_below(folder: Path) -> tuple[Header, ...]:
    """The images of the one dynamic series below a folder."""
    every = series_below(folder)
    found = [images for images in every.values() if _n_phases(images) >= DYNAMIC]
    if len(found) != 1:
        listed = "; ".join(
            f"{one[0].number} {one[0].description} ({_n_phases(one)} volumes)" for one in (found or every.values())
        )
        raise Problem(
            f"{folder.name} holds {len(found) or 'no'} dynamic series of {DYNAMIC} volumes or more: {listed[:300]}.",
            "Which one is meant must be known.",
            "Give the folder of one series.",
        )
    return found[0]


def read_dicom_series(
    folder: Path, given: Acquisition, table: Callable[[int], Float[np.ndarray, " time"]] | None = None
) -> tuple[Series, bool, tuple[Flag, ...]]:
    """The dynamic series below a folder, whether it has positions, and what must be known of how it was read.

    What is `given` by hand overrides the headers; `table` gives the times of so many volumes in their place.
    """
    stack = stacked(dynamic_below(folder))
    first = stack.first
    times, lags, flags = phase_times(stack, folder.name) if table is None else (table(len(stack.phases)), None, ())
    recorded = Acquisition(first.te, first.tr, first.flip_angle, first.field, None, first.agent)
    taken, overridden = combined(recorded, given, folder.name)
    values, slope, intercept = pixels(stack)
    series = Series(
        values, stack.grid, times, taken, slope, intercept, folder.name, digest(folder, stack), lags,
    )  # fmt: skip
    return series, stack.has_positions, (*stack.flags, *flags, *overridden)


def flip_stacks(folder: Path) -> tuple[tuple[Stack, ...], tuple[Flag, ...]]:
    """The single volumes of spoiled gradient echoes below a folder, one for each flip angle or inversion time, on the
    grid of the first, and what was left out; those of a dynamic series are not among them.
    """
    groups: dict[tuple[str, float, float], list[Header]] = defaultdict(list)
    for key, images in series_below(folder).items():
        if _n_phases(images) < DYNAMIC:
            for one in images:
                if one.flip_angle is not None and one.tr is not None and (one.tr <= LONGEST_TR or one.inversion):
                    groups[key, one.flip_angle, one.inversion or np.nan].append(one)
    stacks, apart = [], []
    flags: list[Flag] = []
    for some in groups.values():
        images, dropped = _magnitude(tuple(some))
        if not _on_one_plane(images):
            apart.append((images[0], "planes that cross or differ in size"))
        elif _n_phases(images) > 1:
            apart.append((images[0], "several images of one place"))
        else:
            stacks.append(stacked(images))
            flags += dropped
    stacks.sort(key=lambda one: (one.first.flip_angle or 0.0, one.first.inversion or 0.0))
    apart += [(one.first, "another grid") for one in stacks if not one.grid.matches(stacks[0].grid)]
    if apart:
        listed = "; ".join(
            f"series {one.number} {one.description} at {degrees(one.flip_angle or 0.0):.3g}° ({why})"
            for one, why in apart
        )
        text = f"Not used among the images for T1: {listed}."
        flags.append(Flag("flip-angle-left-out", Severity.NOTE, text, folder.name, source="reading"))
    return tuple(one for one in stacks if one.grid.matches(stacks[0].grid)), tuple(flags)


def stacked(images: tuple[Header, ...]) -> Stack:
    """Images sorted into volumes: along the normal of their plane, then in the order in which they were taken."""
    images, flags = _magnitude(images)
    first = images[0]
    if not _on_one_plane(images):
        raise Problem(
            f"The images of series {first.number} differ in size or direction.",
            "A volume has one grid.",
            "Give the folder of the dynamic images alone (no localiser, no reformats).",
        )
    _demand_one_echo(images)
    by_place: dict[float, list[Header]] = defaultdict(list)
    for one in images:
        by_place[round(_along(one) / ALIKE) * ALIKE].append(one)
    places = _merged(by_place)
    depths = np.array([depth for depth, _ in places])
    slices = [sorted(some, key=_order(some)) for _, some in places]
    n = min(len(some) for some in slices)
    if any(len(some) > n + 1 for some in slices):
        raise Problem(
            f"The slices of series {first.number} have between {n} and {max(map(len, slices))} images.",
            "Which images belong together cannot be told.",
            "Give the folder of one series, complete.",
        )
    if any(len(some) > n for some in slices):
        text = "The last volume is not complete (the scan was stopped) and was left out."
        flags = (*flags, Flag("last-volume-left-out", Severity.NOTE, text, "series", source="reading"))
    phases = tuple(tuple(some[i] for some in slices) for i in range(n))
    grid, has_positions = _grid(first, phases[0], depths)
    return Stack(phases, grid, has_positions, flags)


def phase_times(
    stack: Stack, name: str
) -> tuple[Float[np.ndarray, " time"], Float[np.ndarray, " slices"] | None, tuple[Flag, ...]]:
    """The time of each volume from the first on, the lag of each slice behind it (None: all at once), both in s.

    Trigger time counts from the start of the series; where it does not move (or is that of a heart beat), the time of
    acquisition; last the stated step between volumes. Volumes without a time, as the first often is, have that of an
    even step from the nearest that has one; where more than a tenth and one lack it, the clock is not used.
    """
    stated = {
        "TriggerTime": _clock(stack, lambda one: one.trigger),
        "AcquisitionTime": _unwrapped(_clock(stack, lambda one: one.acquired)),
    }
    usable = {source: clock for source, clock in stated.items() if _advances(clock)}
    if not usable:
        return _by_step(stack, name)
    source, clock = next(iter(usable.items()))
    starts = np.min(clock, axis=1)
    missing = np.isnan(starts)
    flags = []
    if missing.any():
        frames = np.arange(starts.size)
        step = float(np.median(np.diff(starts[~missing]) / np.diff(frames[~missing])))
        nearest = frames[~missing][np.abs(frames[:, None] - frames[~missing]).argmin(axis=1)]
        starts = np.where(missing, starts[nearest] + step * (frames - nearest), starts)
        text = f"{missing.sum()} of {starts.size} volumes have no {source}; an even step of {step:g} s was supposed."
        severity = Severity.NOTE if missing.sum() == 1 else Severity.CAUTION
        flags.append(Flag("time-missing", severity, text, name, float(missing.mean()), "reading"))
    for other, second in list(usable.items())[1:]:
        ours, theirs = (float(np.nanmedian(np.diff(np.min(one, axis=1)))) for one in (clock, second))
        if abs(ours - theirs) > TOLERANCE * ours:
            text = (
                f"The time between volumes is {ours:g} s by {source}, which was used, but {theirs:g} s by {other}. "
                "Rates are wrong by that factor if the first is; give --times to settle it."
            )
            flags.append(Flag("time-step-disagrees", Severity.CAUTION, text, name, source="reading"))
    with np.errstate(invalid="ignore"):
        lags = np.nanmedian(clock[~missing] - np.min(clock[~missing], axis=1, keepdims=True), axis=0)
    one_readout = stack.first.is_3d or not lags.max() > SMALLEST_LAG
    return starts - starts[0], None if one_readout else lags, tuple(flags)


def pixels(stack: Stack) -> tuple[np.ndarray, float, float]:
    """The stored numbers of all volumes (x fastest, time slowest in memory), and slope and intercept of their scale;
    where these differ between images, signal itself.
    """
    scales = {(one.slope, one.intercept) for phase in stack.phases for one in phase}
    slope, intercept = next(iter(scales)) if len(scales) == 1 else (1.0, 0.0)
    x, y, z = stack.grid.shape
    out: np.ndarray | None = None
    with tolerant() as dcmread:
        for i, phase in enumerate(stack.phases):
            for j, one in enumerate(phase):
                image = dcmread(one.path).pixel_array
                if out is None:
                    kind = image.dtype.newbyteorder("=") if len(scales) == 1 else np.dtype(np.float32)
                    out = np.empty((len(stack.phases), z, y, x), kind)
                out[i, j] = image if len(scales) == 1 else image * one.slope + one.intercept
    assert out is not None
    return out.T, slope, intercept


def digest(folder: Path, *stacks: Stack) -> dict[str, str]:
    """One SHA-256 for all files of some volumes, in the order in which they are used."""
    total = hashlib.sha256()
    paths = [one.path for stack in stacks for phase in stack.phases for one in phase]
    for path in paths:
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return {f"{folder.name} ({len(paths)} DICOM files)": total.hexdigest()}


def whose(folder: Path) -> Said:
    """Whose the images of a folder are, by the first of them."""
    first = next((path for path in sorted(folder.rglob("*")) if path.is_file() and is_dicom(path)), None)
    return Said(folder.name, None, None, {}) if first is None else read_headers((first,))[0].whose


def _n_phases(images: Sequence[Header]) -> int:
    """How many images the place has that has most."""
    count: dict[float, int] = defaultdict(int)
    for one in images:
        count[round(_along(one), 2)] += 1
    return max(count.values())


def _normal(one: Header) -> Float[np.ndarray, "3"]:
    directions = np.array(one.orientation or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
    return np.asarray(np.cross(directions[:3], directions[3:]))


def _along(one: Header) -> float:
    """Where a slice is along the normal of its plane, in mm."""
    return 0.0 if one.position is None else float(_normal(one) @ np.array(one.position))


def _parallel(one: Header, other: Header) -> bool:
    if one.orientation is None or other.orientation is None:
        return one.orientation is other.orientation
    return bool(np.allclose(one.orientation, other.orientation, atol=ALIKE))


def _on_one_plane(images: tuple[Header, ...]) -> bool:
    """Whether images are of one size and parallel."""
    return all(one.shape == images[0].shape and _parallel(one, images[0]) for one in images)


def _magnitude(images: tuple[Header, ...]) -> tuple[tuple[Header, ...], tuple[Flag, ...]]:
    """Images without those of the phase, where the series holds both."""
    kept = tuple(one for one in images if one.part in MAGNITUDES)
    n_phase = sum(one.part in PHASE_MAPS for one in images)
    if not kept or not n_phase or len(kept) + n_phase < len(images):
        return images, ()
    text = f"Series {kept[0].number} holds magnitude and phase; {n_phase} images of the phase were left out."
    return kept, (Flag("phase-left-out", Severity.NOTE, text, "series", n_phase / len(images), "reading"),)


def _demand_one_echo(images: tuple[Header, ...]) -> None:
    """Raises Problem where images of one series differ in echo time or in what they show."""
    echoes = sorted({one.te for one in images if one.te is not None})
    parts = sorted({one.part for one in images if one.part is not None})
    if echoes and echoes[-1] - echoes[0] > SAME_ECHO:
        what = f"have echo times of {', '.join(f'{1e3 * te:g}' for te in echoes)} ms"
        remedy = "Give the folder of the images of one echo alone."
    elif len(parts) > 1:
        what = f"show different things: ImageType {', '.join(parts)}"
        remedy = "Give the folder of the magnitude images alone."
    else:
        return
    raise Problem(f"The images of series {images[0].number} {what}.", "A signal over time is of one kind.", remedy)


def _merged(by_place: dict[float, list[Header]]) -> list[tuple[float, list[Header]]]:
    """Places in order; those that rounding has torn apart are one."""
    out: list[tuple[float, list[Header]]] = []
    for depth in sorted(by_place):
        if out and depth - out[-1][0] < 10 * ALIKE:
            out[-1][1].extend(by_place[depth])
        else:
            out.append((depth, list(by_place[depth])))
    return out


def _order(some: list[Header]) -> Callable[[Header], float]:
    """What tells the order of the images of one place: their temporal position where each has its own, else number."""
    positions = {one.temporal for one in some}
    if None not in positions and len(positions) == len(some):
        return lambda one: float(one.temporal or 0)
    return lambda one: float(one.instance)


def _grid(first: Header, phase: Phase, depths: Float[np.ndarray, " slices"]) -> tuple[Grid, bool]:
    shape = (first.shape[1], first.shape[0], len(phase))
    if first.position is None or first.orientation is None or first.spacing is None:
        if len(phase) > 1:
            raise Problem("The images have no position.", "Slices cannot be put in order.", "Convert them to NIfTI.")
        return Grid(shape, np.eye(4)), False
    steps = np.diff(depths)
    if steps.size and np.ptp(steps) > UNEVEN * np.median(steps) + ALIKE:
        raise Problem(
            f"The slices of series {first.number} lie {steps.min():.2f} to {steps.max():.2f} mm apart.",
            "A grid has one distance; slices may be missing.",
            "Give the folder of one series, complete.",
        )
    step = float(np.mean(steps)) if steps.size else float(first.thickness or 1.0)
    directions = np.array(first.orientation)
    between_rows, between_columns = first.spacing
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = directions[:3] * between_columns, directions[3:] * between_rows
    origin = np.array(phase[0].position)
    along = (np.array(phase[-1].position) - origin) / (len(phase) - 1) if steps.size else _normal(first) * step
    affine[:3, 2], affine[:3, 3] = along, origin
    affine[:3] = TO_RAS @ affine[:3]
    return Grid(shape, affine), True


def _clock(stack: Stack, of: Callable[[Header], float | None]) -> Float[np.ndarray, "time slices"]:
    return np.array([[np.nan if (said := of(one)) is None else said for one in phase] for phase in stack.phases])


def _unwrapped(clock: Float[np.ndarray, "time slices"]) -> Float[np.ndarray, "time slices"]:
    """Times of day that go on after midnight."""
    known = clock[np.isfinite(clock)]
    return np.asarray(clock + 86400.0 * (clock < known[0] - 43200.0)) if known.size else clock


def _advances(clock: Float[np.ndarray, "time slices"]) -> bool:
    """Whether most volumes have a time, each later than the one before."""
    starts = np.min(clock, axis=1)
    known = starts[~np.isnan(starts)]
    return bool(known.size >= max(2, 0.9 * starts.size - 1) and (np.diff(known) > 0).all())


def _by_step(stack: Stack, name: str) -> tuple[np.ndarray, None, tuple[Flag, ...]]:
    step = stack.first.temporal_step
    if not step:
        raise Problem(
            f"The images of {name} do not say when they were taken: neither TriggerTime nor AcquisitionTime advances, "
            "and there is no TemporalResolution.",
            "Exchange is read against time.",
            "Give the time of every volume in s with --times FILE.",
        )
    text = (
        f"Volumes are supposed to follow each other evenly, every {step:g} s (TemporalResolution): they have no time."
    )
    return np.arange(len(stack.phases)) * step, None, (
        Flag("time-from-header", Severity.CAUTION, text, name, source="reading"),
    )  # fmt: skip
