"""What a file says of the pulses that select a spectroscopic image, and what is said where it does not."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from mrs_made import HEALTHY, TUMOUR, spectrum, water
from perspect.app.excited import boxes_on_maps, excited_of
from perspect.app.shares import Surroundings
from perspect.cli import main
from perspect.io.nifti_mrs import nifti_mrs, read_nifti_mrs
from perspect.io.spectra import read_spectra
from perspect.vocabulary import Grid, Problem, Status

BOX = [[40.0, 0, 0, 30.0], [0, 10.0, 0, 0], [0, 0, 10.0, 0], [0, 0, 0, 1.0]]
SAID = {"VOI": BOX, "PulseBandwidth": [1200.0, 1200.0, 1200.0], "TxOffset": -1.44}
"""Six voxels of which four are selected, at the ppm of choline."""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PERSPECT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def image(kinds=(HEALTHY, HEALTHY, HEALTHY, TUMOUR, TUMOUR, TUMOUR), header=None):
    """Six voxels of 10 mm in a row, from 0 to 50 mm, and their water."""
    voxels = [spectrum(kind, k, shift=0.0, phase=0.0, snr=20.0).values[0, 0, 0] for k, kind in enumerate(kinds)]
    one = replace(
        spectrum(HEALTHY), values=np.array(voxels)[:, None, None], axes=(), placed=True, header=header or {},
        grid=Grid((6, 1, 1), np.diag([10.0, 10.0, 10.0, 1.0])),
    )  # fmt: skip
    return one, replace(one, values=np.broadcast_to(water().values, one.values.shape).copy())


def known(header, **around):
    one, reference = image(header=header)
    found, flags = excited_of(one, reference, Surroundings(**around))
    return found, [flag.code for flag in flags], " ".join(flag.sentence for flag in flags)


def test_what_a_header_says_of_the_pulses_is_used():
    found, codes, _ = known(SAID)
    assert codes == [] and found.carrier == pytest.approx(3.21)
    np.testing.assert_allclose(found.selected(3.21), BOX, atol=1e-9)
    assert found.selected(2.01)[0, 3] - 30.0 == pytest.approx(1.2 * 123.2 / 1200.0 * 40.0)


@pytest.mark.parametrize(
    ("without", "word"), [("VOI", "--pulse-box"), ("PulseBandwidth", "--bandwidths")], ids=["no box", "no bandwidth"]
)
def test_what_is_not_said_is_not_known_and_never_taken_for_nothing(without, word):
    found, codes, said = known({key: value for key, value in SAID.items() if key != without})
    assert found is None and codes == ["excitation-not-known"]
    assert word in said and "is not known" in said


def test_one_number_says_no_sense_of_the_gradients():
    found, codes, said = known({**SAID, "PulseBandwidth": 1200.0})
    assert found is None and codes == ["excitation-not-known"] and "sense" in said


def test_without_the_carrier_that_of_water_is_assumed_and_said():
    found, codes, _ = known({key: value for key, value in SAID.items() if key != "TxOffset"})
    assert found.carrier == pytest.approx(4.65) and codes == ["assumed-carrier"]


def test_options_take_the_place_of_a_header():
    found, codes, _ = known(
        {}, box=(30.0, 0.0, 0.0, 40.0, 10.0, 10.0), bandwidths=(1200.0, 1200.0, 1200.0), carrier=3.21,
    )  # fmt: skip
    there, _, _ = known(SAID)
    np.testing.assert_allclose(found.selected(2.01), there.selected(2.01))
    assert codes == []


def test_a_slice_that_is_phase_encoded_as_a_whole_needs_no_box_and_displaces_nothing():
    found, codes, _ = known({}, bandwidths=(0.0, 0.0, 3000.0))
    assert codes == [] and not found.is_uneven(image()[0].grid)
    assert boxes_on_maps(found, image()[0].grid) == {}


def test_an_echo_planar_readout_that_is_not_said_is_not_known():
    _, codes, said = known({**SAID, "SequenceName": "epsi_2d"})
    assert codes == ["readout-not-known"] and "--readout" in said
    found, codes, _ = known({**SAID, "SequenceName": "epsi_2d", "ReadoutBandwidthPerVoxel": [800.0, 0.0, 0.0]})
    assert codes == [] and found.readout == (800.0, 0.0, 0.0)


def test_a_field_that_holds_something_else_is_an_error():
    with pytest.raises(Problem, match="VOI"):
        known({**SAID, "VOI": [1, 2, 3]})
    with pytest.raises(Problem, match="PulseBandwidth"):
        known({**SAID, "PulseBandwidth": [1200.0]})


def test_water_of_another_transmitter_offset_has_its_own_box():
    one, reference = image(header=SAID)
    found, _ = excited_of(one, replace(reference, header={**SAID, "TxOffset": 0.0}), Surroundings())
    np.testing.assert_allclose(found.selected(4.65), BOX)


def test_an_image_that_does_not_say_where_it_lies_has_no_known_box():
    one, reference = image(header=SAID)
    found, flags = excited_of(replace(one, placed=False), reference, Surroundings())
    assert found is None and "where its voxels lie" in flags[0].sentence


def saved(folder, name, one, more):
    path = folder / name
    path.write_bytes(nifti_mrs(one.values, one, more))
    return path


def test_a_sidecar_says_what_the_file_does_not_and_contradicts_it_aloud(tmp_path):
    path = saved(tmp_path, "a_mrsi.nii.gz", image()[0], {"TxOffset": -1.44})
    beside = tmp_path / "a_mrsi.json"
    beside.write_text(json.dumps({**SAID, "TxOffset": -1.4400000001, "Manufacturer": "X"}), encoding="utf-8")
    found, flags = read_spectra(path)
    assert found.header["PulseBandwidth"] == [1200.0, 1200.0, 1200.0] and found.header["VOI"] == BOX
    assert "Manufacturer" not in found.header and flags == ()
    beside.write_text(json.dumps({**SAID, "TxOffset": 0.0}), encoding="utf-8")
    found, flags = read_spectra(path)
    assert found.header["TxOffset"] == -1.44 and [flag.code for flag in flags] == ["pulses-contradicted"]


def run(tmp_path, header, *more):
    one, reference = image()
    files = [saved(tmp_path, name, each, header) for name, each in (("mrsi.nii.gz", one), ("ref.nii.gz", reference))]
    out = tmp_path / "out"
    code = main(["mrs", str(files[0]), "--water", str(files[1]), "--out", str(out), "--quiet", *more])
    summary = next(out.rglob("*summary.json"), None)
    flags = [] if summary is None else json.loads(summary.read_text(encoding="utf-8"))["flags"]
    return code, out, flags


def picture(tmp_path):
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -60.0
    path = tmp_path / "t1.nii"
    nib.save(nib.Nifti1Image(np.random.default_rng(0).random((90, 60, 60), np.float32), affine), path)
    return path


def test_maps_page_and_table_show_where_each_line_is_excited(tmp_path):
    code, out, flags = run(tmp_path, SAID, "--image", str(picture(tmp_path)))
    assert code == 0 and "excitation-not-known" not in [flag["code"] for flag in flags]
    page = next(out.glob("*.html")).read_text(encoding="utf-8")
    assert page.count('<svg class="tile"') == 3 and "Where each line is excited" in page
    assert page.count("<title>where Cho is excited") == 2  # of choline, and of its ratio
    assert "NAA</th><td>2.01</td>" in page
    status = nib.load(next(out.rglob("*_tChoOvertNAAstatus.nii.gz")))
    found = np.asarray(status.dataobj)[:, 0, 0]
    assert found[0] == Status.DISPLACED and (found[2:4] == Status.OK).all()


def test_a_page_of_an_unknown_excitation_draws_no_box_and_says_so(tmp_path):
    code, out, flags = run(tmp_path, {}, "--image", str(picture(tmp_path)))
    assert code == 0 and "excitation-not-known" in [flag["code"] for flag in flags]
    page = next(out.glob("*.html")).read_text(encoding="utf-8")
    assert "is excited</title>" not in page and "were not given (--bandwidths)" in page


def test_a_region_leaves_out_what_was_not_excited_alike_and_tells_its_share_by_line(tmp_path):
    """The mask is of the last three voxels; the box ends within the fifth."""
    affine = np.eye(4)
    affine[:3, 3] = -4.5
    mask = np.zeros((60, 10, 10), np.uint8)
    mask[31:] = 1
    path = tmp_path / "tumour.nii.gz"
    nib.save(nib.Nifti1Image(mask, affine), path)
    counted = []
    for name, header in (("known", SAID), ("not", {})):
        (tmp_path / name).mkdir()
        _, _, flags = run(tmp_path / name, header, "--region", str(path))
        sentences = {flag["code"]: flag["sentence"] for flag in flags}
        counted.append(sentences)
    assert "mean of 3 usable voxels" in counted[1]["pooled-region"] and "region-by-line" not in counted[1]
    assert "mean of 1 usable voxel," in counted[0]["pooled-region"]
    assert "of NAA" in counted[0]["region-by-line"] and "of Cho" in counted[0]["region-by-line"]


def test_a_region_outside_of_what_is_excited_alike_is_told_that_and_not_that_it_is_too_small(tmp_path, capsys):
    affine = np.eye(4)
    affine[:3, 3] = -4.5
    mask = np.zeros((60, 10, 10), np.uint8)
    mask[51:] = 1
    path = tmp_path / "tumour.nii.gz"
    nib.save(nib.Nifti1Image(mask, affine), path)
    code, out, _ = run(tmp_path, SAID, "--region", str(path))
    assert code == 2 and not list(out.rglob("*.html"))
    assert "excited alike" in capsys.readouterr().err


def test_what_means_nothing_for_a_single_voxel_is_said(tmp_path):
    path = saved(tmp_path, "svs.nii.gz", spectrum(HEALTHY), {})
    assert main(["mrs", str(path), "--readout", "500", "0", "0", "--out", str(tmp_path / "out"), "--quiet"]) == 0
    flags = json.loads(next((tmp_path / "out").rglob("*summary.json")).read_text(encoding="utf-8"))["flags"]
    assert "of-images" in [flag["code"] for flag in flags]


def test_an_image_keeps_the_spectra_of_its_fits_and_names_the_voxels_without_numbers(tmp_path):
    code, out, _ = run(tmp_path, SAID)
    assert code == 0
    fits = read_nifti_mrs(next(out.rglob("*_mrs.nii.gz")))
    tnaa = np.asarray(nib.load(next(out.rglob("*_tNAAstatus.nii.gz"), next(out.rglob("*mrsi_status.nii.gz")))).dataobj)
    fitted = {tuple(place) for place in fits.header["FittedVoxels"]}
    assert {tuple(int(k) for k in place) for place in np.argwhere(tnaa == Status.OK)} <= fitted
    assert {tuple(int(k) for k in one) for one in np.argwhere(np.isfinite(fits.values).all(axis=(3, 4)))} == fitted
    (displaced,) = (places for reason, places in fits.header["RefusedVoxels"].items() if "excited" in reason)
    assert displaced and not {tuple(place) for place in displaced} & fitted


@pytest.mark.parametrize("said", [{"Value": -2.15}, -2.15])
def test_an_offset_of_the_transmitter_may_come_with_a_description(said):
    found, codes, _ = known({**SAID, "TxOffset": said})
    assert found.carrier == pytest.approx(4.65 - 2.15)
    assert "assumed-carrier" not in codes


@pytest.mark.parametrize("said", ["-2.15", [-2.15], True])
def test_an_offset_that_is_no_number_is_not_taken_for_that_of_water(said):
    with pytest.raises(Problem, match="TxOffset"):
        known({**SAID, "TxOffset": said})


def test_what_was_said_by_hand_and_means_nothing_without_bandwidths_is_named():
    found, codes, said = known({key: value for key, value in SAID.items() if key != "PulseBandwidth"}, carrier=3.0)
    assert found is None and codes == ["excitation-not-known"]
    assert "--carrier nothing was made" in said
