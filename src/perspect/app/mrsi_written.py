"""What is written of a spectroscopic image beside its maps: the spectra with their fits, and where the lesion is."""

from collections.abc import Callable
from typing import Final

import perspect
from perspect import io
from perspect.anatomy import resample
from perspect.app.shares import TissueMaps
from perspect.mrs.voxel import UNUSABLE
from perspect.vocabulary import Measured, Region, Spectra

HALF: Final = 0.5
"""Of a voxel that a lesion must fill to be shown as lesion."""


def fits_of(measured: Measured, spectra: Spectra) -> dict[str, Callable[[], bytes]]:
    """The file of spectra with their fits, where any voxel was fitted."""
    if not measured.spectra:
        return {}
    refused = {key: one for key, one in measured.regions.items() if key.startswith(UNUSABLE)}
    steps = measured.recipe.steps
    return {"mrs.nii.gz": lambda: io.grid_file(measured.spectra, refused, spectra, perspect.__version__, steps)}


def lesion_on(spectra: Spectra, maps: TissueMaps) -> dict[str, Region]:
    """The voxels of an image of which a lesion fills half or more, where both say where they lie."""
    if not spectra.placed or "lesion" not in maps:
        return {}
    inside = resample.share_of_boxes(*maps["lesion"], spectra.grid) >= HALF
    if not inside.any():
        return {}
    return {"lesion": Region(inside, spectra.grid, "lesion", "voxels of which it fills half or more")}
