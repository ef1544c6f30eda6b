"""The other side of the head: the plane that divides it, and what lies where on the other side.

The plane is the one on which the image, reflected, fits itself best: a flip and the rigid motion that a reflection
leaves free (two angles and one distance). A reflection is its own inverse, so that a region mirrored twice is the
region; a free rigid motion is not. The lesion and its mirror image are not compared. Healthy heads are not quite
symmetric and heads with a mass much less: how far the midline leaves the plane is measured along it.

Prima et al. 2002, IEEE Trans Med Imaging 21:122 (the plane as the best reflection)
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

from perspect.anatomy import resample
from perspect.numerics import trilinear
from perspect.vocabulary import Flag, Grid, Problem, Region, Severity, Step

SOURCE: Final = "mirror plane"

SMOOTH: Final = (4.0, 2.0)
"""mm, standard deviation of the smoothing at which the plane is sought, one after the other: folds differ between
sides, lobes do not [our default]."""

POINTS: Final = 20_000
"""Places in the brain that are compared with those opposite."""

FEWEST: Final = 1_000

STARTS: Final = np.deg2rad([-12.0, 0.0, 12.0])
"""About each of the two axes in which a plane can lean, from the start that is given or from left-right of the
scanner."""

ROBUST: Final = 2.5
"""Times the typical difference of the sides: what differs more (vessels, ventricles that are pushed) counts less."""

LIKENESS: Final = 0.5
"""Correlation of the sides below which the plane is doubted [our default]. It is 0.87 to 0.93 in four contrasts of a
real head with a glioma, and 0.51 to 0.55 in virtual ones whose sides differ more and whose plane is right to a degree;
a plane that is wrong by 10 degrees or 5 mm has 0.6 to 0.7 of that."""

TILTED: Final = 25.0
"""Degrees from the sagittal plane of the scanner above which a plane is doubted [our default]."""

OFF_CENTRE: Final = 8.0
"""mm from the middle of the brain above which a plane is doubted [our default]."""

REACH: Final = 20.0
"""mm to either side of the plane in which the midline is sought."""

FARTHEST: Final = 15.0
"""mm: the largest shift of the midline that is sought."""

PATCH: Final = 8.0
"""mm, standard deviation of what is looked at together along the plane when the midline is sought."""

CENTRAL: Final = ((2.5, 7.0), (28.0, 16.0))
"""mm to the front and up in the plane x = 0 of the standard head: middle and half axes of an ellipse that holds septum
pellucidum and third ventricle, where a shift of the midline is read (Liao et al. 2018, doi:10.1155/2018/4303161). Folds
of the falx, and lobes that lead on one side, leave the plane elsewhere in any head [our default]."""

BRAIN_MIDDLE: Final = (0.0, -22.1, 9.5)
"""mm: the middle of the standard brain in its own coordinates, for a patient whose place in it is not known."""

SHIFTED: Final = 5.0
"""mm of midline shift, as it is measured here, from which on it is said: more is what guidelines of neurosurgery act on
(Bullock et al. 2006, Neurosurgery 58(3 Suppl):S16) [our default]."""

REFERENCES: Final = (
    "Prima et al. 2002, IEEE Trans Med Imaging 21:122",
    "Liao et al. 2018, doi:10.1155/2018/4303161",
)


@dataclass(frozen=True, eq=False)
class Plane:
    """Where n · x = offset, in the scanner's coordinates (mm, RAS+); `normal` is of length one and points right."""

    normal: Float[np.ndarray, " 3"]
    offset: float

    @property
    def reflection(self) -> Float[np.ndarray, "4 4"]:
        """Takes every place to the one opposite; its own inverse."""
        out = np.eye(4)
        out[:3, :3] -= 2 * np.outer(self.normal, self.normal)
        out[:3, 3] = 2 * self.offset * self.normal
        return out

    @classmethod
    def of(cls, reflection: Float[np.ndarray, "4 4"]) -> "Plane":
        """The plane of a reflection."""
        square = (np.eye(3) - reflection[:3, :3]) / 2.0
        normal = square[:, int(np.argmax(np.diag(square)))]
        normal = normal / np.linalg.norm(normal) * (1.0 if normal[0] > 0 else -1.0)
        return cls(normal, float(normal @ reflection[:3, 3]) / 2.0)

    @property
    def tilt(self) -> float:
        """Degrees between this plane and the sagittal plane of the scanner."""
        return float(np.rad2deg(np.arccos(np.clip(abs(self.normal[0]), 0, 1))))

    def side(self, grid: Grid) -> Float32[np.ndarray, "x y z"]:
        """Mm of every voxel to the right of the plane; negative on the left."""
        x, y, z = (np.arange(n, dtype=np.float32) for n in grid.shape)
        a, b, c = (self.normal @ grid.affine[:3, :3]).astype(np.float32)
        start = np.float32(self.normal @ grid.affine[:3, 3] - self.offset)
        return np.asarray(a * x[:, None, None] + b * y[:, None] + c * z + start, np.float32)


