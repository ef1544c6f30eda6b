"""Whether the head held still: one look at every volume, for what did not move need not be aligned.

To move by less than a fraction of a voxel is to add a little of the gradient. So a single step from where the head was
on average says how far it was off, and no volume has to be read anew. It says nothing reliable of a head that went
farther; then all is aligned (`anatomy.motion`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.anatomy import gaps, motion_report
from perspect.anatomy.motion_scene import scene_of, target_of
from perspect.numerics import rigid
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Flag, Series

STILL: Final = 0.12
"""mm by which no volume may be off (mean over the brain): below the 0.15 from which on volumes are read anew, as one
step sees up to half a mm within a tenth of itself. [our default]"""

TURNED: Final = 0.25
"""The same for the point of the brain that is off most."""

AT_MOST: Final = 16
"""Volumes that make the mean, evenly chosen: its noise is then a quarter of a volume's."""

UNLIKE: Final = (3.0, 0.02)
"""What a volume may leave unexplained: so many times what the middle one does, and so much more. [our default]"""


@dataclass(frozen=True, eq=False)
class Still:
    """How far each volume of a head that held still was off: parameters (rad, mm) and matrices as in
    `anatomy.motion.Moved`, mean displacement in mm.
    """

    parameters: Float[np.ndarray, "volumes 6"]
    matrices: Float[np.ndarray, "volumes 4 4"]
    displacement: Float[np.ndarray, " volumes"]
    flags: tuple[Flag, ...]


def held_still(series: Series, mask: Bool[np.ndarray, "x y z"]) -> Still | None:
    """What one look says of a series; None where some volume moved more, is unlike the others, or is not whole."""
    scene = scene_of(series, mask, None, 1)
    n = series.n_times
    signals = (scene.signal(frame) for frame in range(0, n, -(-n // AT_MOST)))
    target = target_of(scene, gaps.mean(mask.shape[::-1], signals))
    places, nowhere = tuple(target.points), np.eye(4)
    everywhere = np.ones(target.points.shape[1], bool)

    def look(piece: slice) -> rigid.Alignment | None:
        signal = scene.signal(piece.start, scene.near)
        if not np.isfinite(signal).all():
            return None
        return rigid.stepped(scene.smooth(signal)[places], everywhere, target.fine, nowhere)

    found = each(look, spans(n, 1))
    seen = [one for one in found if one is not None]
    if len(seen) < n:
        return None
    left = np.array([1.0 - one.explained for one in seen])
    motions = [one.matrix for one in seen]
    displacement = motion_report.mean_displacement(motions, scene.place)
    reach = max(float(np.linalg.norm(motion_report.displaced(one, scene.box), axis=0).max()) for one in motions)
    is_like = left <= UNLIKE[0] * np.median(left) + UNLIKE[1]
    if not is_like.all() or displacement.max() > STILL or reach > TURNED:
        return None
    return Still(
        np.array([rigid.parameters(one) for one in motions]),
        np.stack([scene.in_scanner(one) for one in motions]),
        displacement,
        motion_report.few_slices(series.name, mask.shape[2], scene.is_stack, scene.has_edge_slices),
    )
