"""Rigid motion during a dynamic series: every volume aligned to the volumes at rest, and read once in its new place.

A bolus darkens arteries, grey matter, white matter and lesions by different amounts and CSF not at all, and a pattern
of darkening that follows the anatomy looks like a shift, above all across thick slices. So the series is aligned twice.
The first pass allows a gain and an offset. It yields how much every point darkens; the second pass allows for what the
anatomy leads one to expect of that (`numerics.rigid_shades`) and trusts points more the less they darken. What is left
of the bolus in the path is taken out as far as it is no larger than is known from phantoms, a few hundredths of a mm.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.anatomy import gaps, lasting, motion_report, resample
from perspect.anatomy.motion_scene import Scene, Target, coarse, scene_of, target_of
from perspect.numerics import rigid, rigid_shades
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Flag, Problem, Series, Status, Step

NEGLIGIBLE: Final = 0.01
"""mm: volumes that moved less, anywhere in the mask, are passed on as they are."""

FEIGNED: Final = (0.001, 0.001, 0.0004, 0.02, 0.02, 0.05)
"""Motion (rad, mm) that the second pass still sees in a bolus, on brain phantoms: more across slices than within."""

AT_REST: Final = 16
"""Volumes that make the reference, evenly chosen if more are at rest: its noise is then a quarter of a volume's."""

NOT_SETTLED: Final = 0.1
"""mm: a volume whose last step was larger did not find its place."""

WITHIN: Final = 0.05
"""mm: a volume that turns out to be so near to where it was read last need not be read again."""

ALIKE: Final = 0.25
"""Share of the variance that it must explain before that: at the height of a bolus half of the contrast can be gone."""

EXPLAINED: Final = 0.5
"""Share of a volume's variance that the reference must explain once the bolus is allowed for (noise: below 0.1)."""


@dataclass(frozen=True, eq=False)
class Moved:
    """A series with its volumes put where the volumes at rest were, and how far each had moved.

    `parameters` are three rotations (rad) and three translations (mm) per volume, about and along the first, second and
    third axis of the image (the columns of the affine made orthonormal), about `centre`, the middle of the mask in
    scanner coordinates. The point at centre + x at rest is at centre + Rz Ry Rx x + translation in that volume.
    `matrices` say the same from scanner coordinates to scanner coordinates (mm, RAS+).

    `displacement` is the mean over the mask of how far its points had moved, in mm. `framewise_displacement` is the sum
    of the absolute changes since the last aligned volume with rotations on a sphere of 50 mm, in mm; 0 for the first
    (Power et al. 2012, doi:10.1016/j.neuroimage.2011.10.018).

    A volume whose `status` is a failure was not aligned: it is NaN in `series`, as are its displacements; its
    parameters are interpolated in time between its neighbours so that a plot has no holes, and mean nothing else. In
    the other volumes voxels are NaN that had left the field of view, or were not finite where they were then; `covered`
    are the voxels that are never NaN.
    """

    series: Series
    parameters: Float[np.ndarray, "time 6"]
    matrices: Float[np.ndarray, "time 4 4"]
    centre: Float[np.ndarray, " 3"]
    framewise_displacement: Float[np.ndarray, " time"]
    displacement: Float[np.ndarray, " time"]
    status: Int[np.ndarray, " time"]
    covered: Bool[np.ndarray, "x y z"]
    flags: tuple[Flag, ...]
    step: Step

    @property
    def is_aligned(self) -> Bool[np.ndarray, " time"]:
        """Which volumes were aligned."""
        out: Bool[np.ndarray, " time"] = self.status == Status.OK
        return out

    @property
    def usable(self) -> Series:
        """The aligned volumes alone, with their times; the series itself where none failed."""
        if self.is_aligned.all():
            return self.series
        values = np.asfortranarray(self.series.values[..., self.is_aligned])
        return replace(self.series, values=values, times=self.series.times[self.is_aligned])


