from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import perspect
from perspect.io.anatomy import contrast_of, conventional, read_anatomy
from perspect.io.bids import name_of
from perspect.vocabulary import Problem


@pytest.mark.parametrize(
    ("name", "contrast"),
    [
        ("sub-01_T1w", "t1w"),
        ("sub-01_ce-gd_T1w", "t1c"),
        ("sub-01_acq-fat_T2w", "t2w"),
        ("sub-01_FLAIR", "flair"),
        ("sub-01_dwi", None),
    ],
)
def test_the_name_says_what_an_image_shows(name, contrast):
    assert contrast_of(name_of(Path(f"{name}.nii.gz"))) == contrast


def test_of_several_images_of_a_contrast_the_plain_one_is_taken():
    plain, other = Path("sub-01_T1w.nii.gz"), Path("sub-01_acq-highres_T1w.nii.gz")
    found = conventional([other, plain])
    assert found.files == {"t1w": plain}
    assert set(found.passed_over) == {other}


def test_where_either_of_two_could_be_meant_none_is_taken():
    found = conventional([Path("sub-01_run-1_T1w.nii.gz"), Path("sub-01_run-2_T1w.nii.gz")])
    assert found.files == {}
    assert len(found.passed_over) == 2


def test_a_subject_folder_gives_its_conventional_images(stored, save, sidecar):
    series = save(stored, "sub-01/perf/sub-01_dsc.nii.gz")
    sidecar(series, EchoTime=0.03, RepetitionTime=1.5)
    save(stored[..., 0], "sub-01/anat/sub-01_T1w.nii.gz")
    save(stored[..., 1], "sub-01/anat/sub-01_ce-gd_T1w.nii.gz")
    study = perspect.read(series.parents[1])
    assert set(study.anatomy) == {"t1w", "t1c"}
    np.testing.assert_array_equal(study.anatomy["t1c"].values, stored[..., 1])
    assert list(study.anatomy["t1w"].sources) == ["sub-01_T1w.nii.gz"]


def test_an_image_that_shows_nothing_is_refused(save):
    path = save(np.full((4, 4, 4), 7, np.int16), "sub-01_T1w.nii.gz")
    with pytest.raises(Problem, match="same everywhere"):
        read_anatomy(path, "t1w")


def beside(folder, name, values, edge=2.0):
    path = folder / f"{name}.nii.gz"
    nib.save(nib.Nifti1Image(values.astype(np.float32), np.diag([edge, edge, edge, 1.0])), path)
    return path


def test_what_another_program_found_is_read_where_it_lies_beside_the_image(tmp_path):
    image = np.random.default_rng(0).uniform(1.0, 2.0, (6, 7, 8))
    path = beside(tmp_path, "sub-01_T1w", image)
    assert read_anatomy(path, "t1w").brain is None
    brain = image > 1.4
    beside(tmp_path, "sub-01_desc-brain_mask", brain)
    beside(tmp_path, "sub-01_label-CSF_probseg", 0.1 * brain)
    beside(tmp_path, "sub-01_label-GM_probseg", 0.3 * brain)
    assert read_anatomy(path, "t1w").shares is None  # two of three are no shares
    beside(tmp_path, "sub-01_label-WM_probseg", 0.6 * brain)
    found = read_anatomy(path, "t1w")
    np.testing.assert_array_equal(found.brain, brain)
    np.testing.assert_allclose(found.shares[brain][0], (0.1, 0.3, 0.6), atol=1e-6)
    assert len(found.sources) == 5
    assert read_anatomy(beside(tmp_path, "sub-02_T1w", image), "t1w").brain is None


def test_a_brain_mask_on_another_grid_than_its_image_is_a_problem(tmp_path):
    path = beside(tmp_path, "sub-01_T1w", np.random.default_rng(0).uniform(1.0, 2.0, (6, 7, 8)))
    beside(tmp_path, "sub-01_desc-brain_mask", np.ones((6, 7, 8)), edge=2.5)
    with pytest.raises(Problem, match="another grid"):
        read_anatomy(path, "t1w")
