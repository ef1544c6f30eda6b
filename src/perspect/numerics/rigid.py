"""Rigid alignment of volumes to a reference by inverse-compositional Gauss-Newton.

Gradients belong to the reference and are taken once; a volume is only ever read by trilinear interpolation (Baker &
Matthews 2004, doi:10.1023/B:VISI.0000011205.11775.fd). What a volume may differ in besides motion is a linear
combination of given intensity columns, solved for together with the motion. Volumes are C-ordered arrays; positions are
mm from a centre in axes that `Space` ties to the indices.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.numerics.parallel import spans

RADIUS: Final = 50.0
"""mm at which a rotation in rad is counted as a displacement when a step is judged small."""

METRIC: Final = np.repeat([RADIUS, 1.0], 3)
"""What makes six parameters of motion lengths in mm."""

BLOCK: Final = 24
"""Samples that are smoothed in one product: fewer are many products, more multiply zeros [measured]."""

TAKEN_BACK: Final = 0.5
"""Share of a step that the next one takes back where steps go to and fro [our default]."""


@dataclass(frozen=True, eq=False)
class Space:
    """index = to_index @ mm + origin, for index in the order of the array's axes and mm from the centre of rotation."""

    to_index: Float[np.ndarray, "3 3"]
    origin: Float[np.ndarray, " 3"]

    def between(self) -> "Space":
        """The space of a volume with a sample put between every two along its first axis."""
        scale = np.array([2.0, 1.0, 1.0])
        return Space(scale[:, None] * self.to_index, scale * self.origin)

    def halved(self) -> "Space":
        """The space of a volume whose last two axes were halved by averaging pairs."""
        scale = np.array([1.0, 0.5, 0.5])
        return Space(scale[:, None] * self.to_index, scale * self.origin - np.array([0.0, 0.25, 0.25]))


@dataclass(frozen=True, eq=False)
class Template:
    """The reference at scattered points: where they are (mm), what may change there, and how much each is trusted.

    `free` are the motion parameters (rotations 0 to 2, translations 3 to 5) whose derivatives are `motion`. `contrast`
    is the reference itself, which turns an amplitude into a motion when the volume is darker than the reference.
    """

    space: Space
    place: Float32[np.ndarray, "3 points"]
    contrast: Float32[np.ndarray, " points"]
    intensity: Float32[np.ndarray, "shades points"]
    motion: Float32[np.ndarray, "free points"]
    weight: Float32[np.ndarray, " points"]
    free: tuple[int, ...]

    @cached_property
    def columns(self) -> Float32[np.ndarray, "columns points"]:
        """What a volume is a sum of."""
        return np.concatenate([self.intensity, self.motion])

    @cached_property
    def weighted(self) -> Float32[np.ndarray, "columns points"]:
        """The columns, each point as far as it is trusted."""
        out: Float32[np.ndarray, "columns points"] = self.columns * self.weight
        return out

    @cached_property
    def normal(self) -> Float32[np.ndarray, "columns columns"]:
        """The matrix of the normal equations where a volume is seen at every point."""
        out: Float32[np.ndarray, "columns columns"] = self.weighted @ self.columns.T
        return out

    @cached_property
    def contrast_in(self) -> Float[np.ndarray, " shades"]:
        """How strong the contrast of the reference is in each intensity column."""
        deviation = self.weight * (self.contrast - np.average(self.contrast, weights=self.weight))
        of_contrast: Float[np.ndarray, " shades"] = (self.intensity @ deviation).astype(float)
        return of_contrast / float(deviation @ self.contrast)


@dataclass(frozen=True, eq=False)
class Alignment:
    """A rigid motion (a 4 x 4 matrix in mm that takes reference points to where they are in the volume) and its merit.

    `values` is the volume read there, with the model's own value at points outside; `explained` is the share of the
    variance that the model explains; `last` is the size of the last step in mm; `inside` the share of the points.
    """

    matrix: Float[np.ndarray, "4 4"]
    values: Float32[np.ndarray, " points"]
    explained: float
    last: float
    inside: float


def rigid(parameters: Float[np.ndarray, " 6"]) -> Float[np.ndarray, "4 4"]:
    """The matrix of rotations (rad; about the first axis, then the second, then the third) and a translation (mm)."""
    (ca, cb, cc), (sa, sb, sc) = np.cos(parameters[:3]), np.sin(parameters[:3])
    about_first = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    about_second = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_third = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_third @ about_second @ about_first
    matrix[:3, 3] = parameters[3:]
    return matrix


def parameters(matrix: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, " 6"]:
    """The inverse of `rigid`: three rotations in rad, three translations in mm."""
    m = matrix
    angles = (
        np.arctan2(m[2, 1], m[2, 2]),
        np.arctan2(-m[2, 0], np.hypot(m[2, 1], m[2, 2])),
        np.arctan2(m[1, 0], m[0, 0]),
    )
    return np.array([*angles, *m[:3, 3]])