def correct(
    series: Series,
    at_rest: slice,
    mask: Bool[np.ndarray, "x y z"],
    progress: Callable[[int, int], None] | None = None,
    wanted: resample.Box = resample.WHOLE,
) -> Moved:
    """The series with every volume where the mean of volumes at rest was, as float32 with time slowest in memory.

    Its values are the signal itself (slope 1, intercept 0), in whatever scale the given ones were stored.

    Six parameters per volume; with fewer than four slices only the three within the slice, which a flag says. Volumes
    are read once, from the original, by Fourier shears; those that moved less than 0.01 mm pass unchanged. A volume
    that cannot be aligned is NaN, has a failure as its status and raises a flag. `wanted` is the part of the image that
    is put back, for whoever needs no more. `progress` is called with the number of steps done and their total, from
    whichever thread did one. The result is bitwise the same for any number of threads. Raises `Problem` if no volume is
    at rest, or if the mask is empty or not of the shape of the series.
    """
    rest = range(series.n_times)[at_rest]
    rest = rest[:: -(-len(rest) // AT_REST) or 1]
    scene = scene_of(series, mask, progress, 3 * series.n_times + len(rest))
    if not rest:
        raise Problem(
            f"{series.name}: no volume is at rest.", "There is nothing to align to.", "Give a longer baseline."
        )
    target = target_of(scene, _reference(scene, rest))
    one_by_one = spans(series.n_times, 1)
    first = each(lambda piece: _first_pass(scene, target, piece.start), one_by_one)
    changed = lasting.changed(target.fine, first, EXPLAINED)
    if changed is not None:
        target = lasting.without(target, changed)
        first = each(lambda piece: _first_pass(scene, target, piece.start), one_by_one)
    is_like = np.array([one.explained >= ALIKE for one in first])
    is_like[: rest[0]] = False  # not yet in steady state: bright, which is no passage
    passage = rigid_shades.passage(target.fine, rigid_shades.cells(target.image, target.points), first, is_like)
    second = each(lambda piece: _second_pass(scene, target, passage, first[piece.start], piece.start), one_by_one)
    return _moved(scene, target.reference, second, passage.depth, wanted, rest[0])


def _reference(scene: Scene, frames: range) -> Float32[np.ndarray, "z y x"]:
    """The mean of volumes at rest, aligned to their plain mean first; those unlike the others are left out."""
    shape = scene.mask.shape[::-1]
    plain = gaps.mean(shape, map(scene.signal, frames))
    target = target_of(scene, plain)
    found = each(lambda piece: _first_pass(scene, target, frames[piece.start]), spans(len(frames), 1))
    unlike = 1 - np.array([one.explained for one in found])
    kept = [
        (frame, one) for frame, one, u in zip(frames, found, unlike, strict=True) if u <= 3 * np.median(unlike) + 0.02
    ]
    if len(kept) == len(frames) and max(_reach(scene, one.matrix) for _, one in kept) < 10 * NEGLIGIBLE:
        return plain
    out, (slices, rows, columns) = plain.copy(), scene.near
    near = (columns, rows, slices)
    out[scene.near] = gaps.mean(
        out[scene.near].shape, (_put_back(scene, plain, frame, one.matrix, near).T for frame, one in kept)
    )
    return out


def _first_pass(scene: Scene, target: Target, frame: int) -> rigid.Alignment:
    """Where a volume is, as far as a gain and an offset can tell."""
    reference, signal = target.reference[scene.near], scene.signal(frame, scene.near)
    missing = gaps.found(signal)
    volume = scene.smooth(gaps.filled(signal, missing, reference))
    closed = gaps.around(missing, reference, scene.series.grid)
    template = gaps.without(target.coarse, target.coarse_points, closed)
    fine = gaps.without(target.fine, target.points, closed)
    start = rigid.aligned(coarse(volume), template, np.eye(4), 8, 0.1)
    found = rigid.aligned(scene.dense(volume), fine, start.matrix, 4, 0.03)
    scene.tick()
    return found


def _second_pass(
    scene: Scene, target: Target, passage: rigid_shades.Passage, first: rigid.Alignment, frame: int
) -> tuple[Float[np.ndarray, "4 4"], Status]:
    """Where a volume is in the end, and whether that can be believed."""
    reference, signal = target.reference[scene.near], scene.signal(frame, scene.near)
    missing = gaps.found(signal)
    closed = gaps.around(missing, reference, scene.series.grid)
    template = gaps.without(passage.template_of(frame), target.points, closed)
    everywhere = np.ones(template.contrast.size, bool)
    found = rigid.stepped(passage.values[frame], everywhere, template, passage.places[frame])
    since_read = rigid.step_size(rigid.parameters(np.linalg.inv(first.matrix) @ found.matrix))
    found = replace(found, inside=first.inside, last=since_read)
    if first.last + since_read >= WITHIN or found.explained < EXPLAINED:
        volume = scene.smooth(gaps.filled(signal, missing, reference))
        found = rigid.aligned(scene.dense(volume), template, found.matrix, 8, 0.01)
    scene.tick()
    seen = signal[scene.mask.T[scene.near]]
    if np.isfinite(seen).mean() < gaps.ENOUGH:
        return found.matrix, Status.NOT_FINITE
    if not seen.any():
        return found.matrix, Status.NO_SIGNAL
    believed = found.explained >= EXPLAINED and found.last < NOT_SETTLED and found.inside > 0.5
    return found.matrix, Status.OK if believed else Status.NOT_CONVERGED


def _put_back(
    scene: Scene,
    reference: Float32[np.ndarray, "z y x"],
    frame: int,
    motion: Float[np.ndarray, "4 4"],
    wanted: resample.Box,
) -> Float32[np.ndarray, "x2 y2 z2"]:
    """The wanted part of a volume as it would have been without motion, NaN where most of what is read is not known."""
    signal = scene.signal(frame)
    if _reach(scene, motion) < NEGLIGIBLE:
        return signal.T[wanted]
    missing, matrix = gaps.found(signal), scene.index_matrix(motion)
    out, _ = resample.moved(gaps.filled(signal, missing, reference).T, matrix, wanted)
    if missing is not None:
        out[gaps.moved(missing, matrix, wanted)] = np.nan
    return out


def _reach(scene: Scene, motion: Float[np.ndarray, "4 4"]) -> float:
    """The largest displacement of a corner of the mask's box, in mm; no point of the mask moves more."""
    return float(np.linalg.norm(motion_report.displaced(motion, scene.box), axis=0).max())


def _moved(
    scene: Scene,
    reference: Float32[np.ndarray, "z y x"],
    second: list[tuple[Float[np.ndarray, "4 4"], Status]],
    depth: Float[np.ndarray, " time"],
    wanted: resample.Box,
    first: int,
) -> Moved:
    """The volumes put back, and what is to be said about them; of those before the `first` at rest nothing is."""
    series, grid, n = scene.series, scene.series.grid.part(wanted), scene.series.n_times
    status = np.array([int(state) for _, state in second])
    good = status == Status.OK
    parameters = _freed(np.array([rigid.parameters(motion) for motion, _ in second]), depth, good)
    motions = [rigid.rigid(one) for one in parameters]
    values = np.empty((n, *grid.shape[::-1]), np.float32).T

    def put(piece: slice) -> None:
        frame = piece.start
        values[..., frame] = _put_back(scene, reference, frame, motions[frame], wanted) if good[frame] else np.nan
        scene.tick()

    each(put, spans(n, 1))
    covered = np.ones(grid.shape[::-1], bool).T
    for frame in np.flatnonzero(good):
        covered &= np.isfinite(values[..., frame])
    displacement = np.where(good, motion_report.mean_displacement(motions, scene.place), np.nan)
    inside = scene.mask[wanted]
    lost = float((~covered)[inside].mean()) if inside.any() else 0.0
    return Moved(
        replace(series, values=values, grid=grid, slope=1.0, intercept=0.0),
        parameters,
        np.stack([scene.in_scanner(motion) for motion in motions]),
        scene.centre,
        motion_report.framewise_displacement(parameters, good),
        displacement,
        status,
        covered,
        _flags(scene, parameters[good], depth[good], good | (np.arange(n) < first), lost),
        motion_report.step(scene.is_stack, displacement),
    )


def _flags(
    scene: Scene,
    parameters: Float[np.ndarray, "aligned 6"],
    depth: Float[np.ndarray, " aligned"],
    good: Bool[np.ndarray, " time"],
    lost: float,
) -> tuple[Flag, ...]:
    """What must be known of the aligned volumes, of those that are not `good`, and of the share of voxels `lost`."""
    name = scene.series.name
    return (
        *motion_report.not_aligned(name, good),
        *motion_report.few_slices(name, scene.mask.shape[2], scene.is_stack, scene.has_edge_slices),
        *motion_report.not_covered(name, lost),
        *motion_report.excursion(name, parameters, depth, scene.place),
    )


def _freed(
    parameters: Float[np.ndarray, "time 6"], depth: Float[np.ndarray, " time"], good: Bool[np.ndarray, " time"]
) -> Float[np.ndarray, "time 6"]:
    """Parameters without what follows the bolus as far as that is feigned, between neighbours where a volume failed."""
    freed = parameters - np.outer(depth, rigid_shades.following(parameters, depth, good, np.array(FEIGNED)))
    if not good.any():
        return freed
    at = np.arange(good.size)
    return np.stack([np.interp(at, np.flatnonzero(good), one[good]) for one in freed.T], axis=1)
