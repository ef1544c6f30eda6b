"""The voxel of a spectrum on an image: where it is, where it is for each molecule, and what it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect import io, mrs
from perspect.anatomy import resample
from perspect.anatomy.cuts import cuts
from perspect.app.shares import Surroundings, Tissue, TissueMaps, tissue_around
from perspect.vocabulary import BoxRow, Flag, Grid, Problem, Severity, Spectra, Step, VoxelPicture
from perspect.vocabulary.spectra import WATER

LEAST_KNOWN: Final = 0.5
"""Share of the voxel that the maps must explain; else they are of another place."""

CARRIER: Final = WATER
"""ppm at which the nominal voxel lies where nothing is said: that of water, at which scanners plan unless they are told
an offset."""

OFFSET: Final = "TxOffset"
"""The field of a header that holds it, in ppm from water."""


NOTHING: Final = Surroundings()


@dataclass(frozen=True, eq=False)
class Place:
    """What is known of a voxel from its surroundings: shares of its volume, and of that of the other side; a picture,
    remarks, how it was found.
    """

    fractions: Mapping[str, float] = field(default_factory=dict)
    across: Mapping[str, float] = field(default_factory=dict)
    picture: VoxelPicture | None = None
    flags: tuple[Flag, ...] = ()
    steps: tuple[Step, ...] = ()


def place_of(
    spectra: Spectra,
    around: Surroundings,
    other: Spectra | None = None,
    told: Mapping[str, float] | None = None,
    tissues: TissueMaps | None = None,
) -> Place:
    """The voxel in its surroundings; `other` is the voxel of the other side, which is drawn with it. Shares that were
    `told` as numbers are taken as they are; `tissues` of a head that is known replace the maps in `around`.
    """
    if not around.files and around.bandwidths is None:
        return Place() if tissues is None else _in_head(spectra, tissues, other)
    if not spectra.placed:
        sentence = f"{spectra.name} does not say where its voxel lies: it is not drawn, and what it holds is not known."
        return Place(flags=(Flag("no-place", Severity.CAUTION, sentence, source="place"),))
    boxes, rows, flags = _boxes(spectra, around)
    lesion = None if around.lesion is None else io.read_region(around.lesion, "lesion")
    if lesion is not None:
        mask = lesion.mask.astype(np.float32)
        rows = tuple(_with_lesion(row, _share(mask, lesion.grid, boxes[row.name])) for row in rows)
    if other is not None and other.placed:
        boxes |= {"other side": other.grid.affine}
    tissue = Tissue(tissues or {}) if told or tissues is not None else tissue_around(around)
    fractions = told or _fractions(_of_water(spectra, around), tissue.maps)
    across = {} if told or other is None or not other.placed else _fractions(_of_water(other, around), tissue.maps)
    picture = None
    if around.picture is not None:
        picture = _drawn(spectra, around.picture, boxes, rows, fractions)
    return Place(fractions, across, picture, (*flags, *tissue.flags), tissue.steps)


def _in_head(spectra: Spectra, tissues: TissueMaps, other: Spectra | None) -> Place:
    """What voxels hold of a head that was read for more than them: where it does not reach, nothing is known of them,
    and that is said.
    """
    if not spectra.placed:
        return Place()
    try:
        own = _fractions(spectra.grid, tissues)
        across = {} if other is None or not other.placed else _fractions(other.grid, tissues)
    except Problem as problem:
        sentence = f"{problem.what} Half grey, half white matter is assumed in it."
        return Place(flags=(Flag("tissue-not-known", Severity.CAUTION, sentence, source="place"),))
    return Place(own, across)


def _of_water(spectra: Spectra, around: Surroundings) -> Grid:
    """The voxel that water, whose signal shares are to explain, was selected in; the nominal one where it is not known
    how.
    """
    if around.bandwidths is None:
        return spectra.grid
    selection = mrs.Selection(around.bandwidths, carrier_of(spectra, around))
    return Grid((1, 1, 1), mrs.displaced(spectra.grid.affine, WATER, spectra.frequency, selection))


def _drawn(
    spectra: Spectra,
    path: Path,
    boxes: Mapping[str, Float[np.ndarray, "4 4"]],
    rows: tuple[BoxRow, ...],
    fractions: Mapping[str, float],
) -> VoxelPicture:
    """Three planes of an image through the voxel. Raises `Problem` where they do not meet."""
    values, grid = io.read_volume(path)
    drawn = {name: box for name, box in boxes.items() if name in ("voxel", "other side", *mrs.DRAWN)}
    planes = cuts(values, grid, spectra.grid.affine[:3, 3], drawn)
    if not any(np.isfinite(one.values).any() for one in planes):
        raise Problem(
            f"The voxel of {spectra.name} lies outside {path.name}.",
            "A voxel that is drawn in the wrong place is worse than none.",
            "Give an image of the same session, in the scanner's coordinates.",
        )
    return VoxelPicture(planes, rows, path.name, dict(fractions))


def _boxes(
    spectra: Spectra, around: Surroundings
) -> tuple[dict[str, Float[np.ndarray, "4 4"]], tuple[BoxRow, ...], tuple[Flag, ...]]:
    """The nominal voxel and those of the resonances, with a row of the table for each."""
    voxel = spectra.grid.affine
    boxes, rows = {"voxel": voxel}, [BoxRow("voxel", None, 0.0, 1.0)]
    if around.bandwidths is None:
        return boxes, tuple(rows), ()
    selection = mrs.Selection(around.bandwidths, carrier_of(spectra, around))
    of_resonance = {
        name: mrs.displaced(voxel, ppm, spectra.frequency, selection) for name, ppm in mrs.RESONANCES.items()
    }
    for name, box in of_resonance.items():
        moved = float(np.linalg.norm(box[:3, 3] - voxel[:3, 3]))
        rows.append(BoxRow(name, mrs.RESONANCES[name], moved, mrs.in_common(voxel, box)))
    return boxes | of_resonance, tuple(rows), mrs.displacement_flags(of_resonance)


def carrier_of(spectra: Spectra, around: Surroundings) -> float:
    """The ppm to which the nominal voxel belongs: as said, as the header says, or that of water."""
    if around.carrier is not None:
        return around.carrier
    offset = stated(spectra.header, OFFSET)
    if offset is None:
        return CARRIER
    if isinstance(offset, bool) or not isinstance(offset, int | float):
        raise Problem(
            f"The field {OFFSET} of {spectra.name} is {offset!r}.",
            "It is the ppm from water at which pulses select, by which every box is displaced.",
            "Correct it, or give --carrier.",
        )
    return CARRIER + float(offset)


def stated(header: Mapping[str, Any], key: str) -> Any:
    """A field, which may come with a description."""
    return io.undescribed(header.get(key))


def _with_lesion(row: BoxRow, share: float) -> BoxRow:
    return BoxRow(row.name, row.ppm, row.moved, row.common, share)


def _share(values: Float[np.ndarray, "x y z"], source: Grid, box: Float[np.ndarray, "4 4"]) -> float:
    return float(resample.share_of_boxes(values, source, Grid((1, 1, 1), box))[0, 0, 0])


def _fractions(voxel: Grid, maps: TissueMaps) -> dict[str, float]:
    """Shares of the voxel in grey, white, fluid and lesion."""
    if not maps:
        return {}
    found = {name: _share(values, grid, voxel.affine) for name, (values, grid) in maps.items()}
    total = sum(found.values())
    if not total > LEAST_KNOWN:
        raise Problem(
            f"The maps of tissue explain {total:.0%} of the voxel.",
            "They are of another place, or not shares from 0 to 1.",
            "Give probability maps in the scanner's coordinates of the same session.",
        )
    return {name: share / total for name, share in found.items()}
