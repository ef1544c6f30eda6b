"""From a real patient's file to results, through every door and the room itself."""

import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest


@pytest.fixture(scope="module")
def patient(shared_data):
    """One slice of a patient; echo time and repetition time have to be given by hand (its SOURCE.md)."""
    return shared_data / "dsc_real_convexity" / "convexity.mat"


def run(patient, out, *more):
    """The exit code of a call as a person makes it, in a process of its own."""
    call = [sys.executable, "-m", "perspect", "dsc", patient, "--te", "0.03", "--tr", "2", "--out", out, *more]
    return subprocess.run(call, check=False, timeout=300).returncode


def test_a_real_slice_becomes_maps_and_a_page_that_are_the_same_bytes_for_any_number_of_threads(patient, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert run(patient, one, "--threads", "1") == 0
    assert run(patient, two, "--threads", "2") == 0
    names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file())
    assert [name for name in names if (one / name).read_bytes() != (two / name).read_bytes()] == []
    rcbv, reference = (
        np.asarray(nib.load(one / f"perf/{name}.nii.gz").dataobj)
        for name in ("desc-dsc_rcbv", "space-dsc_desc-reference_mask")
    )
    assert np.nanmedian(rcbv[reference > 0]) == pytest.approx(
        1, abs=0.02
    )  # by definition, in float32 with failed voxels
