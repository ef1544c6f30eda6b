"""A study under other names, or in DICOM, becomes one that every room can read, with its owner's names."""

import json

import nibabel as nib
import numpy as np
import pytest

from made_dicom import series
from perspect import io
from perspect.io.laid import laid
from perspect.vocabulary import Problem, Refusal

PLAIN = {"ImageType": ["ORIGINAL", "PRIMARY", "M"], "MRAcquisitionType": "3D", "TriggerTime": None}


def scan(folder, number, description, n_times=1, **said):
    """A small series in a folder of its own."""
    name = {"SeriesNumber": number, "SeriesInstanceUID": f"1.2.3.{number}", "SeriesDescription": description}
    plain = PLAIN if n_times == 1 else {"ImageType": PLAIN["ImageType"]}
    return series(folder / f"s{number}", n_times, **{**plain, **name, **said})


@pytest.fixture
def exported(tmp_path):
    """DICOM as a scanner's export has it: a localiser, T1 twice (agent on record of the second), a dynamic, its map."""
    folder = tmp_path / "export"
    scan(folder, 1, "localizer")
    scan(folder, 2, "t1_mprage")
    scan(folder, 3, "t1_mprage", ContrastBolusAgent="Gd")
    scan(folder, 4, "ep2d_perf", 12, RepetitionTime=1500.0, TriggerTime=lambda t, z: 1500.0 * t)
    scan(folder, 5, "t2_flair", ImageType=["DERIVED", "SECONDARY", "MPR"])
    return folder


def test_series_have_roles_by_description_agent_and_kind(exported):
    found = io.assigned(exported)
    assert {role: [one.number for one in some] for role, some in found.sources.items()} == {
        "t1w": [2], "t1c": [3], "dsc": [4]
    }  # fmt: skip
    assert "taken to plan one" in found.unused["series 1 (localizer)"]
    assert "ImageType DERIVED" in found.unused["series 5 (t2_flair)"]


def test_dicom_is_converted_with_the_times_of_its_volumes(exported, tmp_path):
    pytest.importorskip("dcm2niix")
    roles = laid(io.assigned(exported), tmp_path / "aside")
    assert {role: path.name for role, path in roles.anatomy.items()} == {"t1w": "T1w.nii", "t1c": "ce-gd_T1w.nii"}
    (path,) = roles.series["dsc"]
    taken = io.read_series(path).series[0]
    np.testing.assert_allclose(taken.times, 1.5 * np.arange(12))
    assert taken.acquisition.te == pytest.approx(0.002)
    # Voxels lie where those of the headers lie, whatever way the converter stores them.
    theirs = nib.as_closest_canonical(nib.load(path))
    assert sorted(np.unique(theirs.get_fdata()[..., 3])) == sorted(
        3000 + 100 * z + 10 * y + x for z in range(3) for y in range(4) for x in range(5)
    )
    assert roles.told("dsc.nii has one volume.") == "series 4 (ep2d_perf) has one volume."
    assert sorted(one.name for one in roles.folder.iterdir() if one.name.startswith(".")) == []


def test_without_the_converter_dicom_is_told_what_to_install(exported, tmp_path, monkeypatch):
    monkeypatch.setattr("perspect.io.laid.find_spec", lambda _: None)
    with pytest.raises(Problem, match=r"series \d .* is DICOM.*dcm2niix is not installed.*pip install dcm2niix"):
        laid(io.assigned(exported), tmp_path / "aside")


def test_a_series_of_two_echoes_is_told_to_be_several_images(tmp_path):
    pytest.importorskip("dcm2niix")
    scan(tmp_path / "export", 2, "t1_mprage", EchoTime=lambda t, z: 2.0, EchoNumbers=1)
    second = scan(tmp_path / "second", 2, "t1_mprage", EchoTime=5.0, EchoNumbers=2)
    for one in second.iterdir():
        one.rename(tmp_path / "export" / "s2" / f"e2_{one.name}")
    with pytest.raises(Problem, match=r"series 2 \(t1_mprage\) holds 2 images .*several echoes"):
        laid(io.assigned(tmp_path / "export"), tmp_path / "aside")


def test_a_role_map_names_series_by_number_or_folder(exported):
    (exported / "roles.toml").write_text('t1w = 1\nflair = "s5"\n')
    found = io.assigned(exported)
    assert {role: some[0].number for role, some in found.sources.items()} == {"t1w": 1, "flair": 5}
    assert set(found.unused.values()) == {"roles.toml does not name it"}


def test_dicom_of_two_patients_is_refused(exported):
    scan(exported, 6, "t2_tse", PatientID="another")
    with pytest.raises(Refusal, match=r"series 2 .* and series 6 .* are of different patients.*PatientID|PatientID"):
        io.assigned(exported)


def test_a_folder_with_nifti_and_dicom_is_a_question_back(exported):
    (exported / "flair.nii.gz").touch()
    with pytest.raises(Problem, match=r"holds both NIfTI images and DICOM files.*roles\.toml"):
        io.assigned(exported)


def test_a_cut_off_file_of_dicom_is_told_by_its_name(exported):
    (exported / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00\xff")
    with pytest.raises(Problem, match=r"broken\.dcm begins as a DICOM file and cannot be read"):
        io.assigned(exported)


def test_what_several_sidecars_say_of_an_image_goes_with_it(tmp_path):
    """Names of a data set are read by its rules (inheritance) before they are changed."""
    (tmp_path / "dataset_description.json").write_text("{}")
    (tmp_path / "acq-scan_dsc.json").write_text('{"EchoTime": 0.03}')
    (tmp_path / "dsc.json").write_text('{"RepetitionTime": 1.5}')
    (tmp_path / "acq-scan_dsc.nii.gz").touch()
    roles = laid(io.assigned(tmp_path), tmp_path.parent / "aside")
    said = json.loads((roles.folder / "dsc.json").read_text())
    assert said == {"RepetitionTime": 1.5, "EchoTime": 0.03}


def test_a_linked_image_is_read_with_what_lies_beside_the_link(tmp_path):
    """Archives of data (datalad) hold links: the wrong variant looked for sidecars where the link leads."""
    store, root = tmp_path / "store", tmp_path / "set"
    store.mkdir()
    (root / "sub-1").mkdir(parents=True)
    (store / "MD5E-7").touch()
    (root / "dataset_description.json").write_text("{}")
    (root / "sub-1" / "sub-1_dsc.nii.gz").symlink_to(store / "MD5E-7")
    (root / "sub-1" / "sub-1_dsc.json").write_text('{"EchoTime": 0.03}')
    path = root / "sub-1" / "sub-1_dsc.nii.gz"
    assert io.label(path) == "sub-1/sub-1_dsc.nii.gz"
    from perspect.io.bids import sidecars

    assert [one.name for one in sidecars(path)] == ["sub-1_dsc.json"]
