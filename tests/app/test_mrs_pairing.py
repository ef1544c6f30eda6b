"""A water reference and a second echo time are of the same voxel, or are not used; what a map lacks limits."""

from dataclasses import replace

import numpy as np
import pytest

from mrs_made import HEALTHY, spectrum, water
from perspect import io
from perspect.anatomy.mirror import Plane
from perspect.app.contribute.mrs import _echo_times, _facts, markers_of
from perspect.app.contribute.mrsi import LEAST_PASSED, _too_few
from perspect.app.contribute.times import joint_partner, read_at
from perspect.app.contribute.voxels import ELSEWHERE, OTHER_TIME, OTHER_WATER, Voxels, voxels
from perspect.app.pairing import demand_same_place, is_same_place, water_for, water_remarks
from perspect.cli import main
from perspect.io.nifti_mrs import nifti_mrs
from perspect.pitfalls import VoxelMap
from perspect.vocabulary import Amount, Grid, MeasuredSpectrum, Problem, Recipe, Region, Severity, Status


def at(one, x, te=0.030, shape=(1, 1, 1)):
    affine = np.diag([20.0, 20.0, 20.0, 1.0])
    affine[0, 3] = x
    values = np.broadcast_to(one.values, (*shape, one.n_points))
    return replace(one, values=values, grid=Grid(shape, affine), placed=True, te=te)


def saved(path, one):
    path.write_bytes(nifti_mrs(one.values, one, {"EchoTime": one.te, "RepetitionTime": one.tr}))
    return path


def test_what_lies_elsewhere_is_of_another_voxel_and_what_has_no_place_may_be_of_any():
    here, there = at(spectrum(HEALTHY), 0.0), at(water(), 5.0)
    assert is_same_place(here, at(water(), 0.2)) and not is_same_place(here, there)
    assert is_same_place(here, replace(there, placed=False))
    assert not is_same_place(here, at(water(), 0.0, shape=(2, 1, 1)))
    with pytest.raises(Problem, match="not of the voxel"):
        demand_same_place(here, there, "water reference")


def test_the_reference_of_the_voxel_is_taken_and_not_the_first_of_the_folder(tmp_path):
    """By name the reference of another voxel comes first: the wrong one, which was taken before."""
    path = saved(tmp_path / "sub-01_svs.nii.gz", at(spectrum(HEALTHY), 0.0))
    saved(tmp_path / "sub-01_acq-a_mrsref.nii.gz", at(water(), 30.0))
    saved(tmp_path / "sub-01_acq-b_mrsref.nii.gz", at(water(), 0.0, te=0.144))
    right = saved(tmp_path / "sub-01_acq-c_mrsref.nii.gz", at(water(), 0.0))
    found, flags = water_for(path, tmp_path.glob("*_mrsref.nii.gz"), io.SaidByHand())
    assert found == right and not flags
    right.unlink()
    found, flags = water_for(path, tmp_path.glob("*_mrsref.nii.gz"), io.SaidByHand())
    assert found is None and [flag.code for flag in flags] == ["no-matching-water"]


def test_a_reference_that_cannot_be_read_loses_no_spectrum_its_own(tmp_path):
    path = saved(tmp_path / "sub-01_svs.nii.gz", at(spectrum(HEALTHY), 0.0))
    (tmp_path / "sub-01_acq-a_mrsref.nii.gz").write_bytes(b"nothing")
    found, (flag,) = water_for(path, tmp_path.glob("*_mrsref.nii.gz"), io.SaidByHand())
    assert found is None and "sub-01_acq-a_mrsref.nii.gz could not be read" in flag.sentence
    right = saved(tmp_path / "sub-01_acq-b_mrsref.nii.gz", at(water(), 0.0))
    assert water_for(path, tmp_path.glob("*_mrsref.nii.gz"), io.SaidByHand()) == (right, ())


def test_water_of_a_map_has_as_many_points(tmp_path):
    path = saved(tmp_path / "sub-01_mrsi.nii.gz", at(spectrum(HEALTHY), 0.0, shape=(2, 1, 1)))
    one = at(water(), 0.0, shape=(2, 1, 1))
    saved(tmp_path / "sub-01_mrsref.nii.gz", replace(one, values=one.values[..., :512]))
    found, (flag,) = water_for(path, tmp_path.glob("*_mrsref.nii.gz"), io.SaidByHand())
    assert found is None and flag.code == "no-matching-water"


def test_a_reference_of_another_voxel_that_is_named_is_a_problem(tmp_path, capsys):
    path = saved(tmp_path / "sub-01_svs.nii.gz", at(spectrum(HEALTHY), 0.0))
    elsewhere = saved(tmp_path / "sub-01_mrsref.nii.gz", at(water(), 30.0))
    assert main(["mrs", str(path), "--water", str(elsewhere), "--out", str(tmp_path / "out")]) == 2
    assert "not of the voxel" in capsys.readouterr().err


def test_a_reference_with_another_timing_limits_the_scale():
    flags = water_remarks(at(spectrum(HEALTHY), 0.0), at(water(), 0.0, te=0.144))
    assert [flag.severity for flag in flags] == [Severity.LIMITED] and "TE 144 instead of 30 ms" in flags[0].sentence
    assert not water_remarks(at(spectrum(HEALTHY), 0.0), at(water(), 0.0))


def test_amino_acids_are_told_by_the_longest_echo_time_and_ratios_by_that_of_the_first_spectrum():
    signal = at(spectrum(HEALTHY), 0.0)
    numbers = {"te": 0.03, "joint_te": [0.03, 0.144]}
    found = MeasuredSpectrum({}, {}, None, signal, (), Recipe(()), numbers)
    assert _facts([found], [[]]) == {"mrs.te": 0.03, "mrs.te_longest": 0.144, "mrs.te_shortest": 0.03}
    assert _echo_times(found) == (0.03, 0.144)


