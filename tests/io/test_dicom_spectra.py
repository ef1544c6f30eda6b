"""Spectroscopy in DICOM and raw data: turned the right way, in the right place, with its own water."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from perspect import io
from perspect.io import raw_spectra
from perspect.io.dicom_spectra import SIEMENS, STANDARD, read_dicom
from perspect.io.lcmodel_results import read_coord
from perspect.io.placement import Box, contradiction
from perspect.io.spectra import read_spectra, water_within
from perspect.vocabulary import Problem, Severity

N, WIDTH, MHZ = 512, 2000.0, 123.2
T = np.arange(N) / WIDTH
NAA = np.exp(2j * np.pi * (4.65 - 2.01) * MHZ * T - 15 * T)
WATER = 1e4 * np.exp(-20 * T + 0j)


def below_over_above(spectra, place=2.01):
    """How much more there is at a place than at its mirror image in water."""
    values = spectra.values.reshape(*spectra.values.shape[:4], -1)[0, 0, 0, :, 0]
    spectrum = np.abs(np.fft.fft(values * np.exp(-150 * spectra.times**2), 4 * values.size))
    ppm = 4.65 - np.fft.fftfreq(4 * values.size, spectra.dwell) / spectra.frequency * 1e6
    here, there = (spectrum[(ppm > low) & (ppm < low + 0.2)].max() for low in (place - 0.1, 2 * 4.65 - place - 0.1))
    return here / there


def standard(path, frames, *, position=(10.0, -20.0, 30.0), middle=(10.0, -20.0, 30.0), slabs=3):
    """An MR Spectroscopy object as both vendors write it: signals turn the other way."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.sequence import Sequence
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    def item(**values):
        one = Dataset()
        for key, value in values.items():
            setattr(one, key, value)
        return one

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = STANDARD, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["one"])
    found = item(SOPClassUID=STANDARD, SOPInstanceUID=meta.MediaStorageSOPInstanceUID, PatientName="Nobody^Known")
    found.NumberOfFrames, found.Rows, found.Columns = len(frames), 1, 1
    found.DataPointColumns, found.SpectralWidth, found.TransmitterFrequency = N, WIDTH, MHZ
    found.ResonantNucleus, found.Manufacturer = "1H", "Siemens Healthineers"
    normals = np.eye(3)[:slabs]
    found.VolumeLocalizationSequence = Sequence(
        item(SlabThickness=20.0 + 5 * k, SlabOrientation=list(one), MidSlabPosition=list(middle))
        for k, one in enumerate(normals)
    )
    plane = item(ImagePositionPatient=list(position))
    shared = item(
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]),
        PixelMeasuresSequence=Sequence([item(PixelSpacing=[25, 20], SliceThickness=30)]),
        MRTimingAndRelatedParametersSequence=Sequence([item(RepetitionTime=2000)]),
    )
    own = item(PlanePositionSequence=Sequence([plane]), MREchoSequence=Sequence([item(EffectiveEchoTime=30.0)]))
    found.SharedFunctionalGroupsSequence = Sequence([shared])
    found.PerFrameFunctionalGroupsSequence = Sequence([own] * len(frames))
    stored = np.concatenate(frames).conj()
    found.SpectroscopyData = np.stack([stored.real, stored.imag], 1).astype("<f4").tobytes()
    found.file_meta = meta
    found.save_as(path, enforce_file_format=True)
    return path


def test_a_standard_object_is_turned_to_our_sense_and_gives_its_water_separately(tmp_path):
    path = standard(tmp_path / "a.dcm", [NAA, WATER])
    found, flags = read_spectra(path)
    water = water_within(path)
    assert found.values.shape == (1, 1, 1, N) and water is not None and water.values.shape == (1, 1, 1, N)
    np.testing.assert_allclose(found.values[0, 0, 0], NAA, atol=1e-5)
    np.testing.assert_allclose(water.values[0, 0, 0], WATER, rtol=1e-5)
    assert (found.te, found.tr) == pytest.approx((0.030, 2.0)) and not flags
    np.testing.assert_allclose(found.grid.affine[:3, 3], [-10, 20, 30])
    np.testing.assert_allclose(found.grid.spacing, [20, 25, 30])
    assert "PatientName" not in found.header and "Nobody" not in str(found.header)


