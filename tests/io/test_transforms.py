"""Conventions by hand, round trips, and SimpleITK itself where it is installed."""

from importlib.util import find_spec

import numpy as np
import pytest

from perspect.io import Transform, name_of, read_transform, transform_files
from perspect.io.transforms import from_itk, from_plain, itk_text, plain_text
from perspect.numerics import rigid
from perspect.vocabulary import Problem

MATRIX = rigid.rigid(np.array([0.1, -0.2, 0.3, 4.0, -5.0, 6.0])) @ np.diag([1.1, 0.9, 1.05, 1.0])


def test_a_shift_to_the_right_and_front_is_negative_in_itk():
    """RAS+ to LPS+: the first two axes change their sign, the third does not."""
    matrix = np.eye(4)
    matrix[:3, 3] = [1, 2, 3]
    lines = itk_text(matrix).splitlines()
    assert lines[0] == "#Insight Transform File V1.0"
    assert lines[3].split()[-3:] == ["-1.0", "-2.0", "3.0"]
    assert lines[4] == "FixedParameters: 0 0 0"


def test_both_forms_keep_every_digit():
    np.testing.assert_array_equal(from_plain(plain_text(MATRIX), ""), MATRIX)
    np.testing.assert_array_equal(from_itk(itk_text(MATRIX), ""), MATRIX)


def test_files_are_named_as_bids_names_them_and_say_their_convention(tmp_path):
    name = name_of(tmp_path / "sub-01_ses-2_dsc.nii.gz")
    for path, content in transform_files(Transform(MATRIX, "T1w", "dsc"), name, {"Similarity": 1.3}).items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    folder = tmp_path / "sub-01" / "ses-2" / "anat"
    stem = "sub-01_ses-2_from-T1w_to-dsc_mode-image"
    assert sorted(one.name for one in folder.iterdir()) == [
        f"{stem}_desc-ras_xfm.json", f"{stem}_desc-ras_xfm.txt", f"{stem}_xfm.json", f"{stem}_xfm.txt",
    ]  # fmt: skip
    for file in folder.glob("*.txt"):
        read = read_transform(file)
        np.testing.assert_array_equal(read.matrix, MATRIX)
        assert (read.source, read.to) == ("T1w", "dsc")
    assert "LPS+" in (folder / f"{stem}_xfm.json").read_text()
    assert "RAS+" in (folder / f"{stem}_desc-ras_xfm.json").read_text()


def test_a_centre_only_says_about_what_is_turned():
    text = (
        "#Insight Transform File V1.0\n#Transform 0\nTransform: MatrixOffsetTransformBase_double_3_3\n"
        "Parameters: 0 -1 0 1 0 0 0 0 1 0 0 0\nFixedParameters: 10 20 30\n"
    )
    centre = np.array([-10, -20, 30, 1.0])
    np.testing.assert_allclose(from_itk(text, "") @ centre, centre)


@pytest.mark.skipif(find_spec("SimpleITK") is None, reason="SimpleITK is not installed")
@pytest.mark.parametrize("kind", ["AffineTransform", "Euler3DTransform", "VersorRigid3DTransform"])
def test_simpleitk_reads_and_writes_the_same_places(tmp_path, kind):
    import SimpleITK as sitk

    path, places = tmp_path / "one.tfm", np.random.default_rng(0).uniform(-80, 80, (20, 3))
    lps = places * [-1, -1, 1]
    path.write_text(itk_text(MATRIX))
    read = sitk.ReadTransform(str(path))
    expected = (MATRIX[:3, :3] @ places.T).T + MATRIX[:3, 3]
    np.testing.assert_allclose([read.TransformPoint(one) for one in lps.tolist()], expected * [-1, -1, 1], atol=1e-9)

    theirs = {"AffineTransform": sitk.AffineTransform(3)}.get(kind) or getattr(sitk, kind)()
    theirs.SetCenter((5.0, -7.0, 9.0))
    theirs.SetTranslation((1.0, 2.0, -3.0))
    if kind == "AffineTransform":
        theirs.SetMatrix(MATRIX[:3, :3].ravel().tolist())
    else:
        theirs.SetRotation(*((0.2, -0.3, 0.4) if kind == "Euler3DTransform" else ((0.6, 0.0, 0.8), 0.5)))
    sitk.WriteTransform(theirs, str(path))
    matrix = read_transform(path).matrix
    expected = np.array([theirs.TransformPoint(one) for one in lps.tolist()]) * [-1, -1, 1]
    np.testing.assert_allclose((matrix[:3, :3] @ places.T).T + matrix[:3, 3], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 0 0 0\n0 1 0 0\n0 0 1 0\n", "no 4 x 4 matrix"),
        ("1 0 0 0\n0 1 0 0\n0 0 1 x\n0 0 0 1\n", "'x' where a number"),
        ("1 0 0 0\n0 1 0 0\n0 0 0 0\n0 0 0 1\n", "no affine matrix"),
        ("1 0 0 nan\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "no affine matrix"),
        (itk_text(MATRIX).replace("AffineTransform_double_3_3", "BSplineTransform_double_3_3"), "BSplineTransform"),
        (itk_text(MATRIX) + itk_text(MATRIX), "2 transforms"),
        (itk_text(MATRIX).replace("Parameters: ", "Parameters: 1 ", 1), "13 parameters"),
    ],
)
def test_what_is_no_affine_transform_is_refused_in_words(tmp_path, text, says):
    path = tmp_path / "some_xfm.txt"
    path.write_text(text)
    with pytest.raises(Problem, match=says):
        read_transform(path)


def test_an_alignment_that_holds_no_place_is_never_written():
    with pytest.raises(Problem, match="no affine matrix"):
        Transform(np.full((4, 4), np.nan), "T1w", "dsc")