@dataclass(frozen=True, eq=False)
class Mirror:
    """The plane between the sides, and how far it is to be believed.

    `likeness` is the correlation of the sides (1: one is the other's image); `off_centre` how far (mm) the plane runs
    from the middle of the brain; `shift` the largest distance (mm) of the midline from the plane about septum
    pellucidum and third ventricle, positive to the right, without the outermost twentieth of the places there (NaN
    where the lesion leaves none); it says too little by a third to a half, for the plane follows a push and what is
    seen together is wide.
    """

    plane: Plane
    likeness: float
    off_centre: float
    shift: float
    flags: tuple[Flag, ...]
    step: Step

    def mirrored(self, region: Region) -> Region:
        """The same region on the other side."""
        return Region(
            resample.onto(region.mask, region.grid, region.grid, matrix=self.plane.reflection),
            region.grid,
            f"mirror of {region.name}",
            "mirrored at the plane between the sides",
        )

    def opposite(self, values: Float[np.ndarray, "x y z"], grid: Grid) -> Float32[np.ndarray, "x y z"]:
        """A map as it is on the other side; NaN where that is not imaged."""
        out: Float32[np.ndarray, "x y z"] = resample.onto(values, grid, grid, matrix=self.plane.reflection)
        return out


def mirror(
    image: Float[np.ndarray, "x y z"],
    brain: Region,
    lesion: Region | None = None,
    to_template: Float[np.ndarray, "4 4"] | None = None,
) -> Mirror:
    """The plane on which the brain in an image is most like its own reflection, lesion and its mirror left out.

    `to_template`, where it is known, says where to begin: the standard head's own plane (x = 0). Shading should have
    been taken out (`image / tissues.gain`). Raises `Problem` where there is too little to compare.
    """
    grid = brain.grid
    healthy = brain.mask & np.isfinite(image)
    if lesion is not None:
        healthy &= ~lesion.mask
    if healthy.sum() < FEWEST:
        raise Problem(
            f"Only {int(healthy.sum())} voxels of the brain are no lesion.",
            "The plane between the sides is sought where both are healthy.",
            "Check brain and lesion mask.",
        )
    level = float(np.median(image[healthy]))
    filled = np.where(brain.mask & np.isfinite(image), image, 0).astype(np.float32) / np.float32(max(abs(level), 1e-12))
    pair = [_Sides.of(filled, healthy, brain, grid, sigma) for sigma in SMOOTH]
    begin = _started(brain) if to_template is None else _standard(to_template)
    plane = _sought(pair, begin, is_known=to_template is not None)
    likeness = pair[-1].likeness(plane)
    middle = _places(brain.mask, grid).mean(axis=1)
    about = _moved(np.array(BRAIN_MIDDLE) - middle) if to_template is None else to_template
    shift = _midline(filled, healthy, grid, plane, about)
    off_centre = float(plane.normal @ middle - plane.offset)
    step = Step(
        SOURCE,
        "The other side was found by reflection at the plane on which the brain is most like its own mirror image"
        f"{', lesion and its mirror left out' if lesion is not None else ''} (correlation of the sides "
        f"{likeness:.2f}; {_said(shift)}).",
        {"smoothing in mm": SMOOTH},
        REFERENCES,
    )
    return Mirror(plane, likeness, off_centre, shift, _flags(plane, likeness, off_centre, shift), step)


