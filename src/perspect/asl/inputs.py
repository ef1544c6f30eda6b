"""What a labelled series must have before anything is measured, and the brain in it."""

import numpy as np

from perspect.anatomy.brain import brain_mask
from perspect.vocabulary import Around, Labelled, Problem, Region


def demand_volumes(labelled: Labelled) -> None:
    """Raises Problem where it is not known what every volume shows."""
    series, labelling = labelled.series, labelled.labelling
    if series.n_times != len(labelling.volumes):
        raise Problem(
            f"{series.name} has {series.n_times} volumes, of which {len(labelling.volumes)} are said to be something.",
            "It is not known what the others show.",
            "Correct the aslcontext table.",
        )


def find_brain(labelled: Labelled, around: Around) -> Region:
    """The mask that was given, or the brain on the M0 image, or on the mean of the control images.

    Raises Problem where none is found.
    """
    series, labelling = labelled.series, labelled.labelling
    if around.mask is not None:
        if not around.mask.grid.matches(series.grid) or around.mask.n_voxels == 0:
            raise Problem(
                "The mask is empty, or not on the grid of the series.",
                "It is not known which voxels are brain.",
                "Give a mask of the brain.",
            )
        return around.mask
    if labelled.m0 is not None:
        image, what = np.asarray(labelled.m0.values, np.float64), "M0"
    else:
        frames = labelling.of("control", "label", "encoded")
        frames = frames if frames.size else np.arange(series.n_times)
        image, what = np.abs(series.values[..., frames].mean(axis=-1, dtype=np.float64)), "the labelled images"
    finite = np.isfinite(image)
    mask = brain_mask(np.where(finite, image, 0.0), None, series.grid)
    if not mask.any():
        raise Problem(
            f"No brain was found in {series.name}.",
            "Nothing outside the brain is measured.",
            "Give a mask of the brain with --mask.",
        )
    return Region(mask, series.grid, "brain", f"found on {what}")
