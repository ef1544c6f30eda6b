"""NIfTI images out: one volume with its affine, its unit in the description, and the same bytes for the same values."""

from pathlib import Path
from typing import Any, Final, Literal

import nibabel as nib
import numpy as np
from jaxtyping import Num

from perspect.io.gz import compressed
from perspect.vocabulary import Grid, Map, Region

INTENTS: Final = {"estimate": 1001, "label": 1002}
"""Of the standard: a parameter estimate; a label image."""


def volume(
    values: Num[np.ndarray, "x y z"],
    grid: Grid,
    *,
    code: int,
    intent: Literal["estimate", "label"],
    name: str,
    description: str,
    window: tuple[float, float] = (0.0, 0.0),
) -> bytes:
    """A .nii.gz file in memory, in the number type of `values`.

    `code` is the NIfTI code of the affine (0 where the input had no position: then readers place the result as they
    placed the input). `name` goes into the header (15 letters), as does `description` (79).
    """
    header = _header(values, grid, code, description)
    header["intent_code"] = INTENTS[intent]
    header["intent_name"] = name.encode("ascii", "replace")[:15]
    header["cal_min"], header["cal_max"] = window
    return _packed(header, values)


def write_mask(path: Path, region: Region) -> None:
    """Writes a region as a NIfTI mask, which appears under its name when it is whole."""
    packed = volume(
        region.mask.astype(np.uint8), region.grid, code=1, intent="label", name=region.name, description=region.origin
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(packed)
    temporary.replace(path)


def image(
    values: Num[np.ndarray, "x y z *volumes"], grid: Grid, *, step: float | None = None, description: str
) -> bytes:
    """A .nii.gz file in memory of an image as a scanner gives it, with the time between volumes in s."""
    header = _header(values, grid, 1, description)
    if step is not None:
        header.set_zooms((*grid.spacing, step))
    return _packed(header, values)


def _header(values: Num[np.ndarray, "x y z *volumes"], grid: Grid, code: int, description: str) -> Any:
    header: Any = nib.Nifti1Header()  # type: ignore[no-untyped-call]
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape)
    header.set_zooms((*grid.spacing, *([1.0] * (values.ndim - 3))))
    header.set_xyzt_units("mm", "sec")
    header.set_sform(grid.affine, code)
    header.set_qform(grid.affine, code)
    if not np.allclose(header.get_qform(), grid.affine, atol=1e-3):
        header.set_qform(None, 0)  # a quaternion cannot say a sheared grid; a wrong one is worse than none
    header["descrip"] = description.encode("ascii", "replace")[:79]
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    return header


def _packed(header: Any, values: Num[np.ndarray, "x y z *volumes"]) -> bytes:
    return compressed(b"".join((header.binaryblock, bytes(4), values.tobytes(order="F"))))


def value_file(one: Map, code: int, version: str) -> bytes:
    """The values of a map in the unit in which people read them, float32."""
    return _estimate(one.shown, one, code, one.quantity.name, one.quantity.key, version)


def std_file(one: Map, code: int, version: str) -> bytes:
    """The standard errors of a map in the same unit."""
    return _estimate(one.shown_std, one, code, f"SE of {one.quantity.name}", f"{one.quantity.key}std", version)


def status_file(one: Map, code: int, version: str) -> bytes:
    """What became of every voxel of a map, int16; the legend is in the sidecar."""
    return volume(
        one.status.astype(np.int16), one.grid, code=code, intent="label", name=f"{one.quantity.key}status",
        description=f"status codes; perspect {version}", window=(0, 16),
    )  # fmt: skip


def _estimate(values: Num[np.ndarray, "x y z"], one: Map, code: int, name: str, key: str, version: str) -> bytes:
    return volume(
        values.astype(np.float32, copy=False), one.grid, code=code, intent="estimate", name=key,
        description=f"{name} [{one.quantity.shown_unit}]; perspect {version}", window=one.quantity.display,
    )  # fmt: skip
