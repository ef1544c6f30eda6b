"""Which T2*-weighted image of a study is read, and its phase."""

import json

import nibabel as nib
import numpy as np
import pytest

from perspect.app.contribute.t2star import _chosen, _phase
from perspect.vocabulary import Problem


@pytest.fixture
def save(tmp_path):
    def saved(name, te=None, values=None):
        path = tmp_path / f"{name}.nii.gz"
        nib.save(nib.Nifti1Image(np.ones((2, 2, 2), np.float32) if values is None else values, np.eye(4)), path)
        if te is not None:
            (tmp_path / f"{name}.json").write_text(json.dumps({"EchoTime": te}))
        return path

    return saved


def test_of_several_the_one_with_a_phase_is_read_and_of_those_the_longest_echo(save):
    processed = save("sub-01_swi", 0.04)
    early, late = (save(f"sub-01_echo-{k}_part-mag_T2starw", te) for k, te in ((1, 0.01), (2, 0.02)))
    of_early, of_late = (save(f"sub-01_echo-{k}_part-phase_T2starw") for k in (1, 2))
    assert _chosen((processed, early, late, of_early, of_late)) == (late, of_late)
    assert _chosen((processed, early, of_late)) == (processed, None)
    assert _chosen((of_late,)) is None


def test_a_phase_in_whole_numbers_is_turned_into_rad_and_one_in_rad_is_left(save):
    numbers = np.linspace(-4096, 4095, 8, dtype=np.float32).reshape(2, 2, 2)
    found = _phase(save("numbers", values=numbers), (2, 2, 2))
    assert (found.min(), found.max()) == pytest.approx((-np.pi, np.pi))
    turned = np.linspace(-3.1, 3.1, 8, dtype=np.float32).reshape(2, 2, 2)
    np.testing.assert_allclose(_phase(save("rad", values=turned), (2, 2, 2)), turned)


def test_what_is_no_phase_of_the_magnitude_is_said(save):
    with pytest.raises(Problem, match="shape"):
        _phase(save("other"), (2, 2, 3))
    with pytest.raises(Problem, match="same everywhere"):
        _phase(save("flat"), (2, 2, 2))
