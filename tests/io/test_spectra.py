"""Spectra from every kind of file: the same voxel, the same sense, whatever the format."""

import lzma
import tarfile

import numpy as np
import pytest

from perspect.io.lcmodel import SaidByHand, basis_text, read_basis
from perspect.io.nifti_mrs import basis_from, basis_nifti, nifti_mrs, read_nifti_mrs
from perspect.io.pulse_file import read_pulse
from perspect.io.spectra import read_spectra, vax
from perspect.io.spectra_out import in_time
from perspect.vocabulary import Basis, Grid, Problem, Spectra

FREQUENCY, DWELL, N = 123.2e6, 1 / 2000, 512
T = np.arange(N) * DWELL
NAA = np.exp(2j * np.pi * (4.65 - 2.01) * 123.2 * T - 15 * T)


def power(spectra, low, high):
    values = spectra.values.reshape(*spectra.values.shape[:4], -1)[0, 0, 0, :, 0]
    spectrum = np.abs(np.fft.fft(values * np.exp(-150 * spectra.times**2), 4 * values.size))
    ppm = 4.65 - np.fft.fftfreq(4 * values.size, spectra.dwell) / spectra.frequency * 1e6
    return spectrum[(ppm > low) & (ppm < high)].max()


def is_right_way_round(spectra, place):
    """Whether there is more at a place than at its mirror image in water."""
    return power(spectra, place - 0.1, place + 0.1) > 1.5 * power(spectra, 9.2 - place, 9.4 - place)


def made(axes=(), more=()):
    values = NAA[None, None, None].reshape(1, 1, 1, N, *([1] * len(more))) * np.ones(more)
    return Spectra(values, DWELL, FREQUENCY, Grid((1, 1, 1), np.diag([20.0, 15.0, 10.0, 1.0])), axes, te=0.03, tr=2.0)


def test_nifti_mrs_comes_back_as_it_went_and_is_not_turned_round(tmp_path):
    one = made(("coil", "transient"), (4, 3))
    path = tmp_path / "a_svs.nii.gz"
    path.write_bytes(nifti_mrs(one.values, one, {"EchoTime": 0.03}, ("DIM_COIL", "DIM_DYN")))
    back = read_nifti_mrs(path)
    np.testing.assert_allclose(back.values, one.values, atol=1e-6)
    assert back.axes == ("coil", "transient") and back.te == 0.03 and back.tr == 2.0
    assert back.dwell == pytest.approx(DWELL, rel=1e-6) and back.frequency == pytest.approx(FREQUENCY)
    np.testing.assert_allclose(back.grid.affine, one.grid.affine)
    assert is_right_way_round(back, 2.01)


def test_what_a_header_says_of_a_person_is_not_kept(tmp_path):
    path = tmp_path / "a_svs.nii.gz"
    path.write_bytes(nifti_mrs(made().values, made(), {"PatientName": "X", "Manufacturer": "Y"}))
    header = read_nifti_mrs(path).header
    assert "PatientName" not in header and header["Manufacturer"] == "Y"


def test_an_image_that_is_no_spectrum_is_refused(tmp_path):
    import nibabel as nib

    path = tmp_path / "b.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4)), path)
    with pytest.raises(Problem, match="no NIfTI-MRS"):
        read_nifti_mrs(path)


@pytest.mark.parametrize("ending", [".basis", ".nii.gz"])
def test_a_basis_survives_writing_and_reading(tmp_path, ending):
    values = np.array([NAA, np.exp(2j * np.pi * 200 * T - 9 * T)])
    one = Basis(("NAA", "MM09"), values, DWELL, FREQUENCY, 0.03, "made", ("metabolite", "macromolecule"))
    path = tmp_path / f"b{ending}"
    path.write_bytes(basis_text(one).encode() if ending == ".basis" else basis_nifti(one))
    back = read_basis(path) if ending == ".basis" else basis_from(read_nifti_mrs(path))
    assert back.names == one.names and back.kinds == one.kinds
    np.testing.assert_allclose(back.values, values, atol=2e-4)
    assert back.te == pytest.approx(0.03) and back.dwell == pytest.approx(DWELL)


def test_a_signal_of_the_fit_has_the_spectrum_that_was_fitted():
    n = 2 * N
    ppm = 4.65 - np.arange(60, 300) / (n * DWELL) / FREQUENCY * 1e6
    spectrum = np.exp(-((ppm - 3.0) ** 2) / 0.01)
    signal = in_time(ppm, spectrum, made())
    signal[0] /= 2
    found = np.fft.fft(signal, n).real[60:300] * DWELL
    np.testing.assert_allclose(found, spectrum, atol=2e-2)


