from pathlib import Path

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