def smoothed(
    volume: Float32[np.ndarray, "a b c"], variance: tuple[float, float, float]
) -> Float32[np.ndarray, "a b c"]:
    """The volume smoothed to a variance (in squared samples) along each axis; the outermost samples stay as they are.

    Along each axis products with a matrix that holds all the passes of `smoothing`, `BLOCK` samples at a time: beyond
    the reach of its passes it is zero.
    """
    out = volume
    for axis, wanted in enumerate(variance):
        n = volume.shape[axis]
        if wanted <= 0 or n <= 2:
            continue
        matrix, reach = smoothing(n, round(wanted, 6))
        there = np.empty(volume.shape, np.float32)
        lines = ((n, -1), volume.shape, (-1, n))[axis]
        rough, smooth = out.reshape(lines), there.reshape(lines)
        for here in spans(n, BLOCK):
            near = slice(max(here.start - reach, 0), min(here.stop + reach, n))
            if axis == 2:
                np.matmul(rough[:, near], matrix[here, near].T, out=smooth[:, here])
            else:
                np.matmul(matrix[here, near], rough[..., near, :], out=smooth[..., here, :])
        out = there
    return out


@lru_cache(maxsize=32)
def smoothing(n: int, variance: float) -> tuple[Float32[np.ndarray, "n n"], int]:
    """The matrix that smooths `n` samples to a variance (in squared samples) and leaves the outermost as they are; and
    how many samples it reaches.

    Passes of (w, 1 - 2w, w), whose variance is 2w, as few as w <= 1/3 allows.
    """
    n_passes = int(np.ceil(1.5 * variance - 1e-6))
    share = variance / n_passes / 2
    once = (1 - 2 * share) * np.eye(n) + share * (np.eye(n, k=1) + np.eye(n, k=-1))
    once[0], once[-1] = np.eye(n)[0], np.eye(n)[-1]
    return np.linalg.matrix_power(once, n_passes).astype(np.float32), n_passes


def between(volume: Float32[np.ndarray, "a b c"]) -> Float32[np.ndarray, "a2 b c"]:
    """The volume with a sample put between every two along the first axis, by cubic interpolation of four."""
    n = volume.shape[0]
    out = np.empty((2 * n - 1, *volume.shape[1:]), np.float32)
    out[::2] = volume
    middle = out[1::2]
    np.add(volume[:-1], volume[1:], out=middle)
    middle *= np.float32(0.5)
    if n > 3:
        middle[1:-1] *= np.float32(1.125)
        middle[1:-1] -= np.float32(0.0625) * (volume[:-3] + volume[3:])
    return out


