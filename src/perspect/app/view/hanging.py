"""How a map hangs on the page, and which voxel lies where in its pictures."""

from perspect.app.view.studies import Shown, image
from perspect.app.view.voxel import Voxel
from perspect.report.view import View, view


def view_of(one: Shown) -> View:
    """Sides are named only where the file says where it is."""
    held = image(one.value)
    return view(held.grid, held.code > 0)


def voxel_at(at: View, shape: tuple[int, int, int], place: tuple[int, int, int]) -> Voxel:
    """The voxel of an image that is seen at a slice, row and column of its pictures."""
    out = [0, 0, 0]
    for axis, is_reversed, number in zip(at.axes, at.is_reversed, place, strict=True):
        out[axis] = shape[axis] - 1 - number if is_reversed else number
    return out[0], out[1], out[2]


def place_at(at: View, shape: tuple[int, int, int], voxel: Voxel) -> tuple[int, int, int]:
    """Slice, row and column of the pictures in which a voxel is seen."""
    out = [
        shape[axis] - 1 - voxel[axis] if is_reversed else voxel[axis]
        for axis, is_reversed in zip(at.axes, at.is_reversed, strict=True)
    ]
    return out[0], out[1], out[2]
