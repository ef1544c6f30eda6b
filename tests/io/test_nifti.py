import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perspect.io import nifti, nifti_out
from perspect.vocabulary import Grid, Problem


def refused(path, read=nifti.read_series_image):
    """The problem that a file is; it must be the caller's (exit code 2) and say what to do."""
    with pytest.raises(Problem) as caught:
        read(path)
    assert caught.value.exit_code == 2
    assert path.name in str(caught.value)
    assert caught.value.remedy
    return str(caught.value)


def test_stored_integers_are_kept_with_their_scale_and_time_is_slowest(stored, save):
    image = nifti.read_series_image(save(stored, "s.nii", slope=0.5, inter=-3.0))
    assert image.values.dtype == np.int16
    assert image.values.flags.f_contiguous
    assert (image.slope, image.intercept) == (0.5, -3.0)
    np.testing.assert_array_equal(image.values, stored)


def test_compressed_and_plain_files_give_the_same_numbers(stored, save):
    plain, packed = (nifti.read_series_image(save(stored, name)) for name in ("a.nii", "b.nii.gz"))
    np.testing.assert_array_equal(plain.values, packed.values)
    np.testing.assert_array_equal(plain.grid.affine, packed.grid.affine)


def test_without_isal_the_numbers_are_the_same(stored, save, monkeypatch):
    path = save(stored)
    fast = nifti.read_series_image(path)
    monkeypatch.setattr("perspect.io.gz._gzip", gzip)
    np.testing.assert_array_equal(nifti.read_series_image(path).values, fast.values)


def test_big_endian_files_are_read_as_native_numbers(stored, tmp_path):
    image = nib.Nifti1Image(stored, np.diag([2, 2, 3, 1.0]), nib.Nifti1Header(endianness=">"), dtype=np.dtype(">i2"))
    path = tmp_path / "big.nii"
    nib.save(image, path)
    assert path.read_bytes()[:4] == struct.pack(">i", 348)
    read = nifti.read_series_image(path)
    assert read.values.dtype.isnative
    np.testing.assert_array_equal(read.values, stored)


def test_nifti_2_is_read(stored, tmp_path):
    nib.save(nib.Nifti2Image(stored, np.diag([2, 2, 3, 1.0])), tmp_path / "two.nii.gz")
    np.testing.assert_array_equal(nifti.read_series_image(tmp_path / "two.nii.gz").values, stored)


@pytest.mark.parametrize(
    "codes", [{"sform": 1, "qform": 0}, {"sform": 0, "qform": 1}, {"sform": 2, "qform": 1}, {"sform": 0, "qform": 0}]
)
def test_the_affine_is_the_one_that_nibabel_chooses(stored, save, codes):
    path = save(stored, affine=np.array([[0, -2.0, 0, 9], [2.0, 0, 0, 8], [0, 0, 4.0, 7], [0, 0, 0, 1]]), **codes)
    image = nifti.read_series_image(path)
    np.testing.assert_array_equal(image.grid.affine, nib.load(path).affine)
    assert image.code == (codes["sform"] or codes["qform"])


def test_a_fifth_axis_of_one_is_tolerated(stored, save):
    assert nifti.read_series_image(save(stored[..., np.newaxis])).values.shape == stored.shape


def test_a_fifth_axis_of_more_is_refused(stored, save):
    assert "5 x 4 x 3 x 12 x 2" in refused(save(np.stack([stored, stored], axis=-1)))


def test_a_single_volume_is_no_series(stored, save):
    assert "fourth axis, time" in refused(save(stored[..., 0]))


def test_a_missing_file_is_named(tmp_path):
    assert "There is no file" in refused(tmp_path / "none.nii.gz")


def test_a_text_file_is_not_nifti(tmp_path):
    path = tmp_path / "text.nii"
    path.write_text("this is no image, however long the text may be" * 20)
    assert "not a NIfTI file" in refused(path)


@pytest.mark.parametrize("keep", [1, 3, 200, 1000])
def test_a_truncated_gzip_is_refused(stored, save, keep):
    path = save(stored)
    path.write_bytes(path.read_bytes()[:keep])
    assert any(words in refused(path) for words in ("truncated", "not a NIfTI", "damaged"))


def test_a_truncated_plain_file_says_how_much_is_there(stored, save):
    path = save(stored, "s.nii")
    path.write_bytes(path.read_bytes()[:-100])
    assert "should hold 1,440 bytes of voxels and ends after 1,340" in refused(path)


def test_a_damaged_byte_in_gzip_is_noticed(stored, save):
    path = save(stored)
    raw = bytearray(path.read_bytes())
    raw[-6] ^= 0xFF  # the checksum at the end
    path.write_bytes(raw)
    assert "damaged" in refused(path)


def test_complex_images_are_refused(stored, save):
    assert "complex" in refused(save(stored.astype(np.complex64)))


def test_a_pair_of_header_and_image_is_refused(stored, tmp_path):
    nib.save(nib.Nifti1Pair(stored, np.eye(4)), tmp_path / "pair.img")
    for half in ("pair.hdr", "pair.img"):
        assert f"{half} is not a single-file NIfTI" in refused(tmp_path / half)


def test_an_affine_without_volume_is_refused(stored, save, tmp_path):
    path = save(stored, "flat.nii")
    raw = bytearray(path.read_bytes())
    raw[280:328] = bytes(48)  # srow_x, srow_y, srow_z
    path.write_bytes(raw)
    assert "less than a volume" in refused(path)


