"""MATLAB arrays in: a .mat file with one array of three (x, y, time) or four (x, y, z, time) axes."""

from pathlib import Path
from typing import Final

import numpy as np

from perspect.io.nifti import Image
from perspect.vocabulary import Flag, Grid, Problem, Severity

SPACING_UNKNOWN: Final = (
    "The file holds no positions and no voxel sizes: voxels of 1 mm were assumed, so distances and volumes mean "
    "nothing, and left and right are not known."
)


def read_matlab(path: Path) -> tuple[Image, Flag]:
    """The series, and the flag that says what such a file cannot say."""
    array = _array(path)
    values = np.asfortranarray(array if array.ndim == 4 else array[:, :, np.newaxis, :])
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    x, y, z = values.shape[:3]
    image = Image(values, Grid((x, y, z), np.eye(4)), code=0)
    return image, Flag("no-positions", Severity.CAUTION, SPACING_UNKNOWN, path.name, source="reading")


def _array(path: Path) -> np.ndarray:
    """The one array of the file that can be a series."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if not path.is_file():
        raise Problem(f"There is no file {path}.", "Nothing can be read.", "Check the path.")
    try:
        content = loadmat(path)
    except NotImplementedError as error:
        raise Problem(
            f"{path.name} is a MATLAB 7.3 file, which perspect does not read.",
            "It is HDF5 inside, unlike every earlier version.",
            "Save it in MATLAB with save(..., '-v7'), or convert the series to NIfTI.",
        ) from error
    except (MatReadError, ValueError, TypeError, OSError, EOFError) as error:
        raise Problem(
            f"{path.name} cannot be read as a MATLAB file ({error}).",
            "It is damaged, truncated or of another kind.",
            "Save it again with '-v7'.",
        ) from error
    found = {
        name: array
        for name, array in content.items()
        if isinstance(array, np.ndarray) and array.ndim in (3, 4) and array.dtype.kind in "iuf" and array.shape[-1] > 1
    }
    if len(found) != 1:
        listed = ", ".join(f"{name} ({' x '.join(map(str, array.shape))})" for name, array in found.items())
        raise Problem(
            f"{path.name} holds {f'several arrays that could be a series: {listed}' if found else 'no series'}.",
            "A series is a real array with axes x, y, time or x, y, z, time.",
            "Save exactly one such array in the file.",
        )
    return next(iter(found.values()))
