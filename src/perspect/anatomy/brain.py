"""Where the head's perfused inside is, from an echo-planar image alone: no template, no model."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

from perspect.vocabulary import Grid, Problem

BRIDGE: Final = 5.0
"""mm: links between brain and scalp, eyes or sinus mucosa that are thinner than twice this are cut."""

LARGEST_HOLE: Final = 300.0
"""mm²: dark islands up to two centimetres across (veins, blood, calcium) are brain; the skull inside a closed ring of
scalp is larger."""

FILTER: Final = 1.0
"""mm, standard deviation of the smoothing before the threshold."""

PERFUSED: Final = 0.3
"""A separate piece that darkens less than this share of what the brain does is not brain."""

NOT_DARK: Final = 0.3
"""Share of the signal of tissue above which even the darkest voxels are no background [our default]. Ghosts and noise
of echo-planar images stay below a sixth, white matter beside bright grey matter above a third."""

DARKEST: Final = 2.0
"""Per cent of the voxels that are the darkest: a field that is not all brain has more background than that."""

N_BINS: Final = 256


def brain_mask(
    baseline: Float[np.ndarray, "x y z"], dip: Float[np.ndarray, "x y z"] | None, grid: Grid
) -> Bool[np.ndarray, "x y z"]:
    """The brain with its ventricles on the mean image at rest: bright, thick, in one piece, darkened by the bolus.

    `dip` is the relative fall of the signal at the height of the bolus (0 to 1), where it is known: it tells brain from
    eyes, muscle and scalp. A single slice is treated as well as a stack. Raises `Problem` if nothing stands out from
    the background.
    """
    usable = np.isfinite(baseline) & (baseline > 0)
    image = np.where(usable, baseline, 0).astype(np.float32)
    spacing = np.array(grid.spacing)
    smooth = ndimage.gaussian_filter(image, [*(FILTER / spacing[:2]), 0])
    level = _level(smooth[usable]) if usable.any() else np.inf
    if usable.any() and _has_no_background(smooth, dip, usable, level):
        level = 0.0
    tissue = (smooth > level) & usable
    core = _eroded(_filled(tissue, LARGEST_HOLE / (spacing[0] * spacing[1])), BRIDGE, spacing)
    if not core.any():
        raise Problem(
            "No brain was found: nothing in the baseline image stands out from the background over a centimetre.",
            "Every map would be computed on noise.",
            "Give a mask.",
        )
    fall = None if dip is None else np.where(np.isfinite(dip), np.clip(dip, 0, 1), 0).astype(np.float32)
    core = _chosen(core, fall)
    grown = _distance(~core, spacing) <= BRIDGE + spacing[:2].max()
    brain: Bool[np.ndarray, "x y z"] = _filled(grown & tissue) & usable
    return brain


def _has_no_background(
    smooth: Float32[np.ndarray, "x y z"],
    dip: Float[np.ndarray, "x y z"] | None,
    usable: Bool[np.ndarray, "x y z"],
    level: float,
) -> bool:
    """Whether all that has signal is head (a brain that fills the field, or was cut out): then a threshold between
    background and tissue parts tissue from tissue.
    """
    bright, dark = usable & (smooth > level), usable & (smooth <= level)
    if not (bright.any() and dark.any()):
        return False
    if np.percentile(smooth[usable], DARKEST) < NOT_DARK * np.median(smooth[bright]):
        return False
    if dip is None:
        return True
    # Weighed by the signal, noise does not darken; what is perfused does.
    falls = [np.nansum((dip * smooth)[part]) / smooth[part].sum() for part in (dark, bright)]
    return bool(falls[0] > PERFUSED * falls[1])


def _level(values: Float32[np.ndarray, " voxels"]) -> float:
    """Between background and tissue: the threshold that separates the two best, seen on square roots.

    The root makes the spread of the two less unlike. Otsu 1979, doi:10.1109/TSMC.1979.4310076
    """
    root = np.sqrt(np.minimum(values, np.percentile(values, 99.5)))
    counts, edges = np.histogram(root, N_BINS)
    middle = (edges[:-1] + edges[1:]) / 2
    below, sum_below = np.cumsum(counts)[:-1], np.cumsum(counts * middle)[:-1]
    above, sum_above = counts.sum() - below, (counts * middle).sum() - sum_below
    between = below * above * (sum_above / np.maximum(above, 1) - sum_below / np.maximum(below, 1)) ** 2
    return float(edges[1 + int(np.argmax(between))] ** 2)


def _chosen(core: Bool[np.ndarray, "x y z"], fall: Float32[np.ndarray, "x y z"] | None) -> Bool[np.ndarray, "x y z"]:
    """The largest piece and, within each slice, those pieces of it that darken about as it does."""
    label, n = ndimage.label(core)
    worth = ndimage.sum_labels(np.ones_like(core, np.float32) if fall is None else fall + 1e-3, label, range(1, n + 1))
    brain: Bool[np.ndarray, "x y z"] = label == 1 + int(np.argmax(worth))
    if fall is None:
        return brain
    within_slices = np.zeros((3, 3, 3), bool)
    within_slices[:, 1, 1] = within_slices[1, :, 1] = True
    label, n = ndimage.label(brain, within_slices)
    darkens = ndimage.median(fall, label, range(1, n + 1)) >= PERFUSED * np.median(fall[brain])
    kept: Bool[np.ndarray, "x y z"] = np.concatenate([[False], darkens])[label]
    return kept


def _distance(outside: Bool[np.ndarray, "x y z"], spacing: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "x y z"]:
    """Distance within the slice, in mm, of the voxels that are `outside` to those that are not."""
    planes = [
        ndimage.distance_transform_edt(plane, spacing[:2]) if not plane.all() else np.full(plane.shape, np.inf)
        for plane in np.moveaxis(outside, 2, 0)
    ]
    return np.stack(planes, axis=2)


def _eroded(mask: Bool[np.ndarray, "x y z"], by: float, spacing: Float[np.ndarray, " 3"]) -> Bool[np.ndarray, "x y z"]:
    """What is further than `by` mm from the edge within the slice."""
    padded = np.pad(mask, ((1, 1), (1, 1), (0, 0)))
    return (_distance(padded, spacing) > by)[1:-1, 1:-1]


def _filled(mask: Bool[np.ndarray, "x y z"], largest: float = np.inf) -> Bool[np.ndarray, "x y z"]:
    """The mask with the holes of each slice filled, as far as they have no more than `largest` voxels."""
    planes = []
    for plane in np.moveaxis(mask, 2, 0):
        label, n = ndimage.label(ndimage.binary_fill_holes(plane) & ~plane)
        size = np.bincount(label.ravel(), minlength=n + 1)
        planes.append(plane | ((label > 0) & (size <= largest)[label]))
    return np.stack(planes, axis=2)