@dataclass(frozen=True, eq=False)
class _Sides:
    """An image, smooth, and places in it that are compared with those opposite."""

    values: Float32[np.ndarray, "x y z"]
    healthy: Bool[np.ndarray, "x y z"]
    to_index: Float[np.ndarray, "4 4"]
    places: Float[np.ndarray, "3 points"]
    own: Float32[np.ndarray, " points"]

    @classmethod
    def of(
        cls,
        image: Float32[np.ndarray, "x y z"],
        healthy: Bool[np.ndarray, "x y z"],
        brain: Region,
        grid: Grid,
        sigma: float,
    ) -> "_Sides":
        width = sigma / np.array(grid.spacing)
        counted = healthy | ~brain.mask
        weight = ndimage.gaussian_filter(counted.astype(np.float32), width)
        values = ndimage.gaussian_filter(np.where(healthy, image, np.float32(0)), width) / np.maximum(weight, 0.1)
        index = np.array(np.nonzero(healthy))
        index = index[:, np.linspace(0, index.shape[1] - 1, min(POINTS, index.shape[1])).astype(int)]
        places = grid.affine[:3, :3] @ index + grid.affine[:3, 3:]
        return cls(values, counted, np.linalg.inv(grid.affine), places, values[tuple(index)])

    def pairs(self, plane: Plane) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
        """What is seen at places on both sides that are healthy (or outside the brain), here and opposite."""
        there = self.to_index @ plane.reflection
        index = there[:3, :3] @ self.places + there[:3, 3:]
        inside = ((index >= 0) & (index <= np.array(self.values.shape)[:, None] - 1)).all(axis=0)
        index, own = index[:, inside], self.own[inside]
        healthy = self.healthy[tuple(np.rint(index).astype(int))]
        return own[healthy], trilinear.read_at(self.values, list(index[:, healthy]))

    def unlikeness(self, plane: Plane) -> float:
        """Mean difference of the sides, in which large ones count like a fixed one (Geman & McClure 1987)."""
        one, other = self.pairs(plane)
        if one.size < FEWEST:
            return 1.0
        typical = ROBUST * 0.1
        square = ((one - other) / typical) ** 2
        return float((square / (1 + square)).mean())

    def likeness(self, plane: Plane) -> float:
        """Correlation of the sides."""
        one, other = self.pairs(plane)
        return float(np.corrcoef(one, other)[0, 1]) if one.size >= FEWEST else float("nan")