def test_frames_of_equal_strength_are_transients_and_no_water(tmp_path):
    path = standard(tmp_path / "a.dcm", [NAA, 1.1 * NAA, 0.9 * NAA])
    found, _ = read_spectra(path)
    assert found.axes == ("transient",) and found.values.shape == (1, 1, 1, N, 3)
    assert water_within(path) is None


def test_the_slabs_of_an_image_are_the_box_of_its_pulses(tmp_path):
    """Its place is that of its first voxel; of a single voxel the slabs are the voxel and nothing else."""

    def of_four(found):
        found.Rows, found.Columns, found.NumberOfFrames = 2, 2, 1

    path = changed(standard(tmp_path / "a.dcm", [NAA] * 4, middle=(20.0, -7.5, 30.0)), of_four)
    found, _ = read_spectra(path)
    assert found.values.shape[:3] == (2, 2, 1)
    np.testing.assert_allclose(found.grid.affine[:3, 3], [-10, 20, 30])
    box = np.array(found.header["VOI"])
    np.testing.assert_allclose(box[:3, 3], [-20, 7.5, 30])
    np.testing.assert_allclose(np.abs(np.diag(box)[:3]), [20, 25, 30])
    assert "VOI" not in read_spectra(standard(tmp_path / "b.dcm", [NAA]))[0].header


def test_an_empty_frame_is_left_out_and_does_not_make_the_signal_water(tmp_path):
    path = standard(tmp_path / "a.dcm", [NAA, 0 * NAA, 1.1 * NAA])
    found, flags = read_spectra(path)
    assert found.axes == ("transient",) and found.values.shape == (1, 1, 1, N, 2) and water_within(path) is None
    np.testing.assert_allclose(found.values[0, 0, 0, :, 0], NAA, atol=1e-5)
    assert [(flag.code, flag.severity) for flag in flags] == [("frames-empty", Severity.NOTE)]


def test_strong_frames_that_are_the_majority_are_no_water(tmp_path):
    path = standard(tmp_path / "a.dcm", [NAA, 0.01 * NAA, 1.1 * NAA])
    assert read_spectra(path)[0].values.shape == (1, 1, 1, N, 3) and water_within(path) is None


def changed(path, change):
    """The object after a change of its header."""
    import pydicom

    found = pydicom.dcmread(path)
    change(found)
    found.save_as(path)
    return path


def test_the_voxels_of_a_grid_are_those_of_its_plane_and_not_the_slabs_around_it(tmp_path):
    def two_columns(found):
        found.NumberOfFrames, found.Columns = 1, 2
        found.PerFrameFunctionalGroupsSequence = found.PerFrameFunctionalGroupsSequence[:1]
        found.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [10, 8]

    path = standard(tmp_path / "a.dcm", [NAA, NAA], position=(-5.0, 4.0, 30.0))
    found, _ = read_spectra(changed(path, two_columns))
    assert found.grid.shape == (2, 1, 1) and found.grid.spacing == pytest.approx((8, 10, 30))
    np.testing.assert_allclose(found.grid.affine[:3, 3], [5, -4, 30])


def test_a_slab_without_its_thickness_leaves_the_plane_to_say_the_voxel(tmp_path):
    def thin(found):
        del found.VolumeLocalizationSequence[1].SlabThickness

    found, _ = read_spectra(changed(standard(tmp_path / "a.dcm", [NAA]), thin))
    np.testing.assert_allclose(found.grid.spacing, [20, 25, 30])


@pytest.mark.parametrize("slabs", [1, 3])
def test_a_header_that_states_two_places_is_remarked_on(tmp_path, slabs):
    path = standard(tmp_path / "a.dcm", [NAA], middle=(10.0, -20.0, 42.0), slabs=slabs)
    _, flags = read_spectra(path)
    assert [flag.code for flag in flags] == ["position-contradicted"] and "12 mm" in flags[0].sentence


def test_coordinates_that_one_statement_doubles_are_named_as_such():
    one = Box("this", np.array([10.0, 20.0, -30.0]), np.eye(3), np.array([20.0, 20.0, 20.0]))
    other = Box("that", 2 * one.centre)
    assert "exactly twice" in contradiction("a", one, other)[0].sentence
    assert contradiction("a", one, Box("that", one.centre + 0.5)) == ()


