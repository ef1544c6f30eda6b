"""Small series on disk, with one thing at a time gone wrong."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

AFFINE = np.array([[-1.8, 0.1, 0, 90], [0.1, 1.8, 0.2, -100], [0, -0.2, 5.0, -60], [0, 0, 0, 1]])


@pytest.fixture
def stored():
    """Signal as a scanner stores it: 5 x 4 x 3 voxels, 12 volumes, int16."""
    return np.random.default_rng(7).integers(200, 900, (5, 4, 3, 12), dtype=np.int16)


@pytest.fixture
def save(tmp_path):
    """Writes a NIfTI image and returns its path."""

    def write(
        values, name="series.nii.gz", *, affine=AFFINE, slope=None, inter=None, step=1.5, units=("mm", "sec"), **codes
    ):
        image = nib.Nifti1Image(values, affine, dtype=values.dtype)
        image.header.set_xyzt_units(*units)
        if values.ndim > 3:
            image.header.set_zooms((*image.header.get_zooms()[:3], step, *[1.0] * (values.ndim - 4)))
        image.set_sform(affine, codes.get("sform", 1))
        image.set_qform(affine, codes.get("qform", 1))
        if slope is not None:
            image.header.set_slope_inter(slope, inter)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if slope is None:
            nib.save(image, path)
        else:
            save_scaled(image, values, path)
        return path

    return write


def save_scaled(image, values, path):
    """The stored integers as they are, with a scale beside them (nibabel by itself would rescale)."""
    header = image.header.copy()
    header["vox_offset"] = 352
    slope, inter = image.header["scl_slope"], image.header["scl_inter"]
    header["scl_slope"], header["scl_inter"] = slope, inter
    path.write_bytes(header.binaryblock + bytes(4) + values.tobytes(order="F"))


@pytest.fixture
def sidecar():
    """Writes the sidecar of an image."""

    def write(image: Path, **values):
        path = image.with_name(image.name.removesuffix(".gz").removesuffix(".nii") + ".json")
        path.write_text(json.dumps(values))
        return path

    return write
