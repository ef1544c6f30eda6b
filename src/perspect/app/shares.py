"""What places hold of each tissue, for the water scale of spectra: from maps in files, or from a head that is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect import io
from perspect.anatomy import resample
from perspect.app.anatomy import Head
from perspect.mrs.region import finer
from perspect.vocabulary import Grid, Problem

TISSUES: Final = ("grey", "white", "csf")
"""In the order in which their maps are given."""

PARTS: Final = 4
"""Places along each edge of a voxel of an image, of which the shares are told: side lobes are a voxel wide."""

TissueMaps = Mapping[str, tuple[Float[np.ndarray, "px py pz"], Grid]]


@dataclass(frozen=True)
class Surroundings:
    """Files in the scanner's coordinates of the same session: an image to draw on, maps of grey, white and fluid, the
    mask of the lesion; and how the voxel was selected, where it is known. `carrier` in ppm, bandwidths in Hz.
    """

    image: Path | None = None
    tissue: tuple[Path, ...] = ()
    lesion: Path | None = None
    bandwidths: tuple[float, float, float] | None = None
    carrier: float | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All that were given."""
        return tuple(one for one in (self.image, *self.tissue, self.lesion) if one is not None)


def tissue_maps(around: Surroundings) -> TissueMaps:
    """Maps of grey, white, fluid and lesion, each with its grid; what is lesion is not tissue as well."""
    if not around.tissue:
        return {}
    if len(around.tissue) != len(TISSUES):
        raise Problem(
            f"{len(around.tissue)} maps of tissue were given.",
            "It is not known which tissue each shows.",
            f"Give one map each of {', '.join(TISSUES)}, in this order.",
        )
    found: dict[str, tuple[Float[np.ndarray, "px py pz"], Grid]] = {}
    lesion = None if around.lesion is None else io.read_region(around.lesion, "lesion")
    for name, path in zip(TISSUES, around.tissue, strict=True):
        values, grid = io.read_volume(path)
        if lesion is not None:
            values = np.where(resample.onto(lesion.mask, lesion.grid, grid, 0), np.float32(0), values)
        found[name] = values, grid
    return found if lesion is None else {**found, "lesion": (lesion.mask.astype(np.float32), lesion.grid)}


def tissues_of_head(head: Head) -> TissueMaps:
    """The same of a head whose images have been read."""
    ill = head.tissues.lesion | (False if head.ill is None else head.ill.mask)
    order = {"csf": 0, "grey": 1, "white": 2}
    of_tissue = {
        name: (np.where(ill, 0.0, np.nan_to_num(head.tissues.shares[..., at])).astype(np.float32), head.grid)
        for name, at in order.items()
    }
    return {**of_tissue, "lesion": (ill.astype(np.float32), head.grid)}


def shares_on(grid: Grid, maps: TissueMaps) -> dict[str, Float[np.ndarray, "fx fy fz"]]:
    """What places finer than the voxels of an image hold of each tissue; nothing where a map does not reach."""
    shape = tuple(n * PARTS if n > 1 else 1 for n in grid.shape)
    places = finer(grid, (shape[0], shape[1], shape[2]))
    return {
        name: np.nan_to_num(resample.share_of_boxes(values, source, places)) for name, (values, source) in maps.items()
    }