def test_a_voxel_that_one_statement_turns_by_ninety_degrees_is_remarked_on():
    """Edges of 20, 30 and 40 mm in another order along the same axes."""
    one = Box("this", np.zeros(3), np.eye(3), np.array([20.0, 30.0, 40.0]))
    assert (
        "90°" in contradiction("a", one, Box("that", np.zeros(3), np.eye(3), np.array([40.0, 30.0, 20.0])))[0].sentence
    )
    same = Box("that", np.zeros(3), np.eye(3)[:, [2, 0, 1]], np.array([40.0, 20.0, 30.0]))
    assert contradiction("a", one, same) == ()


def test_two_affines_of_a_nifti_header_that_disagree_are_remarked_on(tmp_path):
    import nibabel as nib

    path = tmp_path / "a_svs.nii.gz"
    signal = SimpleNamespace(shape=(1, 1, 1, N))
    image = nib.Nifti1Image(NAA.reshape(signal.shape).astype(np.complex64), np.diag([20.0, 20, 20, 1]))
    image.header.extensions.append(
        nib.nifti1.Nifti1Extension(44, b'{"SpectrometerFrequency": [123.2], "ResonantNucleus": ["1H"]}')
    )
    image.header["pixdim"][4] = 1 / WIDTH
    moved = np.diag([20.0, 20, 20, 1])
    moved[:3, 3] = 0, 0, 9
    image.set_qform(moved, 1)
    nib.save(image, path)
    _, flags = read_spectra(path)
    assert [flag.code for flag in flags] == ["position-contradicted"]


def test_a_truncated_object_is_refused(tmp_path):
    import pydicom

    path = standard(tmp_path / "a.dcm", [NAA])
    found = pydicom.dcmread(path)
    found.SpectroscopyData = found.SpectroscopyData[:-800]
    found.save_as(path)
    with pytest.raises(Problem, match="header says"):
        read_dicom(path)


def test_an_image_in_dicom_is_named_as_no_spectrum(tmp_path):
    import pydicom

    path = standard(tmp_path / "a.dcm", [NAA])
    found = pydicom.dcmread(path)
    del found.SpectroscopyData
    found.save_as(path)
    with pytest.raises(Problem, match="holds no spectrum"):
        read_spectra(path)


@pytest.mark.parametrize("order", ["<f4", ">f4"])
def test_a_p_file_that_is_older_than_its_converter_knows_is_refused_by_its_revision(tmp_path, order):
    """The real ones are of revision 9: spec2nii ends on them with a TypeError."""
    path = tmp_path / "P00001.7"
    path.write_bytes(np.array([9.0], order).tobytes() + bytes(1000))
    with pytest.raises(Problem, match="revision 9"):
        read_spectra(path)


def test_raw_data_without_the_converter_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "meas.dat"
    path.write_bytes(b"\0" * 10_000)
    monkeypatch.setattr(raw_spectra, "find_spec", lambda name: None)
    with pytest.raises(Problem, match=r"perspect\[convert\]"):
        read_spectra(path)


