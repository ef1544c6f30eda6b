"""A lesion from a box: what enhances within it, grown from its brightest voxels, with what it encloses."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.lesion.parts import BRIGHTEST, FEWEST, enclosed, enhancing
from perspect.vocabulary import Problem

MOSTLY: Final = 0.5
"""Share of what borders on an enhancing piece that is no tissue, from which on the piece is none of a lesion
[our default]."""

CLOSED: Final = 2
"""Voxels by which gaps of a ring are closed [our default]."""


def grown_in_box(
    before: Float[np.ndarray, "x y z"],
    after: Float[np.ndarray, "x y z"],
    white: Bool[np.ndarray, "x y z"],
    box: Bool[np.ndarray, "x y z"],
    beyond: Bool[np.ndarray, "x y z"] | None = None,
) -> Bool[np.ndarray, "x y z"]:
    """The enhancing part of a lesion and what it encloses, within a box that somebody drew around it.

    Both T1-weighted images are on one grid, `white` is normal-appearing. What rises most is where it starts (vessels
    and other pieces that do not hang together with that are left out), and it grows to what enhances at all.
    `beyond` is what is no tissue (fluid, and what lies outside of the brain): pieces that mostly border on it are
    choroid plexus, dura or a vessel at the surface, and are left out as long as something else enhances.
    Raises Problem where nothing in the box enhances, or it reaches the border of the box.
    """
    lit = enhancing(before, after, white, box)
    if lit.sum() < FEWEST:
        raise Problem(
            "Nothing in the box enhances.",
            "Without a mask a lesion is found by what agent brightens.",
            "Move the box, or give a mask with --lesion.",
        )
    gain = after * (np.median(before[white]) / np.median(after[white])) - before
    seeds = lit & (gain >= np.percentile(gain[lit], BRIGHTEST))
    joined = ndimage.binary_closing(np.pad(lit, CLOSED), iterations=1)[(slice(CLOSED, -CLOSED),) * 3] | lit
    label, n = ndimage.label(joined & box)
    wanted = np.unique(label[seeds])
    counts = np.bincount(label.ravel(), minlength=n + 1)
    kept = [one for one in wanted if one and counts[one] >= FEWEST]
    if beyond is not None:
        kept = [one for one in kept if _bordering(label == one, beyond) < MOSTLY] or kept
    if not kept:
        raise Problem(
            "What enhances in the box are single voxels.",
            "A lesion hangs together.",
            "Move the box, or give a mask with --lesion.",
        )
    grown: Bool[np.ndarray, "x y z"] = np.isin(label, kept) & lit
    grown = grown | enclosed(grown, box)
    inner = ndimage.binary_erosion(box)
    if (grown & ~inner).sum() > 0.05 * grown.sum():
        raise Problem(
            "What enhances reaches the border of the box.",
            "Then the box has cut the lesion, or holds what is none (a sinus, the scalp).",
            "Draw it larger, or away from what enhances besides the lesion.",
        )
    return grown


def _bordering(piece: Bool[np.ndarray, "x y z"], beyond: Bool[np.ndarray, "x y z"]) -> float:
    """How much of what borders on a piece is no tissue."""
    border = ndimage.binary_dilation(piece) & ~piece
    return float(beyond[border].mean()) if border.any() else 0.0
