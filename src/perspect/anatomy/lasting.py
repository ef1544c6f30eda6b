"""What has changed for good in a series: vessels and lesions that stay bright after agent came say nothing of motion.

Few in number, they can hold most of the variance of a T1-weighted volume, and a head that lies still is then unlike
itself at rest. Points that leave the relation to the reference which all others keep, in most of such volumes, take no
part.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32

from perspect.anatomy.motion_scene import Target
from perspect.numerics import rigid, robust

LASTS: Final = 0.2
"""Share of the volumes that must be unlike those at rest: fewer are damaged ones, which must not be believed [our
default]."""

STRANGE: Final = 3.0
"""Spreads of the residuals beyond which a point has left the others [our default]."""

OFTEN: Final = 0.1
"""Share of those volumes in which a point that is left out is strange: the first pass is in few [our default]."""

MOST: Final = 0.4
"""Share of the points that may be left out: where more have changed the others are no majority [our default]."""

ROUNDS: Final = 6
"""Of a gain and an offset that points which are strange by them do not move."""


def changed(
    template: rigid.Template, found: Sequence[rigid.Alignment], enough: float
) -> Bool[np.ndarray, " points"] | None:
    """Which points have left the others in most volumes of which less than `enough` is explained; None where such
    volumes, or such points, are too few or too many.
    """
    unlike = [one for one in found if one.explained < enough]
    if len(unlike) < LASTS * len(found):
        return None
    strange = np.mean([_strange(template.contrast, one.values) for one in unlike], axis=0) > OFTEN
    return strange if 0 < strange.mean() <= MOST else None


def without(target: Target, strange: Bool[np.ndarray, " points"]) -> Target:
    """The target without these of its points, and without the coarse points that lie beside them."""
    place: Bool[np.ndarray, "z y x"] = np.zeros_like(target.image, bool)
    place[tuple(target.points[:, strange])] = True
    slices, rows, columns = target.coarse_points
    beside = [
        place[slices, np.minimum(rows + dy, place.shape[1] - 1), np.minimum(columns + dx, place.shape[2] - 1)]
        for dy in (0, 1)
        for dx in (0, 1)
    ]
    kept, kept_coarse = ~strange, ~np.any(beside, axis=0)
    return replace(
        target,
        fine=_part(target.fine, kept),
        coarse=_part(target.coarse, kept_coarse),
        points=target.points[:, kept],
        coarse_points=target.coarse_points[:, kept_coarse],
    )


def _strange(
    reference: Float32[np.ndarray, " points"], values: Float32[np.ndarray, " points"]
) -> Bool[np.ndarray, " points"]:
    """Points that lie off a gain and an offset which the majority has (reweighted least absolute deviations)."""
    columns = np.stack([reference, np.ones_like(reference)], axis=1).astype(float)
    weight: Float[np.ndarray, " points"] = np.ones(reference.size)
    for _ in range(ROUNDS):
        line = np.linalg.lstsq(columns * weight[:, None], values * weight, rcond=None)[0]
        left = np.abs(values - columns @ line)
        weight = 1 / np.sqrt(left + 0.1 * robust.spread(left) + 1e-30)
    return np.asarray(left > STRANGE * robust.spread(left))


def _part(template: rigid.Template, kept: Bool[np.ndarray, " points"]) -> rigid.Template:
    return replace(
        template,
        place=template.place[:, kept],
        contrast=template.contrast[kept],
        intensity=template.intensity[:, kept],
        motion=template.motion[:, kept],
        weight=template.weight[kept],
    )