def converter(tmp_path, monkeypatch, body):
    """A stand-in for spec2nii that does what `body` says with its arguments."""
    folder = tmp_path / "lib" / "spec2nii"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "spec2nii.py").write_text(f"import sys\ndef main():\n    {body}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    monkeypatch.setattr(raw_spectra, "find_spec", lambda name: name)


def test_raw_data_comes_through_the_converter_with_its_reference(tmp_path, monkeypatch):
    from perspect.io.nifti_mrs import nifti_mrs
    from perspect.vocabulary import Grid, Spectra

    def made(values):
        return Spectra(values[None, None, None], 1 / WIDTH, MHZ * 1e6, Grid((1, 1, 1), np.eye(4)), te=0.03)

    for name, values in (("found", NAA), ("found_ref", WATER)):
        (tmp_path / f"{name}.nii.gz").write_bytes(nifti_mrs(made(values).values, made(values), {}))
    body = (
        "import shutil, pathlib; out = pathlib.Path(sys.argv[sys.argv.index('-o') + 1]); "
        f"[shutil.copy(one, out) for one in pathlib.Path({str(tmp_path)!r}).glob('found*.nii.gz')]"
    )
    converter(tmp_path, monkeypatch, body)
    path = tmp_path / "P123.7"
    path.write_bytes(b"\0" * 100)
    found, water = read_spectra(path)[0], water_within(path)
    assert found.name == "P123.7" and set(found.sources) == {"P123.7"}
    assert below_over_above(found) > 10 and water is not None and abs(water.values).max() > 9000


def test_what_the_converter_cannot_read_is_said_in_its_words(tmp_path, monkeypatch):
    converter(tmp_path, monkeypatch, "raise ValueError('unknown header revision')")
    path = tmp_path / "P123.7"
    path.write_bytes(b"\0" * 100)
    with pytest.raises(Problem, match="unknown header revision"):
        read_spectra(path)
    assert "spec2nii" not in sys.modules


def test_the_same_voxel_reads_the_same_from_dicom_and_from_rda(shared_data):
    """One acquisition in both of Siemens' forms: sign, scale and place agree; RDA cuts its dwell time to whole µs."""
    folder = shared_data / "mrs" / "suspect"
    dicom, rda = read_spectra(folder / "SVS_30.IMA"), read_spectra(folder / "SVS_30.rda")
    np.testing.assert_array_equal(dicom[0].values, rda[0].values)
    np.testing.assert_allclose(dicom[0].grid.affine, rda[0].grid.affine, atol=1e-4)
    assert dicom[0].dwell == pytest.approx(rda[0].dwell, rel=1e-3) and not dicom[1] and not rda[1]
    assert below_over_above(dicom[0]) > 1.5


def test_a_philips_object_of_release_3_is_read_with_water_and_place(shared_data):
    """The file on which spec2nii 0.8.15 stops. Turned the other way, NAA would lie at 7.3 ppm."""
    path = shared_data / "mrs" / "tarquin" / "formats" / "SVS.dcm"
    found, flags = read_spectra(path)
    water = water_within(path)
    assert below_over_above(found) > 3 and not flags
    assert water is not None and abs(water.values).max() > 50 * abs(found.values).max()
    np.testing.assert_allclose(found.grid.affine[:3, 3], [-32.17, -11.84, 74.39], atol=0.01)
    np.testing.assert_allclose(found.grid.spacing, [20, 20, 20], atol=1e-6)
    assert found.te == pytest.approx(0.0354, abs=1e-4) and found.tr == 2.0


def test_an_object_of_old_siemens_software_takes_its_place_from_the_protocol(shared_data):
    """VA25 states the volume of interest only there, and leaves out what is zero."""
    found, flags = read_spectra(shared_data / "mrs" / "tarquin" / "formats" / "siemens_ima_WS.ima")
    np.testing.assert_allclose(found.grid.affine[:3, 3], 0, atol=1e-6)
    assert found.grid.spacing == (20.0, 20.0, 20.0) and not flags
    assert found.header["SequenceName"] == "svs_se" and SIEMENS.startswith("1.3.12")


def test_a_coord_file_gives_amounts_and_the_fitted_spectrum(shared_data):
    found = read_coord(shared_data / "mrs" / "suspect" / "svs_97.COORD")
    assert len(found.amounts) == 37 and found.denominator == "Cr+PCr"
    assert found.ratios["GPC+PCho"] == 0.457 and found.deviations["GPC+PCho"] == pytest.approx(0.02 * 0.115)
    assert found.amounts["PCho"] == 0 and np.isnan(found.deviations["PCho"])
    assert found.ppm.shape == found.data.shape == found.fit.shape == found.baseline.shape == (799,)
    assert (found.fwhm, found.snr) == (0.043, 13) and found.ppm[0] == 4.0
    assert np.std(found.data - found.fit) < 0.1 * np.ptp(found.data)


def test_a_file_that_is_no_result_of_lcmodel_is_named(tmp_path):
    path = tmp_path / "a.COORD"
    path.write_text("nothing", encoding="utf-8")
    with pytest.raises(Problem, match="no table"):
        read_coord(path)
    assert io.read_spectra is read_spectra
