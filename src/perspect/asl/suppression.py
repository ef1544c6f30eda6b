"""What suppression of the background leaves of the control images, and which of them are the control image."""

import numpy as np
from jaxtyping import Float, Int

from perspect.vocabulary import Labelling
from perspect.vocabulary.labelling import SAME


def left_by_suppression(
    labelling: Labelling, since: Float[np.ndarray, " voxels"], t1: Float[np.ndarray, " voxels"], inversion: float
) -> Float[np.ndarray, " voxels"]:
    """Share of the equilibrium signal that is left, with its sign, `since` s after labelling began.

    The slab is saturated as labelling begins and inverted at the times of the pulses, all before the first slice is
    read; a slice that is read later has had longer to recover.
    """
    along, at = np.zeros(t1.size), 0.0
    for one in sorted(labelling.inversions):
        if one >= since.min():
            break
        along = -inversion * (1.0 + (along - 1.0) * np.exp(-(one - at) / t1))
        at = one
    return np.asarray(1.0 + (along - 1.0) * np.exp(-(since - at) / t1))


def left_in_controls(
    labelling: Labelling, later: Float[np.ndarray, " voxels"], t1: Float[np.ndarray, " voxels"], inversion: float
) -> Float[np.ndarray, " voxels"]:
    """The same of the mean control image: over its volumes, as late as each was read. `later` is the delay of the slice
    of each voxel in s.
    """
    since, n = np.unique(labelling.since_labelling()[controls_of(labelling)], return_counts=True)
    left = [left_by_suppression(labelling, one + later, t1, inversion) for one in since]
    return np.asarray(np.average(left, axis=0, weights=n))


def controls_of(labelling: Labelling) -> Int[np.ndarray, " controls"]:
    """Volumes whose mean is the control image: controls of the shortest delay, or all encodings."""
    places = labelling.of("control")
    if not places.size:
        return labelling.of("encoded")
    delays = labelling.delays[places]
    return np.asarray(places[delays <= np.nanmin(delays) + SAME])
