"""Slices that are taken in turn: when a voxel was sampled, counted from when the arterial input was."""

import numpy as np
from jaxtyping import Float

from perspect.vocabulary import Region


def lag_behind_artery(
    slice_times: Float[np.ndarray, " slices"] | None, inside: Region, artery: Region | None
) -> Float[np.ndarray, " voxels"] | None:
    """How much later than the arterial input each voxel was sampled, in s; None where all of a volume is at once.

    A voxel sampled later seems to be reached earlier by as much: the delay that was fitted is to be raised by it.
    """
    if slice_times is None:
        return None
    in_plane = inside.grid.shape[0] * inside.grid.shape[1]
    own = slice_times[inside.places // in_plane]
    return np.asarray(own - (0.0 if artery is None else slice_times[artery.places // in_plane].mean()))