def test_vax_numbers():
    """One is 0x4080 in the first word, minus two and a half 0xC120; zero has no exponent."""
    raw = np.array([0x4080, 0, 0xC120, 0, 0, 0], "<u2").tobytes()
    np.testing.assert_array_equal(vax(raw), [1.0, -2.5, 0.0])


def test_a_raw_file_without_dwell_time_says_what_is_missing(tmp_path):
    path = tmp_path / "a.RAW"
    path.write_text(" $NMID FMTDAT='(2E15.6)'\n $END\n  1.0 2.0\n 3.0 4.0\n", encoding="utf-8")
    with pytest.raises(Problem, match="dwell time"):
        read_spectra(path)
    assert read_spectra(path, SaidByHand(1e-3, 64e6))[0].values[0, 0, 0, 1] == 3 + 4j


def test_numbers_that_touch_and_line_ends_of_windows_are_read(tmp_path):
    path = tmp_path / "a.RAW"
    path.write_bytes(b" $NMID FMTDAT='(8E12.5)'\r\n $END\r\n-1.00000E+00-2.00000E+00 3.00000E+00-4.00000E-01\r\n")
    values = read_spectra(path, SaidByHand(1e-3, 64e6))[0].values[0, 0, 0]
    np.testing.assert_allclose(values, [-1 - 2j, 3 - 0.4j])


def test_an_unknown_kind_of_file_is_named(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text("", encoding="utf-8")
    with pytest.raises(Problem, match="no kind"):
        read_spectra(path)


def test_a_pulse_file_of_magnitude_and_phase(tmp_path):
    path = tmp_path / "p.pta"
    rows = "\n".join(f"{k / 10}\t3.14159\t; ({k})" for k in range(10))
    path.write_text(f"PULSENAME: x\nCOMMENT: 4 zc\n\n{rows}\n", encoding="utf-8")
    shape, _ = read_pulse(path)
    assert shape.size == 10 and shape[5] == pytest.approx(-0.5, abs=1e-5)


FILES = {
    "tarquin/formats/philips_spar_sdat_WS.SDAT": (2.01, 0.030),
    "osprey/UnEdited/sub-01/ses-01/mrs/sub-01_ses-01_press/sub-01_PRESS_35_act.sdat": (2.01, 0.035),
    "suspect/SVS_30.rda": (2.01, 0.030),
    "nifti_mrs/metab_raw.nii.gz": (2.01, 0.011),
    "tarquin/real_mb.dpt": (3.2, None),
}


@pytest.mark.parametrize("name", list(FILES))
def test_a_line_of_a_real_file_is_where_it_belongs_and_not_mirrored(shared_data, name):
    """Turned round, NAA would lie at 7.3 ppm."""
    place, te = FILES[name]
    found, _ = read_spectra(shared_data / "mrs" / name)
    assert is_right_way_round(found, place)
    assert found.te == (None if te is None else pytest.approx(te))


def test_a_voxel_has_the_place_that_the_scanner_states(shared_data):
    """RDA: the centre is given as 41.6 left, 21.6 back, -5.0; the two statements in the file agree."""
    found, flags = read_spectra(shared_data / "mrs" / "suspect" / "SVS_30.rda")
    np.testing.assert_allclose(found.grid.affine[:3, 3], [-41.6, -21.57, -4.96], atol=0.02)
    np.testing.assert_allclose(sorted(found.grid.spacing), [20.0, 20.0, 40.0], atol=0.01)
    assert not flags


def test_a_basis_of_another_program_holds_the_signals_that_it_was_made_from(shared_data):
    with lzma.open(shared_data / "mrs" / "fitting_challenge.tar.xz") as packed, tarfile.open(fileobj=packed) as archive:
        text = archive.extractfile("fitting_challenge/basisset_LCModel/press3T_30ms.BASIS").read()
        plain = archive.extractfile("fitting_challenge/basisset_text_noTMS/NAA.txt").read().decode()
    signal = np.loadtxt(plain.splitlines())[:, 0] + 1j * np.loadtxt(plain.splitlines())[:, 1]
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.BASIS"
        path.write_bytes(text)
        basis = read_basis(path)
    mine = basis.values[basis.names.index("NAA")]
    likeness = abs(np.vdot(signal, mine)) / np.linalg.norm(signal) / np.linalg.norm(mine)
    assert likeness > 0.999
    assert abs(mine[1] / signal[1]) == pytest.approx(1.0, abs=0.05)
