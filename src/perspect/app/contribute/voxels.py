"""Which spectra of a study are of the lesion's voxel, and which of one on the other side of the head."""

from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np

from perspect import io
from perspect.anatomy import resample
from perspect.anatomy.mirror import Plane
from perspect.app.contribute.contribution import Patient
from perspect.app.contribute.sides import UNTOUCHED
from perspect.app.pairing import SAME_TIME, is_same_place, water_for
from perspect.io.bids import IMAGES
from perspect.report.dossier import Used
from perspect.vocabulary import Flag, Region, Severity, Spectra

OF_MAPS: Final = "of maps one echo time is read"
ELSEWHERE: Final = "its voxel is not that of the lesion, nor known to lie free of it on the other side of the head"
OTHER_TIME: Final = "of the other side one spectrum is read, at the echo time of the lesion's"
OTHER_WATER: Final = (
    "one of it and the lesion's spectrum has a water reference and the other has none: no unit is common"
)


@dataclass(frozen=True)
class Voxels:
    """Spectra of the lesion's voxel at all echo times (s), one of the other side, and why others are left."""

    lesion: tuple[Path, ...]
    other: Path | None
    left: tuple[Used, ...]
    times: tuple[float | None, ...] = field(default=(), compare=False)


@dataclass(frozen=True, eq=False)
class _Voxel:
    """All spectra of one place, and the share of it that is lesion (nothing where it is not known)."""

    spectra: tuple[tuple[Path, Spectra], ...]
    share: float

    @property
    def first(self) -> Spectra:
        return self.spectra[0][1]


def voxels(paths: tuple[Path, ...], lesion: Region, plane: Plane | None) -> Voxels:
    """The voxel that holds most of the lesion, at all its echo times, and the one of the other side at the first of
    them that is nearest to the place opposite; `plane` is that between the sides. Of maps the first.
    """
    read = [(path, io.read_spectra(path)[0]) for path in paths]
    if not read[0][1].is_single:
        return Voxels(paths[:1], None, tuple(_left(path, OF_MAPS) for path in paths[1:]))
    there = _by_place(read, lesion)
    own = max(there, key=lambda one: one.share)
    across = [] if plane is None else [one for one in there if is_across(own, one, plane)]
    other, why = _other(own, sorted(across, key=lambda one: _off(own.first, one.first, plane)))
    left = [
        _left(path, why if one in across else ELSEWHERE)
        for one in there
        for path, _ in one.spectra
        if one is not own and path != other
    ]
    return Voxels(
        tuple(path for path, _ in own.spectra), other, tuple(left), tuple(spectra.te for _, spectra in own.spectra)
    )


def _other(own: _Voxel, across: list[_Voxel]) -> tuple[Path | None, str]:
    """The first of some spectra of the other side that is like the lesion's, and why the others are left."""
    alike = [path for one in across for path, spectra in one.spectra if _same_time(own.first, spectra)]
    paired = [path for path in alike if has_water(path) is has_water(own.spectra[0][0])]
    return next(iter(paired), None), OTHER_WATER if alike and not paired else OTHER_TIME


def sure_plane(patient: Patient) -> Plane | None:
    """The plane between the sides; None where it is not known, or in doubt."""
    sides = patient.head.mirror
    is_sure = sides is not None and all(flag.severity < Severity.LIMITED for flag in sides.flags)
    return sides.plane if sides is not None and is_sure else None


def is_across(own: _Voxel, other: _Voxel, plane: Plane) -> bool:
    """Whether all of a voxel without lesion lies on the other side of the plane than the middle of the lesion's.

    Where exactly the plane lies may be in doubt: that is a matter of millimetres.
    """
    if not (own.first.placed and other.first.placed) or not other.share <= UNTOUCHED:
        return False
    middle = float(plane.normal @ own.first.grid.affine[:3, 3]) - plane.offset
    corners = np.array(list(product((-0.5, 0.5), repeat=3))) @ other.first.grid.affine[:3, :3].T
    away = (corners + other.first.grid.affine[:3, 3]) @ plane.normal - plane.offset
    return bool((away * middle < 0).all())


def water_beside(path: Path) -> tuple[Path | None, tuple[Flag, ...]]:
    """The water reference of a spectrum that lies beside it, and what must be said where none is its own."""
    return water_for(path, [one for end in IMAGES for one in path.parent.glob(f"*_mrsref{end}")], io.SaidByHand())


def has_water(path: Path) -> bool:
    """Whether a spectrum has a water reference, in its own file or beside it."""
    return io.water_within(path, io.SaidByHand()) is not None or water_beside(path)[0] is not None


def _by_place(read: list[tuple[Path, Spectra]], lesion: Region) -> list[_Voxel]:
    """Spectra of the same voxel together, in the order of their names."""
    groups: list[list[tuple[Path, Spectra]]] = []
    # What has no place may be of any voxel: it is looked at last, and would else bring two voxels together.
    for path, spectra in sorted(read, key=lambda one: not one[1].placed):
        mine = next((one for one in groups if is_same_place(one[0][1], spectra)), None)
        if mine is None:
            groups.append([(path, spectra)])
        else:
            mine.append((path, spectra))
    order = [path for path, _ in read]
    groups = [sorted(some, key=lambda one: order.index(one[0])) for some in groups]
    groups.sort(key=lambda some: order.index(some[0][0]))
    return [_Voxel(tuple(one), _share(one[0][1], lesion)) for one in groups]


def _share(spectra: Spectra, lesion: Region) -> float:
    if not spectra.placed:
        return 0.0
    share = resample.share_of_boxes(lesion.mask.astype(np.float32), lesion.grid, spectra.grid)
    return float(np.nan_to_num(share).mean())


def _off(own: Spectra, other: Spectra, plane: Plane | None) -> float:
    """How far (mm) a voxel lies from the place opposite that of the lesion."""
    if plane is None:
        return float("inf")
    opposite = (plane.reflection @ [*own.grid.affine[:3, 3], 1.0])[:3]
    return float(np.linalg.norm(other.grid.affine[:3, 3] - opposite))


def _same_time(one: Spectra, other: Spectra) -> bool:
    return one.te is not None and other.te is not None and abs(one.te - other.te) < SAME_TIME


def _left(path: Path, why: str) -> Used:
    return Used("mrs", path.name, is_used=False, why_not=why)
