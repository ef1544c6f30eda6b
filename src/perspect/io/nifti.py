"""NIfTI images in: stored integers with their scale, the affine as nibabel decides it, time as the slowest axis."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import BufferedIOBase
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import nibabel as nib
import numpy as np
from jaxtyping import Float, Num
from nibabel.spatialimages import HeaderDataError

from perspect.io.gz import BROKEN, broken, opened, unpacked
from perspect.vocabulary import Grid, Problem, Region

TIME_UNITS: Final = 0b111000
SECONDS: Final = {8: 1.0, 16: 1e-3, 24: 1e-6}
"""The bits of xyzt_units that hold the unit of time, and what each unit is in s."""

FARTHEST: Final = 2**40
"""Bytes: no file is longer, but a damaged header may point anywhere."""

MOST_PACKED: Final = 1100
"""Deflate never packs better than 1032 to 1; a header that asks for more is damaged."""

PAIRED: Final = (".hdr", ".img")
"""Endings of images whose header lies in a file of its own."""

Read = TypeVar("Read")

Header: TypeAlias = Any
"""A header of nibabel, which carries no types."""

HEADER_BYTES: Final[Mapping[int, Header]] = {348: nib.Nifti1Header, 540: nib.Nifti2Header}


@dataclass(frozen=True, eq=False)
class Image:
    """Stored numbers, their scale (signal = values * slope + intercept), and where they are.

    `code` is the NIfTI code of the affine that was used (1 scanner, 2 aligned, ...; 0: the file gives no position).
    `step` is the time between volumes in s that the header states, `None` if it states none that can be believed.
    `apart` is how far, in voxels, the two positions that a header may state (sform and qform) put a corner of the image
    apart; the sform is used.
    """

    values: Num[np.ndarray, "x y z *time"]
    grid: Grid
    slope: float = 1.0
    intercept: float = 0.0
    code: int = 1
    step: float | None = None
    apart: float = 0.0


def read_series_image(path: Path) -> Image:
    """A dynamic series: four axes, the last one time; a fifth axis of length one is tolerated."""
    image = _read(path)
    if image.values.ndim != 4 or image.values.shape[3] < 2:
        raise Problem(
            f"{path.name} is one volume ({_shape(image.values.shape)}); a dynamic series has a fourth axis, time.",
            "Perfusion is read from the change of the signal over time.",
            "Give the 4-D series; join single volumes first (`fslmerge -t`, `nib-concat`).",
        )
    return image


def read_volumes(path: Path) -> Image:
    """One volume or several, as a series of four axes."""
    image = _read(path)
    return replace(image, values=image.values[..., None]) if image.values.ndim == 3 else image


def read_echoes(path: Path) -> tuple[Image, int]:
    """One volume or several, as a series of four axes, and how many echoes a fifth axis holds (1: there is none): all
    volumes of one, then of the next.
    """
    image = _read(path, most_axes=5)
    values = image.values
    if values.ndim == 3:
        values = values[..., None]
    n = values.shape[4] if values.ndim == 5 else 1
    return replace(image, values=values.reshape(*values.shape[:3], -1, order="F")), n


def n_echoes(path: Path) -> int:
    """How many images a fifth axis holds, by the header alone; 1 where there is none."""
    return _from(path, lambda file: prod(_stated(path, _header(path, file)).shape[4:]))


def n_volumes(path: Path) -> int:
    """How many volumes an image holds, by its header alone."""
    return _from(path, lambda file: prod(_stated(path, _header(path, file)).shape[3:]))


def read_volume(path: Path) -> tuple[Float[np.ndarray, "x y z"], Grid]:
    """A map in its own scale, and its grid; axes of length one after the third are tolerated."""
    image = _read(path)
    if image.values.ndim == 4 and image.values.shape[3] == 1:
        image = Image(image.values[..., 0], image.grid, image.slope, image.intercept)
    if image.values.ndim != 3:
        raise Problem(
            f"{path.name} has shape {_shape(image.values.shape)}; a mask or a map has three axes.",
            "It is not known which of its volumes is meant.",
            "Give a file with one volume.",
        )
    return image.values.astype(np.float32) * np.float32(image.slope) + np.float32(image.intercept), image.grid


def read_region(path: Path, name: str) -> Region:
    """A mask: the voxels of at least one half, so that labels, 0/1 masks and probabilities all work."""
    values, grid = read_volume(path)
    mask = values >= 0.5
    if not mask.any():
        raise Problem(
            f"The mask {path.name} is empty: no voxel is 0.5 or more.",
            f"There would be nothing to measure in '{name}'.",
            "Give a mask with at least one voxel set to 1.",
        )
    return Region(mask, grid, name, path.name)


def _read(path: Path, most_axes: int = 4) -> Image:
    """Any NIfTI image, big or small endian, compressed or not."""
    return _from(path, lambda file: _image(path, file, most_axes))


def _from(path: Path, read: Callable[[BufferedIOBase], Read]) -> Read:
    """What is read from a file that may be missing, damaged, or another's."""
    if not path.is_file():
        raise Problem(
            f"There is no file {path}.", "Nothing can be read.", "Check the path; NIfTI files end in .nii or .nii.gz."
        )
    try:
        with opened(path) as file:
            return read(file)
    except BROKEN as error:
        raise broken(path, error) from error
    except PermissionError as error:
        raise Problem(
            f"{path} may not be read.", "The system forbids it.", "Check who owns the file and its permissions."
        ) from error