@pytest.mark.parametrize(
    ("units", "step", "seconds"), [("sec", 1.5, 1.5), ("msec", 1500.0, 1.5), ("unknown", 1.5, None)]
)
def test_the_time_step_of_the_header_counts_only_with_its_unit(stored, save, units, step, seconds):
    assert nifti.read_series_image(save(stored, units=("mm", units), step=step)).step == seconds


def test_a_header_of_ones_states_no_time(stored, save):
    assert nifti.read_series_image(save(stored, affine=np.eye(4), step=1.0)).step is None


def test_a_mask_holds_where_half_or_more_is_inside(save):
    values = np.array([0, 0.49, 0.5, 1, 3], np.float32).reshape(5, 1, 1)
    region = nifti.read_region(save(values, "mask.nii.gz"), "brain")
    assert region.mask.ravel().tolist() == [False, False, True, True, True]


def test_an_empty_mask_is_refused(save):
    path = save(np.zeros((3, 3, 3), np.uint8), "empty.nii.gz")
    assert "is empty" in refused(path, lambda one: nifti.read_region(one, "brain"))


def test_a_series_is_no_mask(stored, save):
    assert "a mask or a map has three axes" in refused(save(stored), lambda one: nifti.read_region(one, "brain"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 351), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_header_is_read_or_a_problem_but_never_a_crash(stored, tmp_path, changes):
    path = tmp_path / "fuzz.nii"
    header = nib.Nifti1Image(stored, np.eye(4)).header.copy()
    header["vox_offset"], header["magic"] = 352, b"n+1"
    raw = bytearray(header.binaryblock + bytes(4) + stored.tobytes(order="F"))
    for at, value in changes:
        raw[at] = value
    path.write_bytes(raw)
    try:
        nifti.read_series_image(path)
    except Problem as problem:
        assert "fuzz.nii" in str(problem)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_written_volume_has_the_affine_and_the_code_of_the_input(tmp_path, code):
    rotated = np.array([[-1.7, 0.3, 0, 90], [0.3, 1.7, 0, -100], [0, 0, 5.0, -60], [0, 0, 0, 1]])
    values = np.random.default_rng(1).normal(size=(5, 4, 3)).astype(np.float32)
    path = tmp_path / "out.nii.gz"
    path.write_bytes(
        nifti_out.volume(
            values, Grid((5, 4, 3), rotated), code=code, intent="estimate", name="rcbv", description="rCBV"
        )
    )
    image = nib.load(path)
    np.testing.assert_array_equal(np.asarray(image.dataobj), values)
    np.testing.assert_allclose(image.header.get_sform(), rotated, atol=1e-5)  # float32 in the header
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (code, code)
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert image.header.get_intent()[0] == "estimate"
    if code:
        np.testing.assert_allclose(image.affine, rotated, atol=1e-5)


def test_a_sheared_grid_is_never_written_as_a_quaternion(tmp_path):
    sheared = np.array([[2, 0.5, 0, 0], [0, 2, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1.0]])
    path = tmp_path / "out.nii.gz"
    path.write_bytes(
        nifti_out.volume(
            np.zeros((2, 2, 2), np.int16), Grid((2, 2, 2), sheared), code=1, intent="label", name="m", description=""
        )
    )
    image = nib.load(path)
    assert int(image.header["qform_code"]) == 0
    np.testing.assert_allclose(image.affine, sheared)


def test_the_same_volume_gives_the_same_bytes(tmp_path):
    grid = Grid((2, 2, 2), np.eye(4))
    one, two = (
        nifti_out.volume(np.ones((2, 2, 2), np.float32), grid, code=1, intent="label", name="m", description="d")
        for _ in "ab"
    )
    assert one == two


SFORM = np.array([[-2.0, 0, 0, 10], [0, 2.0, 0, -12], [0, 0, 3.0, 4], [0, 0, 0, 1]])


def two_positions(folder, other, code=1):
    """A file whose sform is `SFORM` and whose qform is another."""
    image = nib.Nifti1Image(np.arange(240, dtype=np.int16).reshape(5, 4, 3, 4), SFORM)
    image.set_sform(SFORM, 1)
    image.set_qform(other, code)
    nib.save(image, folder / "s.nii")
    return folder / "s.nii"


def test_two_positions_that_agree_are_one(tmp_path):
    assert nifti.read_series_image(two_positions(tmp_path, SFORM)).apart < 1e-3


@pytest.mark.parametrize(("code", "apart"), [(1, 1.5), (0, 0.0)])
def test_how_far_two_positions_lie_apart_is_told_in_voxels_and_the_sform_is_used(tmp_path, code, apart):
    moved = SFORM.copy()
    moved[0, 3] += 3.0
    image = nifti.read_series_image(two_positions(tmp_path, moved, code))
    assert image.apart == pytest.approx(apart, abs=1e-3)
    np.testing.assert_allclose(image.grid.affine, SFORM, atol=1e-6)


def test_positions_that_disagree_on_which_side_is_left_are_a_problem(tmp_path):
    flipped = np.diag([-1.0, 1, 1, 1]) @ SFORM
    path = two_positions(tmp_path, flipped)
    assert "contradicts itself" in refused(path)
    refused(path, lambda path: nifti.read_region(path, "lesion"))
