"""What places hold of each tissue, for the water scale of spectra: from maps in files, or from a head that is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect import io
from perspect.anatomy import resample
from perspect.app.head import Head, head_of
from perspect.mrs.region import finer
from perspect.vocabulary import Flag, Grid, Problem, Severity, Step

TISSUES: Final = ("grey", "white", "csf")
"""In the order in which their maps are given."""

PARTS: Final = 4
"""Places along each edge of a voxel of an image, of which the shares are told: side lobes are a voxel wide."""

TissueMaps = Mapping[str, tuple[Float[np.ndarray, "px py pz"], Grid]]


@dataclass(frozen=True)
class Surroundings:
    """Files in the scanner's coordinates of the same session: an image to draw on; the T1-weighted one on which tissues
    are told, and on which is drawn where there is no other; maps of grey, white and fluid, which take its place; the
    mask of the lesion; and how the voxel was selected, where it is known. `carrier` in ppm, bandwidths in Hz. Of an
    image `box` is what its pulses select (middle and edges in mm), `readout` Hz to a voxel along its axes.
    """

    image: Path | None = None
    t1w: Path | None = None
    tissue: tuple[Path, ...] = ()
    lesion: Path | None = None
    bandwidths: tuple[float, float, float] | None = None
    carrier: float | None = None
    box: tuple[float, float, float, float, float, float] | None = None
    readout: tuple[float, float, float] | None = None

    @property
    def picture(self) -> Path | None:
        """The image on which a voxel is drawn."""
        return self.image or self.t1w

    @property
    def of_tissue(self) -> tuple[Path, ...]:
        """What shares are told from: maps, or the T1-weighted image with what lies beside it; and the lesion."""
        head = () if self.t1w is None or self.tissue else tuple(io.files_of_anatomy(self.t1w))
        return (*self.tissue, *head, *(() if self.lesion is None else (self.lesion,)))

    @property
    def files(self) -> tuple[Path, ...]:
        """All that were given."""
        shown = () if self.picture is None else (self.picture,)
        return tuple(dict.fromkeys((*shown, *self.of_tissue)))


@dataclass(frozen=True, eq=False)
class Tissue:
    """Maps of tissue, and what must be said of how they were found."""

    maps: TissueMaps
    flags: tuple[Flag, ...] = ()
    steps: tuple[Step, ...] = ()


def tissue_around(around: Surroundings) -> Tissue:
    """The maps that were given, or those that the T1-weighted image shows."""
    if around.tissue or around.t1w is None:
        return Tissue(tissue_maps(around))
    lesion = None if around.lesion is None else io.read_region(around.lesion, "lesion")
    head = head_of({"t1w": io.read_anatomy(around.t1w, "t1w")}, lesion)
    flags = head.flags if lesion is not None else (*head.flags, _unmarked(around.t1w.name))
    return Tissue(tissues_of_head(head), flags, head.steps)


def _unmarked(name: str) -> Flag:
    """A tumour on an image where nobody has marked it."""
    sentence = (
        f"Tissues were told on {name}, where no lesion is marked: a tumour counts as grey matter or fluid there, and "
        "amounts in it may be off by more than half. Give its mask (--lesion)."
    )
    return Flag("unmarked-lesion", Severity.CAUTION, sentence, source="place")


def tissue_maps(around: Surroundings) -> TissueMaps:
    """Maps of grey, white, fluid and lesion, each with its grid; what is lesion is not tissue as well."""
    if not around.tissue:
        return {}
    if len(around.tissue) != len(TISSUES):
        raise Problem(
            f"{len(around.tissue)} map{'s' if len(around.tissue) > 1 else ''} of tissue: "
            f"{', '.join(one.name for one in around.tissue)}.",
            "It is not known which tissue each shows, and what is none of them.",
            f"Give one map each of {', '.join(TISSUES)}, in this order (--tissue), or by name (--gm, --wm, --csf).",
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