def _image(path: Path, file: BufferedIOBase, most_axes: int) -> Image:
    header = _header(path, file)
    stated = _stated(path, header)
    _demand_magnitudes(path, stated)
    start = min(max(stated.offset, int(header["sizeof_hdr"])), FARTHEST)
    stored = _at_once(path, start, stated)
    if stored is None:
        file.seek(start)
        stored = _stored(path, file, stated)
    values = stored.reshape(stated.shape, order="F")
    while values.ndim > 4 and values.shape[-1] == 1:
        values = values[..., 0]
    if not 3 <= values.ndim <= most_axes:
        raise Problem(
            f"{path.name} has shape {_shape(values.shape)}; a series has three axes of space and one of time.",
            "It is not known what its other axes mean.",
            "Split it into one 4-D file per echo or contrast.",
        )
    x, y, z = values.shape[:3]
    grid = Grid((x, y, z), stated.affine)
    apart = _contradiction(path, header, grid)
    return Image(values, grid, stated.slope, stated.intercept, stated.code, _step(header), apart)


def positions_apart(path: Path) -> float:
    """How far (in voxels) the two positions that a header may state put a corner of the image apart."""
    header: Any = nib.load(path).header
    shape, affine = header.get_data_shape()[:3], header.get_best_affine()
    return _contradiction(path, header, Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine))


def _contradiction(path: Path, header: Header, grid: Grid) -> float:
    """How far (in voxels) sform and qform put a corner of the image apart; 0 where only one is stated.

    Raises `Problem` where they disagree on which side is left: no other part of the file can tell.
    """
    if int(header["sform_code"]) < 1 or int(header["qform_code"]) < 1:
        return 0.0
    try:
        other = np.array(header.get_qform(), np.float64)
    except HeaderDataError:  # a quaternion that is none says nothing
        return 0.0
    if not np.isfinite(other).all():
        return 0.0
    if np.linalg.det(other[:3, :3]) * np.linalg.det(grid.affine[:3, :3]) < 0:
        raise Problem(
            f"{path.name} contradicts itself: by its sform the first axis runs to one side, by its qform to the other.",
            "Left and right cannot be told, and a lesion might be compared with itself.",
            "Convert it from DICOM again, or, where you know which is right, copy that one over the other.",
        )
    corners = np.array(list(product(*((0, n - 1) for n in grid.shape)))).T
    away = (other - grid.affine)[:3, :3] @ corners + (other - grid.affine)[:3, 3:]
    return float(np.linalg.norm(away, axis=0).max() / min(grid.spacing))


def _header(path: Path, file: BufferedIOBase) -> Header:
    """The header; its length, in either byte order, says which version of NIfTI it is."""
    first = file.read(4)
    lengths = {int.from_bytes(first, order) for order in ("little", "big")}
    found = [(length, kind) for length, kind in HEADER_BYTES.items() if length in lengths]
    if len(first) < 4 or not found:
        if path.suffix.lower() in PAIRED:
            raise _half_of_a_pair(path)
        raise Problem(
            f"{path.name} is not a NIfTI file: it does not begin with a NIfTI header.",
            "Neither voxels nor positions can be read.",
            "Convert it to NIfTI, for example DICOM with dcm2niix.",
        )
    length, kind = found[0]
    block = first + file.read(length - 4)
    if len(block) < length:
        raise _damaged(path, "it ends within the header")
    header = kind(block, check=False)
    if not header["magic"].item().startswith((b"n+1", b"n+2")):
        raise _half_of_a_pair(path)
    return header