def test_each_ratio_is_read_at_the_echo_time_that_its_published_rows_ask_for():
    """The wrong variant: all from the first spectrum, at whose 30 ms no row on choline or 2-hydroxyglutarate holds."""
    times = (0.03, 0.097, 0.144)
    assert [read_at(key, times) for key in ("cho_naa", "cho_cr", "glx_cr", "two_hg")] == [2, 2, 0, 1]
    assert joint_partner(times) == 2
    # Where none is at such a time the first is read, and its rows say why they do not hold; but no 2-hydroxyglutarate.
    assert [read_at(key, (0.03, 0.27)) for key in ("cho_naa", "two_hg")] == [0, None]
    assert [read_at(key, (None,)) for key in ("cho_naa", "two_hg")] == [0, 0]
    assert joint_partner((0.03,)) is None and joint_partner((None, None)) is None
    assert joint_partner((0.03, 0.03)) is None and joint_partner((0.144, 0.03, 0.03)) in (1, 2)


def test_every_ratio_and_its_echo_time_go_on_record():
    signal = at(spectrum(HEALTHY), 0.0)

    def measured(te, *names):
        ratios = {one: Amount(one, 1.2, 0.1, 1.0, 1.4, "ratio", Status.OK, True) for one in names}
        return MeasuredSpectrum({}, ratios, None, signal, (), Recipe(()), {"te": te})

    three = [measured(te, "tCho/tNAA", "2HG/tCr", "Glx/tCr") for te in (0.03, 0.097, 0.144)]
    read = markers_of(three, has_cavity=False)
    assert [[one.marker.key for one in some] for some in read] == [["glx_cr"], ["two_hg"], ["cho_naa"]]
    times = {"mrs.te": 0.144, "mrs.te_2hg": 0.097, "mrs.te_longest": 0.144, "mrs.te_shortest": 0.03}
    assert _facts(three, read) == times


MIDDLE = Plane(np.array([1.0, 0.0, 0.0]), 0.0)


def lesion_at(x, size=20.0):
    """A cube of lesion around a place on the left-right axis, on voxels of 2 mm."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -80.0
    centres = np.stack(np.meshgrid(*(np.arange(80) * 2.0 - 80.0,) * 3, indexing="ij"))
    inside = (np.abs(centres - np.array([x, 0.0, 0.0]).reshape(3, 1, 1, 1)) < size / 2).all(axis=0)
    return Region(inside, Grid((80, 80, 80), affine), "whole")


def test_the_voxel_that_holds_the_lesion_is_read_whatever_it_is_called(tmp_path):
    healthy = saved(tmp_path / "a_svs.nii.gz", at(spectrum(HEALTHY), -30.0))
    ill = saved(tmp_path / "b_svs.nii.gz", at(spectrum(HEALTHY), 30.0))
    late = saved(tmp_path / "c_svs.nii.gz", at(spectrum(HEALTHY), 30.0, te=0.144))
    assert voxels((healthy, ill, late), lesion_at(30.0), MIDDLE) == Voxels((ill, late), healthy, ())


def test_a_spectrum_that_is_not_of_the_other_side_is_left_out_and_the_reason_said(tmp_path):
    ill = saved(tmp_path / "a_svs.nii.gz", at(spectrum(HEALTHY), 30.0))
    same_side = saved(tmp_path / "b_svs.nii.gz", at(spectrum(HEALTHY), 60.0))
    late = saved(tmp_path / "c_svs.nii.gz", at(spectrum(HEALTHY), -30.0, te=0.144))
    found = voxels((ill, same_side, late), lesion_at(30.0), MIDDLE)
    assert (found.lesion, found.other) == ((ill,), None)
    assert [one.why_not for one in found.left] == [ELSEWHERE, OTHER_TIME]
    # Where the plane between the sides is not known nothing lies on the other side for sure; nor does what it cuts.
    assert [one.why_not for one in voxels((ill, late), lesion_at(30.0), None).left] == [ELSEWHERE]
    cut = saved(tmp_path / "d_svs.nii.gz", at(spectrum(HEALTHY), -9.0))
    assert [one.why_not for one in voxels((ill, cut), lesion_at(30.0), MIDDLE).left] == [ELSEWHERE]


def test_two_sides_of_which_one_has_water_share_no_unit(tmp_path):
    ill = saved(tmp_path / "a_svs.nii.gz", at(spectrum(HEALTHY), 30.0))
    healthy = saved(tmp_path / "b_svs.nii.gz", at(spectrum(HEALTHY), -30.0))
    saved(tmp_path / "a_mrsref.nii.gz", at(water(), 30.0))
    (left,) = voxels((ill, healthy), lesion_at(30.0), MIDDLE).left
    assert left.why_not == OTHER_WATER and not left.is_used
    saved(tmp_path / "b_mrsref.nii.gz", at(water(), -30.0))
    assert voxels((ill, healthy), lesion_at(30.0), MIDDLE).other == healthy


def seen(n_measured, n=8):
    share = np.ones((n, 1, 1))
    measured = (np.arange(n) < n_measured).reshape(n, 1, 1)
    return VoxelMap(Grid((n, 1, 1), np.eye(4)), share, share, share, measured)


def test_a_lesion_most_of_which_failed_limits_its_marker():
    assert not _too_few(seen(int(LEAST_PASSED * 8)))
    (flag,) = _too_few(seen(3))
    assert flag.severity == Severity.LIMITED and "3 of 8" in flag.sentence
