"""What a passing change of intensity looks like if it is no motion, so that a series can be aligned through it.

A change that follows the structure of an image can look like a shift of it: its pattern correlates with the gradient of
the image, and least squares cannot tell the two apart. But a gradient changes sign when the image is reflected at the
point, while the amount by which a substance changes does not. So the observed change is replaced by its expectation
given features of the reference that a reflection leaves as they are (intensity there and around, contrast without
sign). A few percent of a shift survive in that expectation, and what it leaves out of the change is nearly uncorrelated
with the gradient. The expectation is a table of means over cells of three or four features, with further tables for
what remains.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy import ndimage

from perspect.numerics import rigid, robust
from perspect.numerics.parallel import each, spans

FAINT: Final = 0.02
"""Relative loss of intensity of the whole below which there is no passing change to allow for."""

STATIC: Final = 0.04
"""Relative change at which a point has half the weight of one that stays as it is."""

ROUNDS: Final = 4
"""How often the change and the places of the volumes are brought to agree."""

TABLES: Final = (
    (("here", 8), ("sum", 6), ("difference", 4), ("wide", 6)),
    (("here", 8), ("near", 8), ("wide", 6)),
    (("here", 8), ("bend", 6), ("fine", 6)),
    (("broad", 8), ("across", 8), ("slope", 6)),
    (("here", 8), ("sum", 6), ("difference", 4), ("wide", 6)),
)
"""Which features make up the cells of each table, and into how many equally filled bins each is cut."""


@dataclass(frozen=True, eq=False)
class Passage:
    """A template that allows for a passing change, and where each volume is as seen with it.

    `change` is by how much points change at the height of it, and by how much more than their like they are changed
    afterwards, both relative; `depth` is how far into it each volume is, 0 to 1. `values` are what was read of the
    volumes in the first alignment, moved to these places as far as small motions allow.
    """

    template: rigid.Template
    change: Float32[np.ndarray, "2 points"]
    depth: Float[np.ndarray, " time"]
    places: list[Float[np.ndarray, "4 4"]]
    values: Float32[np.ndarray, "time points"]

    def template_of(self, frame: int) -> rigid.Template:
        """The template for one volume: points count less the more they change in a volume as deep as this one."""
        return replace(self.template, weight=_weight(self.change, float(self.depth[frame])))


def passage(
    template: rigid.Template,
    tables: tuple[Int[np.ndarray, " points"], ...],
    first: list[rigid.Alignment],
    is_like: Bool[np.ndarray, " time"],
) -> Passage:
    """What changes in a series that was aligned once with a gain and an offset; `is_like` are the volumes to trust.

    A change is a loss of intensity or a gain, whichever is the larger at its height.

    How much points change and where the volumes are depend on each other. To first order both follow from the values
    that were read in the first alignment, so the few rounds need no reading of volumes.
    """
    places = [one.matrix for one in first]
    level = np.array([one.values.mean() for one in first]) / template.contrast.mean()
    darkens, brightens = (np.max(one[is_like], initial=0.0) for one in (1 - level, level - 1))
    loss = 1 - level if darkens >= brightens else level - 1
    depth = np.where(is_like, loss, -np.inf)
    values = np.stack([one.values for one in first])
    if depth.max() < FAINT:
        no_change = np.zeros((2, template.contrast.size), np.float32)
        return Passage(template, no_change, np.zeros(len(first)), places, values)
    depth /= depth.max()
    found, change = template, np.empty(0)
    for _ in range(ROUNDS):
        found, change = _with_shades(template, tables, values, depth)
        steps = _refined(found, values)
        places = [place @ np.linalg.inv(rigid.rigid(step)) for place, step in zip(places, steps, strict=True)]
    return Passage(found, change, np.clip(depth, 0, 1), places, values)


def following(
    path: Float[np.ndarray, "time n"],
    depth: Float[np.ndarray, " time"],
    is_known: Bool[np.ndarray, " time"],
    expected_size: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    """How much of `depth` there is in each column of a path: what a passing change still feigns of motion.

    Found from the steps from volume to volume, robustly (Tukey's biweight from nothing), so that a body that moves at
    the same time is not taken for it, and shrunk to what `expected_size`, the standard deviation known beforehand,
    allows against the unrest of the path: where a body is still the whole is found, where it is not next to nothing.
    """
    steps, rises = np.diff(path[is_known], axis=0), np.diff(depth[is_known])[:, None]
    if not np.square(rises).sum() > 0:
        return np.zeros(path.shape[1])
    size = np.zeros(path.shape[1])
    unrest, information = np.ones_like(size), np.ones_like(size)
    for _ in range(30):
        left = np.abs(steps - size * rises)
        unrest = np.maximum(robust.spread(left, axis=0), 0.01 * expected_size)
        limit = 4.685 * np.maximum(unrest, 0.3 * expected_size)
        weight = np.square(np.maximum(1 - np.square(left / limit), 0))
        information = np.maximum((weight * rises**2).sum(axis=0), 1e-12)
        size = (weight * rises * steps).sum(axis=0) / information
    variance = unrest**2 / information
    out: Float[np.ndarray, " n"] = size * expected_size**2 / (expected_size**2 + variance)
    return out


def _with_shades(
    template: rigid.Template,
    tables: tuple[Int[np.ndarray, " points"], ...],
    values: Float32[np.ndarray, "time points"],
    depth: Float[np.ndarray, " time"],
) -> tuple[rigid.Template, Float32[np.ndarray, "2 points"]]:
    """The template with the expected changes before the height, after it, and later on as further intensity columns."""
    frames, deep = np.arange(depth.size), depth > 0.5
    height, end = int(np.argmax(depth)), int(np.flatnonzero(deep)[-1])
    windows = [deep & (frames <= height), deep & (frames > height), (frames > end) & np.isfinite(depth)]
    changes = [values[window].mean(axis=0) - template.contrast for window in windows if window.any()]
    shades = [expected(change, tables) for change in changes]
    strange = changes[-1] - shades[-1] if windows[-1].any() else np.zeros_like(shades[0])
    change = np.stack([shades[0], strange]) / (template.contrast + np.float32(0.1) * template.contrast.mean())
    intensity = np.concatenate([template.intensity, shades])
    return replace(template, intensity=intensity, weight=_weight(change, 1.0)), change


def _weight(change: Float32[np.ndarray, "2 points"], depth: float) -> Float32[np.ndarray, " points"]:
    """Half for a point whose change is `STATIC` where the passage is deepest, or twice that afterwards."""
    passing, lasting = change / np.float32(STATIC)
    out: Float32[np.ndarray, " points"] = 1 / (
        1 + (np.float32(depth) * passing) ** 2 + (np.float32(0.5) * lasting) ** 2
    )
    return out


def _refined(template: rigid.Template, values: Float32[np.ndarray, "time points"]) -> Float[np.ndarray, "time 6"]:
    """The small motions left in values read at the points; they are taken out of `values`, which is scratch."""

    def work(piece: slice) -> Float[np.ndarray, "time 6"]:
        some = values[piece]
        amplitudes = rigid.solution(template.normal.astype(float), (template.weighted @ some.T).astype(float))
        shades, motion = np.split(amplitudes, [len(template.intensity)])
        some -= motion.T.astype(np.float32) @ template.motion
        steps = np.zeros((len(some), 6))
        steps[:, list(template.free)] = (motion / rigid.gains(shades, template)).T
        return steps

    return np.concatenate(each(work, spans(len(values), 16)))


def cells(
    reference: Float32[np.ndarray, "a b c"], points: Int[np.ndarray, "3 points"]
) -> tuple[Int[np.ndarray, " points"], ...]:
    """The cell of every point in each table. The first axis is the one across slices."""
    features = _features(reference, points)
    bins: dict[tuple[str, int], Int[np.ndarray, " points"]] = {}
    out = []
    for table in TABLES:
        cell = np.zeros(points.shape[1], np.int64)
        for name, n in table:
            if (name, n) not in bins:
                bounds = np.quantile(features[name], np.arange(1, n) / n)
                bins[name, n] = np.searchsorted(bounds, features[name])
            cell = cell * n + bins[name, n]
        out.append(cell)
    return tuple(out)


def expected(
    change: Float[np.ndarray, " points"], tables: tuple[Int[np.ndarray, " points"], ...]
) -> Float32[np.ndarray, " points"]:
    """The change that points with the same features have on average; each table explains what the ones before left."""
    out = np.zeros(change.size)
    for cell in tables:
        n = np.bincount(cell)
        out += (np.bincount(cell, change - out) / np.maximum(n, 1))[cell]
    return out.astype(np.float32)


def _features(
    reference: Float32[np.ndarray, "a b c"], points: Int[np.ndarray, "3 points"]
) -> Mapping[str, Float32[np.ndarray, " points"]]:
    """Intensity at a point and around it, none of which changes when the image is reflected at the point."""

    def blurred(image: Float32[np.ndarray, "a b c"], sigma: float) -> Float32[np.ndarray, "a b c"]:
        out: Float32[np.ndarray, "a b c"] = ndimage.gaussian_filter(image, (0, sigma, sigma))
        return out

    padded = np.pad(reference, ((1, 1), (0, 0), (0, 0)), mode="edge")
    total, difference = padded[2:] + padded[:-2], np.abs(padded[2:] - padded[:-2])
    near, middle, wide = blurred(reference, 1), blurred(reference, 2), blurred(reference, 4)
    slope = np.hypot(*np.gradient(blurred(reference, 0.5), axis=(1, 2)))
    images = {
        "here": reference,
        "sum": total,
        "difference": difference,
        "bend": total - 2 * reference,
        "across": blurred(total, 1.5),
        "near": near,
        "wide": wide,
        "fine": near - middle,
        "broad": middle - wide,
        "slope": slope,
    }
    return {name: image[tuple(points)] for name, image in images.items()}