def halved(volume: Float32[np.ndarray, "a b c"]) -> Float32[np.ndarray, "a b2 c2"]:
    """Means of 2 x 2 samples along the last two axes; an odd last sample is left out."""
    _, b, c = (n // 2 * 2 for n in volume.shape)
    pairs = volume[:, 0:b:2] + volume[:, 1:b:2]
    out: Float32[np.ndarray, "a b2 c2"] = np.float32(0.25) * (pairs[:, :, 0:c:2] + pairs[:, :, 1:c:2])
    return out


def read(
    volume: Float32[np.ndarray, "a b c"], index: Float32[np.ndarray, "3 points"]
) -> tuple[Float32[np.ndarray, " points"], Bool[np.ndarray, " points"]]:
    """The volume at fractional indices by trilinear interpolation, and which lie between its outermost samples."""
    inside = np.ones(index.shape[1], bool)
    base = np.zeros(index.shape[1], np.int32)
    shares, strides = [], []
    for axis, n in enumerate(volume.shape):
        here = index[axis]
        inside &= (here > -1e-3) & (here < n - 1 + 1e-3)
        low = np.clip(np.floor(here), 0, max(n - 2, 0))
        shares.append(np.clip(here - low, 0, 1))
        strides.append(int(np.prod(volume.shape[axis + 1 :])) if n > 1 else 0)
        base *= n
        base += low.astype(np.int32)
    flat = volume.reshape(-1)
    where = base.astype(np.intp)

    corners = [flat[sum(at) :].take(where) for at in product(*((0, stride) for stride in strides))]
    for share in reversed(shares):
        for low, high in zip(corners[::2], corners[1::2], strict=True):
            high -= low
            high *= share
            high += low
        corners = corners[1::2]
    return corners[0], inside


def template(
    reference: Float32[np.ndarray, "a b c"],
    points: Int[np.ndarray, "3 points"],
    space: Space,
    free: tuple[int, ...],
) -> Template:
    """A template at grid points of a reference. A gain, an offset and, across slices, the blur of reading may change.

    Reading between two samples blurs by up to a quarter of the second difference; unless that is allowed for, a blur at
    the edge of a thick-sliced stack is mistaken for a shift.
    """
    here = tuple(points)
    contrast = reference[here]
    slopes, bends = np.zeros((3, points.shape[1])), []
    for axis, n in enumerate(reference.shape):
        if n > 1:
            low, high = np.maximum(points[axis] - 1, 0), np.minimum(points[axis] + 1, n - 1)
            before, after = (reference[(*here[:axis], at, *here[axis + 1 :])] for at in (low, high))
            slopes[axis] = (after - before) / (high - low)
            if n > 2 and axis == 0:
                bends.append(np.where(high - low == 2, before + after - 2 * contrast, 0))
    slope = space.to_index.T @ slopes
    place = np.linalg.solve(space.to_index, points - space.origin[:, None])
    derivatives = np.concatenate([np.cross(place, slope, axis=0), slope])
    return Template(
        space,
        place.astype(np.float32),
        contrast,
        np.stack([contrast, np.ones_like(contrast), *bends]).astype(np.float32),
        derivatives[list(free)].astype(np.float32),
        np.ones_like(contrast),
        free,
    )


def step_size(step: Float[np.ndarray, " 6"]) -> float:
    """A small motion as one length in mm: translation and rotation (at `RADIUS`) added in quadrature."""
    return float(np.hypot(np.linalg.norm(step[3:]), RADIUS * np.linalg.norm(step[:3])))


def solution(normal: Float[np.ndarray, "n n"], right: Float[np.ndarray, "n *many"]) -> Float[np.ndarray, "n *many"]:
    """Least squares from normal equations; a direction that the points do not determine stays where it is."""
    scale = 1 / np.sqrt(np.maximum(np.diag(normal), 1e-30))
    ridge = 1e-7 * np.eye(len(normal))
    scaled = np.linalg.solve(normal * scale * scale[:, None] + ridge, (right.T * scale).T)
    out: Float[np.ndarray, "n *many"] = (scaled.T * scale).T
    return out


def gains(amplitudes: Float[np.ndarray, "shades *many"], t: Template) -> Float[np.ndarray, "*many"]:
    """How strong the contrast of the reference is in sums of the intensity columns; 1 for the reference itself."""
    out: Float[np.ndarray, "*many"] = np.asarray(np.maximum(t.contrast_in @ amplitudes, 0.1))
    return out


def aligned(
    volume: Float32[np.ndarray, "a b c"], t: Template, start: Float[np.ndarray, "4 4"], n_steps: int, small: float
) -> Alignment:
    """The motion of a volume against a template, from `start` until a step is `small` (mm) or `n_steps` were taken.

    Reading between samples has kinks (the samples themselves, and the outermost ones, beyond which nothing is seen):
    beside one, full steps go to and fro for ever. A step that takes back most of the one before is halved, and so are
    those after it.
    """
    matrix, share, before = start, 1.0, np.zeros(6)
    for _ in range(n_steps):
        values, inside = _read_at(volume, t, matrix)
        found = stepped(values, inside, t, matrix)
        step = parameters(np.linalg.inv(matrix) @ found.matrix) * METRIC
        if step @ before < -TAKEN_BACK * (before @ before):
            share /= 2
        if share < 1:
            found = replace(found, matrix=matrix @ rigid(share * step / METRIC), last=share * found.last)
        matrix, before = found.matrix, step
        if found.last < small:
            break
    return found


def stepped(
    values: Float32[np.ndarray, " points"],
    inside: Bool[np.ndarray, " points"],
    t: Template,
    matrix: Float[np.ndarray, "4 4"],
) -> Alignment:
    """One step from a motion with which a volume was read at the points: nothing is read again."""
    n_shades, outside = len(t.intensity), np.flatnonzero(~inside)
    normal, seen = t.normal, values
    if outside.size:
        normal = normal - t.weighted[:, outside] @ t.columns[:, outside].T
        seen = np.where(inside, values, np.float32(0))
    amplitudes = solution(normal.astype(float), (t.weighted @ seen).astype(float))
    step = np.zeros(6)
    step[list(t.free)] = amplitudes[n_shades:] / gains(amplitudes[:n_shades], t)
    fit = amplitudes.astype(np.float32) @ t.columns
    left, there = (values - fit, values) if not outside.size else ((values - fit)[inside], values[inside])
    residual = float(left @ left) / left.size if left.size else np.inf
    spread = float(there.var()) if there.size else 0.0
    explained = 1 - residual / spread if spread > 0 else 0.0
    return Alignment(
        matrix @ np.linalg.inv(rigid(step)), np.where(inside, values, fit) if outside.size else values, explained,
        step_size(step), left.size / inside.size,
    )  # fmt: skip


def _read_at(
    volume: Float32[np.ndarray, "a b c"], t: Template, matrix: Float[np.ndarray, "4 4"]
) -> tuple[Float32[np.ndarray, " points"], Bool[np.ndarray, " points"]]:
    turn = (t.space.to_index @ matrix[:3, :3]).astype(np.float32)
    shift = (t.space.to_index @ matrix[:3, 3] + t.space.origin).astype(np.float32)
    return read(volume, turn @ t.place + shift[:, None])