def _sought(pair: list[_Sides], begin: Plane, is_known: bool) -> Plane:
    """The plane of least unlikeness, by Nelder and Mead from the best of some starts, ever less smooth."""
    middle = pair[0].places.mean(axis=1)
    leans = [0.0] if is_known else STARTS
    starts = [np.array([first, second, 0.0]) for first in leans for second in leans]
    coarse = pair[0]
    best = min(starts, key=lambda one: coarse.unlikeness(_leaned(begin, one, middle)))
    for sides, size in zip(pair, (1.0, 0.3), strict=True):
        simplex = best + size * np.vstack([np.zeros(3), np.diag([0.06, 0.06, 4.0])])
        found = scipy.optimize.minimize(
            lambda one, sides=sides: sides.unlikeness(_leaned(begin, one, middle)),
            best,
            method="Nelder-Mead",
            options={"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-7, "maxiter": 200},
        )
        best = found.x
    return _leaned(begin, best, middle)


def _leaned(begin: Plane, by: Float[np.ndarray, " 3"], middle: Float[np.ndarray, " 3"]) -> Plane:
    """A plane turned by two angles (rad) about the middle of the brain, and moved by mm along its normal."""
    up = np.array([0.0, 0.0, 1.0])
    along = np.cross(up, begin.normal)
    along /= np.linalg.norm(along)
    across = np.cross(begin.normal, along)
    normal = begin.normal + np.tan(by[0]) * along + np.tan(by[1]) * across
    normal /= np.linalg.norm(normal)
    foot = middle + (begin.offset - begin.normal @ middle) * begin.normal
    return Plane(normal, float(normal @ foot + by[2]))


def _started(brain: Region) -> Plane:
    """The sagittal plane of the scanner through the middle of the brain."""
    normal = np.array([1.0, 0.0, 0.0])
    return Plane(normal, float(normal @ _places(brain.mask, brain.grid).mean(axis=1)))


def _standard(to_template: Float[np.ndarray, "4 4"]) -> Plane:
    """The standard head's plane x = 0, brought to the patient."""
    row = to_template[0]
    length = float(np.linalg.norm(row[:3]))
    return Plane(row[:3] / length, float(-row[3] / length))


def _places(mask: Bool[np.ndarray, "x y z"], grid: Grid) -> Float[np.ndarray, "3 points"]:
    out: Float[np.ndarray, "3 points"] = grid.affine[:3, :3] @ np.array(np.nonzero(mask)) + grid.affine[:3, 3:]
    return out


def _moved(by: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "4 4"]:
    out = np.eye(4)
    out[:3, 3] = by
    return out


def _said(shift: float) -> str:
    """How far the midline is from the plane, in words."""
    if not np.isfinite(shift):
        return "where the midline is in the middle of the brain could not be seen"
    return f"in the middle of the brain the midline leaves the plane by {abs(shift):.0f} mm at most"


def _midline(
    image: Float32[np.ndarray, "x y z"],
    healthy: Bool[np.ndarray, "x y z"],
    grid: Grid,
    plane: Plane,
    to_template: Float[np.ndarray, "4 4"],
) -> float:
    """The largest distance (mm) of the midline from the plane in the middle of the brain, positive to the right.

    The plane is laid out in patches. Where a patch looks most like itself reflected at a place beside the plane, there
    the midline is. Only patches count that have brain on both sides over the whole width.
    """
    step = 2.0
    up = np.array([0.0, 0.0, 1.0])
    up = up - (up @ plane.normal) * plane.normal
    up /= np.linalg.norm(up)
    ahead = np.cross(up, plane.normal)
    places = _places(healthy, grid)
    ends = [(axis @ places).min() for axis in (ahead, up)], [(axis @ places).max() for axis in (ahead, up)]
    b, c = (np.arange(low, high, 2 * step) for low, high in zip(*ends, strict=True))
    a = step * np.arange(-round((REACH + FARTHEST) / step), round((REACH + FARTHEST) / step) + 1)
    at = (
        (plane.offset + a)[:, None, None, None] * plane.normal
        + b[None, :, None, None] * ahead
        + c[None, None, :, None] * up
    )
    to_index = np.linalg.inv(grid.affine)
    index = np.moveaxis(at @ to_index[:3, :3].T + to_index[:3, 3], -1, 0).astype(np.float32)
    seen = ndimage.map_coordinates(image, index, order=1)
    known = ndimage.map_coordinates(healthy.astype(np.float32), index, order=1) > 0.5
    there = at[at.shape[0] // 2] @ to_template[1:3, :3].T + to_template[1:3, 3]
    is_central = (((there - CENTRAL[0]) / CENTRAL[1]) ** 2).sum(axis=-1) <= 1
    return _largest_shift(seen, known, is_central, step)


def _largest_shift(
    seen: Float32[np.ndarray, "a b c"], known: Bool[np.ndarray, "a b c"], is_asked: Bool[np.ndarray, "b c"], step: float
) -> float:
    middle, reach, far = seen.shape[0] // 2, round(REACH / step), round(FARTHEST / step)
    shifts = np.arange(-far, far + 1)
    unlike = np.empty((shifts.size, *seen.shape[1:]))
    width = PATCH / (2 * step)
    for k, shift in enumerate(shifts):
        here = slice(middle + shift - reach, middle + shift + reach + 1)
        both = known[here] & known[here][::-1]
        square = np.where(both, (seen[here] - seen[here][::-1]) ** 2, 0)
        square = square / (square + 0.15**2)
        amount = ndimage.gaussian_filter(both.sum(axis=0).astype(float), width)
        unlike[k] = ndimage.gaussian_filter(square.sum(axis=0), width) / np.maximum(amount, 1e-9)
        unlike[k][amount < 0.6 * (2 * reach + 1)] = np.inf
    counted = np.isfinite(unlike).all(axis=0) & is_asked
    if not counted.any():
        return float("nan")
    inner = unlike[:, counted]
    best = inner[1:-1].argmin(axis=0) + 1
    before, at, after = (inner[best + k, np.arange(best.size)] for k in (-1, 0, 1))
    bend = before - 2 * at + after
    found = step * (shifts[best] + np.clip((before - after) / np.where(bend > 0, 2 * bend, np.inf), -0.5, 0.5))
    low, high = np.percentile(found, [5, 95])
    return float(low if abs(low) > abs(high) else high)


def _flags(plane: Plane, likeness: float, off_centre: float, shift: float) -> tuple[Flag, ...]:
    found = []
    why = []
    if not likeness > LIKENESS:
        why.append(f"the sides correlate by {likeness:.2f} only")
    if plane.tilt > TILTED:
        why.append(f"it leans {plane.tilt:.0f} degrees from the scanner's sagittal plane")
    if abs(off_centre) > OFF_CENTRE:
        why.append(f"it runs {abs(off_centre):.0f} mm beside the middle of the brain")
    if why:
        found.append(
            Flag(
                "doubtful-mirror",
                Severity.LIMITED,
                f"The plane between the sides is doubtful: {', and '.join(why)}. What is called contralateral may not "
                "be. Look at it before a comparison of the sides is believed.",
                "brain",
                source=SOURCE,
            )
        )
    if abs(shift) >= SHIFTED:
        found.append(
            Flag(
                "midline-shift",
                Severity.CAUTION,
                f"In the middle of the brain the midline leaves the plane by {abs(shift):.0f} mm to the "
                f"{'right' if shift > 0 else 'left'}, as a mass pushes it: what lies opposite near it is not the same "
                "anatomy.",
                "midline",
                source=SOURCE,
            )
        )
    return tuple(found)
