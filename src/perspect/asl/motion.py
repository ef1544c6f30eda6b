"""Volumes put where their mean was, and how far the head moved between a control and its label.

What spoils a difference is not how far the head has gone since the scan began but how far it went within a pair: a
tenth of a mm across an edge is as much as all the labelled blood.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.anatomy import motion, motion_report
from perspect.asl.samples import Differences
from perspect.asl.still import Still, held_still
from perspect.vocabulary import Flag, Labelling, Refusal, Region, Series, Severity, Step

NOTICEABLE: Final = 1.0
"""mm beyond which motion is worth a word [our default]."""

LARGE: Final = 3.0
"""mm beyond which interpolation and spin history leave traces that no alignment undoes [our default]."""

WITHIN: Final = 0.5
"""mm within a pair from which on it loses weight [our default]."""

GONE: Final = 3.0
"""mm within a pair from which on it has none [our default]."""

COARSEST: Final = 8.0
"""mm (cube root of a voxel's volume) beyond which there are no edges to align [our default]."""

HELD_STILL: Final = 0.15
"""mm: a head that moved no more in all is left as it was imaged; to read it anew would cost more [our default]."""

FEWEST: Final = 3
"""Volumes from which on there is something to align."""


@dataclass(frozen=True, eq=False)
class Aligned:
    """The series as it is analysed, which volumes are usable, how each had moved (None: nothing was aligned)."""

    series: Series
    usable: Bool[np.ndarray, " volumes"]
    matrices: Float[np.ndarray, "volumes 4 4"] | None
    displacement: Float[np.ndarray, " volumes"] | None
    parameters: Float[np.ndarray, "volumes 6"] | None
    place: Float[np.ndarray, "3 points"]
    flags: tuple[Flag, ...]
    step: Step

    def within(self, found: Differences) -> Float[np.ndarray, " differences"] | None:
        """Mean distance in mm over the brain by which the head moved between the volumes of each difference."""
        if self.matrices is None:
            return None
        out = []
        for part in found.parts:
            steps = [np.linalg.inv(self.matrices[part[0]]) @ self.matrices[at] for at in part[1:]]
            out.append(motion_report.mean_displacement(steps, self.place).max() if steps else 0.0)
        return np.array(out)


def aligned(
    series: Series, labelling: Labelling, brain: Region, is_wanted: bool, tell: Callable[[str, float], Any]
) -> Aligned:
    """The series with its volumes aligned to the mean of control and label; M0 volumes are left as they are.

    Raises Refusal where most volumes cannot be aligned.
    """
    moving = labelling.of("control", "label", "encoded")
    usable = np.ones(series.n_times, bool)
    place = series.grid.affine[:3, :3] @ np.array(np.nonzero(brain.mask)) + series.grid.affine[:3, 3:]
    size = float(np.prod(series.grid.spacing) ** (1.0 / 3.0))
    if not is_wanted or moving.size < FEWEST or size > COARSEST:
        why = "was not corrected" if not is_wanted else "could not be corrected: there are no pairs of volumes"
        if is_wanted and size > COARSEST:
            why = f"could not be corrected: voxels of {size:.0f} mm show no edges"
        return Aligned(series, usable, None, None, None, place, (), Step("motion", f"Motion {why}."))
    some = replace(series, values=np.asfortranarray(series.values[..., moving]), times=series.times[moving])
    tell("motion", 0.0)
    still = held_still(some, brain.mask)
    if still is not None:
        return _left(series, moving, still, place, brain)
    found = motion.correct(some, slice(None), brain.mask, lambda done, total: tell("motion", done / total))
    if found.is_aligned.sum() < max(2, moving.size // 2):
        raise Refusal(
            f"Only {int(found.is_aligned.sum())} of {moving.size} volumes of {series.name} could be aligned.",
            "The others do not show the same head.",
            "Look at the series; if it is sound, run it with --no-motion.",
        )
    usable[moving] = found.is_aligned
    largest = float(np.nanmax(found.displacement))
    is_still = largest <= HELD_STILL and bool(found.is_aligned.all())
    whole = series if is_still else _with(series, moving, found.series.values)
    columns = _in_all(series.n_times, moving, found.matrices, found.displacement, found.parameters)
    done = _as_they_were(largest) if is_still else "were resampled once by Fourier shears"
    step = Step("motion", _sentence(brain, done), found.step.constants, found.step.references)
    notes = tuple(flag for flag in found.flags if flag.code != "motion-with-bolus")
    return Aligned(whole, usable, *columns, place, (*notes, *_moved(largest)), step)


def _left(
    series: Series, moving: np.ndarray, still: Still, place: Float[np.ndarray, "3 points"], brain: Region
) -> Aligned:
    """A series in which nothing moved, as it was."""
    columns = _in_all(series.n_times, moving, still.matrices, still.displacement, still.parameters)
    plain = motion_report.step(brain.grid.shape[2] > 3, still.displacement)
    step = Step(
        "motion", _sentence(brain, _as_they_were(float(still.displacement.max()))), plain.constants, plain.references
    )
    return Aligned(series, np.ones(series.n_times, bool), *columns, place, still.flags, step)


def _in_all(
    n: int,
    moving: np.ndarray,
    matrices: Float[np.ndarray, "some 4 4"],
    displacement: Float[np.ndarray, " some"],
    parameters: Float[np.ndarray, "some 6"],
) -> tuple[Float[np.ndarray, "n 4 4"], Float[np.ndarray, " n"], Float[np.ndarray, "n 6"]]:
    """What is known of the volumes that were looked at, among all of them; NaN of the others, which did not move."""
    every = np.tile(np.eye(4), (n, 1, 1)), np.full(n, np.nan), np.full((n, 6), np.nan)
    for one, some in zip(every, (matrices, displacement, parameters), strict=True):
        one[moving] = some
    return every


def _sentence(brain: Region, done: str) -> str:
    return (
        f"Label and control images were aligned to their mean ({'six' if brain.grid.shape[2] > 3 else 'three'} rigid "
        f"parameters, with a gain so that suppression and label are not read as motion); they {done}."
    )


def _as_they_were(largest: float) -> str:
    return f"had moved by {largest:.2f} mm at most and were left as they are"


def _with(series: Series, places: np.ndarray, signal: Float[np.ndarray, "x y z some"]) -> Series:
    """The series as signal, with some of its volumes replaced."""
    values = np.empty((series.n_times, *series.grid.shape[::-1]), np.float32).T
    values[...] = series.values
    if series.slope != 1.0 or series.intercept != 0.0:
        values *= np.float32(series.slope)
        values += np.float32(series.intercept)
    values[..., places] = signal
    return replace(series, values=values, slope=1.0, intercept=0.0)


def _moved(largest: float) -> tuple[Flag, ...]:
    if largest <= NOTICEABLE:
        return ()
    severity = Severity.LIMITED if largest > LARGE else Severity.CAUTION
    sentence = f"The head moved by up to {largest:.1f} mm (mean over the brain); the volumes were aligned."
    return (Flag("motion", severity, sentence, "series", source="motion"),)


def trust(within: Float[np.ndarray, " differences"] | None, n: int) -> Float[np.ndarray, " differences"]:
    """Weight of each difference by the motion within it: 1 up to half a mm, then falling, 0 from 3 mm on."""
    if within is None:
        return np.ones(n)
    return np.asarray(np.where(within >= GONE, 0.0, np.minimum(1.0, (WITHIN / np.maximum(within, 1e-9)) ** 2)))


def pair_flags(within: Float[np.ndarray, " differences"] | None, found: Differences) -> tuple[Flag, ...]:
    """Which pairs the head moved in, and what is left of every delay where whole pairs are lost."""
    if within is None:
        return ()
    moved = np.flatnonzero(within > WITHIN)
    if not moved.size:
        return ()
    lost = within >= GONE
    kept = np.bincount(found.sample[~lost], minlength=found.n_samples)
    total = np.bincount(found.sample, minlength=found.n_samples)
    named = ", ".join(str(one) for one in moved[:12]) + (", ..." if moved.size > 12 else "")
    sentence = (
        f"The head moved by more than {WITHIN:g} mm between control and label in {moved.size} of {within.size} pairs "
        f"(most: {within.max():.1f} mm); they count less."
    )
    if lost.any():
        left = ", ".join(f"{d:g} s: {k} of {n}" for d, k, n in zip(found.delays, kept, total, strict=True))
        sentence += f" {int(lost.sum())} were left out; pairs left at each delay: {left}."
    severity = Severity.LIMITED if (kept == 0).any() or lost.mean() > 0.3 else Severity.CAUTION
    return (Flag("motion-within-pairs", severity, sentence, f"pairs {named}", moved.size / within.size, "motion"),)
