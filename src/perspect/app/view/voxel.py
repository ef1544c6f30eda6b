"""One voxel: every map's value with its standard error, unit, and what became of it."""

from dataclasses import dataclass
from math import isfinite

from perspect.app.view.studies import Kept, Shown, image, value_at
from perspect.app.view.unseen import Unseen
from perspect.vocabulary import FAILED_FROM, Status

Voxel = tuple[int, int, int]


@dataclass(frozen=True)
class Row:
    """What one map says of a voxel; `value` and `std` are `None` where there is no number, and `status` says why.

    `is_sound` is false with a caution, and where there is no value.
    """

    symbol: str
    name: str
    value: float | None
    std: float | None
    unit: str
    status: str
    is_sound: bool


def rows(study: Kept, voxel: Voxel) -> tuple[Row, ...]:
    """Every map at one voxel. Raises `Unseen` for a place outside the image."""
    return tuple(_row(one, voxel) for one in study.maps)


def demand_inside(one: Shown, voxel: Voxel) -> None:
    """Raises `Unseen` for a place outside the image."""
    shape = image(one.value).grid.shape
    if not all(0 <= place < size for place, size in zip(voxel, shape, strict=True)):
        raise Unseen(f"There is no voxel {voxel} in an image of {shape}; voxels are counted from 0.")


def number(one: Shown, voxel: Voxel) -> float | None:
    """The value of a map at a voxel in the unit of its file; `None` where it has none."""
    demand_inside(one, voxel)
    return _number(value_at(one.value, voxel))


def _row(one: Shown, voxel: Voxel) -> Row:
    value, std = number(one, voxel), _number(value_at(one.std, voxel))
    if one.status is None:
        return Row(one.symbol, one.name, value, std, one.unit, "no status on disk", is_sound=False)
    code = int(value_at(one.status, voxel))
    said = one.legend.get(str(code), f"unknown status {code}")
    # A number whose status says that it failed is not shown: files of perspect hold NaN there.
    if code >= FAILED_FROM:
        value = std = None
    return Row(one.symbol, one.name, value, std, one.unit, said, is_sound=code == Status.OK and value is not None)


def _number(value: float) -> float | None:
    return value if isfinite(value) else None