def _half_of_a_pair(path: Path) -> Problem:
    return Problem(
        f"{path.name} is not a single-file NIfTI, in which header and voxels are together.",
        "A pair of .hdr and .img, or Analyze 7.5, does not say for certain where left and right are.",
        "Convert the pair to .nii.gz.",
    )


@dataclass(frozen=True, eq=False)
class _Stated:
    """What a header says, in plain values."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    slope: float
    intercept: float
    affine: Float[np.ndarray, "4 4"]
    code: int


def _stated(path: Path, header: Header) -> _Stated:
    """Everything in the header that the voxels depend on.

    nibabel answers a damaged header with errors of these kinds: numbers that are no numbers, codes that are not listed.
    """
    try:
        slope, intercept = header.get_slope_inter()
        with np.errstate(over="raise", invalid="raise"):
            affine = np.array(header.get_best_affine(), np.float64)
        stated = _Stated(
            tuple(int(n) for n in header.get_data_shape()),
            header.get_data_dtype(),
            int(header["vox_offset"]),
            1.0 if slope is None else float(slope),
            0.0 if intercept is None else float(intercept),
            affine,
            int(header["sform_code"]) or int(header["qform_code"]),
        )
    except (HeaderDataError, KeyError, ValueError, OverflowError, FloatingPointError) as error:
        raise _damaged(path, str(error)) from error
    if len(stated.shape) < 3 or min(stated.shape) < 1:
        raise _damaged(path, f"its shape is {_shape(stated.shape)}")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise _damaged(path, "its affine maps the image onto less than a volume")
    return stated


def _demand_magnitudes(path: Path, stated: _Stated) -> None:
    kind = stated.dtype.kind
    if kind not in "iuf":
        raise Problem(
            f"{path.name} holds {'complex numbers' if kind == 'c' else f'numbers of type {stated.dtype}'}.",
            "Signal over time is read from magnitude images.",
            "Give the magnitude series.",
        )
    stored = prod(stated.shape) * stated.dtype.itemsize
    if stored > MOST_PACKED * path.stat().st_size:
        raise _damaged(path, f"it speaks of {stored:,} bytes of voxels, more than the file can hold")


def _at_once(path: Path, start: int, stated: _Stated) -> Num[np.ndarray, " n"] | None:
    """The numbers of a sound compressed file as they are stored, if in the byte order of this machine; else None. They
    cannot be written to.
    """
    n = prod(stated.shape)
    end = start + n * stated.dtype.itemsize
    if not stated.dtype.isnative or start % stated.dtype.itemsize:
        return None
    raw = unpacked(path, end + 1)  # beyond the last one the checksum is compared
    return None if raw is None or len(raw) < end else np.frombuffer(raw, stated.dtype, n, start)


def _stored(path: Path, file: BufferedIOBase, stated: _Stated) -> Num[np.ndarray, " n"]:
    """The numbers as they are stored, in the byte order of this machine and the axis order of the file."""
    raw = np.empty(prod(stated.shape), stated.dtype)
    into, have = raw.view(np.uint8).data, 0
    while have < raw.nbytes:
        got = file.readinto(into[have:])
        if not got:
            raise Problem(
                f"{path.name} is truncated: it should hold {raw.nbytes:,} bytes of voxels and ends after {have:,}.",
                "The last volumes are missing.",
                "Copy or convert the file again.",
            )
        have += got
    file.read(1)  # reaching the end makes gzip compare its checksum
    return raw if stated.dtype.isnative else raw.byteswap(inplace=True).view(stated.dtype.newbyteorder("="))


def _step(header: Header) -> float | None:
    """pixdim[4] in s where the header also says its unit, and where it is not one of a row of ones."""
    zooms = np.asarray(header["pixdim"][1:5], float)
    unit = int(header["xyzt_units"]) & TIME_UNITS
    if unit not in SECONDS or not 0 < zooms[3] < np.inf or np.all(zooms == 1):
        return None
    return float(zooms[3] * SECONDS[unit])


def _damaged(path: Path, how: str) -> Problem:
    return Problem(
        f"The NIfTI header of {path.name} is damaged: {how.rstrip('.')}.",
        "Its voxels and positions cannot be trusted.",
        "Copy or convert the file again.",
    )


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
