"""A series on disk, and a room and a page that answer at once: what is tested is what passes between the doors."""

import json

import nibabel as nib
import numpy as np
import pytest

from perspect import dsc, report
from small_measured import AFFINE, small_measured


@pytest.fixture
def series(tmp_path):
    """sub-01_dsc.nii.gz with its sidecar: 5 x 4 x 3 voxels, 12 volumes."""
    path = tmp_path / "raw" / "sub-01_dsc.nii.gz"
    path.parent.mkdir()
    values = np.random.default_rng(7).integers(200, 900, (5, 4, 3, 12), dtype=np.int16)
    image = nib.Nifti1Image(values, AFFINE)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((*image.header.get_zooms()[:3], 1.5))
    nib.save(image, path)
    path.with_name("sub-01_dsc.json").write_text(json.dumps({"EchoTime": 0.03, "RepetitionTime": 1.5}))
    return path


@pytest.fixture
def asked(monkeypatch):
    """What the room was asked for."""
    calls = {}

    def quantify(
        series,
        plan,
        *,
        mask=None,
        reference=None,
        aif=None,
        lesion=None,
        keep=None,
        ktrans=None,
        t1=None,
        progress=None,
    ):
        calls.update(series=series, plan=plan, mask=mask, reference=reference, aif=aif, lesion=lesion)
        calls.update(ktrans=ktrans, t1=t1)
        progress("flow", 0.5)
        return calls.get("measured", small_measured())

    monkeypatch.setattr(dsc, "quantify", quantify)
    monkeypatch.setattr(report, "dsc_page", lambda measured, name, background: f"<html>{name}</html>", raising=False)
    return calls


@pytest.fixture
def save_mask(tmp_path):
    def write(values, affine=AFFINE, name="mask.nii.gz"):
        path = tmp_path / name
        nib.save(nib.Nifti1Image(values, affine), path)
        return path

    return write
