import http.client
import json
import re
import zlib
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from shutil import copyfile, copytree
from threading import Thread
from urllib.parse import urlsplit

import nibabel as nib
import numpy as np
import pytest

from browser import browser
from perspect.app.view.curves import WITHOUT, drawn, redrawn
from perspect.app.view.server import HOST, viewer
from perspect.app.view.sources import series_at
from perspect.app.view.spectrum import fitted_spectrum, spectrum_at
from perspect.app.view.studies import kept
from perspect.app.view.unseen import Unseen
from perspect.cli import main
from perspect.io.nifti_mrs import nifti_mrs, read_nifti_mrs
from perspect.io.ratings import FILE, Rating, ratings
from perspect.io.spectra_out import grid_file, in_time
from perspect.models import ExtendedTofts
from perspect.vocabulary import FittedSpectrum, Grid, Problem, Region, Spectra
from small_measured import small_measured


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """Where the first test that needs results leaves them for the others."""
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def results(series, asked, tmp_path, once):
    """Results of a series of which everything is known: one failed voxel, values and errors in the unit of the file."""
    out = tmp_path / "out"
    if not (once / "out").exists():
        small = small_measured()
        asked["measured"] = replace(small, summary={**small.summary, "te": [0.03], "tr": 1.5})
        assert main(["dsc", str(series), "--out", str(out), "--quiet"]) == 0
        copytree(out, once / "out")
        copyfile(series, once / series.name)
    else:
        copytree(once / "out", out)
        copyfile(once / series.name, series)  # packed at another second the file would have another SHA-256
    return out


@contextmanager
def served(out, folder=None):
    server = viewer(*(out if isinstance(out, tuple) else (out,)), folder=folder)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def told(server, path, method="GET", body=None, **headers):
    """Code, headers and content; the path is sent as it is."""
    link = http.client.HTTPConnection(HOST, server.server_address[1], timeout=10)
    link.putrequest(method, path, skip_host="Host" in headers)
    content = b"" if body is None else json.dumps(body).encode()
    for name, value in {**headers, **({"Content-Length": str(len(content))} if body is not None else {})}.items():
        link.putheader(name.replace("_", "-"), value)
    link.endheaders(content)
    answer = link.getresponse()
    held = answer.read()
    link.close()
    return answer.status, dict(answer.headers), held


def asked_for(server, words, **more):
    code, _, content = told(server, f"/{server.token}/{words}", **more)
    assert code == 200, content
    return json.loads(content)


def rate(server, words="0/ratings", **said):
    return told(server, f"/{server.token}/{words}", "POST", said, Content_Type="application/json")


def place_of(voxel, shape=(5, 4, 3)):
    """Slice, row and column of a voxel on the grid of `small_measured`: axial, x stored from right to left."""
    i, j, k = voxel
    return f"{k}/{shape[1] - 1 - j}/{i}"


def test_the_page_is_served_to_this_machine_only(results):
    with served(results) as server:
        assert server.server_address[0] == "127.0.0.1"
        assert told(server, f"/{server.token}/", Host=f"perspect.example:{server.server_address[1]}")[0] == 403


@pytest.mark.parametrize("word", ["", "wrong", "%C3%A9"])
@pytest.mark.parametrize("rest", ["", "studies", "0/0/0.png", "ratings.tsv"])
def test_without_the_word_of_the_address_nothing_is_told(results, word, rest):
    with served(results) as server:
        assert told(server, f"/{word}/{rest}")[0] == 403


def test_every_server_has_a_word_of_its_own(results):
    with served(results) as one, served(results) as other:
        assert one.token != other.token
        assert len(one.token) >= 32


@pytest.mark.parametrize("rest", [
    "../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "0/../../dataset_description.json", "0/-1/0.png", "0/0/-1.png",
    "0/99/0.png", "9/ratings", "0/0/9.png", "0/0/0/9/0", "dataset_description.json", "%00", "0/0/%D9%A3.png",
    "0/0/0//etc",
])  # fmt: skip
def test_no_address_reaches_a_file_or_a_place_outside(results, rest):
    with served(results) as server:
        code, _, content = told(server, f"/{server.token}/{rest}")
        assert code == 400
        assert json.loads(content)["problem"]


def test_a_summary_that_names_files_elsewhere_opens_none_of_them(results):
    (path,) = results.rglob("*dsc_summary.json")
    said = json.loads(path.read_text())
    start = path.name.removesuffix("summary.json")
    outside = results.parent / f"{start}stolen.nii.gz"
    outside.write_bytes(b"secret")
    outside.with_name(f"{start}stolenstd.nii.gz").write_bytes(b"secret")
    said["files"] += [f"../{outside.name}", f"../{start}stolenstd.nii.gz", str(outside)]
    path.write_text(json.dumps(said))
    assert [one.key for one in kept(results)[0].maps] == ["rcbv", "cbf"]


def test_one_series_in_two_folders_of_results_is_told_apart(results):
    (before,) = kept(results)
    copytree(results, results.parent / "both" / "first")
    copytree(results, results.parent / "both" / "second")
    titles = [one.title for one in kept(results.parent / "both")]
    assert titles == [f"{before.title} in first", f"{before.title} in second"]


def test_a_voxel_tells_every_map_with_error_unit_and_status(results):
    maps = small_measured().maps
    with served(results) as server:
        found = asked_for(server, f"0/0/{place_of((3, 1, 2))}")
    assert found["voxel"] == [3, 1, 2]
    assert [row["symbol"] for row in found["rows"]] == ["rCBV", "CBF"]
    for row, one in zip(found["rows"], maps.values(), strict=True):
        assert row["value"] == pytest.approx(one.shown[3, 1, 2])
        assert row["std"] == pytest.approx(one.shown_std[3, 1, 2])
        assert row["unit"] == one.quantity.shown_unit
        assert (row["status"], row["is_sound"]) == ("measured", True)
    assert found["sentence"] == WITHOUT


def test_a_failed_voxel_has_no_number_and_says_why(results):
    with served(results) as server:
        rcbv, cbf = asked_for(server, f"0/0/{place_of((2, 2, 2))}")["rows"]
    assert rcbv["value"] is not None
    assert (cbf["value"], cbf["std"], cbf["is_sound"]) == (None, None, False)
    assert cbf["status"] == "the data do not determine this value"


def test_the_picture_shows_where_the_voxel_lies_that_its_place_tells(results):
    """Three colours tell it: a value, no value inside the mask, outside."""
    with served(results) as server:
        code, _, content = told(server, f"/{server.token}/0/0/0.png")
    assert code == 200
    start = content.index(b"IDAT") + 4
    lines = np.frombuffer(zlib.decompress(content[start:]), np.uint8).reshape(4, 6)[:, 1:]
    assert lines[4 - 1 - 1, 1] == 45  # (1, 1, 0) has no signal
    assert lines[4 - 1 - 1, 2] > 95  # (2, 1, 0) has a value
    assert lines[0, 0] == 0  # (0, 3, 0) is outside


def test_the_curve_is_that_of_the_very_file_that_was_measured(results, series):
    with served(results, series.parent) as server:
        found = asked_for(server, f"0/0/{place_of((3, 1, 2))}")
    signal = np.asarray(nib.load(series).dataobj)[3, 1, 2].astype(float)
    largest = (-np.log(signal / signal[:3].mean()) / 0.03).max()
    assert f"this voxel, TE 30 ms: largest value {largest:.3g} 1/s" in found["svg"]
    assert "not redrawn" in found["sentence"]


def test_another_file_of_the_same_name_gives_no_curve(results, series):
    image = nib.load(series)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj) + 1, image.affine, image.header), series)
    with served(results, series.parent) as server:
        found = asked_for(server, f"0/0/{place_of((3, 1, 2))}")
    assert found["svg"] == ""
    assert "SHA-256 differs" in found["sentence"]
    assert found["rows"][0]["value"] is not None


def save_study(folder, start, plan, maps, room="dce"):
    """A study of one voxel on disk: each map's value, in the unit of its file, with an error of nought."""
    folder.mkdir(parents=True)
    names = []
    for key, value in maps.items():
        for what, number in ((key, value), (f"{key}std", 0.0)):
            names.append(f"{start}{what}.nii.gz")
            nib.save(nib.Nifti1Image(np.full((1, 1, 1), number, np.float32), np.eye(4)), folder / names[-1])
    said = {"schema": f"perspect-{room}-summary-1", "files": names, "plan": {room: plan}, "summary": {}, "sources": {}}
    (folder / f"{start}summary.json").write_text(json.dumps(said))


def change_summary(path, **more):
    """Changes numbers of a summary on disk; `None` takes one out."""
    said = json.loads(path.read_text())
    said["summary"] = {key: one for key, one in {**said["summary"], **more}.items() if one is not None}
    path.write_text(json.dumps(said))


def saved(path, values, **side):
    """An image with its sidecar; what it must be called by is its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values, np.eye(4)), path)
    if side:
        path.with_name(f"{path.name.removesuffix('.nii.gz')}.json").write_text(json.dumps(side))
    return sha256(path.read_bytes()).hexdigest()


def study_of(out, room, sources, summary):
    """A study with a summary and sources, and no maps."""
    save_study(out, f"sub-01_desc-{room}_", {}, {}, room)
    path = out / f"sub-01_desc-{room}_summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sources": sources, "summary": summary}))
    return kept(out)[0]


def test_the_volumes_before_the_bolus_are_those_of_the_analysed_series(results, series):
    """Volume 0 was left out: the three volumes at rest are 1 to 3 of the file, and the curve begins with volume 1."""
    (path,) = results.rglob("*dsc_summary.json")
    change_summary(path, kept_volumes=list(range(1, 12)))
    found = drawn(kept(results)[0], (3, 1, 2), series.parent)
    signal = np.asarray(nib.load(series).dataobj)[3, 1, 2].astype(float)
    right, wrong = ((-np.log(signal / signal[rest].mean()) / 0.03)[1:].max() for rest in (slice(1, 4), slice(3)))
    assert f"{right:.3g}" != f"{wrong:.3g}"
    assert f"largest value {right:.3g} 1/s" in found.svg
    assert "1 volume that the run left out is not shown" in found.sentence


@pytest.mark.parametrize("wrong", [
    {"kept_volumes": [0, 12]}, {"kept_volumes": [2, 1]}, {"kept_volumes": [0, 1]}, {"kept_volumes": "all"},
    {"baseline_frames": [0, 13]}, {"baseline_frames": [0.0, 3]}, {"baseline_frames": None},
])  # fmt: skip
def test_volumes_that_the_summary_does_not_tell_rightly_give_no_curve(results, series, wrong):
    (path,) = results.rglob("*dsc_summary.json")
    change_summary(path, **wrong)
    found = drawn(kept(results)[0], (3, 1, 2), series.parent)
    assert found.svg == ""
    assert "summary" in found.sentence


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_series_under_any_name_is_the_only_source_with_several_volumes(tmp_path, is_alone):
    raw, values = tmp_path / "raw", np.random.default_rng(3).uniform(500, 900, (2, 2, 2, 12)).astype(np.float32)
    sources = {"perfusion.nii.gz": saved(raw / "perfusion.nii.gz", values, EchoTime=0.03, RepetitionTime=1.5)}
    sources["mask.nii.gz"] = saved(raw / "mask.nii.gz", np.ones((2, 2, 2) if is_alone else (2, 2, 2, 2), np.float32))
    study = study_of(tmp_path / "out", "dsc", sources, {"te": [0.03], "tr": 1.5, "baseline_frames": [0, 3]})
    found = drawn(study, (0, 0, 0), raw)
    assert ("<svg" in found.svg) == is_alone
    assert is_alone or "2 of them have more than one volume" in found.sentence
    (raw / "mask.nii.gz").unlink()
    assert "mask.nii.gz is not in the folder" in drawn(study, (0, 0, 0), raw).sentence


def test_a_series_is_found_by_what_it_holds_where_it_has_another_name(tmp_path):
    """A study that was asked by a role map calls its series by names of its own."""
    raw, values = tmp_path / "raw", np.random.default_rng(3).uniform(500, 900, (2, 2, 2, 12)).astype(np.float32)
    digest = saved(raw / "img07.nii.gz", values, EchoTime=0.03, RepetitionTime=1.5)
    saved(raw / "img08.nii.gz", values + 1.0, EchoTime=0.03, RepetitionTime=1.5)
    study = study_of(
        tmp_path / "out", "dsc", {"dsc.nii.gz": digest}, {"te": [0.03], "tr": 1.5, "baseline_frames": [0, 3]}
    )
    assert "<svg" in drawn(study, (0, 0, 0), raw).svg
    (raw / "img07.nii.gz").unlink()
    assert "dsc.nii.gz is not in the folder" in drawn(study, (0, 0, 0), raw).sentence


def test_a_series_that_is_changed_while_the_page_is_open_is_read_again(results, series):
    study = kept(results)[0]
    assert drawn(study, (3, 1, 2), series.parent).svg
    whole = series.read_bytes()
    nib.save(nib.Nifti1Image(np.ones((5, 4, 3, 12), np.int16), np.eye(4)), series)
    assert "SHA-256 differs" in drawn(study, (3, 1, 2), series.parent).sentence
    series.write_bytes(whole)
    assert drawn(study, (3, 1, 2), series.parent).svg


def labelled(tmp_path, summary, **side):
    """A study of ASL with two slices and two delays, and the folder of its series."""
    raw = tmp_path / "raw"
    values = np.random.default_rng(5).uniform(100, 200, (2, 2, 2, 8)).astype(np.float32)
    said = {
        "ArterialSpinLabelingType": "PCASL", "PostLabelingDelay": [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0],
        "LabelingDuration": 1.8, "RepetitionTimePreparation": 5.0, "EchoTime": 0.01, "SliceTiming": [0.0, 0.25],
        "MRAcquisitionType": "2D",
    }  # fmt: skip
    said = {key: one for key, one in {**said, **side}.items() if one is not None}
    sources = {"sub-01_asl.nii.gz": saved(raw / "sub-01_asl.nii.gz", values, **said)}
    (raw / "sub-01_aslcontext.tsv").write_text("volume_type\n" + "control\nlabel\n" * 4)
    return study_of(tmp_path / "out", "asl", sources, {"labelling": "PCASL", **summary}), raw


def at_delays(monkeypatch):
    """Where the points of the last drawing lie."""
    seen = []
    monkeypatch.setattr("perspect.app.view.curves.drawing", lambda curves, *_: seen.append(curves) or "<svg>")
    return lambda: seen[-1]["difference"].times


def test_a_delay_is_that_of_the_slice_of_the_voxel(tmp_path, monkeypatch):
    where = at_delays(monkeypatch)
    study, raw = labelled(tmp_path, {"delays": [1.0, 2.0]})
    assert "read" not in drawn(study, (0, 0, 0), raw).sentence
    np.testing.assert_allclose(where(), [1.0, 2.0])
    assert "0.25 s after the first" in drawn(study, (0, 0, 1), raw).sentence
    np.testing.assert_allclose(where(), [1.25, 2.25])


def test_delays_are_those_of_the_run_or_none(tmp_path, monkeypatch):
    """One delay given by hand is that of all pairs; of several it is not known which is whose."""
    where = at_delays(monkeypatch)
    study, raw = labelled(tmp_path / "one", {"delays": [1.5]}, PostLabelingDelay=None)
    assert drawn(study, (0, 0, 0), raw).svg, drawn(study, (0, 0, 0), raw).sentence
    np.testing.assert_allclose(where(), [1.5])
    for name, summary, side in (
        ("other", {"delays": [1.0, 2.2]}, {}),
        ("less", {"delays_acquired": [1.0, 2.0, 3.0]}, {}),
        ("unsaid", {}, {}),
        ("none", {"delays": [1.0, 2.0]}, {"PostLabelingDelay": None}),
    ):
        study, raw = labelled(tmp_path / name, summary, **side)
        found = drawn(study, (0, 0, 0), raw)
        assert found.svg == ""
        assert "elay" in found.sentence and "--" not in found.sentence


def test_a_sidecar_that_is_changed_while_the_page_is_open_is_read_again(tmp_path, series):
    side = series.with_name("sub-01_dsc.json")
    assert series_at(series).acquisition.te == 0.03
    side.write_text(json.dumps({"EchoTime": 0.045, "RepetitionTime": 1.5}))
    assert series_at(series).acquisition.te == 0.045
    study, raw = labelled(tmp_path / "asl", {"delays": [1.0, 2.0]})
    assert drawn(study, (0, 0, 0), raw).svg
    side = raw / "sub-01_asl.json"
    side.write_text(side.read_text().replace("2.0", "2.25"))
    assert "The delays of the run are not those" in drawn(study, (0, 0, 0), raw).sentence


def test_of_several_echoes_the_first_is_said_to_be_drawn(tmp_path):
    study, raw = labelled(tmp_path, {"delays": [1.0]}, PostLabelingDelay=1.0, EchoTime=[0.01] * 4 + [0.03] * 4)
    assert "Of several echoes the first is drawn" in drawn(study, (0, 0, 0), raw).sentence


def test_the_model_of_a_voxel_is_redrawn_from_what_was_written(tmp_path):
    times = np.arange(0.0, 60.0, 2.0)
    plasma = 4.0 * np.exp(-(((times - 20.0) / 6.0) ** 2))
    folder, start = tmp_path / "perf", "sub-01_desc-dce_"
    save_study(folder, start, {}, {"model": 3, "ktrans": 0.12, "ve": 0.25, "vp": 0.04})  # Ktrans in 1/min
    rows = "\n".join(f"{t:.9g}\t{c:.9g}" for t, c in zip(times, plasma, strict=True))
    (folder / f"{start}aif.tsv").write_text(f"time\tcb\n{rows}\n")
    side = folder / f"{start}aif.json"
    side.write_text(json.dumps({"Columns": {"cb": {"Description": "arterial plasma", "Units": "mM"}}}))
    (study,) = kept(tmp_path)
    truth = ExtendedTofts(times, plasma).predict(np.array([0.002, 0.25, 0.04]))  # Ktrans in 1/s
    np.testing.assert_allclose(redrawn(study, (0, 0, 0)).values, truth, rtol=1e-6, atol=1e-9)
    side.write_text(json.dumps({"Columns": {"cb": {"Description": "arterial blood", "Units": "mM"}}}))
    with pytest.raises(Unseen, match="plasma"):
        redrawn(study, (0, 0, 0))


@pytest.mark.parametrize(("plan", "maps"), [
    ({"water": "shutter"}, {"model": 3, "ktrans": 0.1, "ve": 0.2, "vp": 0.1}),
    ({}, {"model": 3, "ktrans": 0.1, "ve": np.nan, "vp": 0.1}),
    ({}, {"model": 3, "ktrans": 0.1, "vp": 0.1}),
    ({}, {"model": np.nan, "ktrans": 0.1, "ve": 0.2, "vp": 0.1}),
])  # fmt: skip
def test_a_model_is_not_redrawn_from_less_than_it_needs(tmp_path, plan, maps):
    save_study(tmp_path / "perf", "desc-dce_", plan, maps)
    with pytest.raises(Unseen):
        redrawn(kept(tmp_path)[0], (0, 0, 0))


@pytest.mark.parametrize("n", [2048, 2000])  # a fit may use fewer points than the file has
def test_a_written_spectrum_is_drawn_as_it_was_fitted(tmp_path, n):
    like = Spectra(np.zeros((1, 1, 1, 1024), complex), 5e-4, 123.2e6, Grid((1, 1, 1), np.eye(4)))
    whole = 4.65 - np.fft.fftfreq(n, 5e-4) / 123.2
    ppm = np.sort(whole[(whole >= 0.2) & (whole <= 4.2)])[::-1]

    def truth(at):
        line = 1.0 / (1.0 + ((at - 2.01) / 0.03) ** 2)
        return line, 0.9 * line, 0.05 * np.sin(np.pi * (at - 0.2) / 4.0) ** 2, 0.1 * line

    values = np.stack([in_time(ppm, row, like) for row in truth(ppm)], axis=1)[None, None, None]
    save_study(tmp_path / "mrs", "desc-fit_", {"low": 0.2, "high": 4.2}, {}, "mrs")
    path = tmp_path / "mrs" / "desc-fit_mrs.nii.gz"
    path.write_bytes(nifti_mrs(values, like, {}, ("DIM_USER_0",)))
    summary = tmp_path / "mrs" / "desc-fit_summary.json"
    summary.write_text(json.dumps({**json.loads(summary.read_text()), "files": [path.name]}))
    said = json.loads(summary.read_text())
    fitted = fitted_spectrum(kept(tmp_path)[0])
    inside = (fitted.ppm > 0.5) & (fitted.ppm < 3.9)  # the baseline ends with a corner at the ends of the window
    for found, wanted in zip((fitted.data, fitted.fit, fitted.baseline), truth(fitted.ppm), strict=False):
        np.testing.assert_allclose(found[inside], wanted[inside], atol=1e-3)  # the lines are cut off at the window
    summary.write_text(json.dumps({**said, "plan": {"mrs": {"low": 0.2}}}))
    with pytest.raises(Unseen, match="window"):
        fitted_spectrum(kept(tmp_path)[0])


def image_of_spectra(folder):
    """An image of 3 x 2 voxels on disk, of which two were fitted, one of these refused; and what was fitted."""
    like = Spectra(np.zeros((3, 2, 1, 512), complex), 8e-4, 123.2e6, Grid((3, 2, 1), np.diag([10.0, 10.0, 15.0, 1.0])))
    whole = 4.65 - np.fft.fftfreq(750, 8e-4) / 123.2
    ppm = np.sort(whole[(whole >= 0.2) & (whole <= 4.2)])[::-1]
    rng = np.random.default_rng(0)
    fits = {}
    for place, size in (((0, 1, 0), 1.0), ((2, 0, 0), 3.0)):
        line = size / (1.0 + ((ppm - 2.01) / 0.03) ** 2)
        base = 0.1 * size * np.sin(np.pi * (ppm - 0.2) / 4.0) ** 2
        noisy = line + base + rng.normal(0, 0.02, ppm.size)
        fits[place] = FittedSpectrum(ppm, noisy, line + base, base, {}, 0.02 * size, 0.004 * size)
    wide = Region(np.arange(6).reshape(3, 2, 1) == 4, like.grid, "lines too wide (shim)")
    save_study(folder, "desc-mrsi_", {"low": 0.2, "high": 4.2}, {"tNAA": 1.0}, "mrs")
    path = folder / "desc-mrsi_mrs.nii.gz"
    path.write_bytes(grid_file(fits, {"unusable: lines": wide}, like, "0", ()))
    summary = folder / "desc-mrsi_summary.json"
    said = json.loads(summary.read_text())
    summary.write_text(json.dumps({**said, "files": [*said["files"], path.name]}))
    return fits


def test_every_voxel_of_an_image_opens_its_own_spectrum_or_says_why_there_is_none(tmp_path):
    fits = image_of_spectra(tmp_path / "mrs")
    (study,) = kept(tmp_path)
    for place, wanted in fits.items():
        found = spectrum_at(study, place)
        inside = (found.ppm > 0.5) & (found.ppm < 3.9)
        for row in ("data", "fit", "baseline"):
            expected = np.interp(found.ppm[::-1], wanted.ppm[::-1], getattr(wanted, row)[::-1])[::-1]
            np.testing.assert_allclose(getattr(found, row)[inside], expected[inside], atol=3e-3)
        assert (found.noise, found.off) == pytest.approx((wanted.noise, wanted.off), rel=1e-4)
    assert drawn(study, (0, 1, 0), None).refused == ""
    refused = drawn(study, (2, 0, 0), None)
    assert refused.svg and refused.refused == "lines too wide (shim)"
    assert refused.sentence.startswith("Not to be interpreted: lines too wide (shim).")
    nothing = drawn(study, (1, 1, 0), None)
    assert (nothing.svg, nothing.sentence) == ("", "Nothing was fitted here: outside of the brain.")


def test_spectra_that_were_not_fitted_are_no_zeros_on_disk(tmp_path):
    fits = image_of_spectra(tmp_path / "mrs")
    values = np.asanyarray(nib.load(tmp_path / "mrs" / "desc-mrsi_mrs.nii.gz").dataobj)
    has_numbers = np.isfinite(values).all(axis=(3, 4))
    assert {tuple(int(k) for k in place) for place in np.argwhere(has_numbers)} == set(fits)
    assert np.isnan(values[~has_numbers]).all()


def test_what_is_rounded_of_the_spectra_of_an_image_is_far_below_their_noise(tmp_path):
    fits = image_of_spectra(tmp_path / "mrs")
    signals = read_nifti_mrs(tmp_path / "mrs" / "desc-mrsi_mrs.nii.gz")
    for place, wanted in fits.items():
        exact = in_time(wanted.ppm, np.stack([wanted.data, wanted.residual]), signals)
        off = (signals.values[place].T[0] - exact[0]).real.std()
        assert 0 < off < 0.01 * exact[1].real.std()


def test_in_a_browser_a_click_on_an_image_of_spectra_draws_that_of_the_voxel(tmp_path):
    fits = image_of_spectra(tmp_path / "mrs")
    affine, number = np.diag([10.0, 10.0, 15.0, 1.0]), np.full((3, 2, 1), np.nan, np.float32)
    number[0, 1, 0] = 8.0
    for what in ("tNAA", "tNAAstd"):
        nib.save(nib.Nifti1Image(number, affine), tmp_path / "mrs" / f"desc-mrsi_{what}.nii.gz")
    # Of a picture of 3 x 2 voxels the first of y is at the bottom, and the first of x (the most left) on the right.
    clicked = """(([row, column]) => {
        const box = document.getElementById("slice").getBoundingClientRect();
        document.getElementById("frame").dispatchEvent(new MouseEvent("click", {bubbles: true,
            clientX: box.left + box.width * (column + 0.5) / 3, clientY: box.top + box.height * (row + 0.5) / 2}));
    })"""
    drawn_now = "document.querySelectorAll('#curve svg').length"
    with served(tmp_path) as server, browser() as page:
        page.open(server.address, "document.getElementById('where').textContent.startsWith('Voxel')")
        for place, row, column in (((0, 1, 0), 0, 2), ((2, 0, 0), 1, 0), ((1, 1, 0), 0, 1)):
            page.value(f"{clicked}([{row}, {column}])")
            name = f"Voxel {', '.join(map(str, place))}"
            page.open(f"{server.address}#", f"document.getElementById('where').textContent === '{name}'")
            assert page.value(drawn_now) == (place in fits)
            is_warned = page.value("document.getElementById('sentence').classList.contains('warn')")
            assert is_warned == (place == (2, 0, 0))
            told = page.value("document.querySelector('#rows .status').textContent")
            assert ("not used: lines too wide (shim)" in told) == is_warned
        assert page.complaints == []


def test_the_borders_of_the_regions_lie_where_their_masks_do(results):
    with served(results) as server:
        (lined,) = (one for one in asked_for(server, "0/0/1/outlines") if one["kind"] == "aif")
        assert told(server, f"/{server.token}/0/0/9/outlines")[0] == 400
    # (2, 1, 1) alone: row 4 - 1 - 1, column 2 of the picture.
    assert lined["path"] == "M2 2h1M2 3h1M2 2v1M3 2v1"


def test_a_mask_of_another_grid_is_not_drawn(results):
    path = next(results.rglob("*desc-aif_mask.nii.gz"))
    nib.Nifti1Image(np.ones((2, 2, 2), np.uint8), np.eye(4)).to_filename(path)
    with served(results) as server:
        assert "aif" not in {one["kind"] for one in asked_for(server, "0/0/1/outlines")}


def test_a_rating_is_kept_with_its_study_and_exported(results, tmp_path, capsys):
    with served(results) as server:
        assert rate(server, rater=" ab ", rating=4, comment="Ghost\tin\nslice 2")[0] == 200
        assert rate(server, rater="cd", rating=None, comment="<b>& agreed</b>")[0] == 200
        code, _, table = told(server, f"/{server.token}/ratings.tsv")
    (one, other) = ratings(results)
    assert (one.rater, one.rating, one.comment) == ("ab", 4, "Ghost\tin\nslice 2")
    assert one.study == other.study == kept(results)[0].key
    head, first, second = table.decode().splitlines()
    assert head.split("\t") == ["study", "rater", "when", "rating", "comment"]
    assert first.split("\t")[3:] == ["4", "Ghost\\tin\\nslice 2"]
    assert second.split("\t")[3:] == ["n/a", "<b>& agreed</b>"]
    assert code == 200
    assert main(["view", str(results), "--export", str(tmp_path / "all.tsv")]) == 0
    assert (tmp_path / "all.tsv").read_bytes() == table
    assert main(["view", str(results), "--export", str(tmp_path / "all.tsv")]) == 2
    assert "already there" in capsys.readouterr().err


@pytest.mark.parametrize(("rater", "comment", "what"), [
    (" ", "good", "Who rates"), ("a" * 81, "good", "name of the reader"), ("ab", "x" * 10_001, "comment"),
])  # fmt: skip
def test_a_rating_says_which_of_its_words_is_wrong(rater, comment, what):
    with pytest.raises(Problem, match=what):
        Rating("study", rater, "2024-01-01T00:00:00+00:00", 3, comment)


@pytest.mark.parametrize("said", [
    {"rater": "ab", "rating": 6}, {"rater": "ab", "rating": 0}, {"rater": "ab", "rating": True},
    {"rater": " ", "rating": 3},
    {"rater": "ab"}, {"rater": "ab", "rating": 3, "comment": 5}, {"rater": "ab", "comment": "x" * 20_000},
])  # fmt: skip
def test_what_is_no_rating_is_refused_and_not_kept(results, said):
    with served(results) as server:
        code, _, content = rate(server, **said)
    assert code == 400
    assert json.loads(content)["problem"]
    assert not (results / FILE).exists()


def test_a_rating_needs_the_word_and_a_form_of_another_page_cannot_send_one(results):
    with served(results) as server:
        assert (
            told(server, "/wrong/0/ratings", "POST", {"rater": "a", "rating": 1}, Content_Type="application/json")[0]
            == 403
        )
        address = f"/{server.token}/0/ratings"
        assert told(server, address, "POST", {"rater": "a", "rating": 1}, Content_Type="text/plain")[0] == 400
    assert not (results / FILE).exists()


def test_a_policy_lets_only_our_script_run_and_reach_only_this_server(results):
    with served(results) as server:
        _, headers, page = told(server, f"/{server.token}/")
    policy = headers["Content-Security-Policy"]
    text = re.search(rb"<script>(.*)</script>", page, re.DOTALL)[1]
    assert f"'sha256-{b64encode(sha256(text).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    assert not [link for link in re.findall(rb"(?:src|href)=\"([^\"]+)", page) if urlsplit(link).netloc]
    assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("no-referrer", "no-store")


def test_in_a_browser_keys_move_the_cross_and_nothing_else_is_asked_for(results, series):
    with served(results, series.parent) as server, browser() as page:
        page.open(server.address, "document.querySelectorAll('#rows tr').length === 2")
        start = page.value("document.getElementById('where').textContent")
        page.value("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true}))")
        page.open(f"{server.address}#", f"document.getElementById('where').textContent !== '{start}'")  # the same page
        assert page.value("document.querySelectorAll('#curve svg').length") == 1
        page.value("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '2', bubbles: true}))")
        assert page.value("document.querySelector('#maps [aria-pressed=true]').textContent") == "2CBF"
        shown = "getComputedStyle(document.getElementById('lines')).display"
        page.open(f"{server.address}#", "document.querySelectorAll('#lines path.reference').length === 1")
        assert page.value(shown) != "none"
        page.value("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'o', bubbles: true}))")
        assert page.value(shown) == "none"
        assert page.complaints == []
        assert all(url.startswith(server.address) for url in page.asked_for)


def copied(results, other, **changed):
    """The same results in another folder, as those of another file or subject."""
    copytree(results, other)
    for path in other.rglob("*_summary.json"):
        said = json.loads(path.read_text())
        path.write_text(json.dumps({**said, **changed}))
    return other


def test_a_place_is_linked_where_two_studies_rest_on_one_image(results, tmp_path):
    """Slice, row and column in the other study; its images are stored the other way round and one voxel shorter."""
    other = copied(results, tmp_path / "other")
    for path in other.rglob("*_desc-dsc_*.nii.gz"):
        image = nib.load(path)
        turned = nib.Nifti1Image(np.asarray(image.dataobj)[::-1, :, :2], image.affine @ turn(5), image.header)
        nib.save(turned, path)
    with served((results, other)) as server:
        for voxel in ((0, 1, 0), (4, 3, 1), (2, 0, 1)):
            told = asked_for(server, f"0/0/{place_of(voxel)}/in/1/0")
            assert told == {"linked": True, "place": [int(one) for one in place_of(voxel).split("/")], "why": ""}
        outside = asked_for(server, f"0/0/{place_of((0, 0, 2))}/in/1/0")
    assert outside["linked"] and outside["place"] is None and "outside of its image" in outside["why"]


def turn(n):
    """From voxels counted from the other end of the first axis, of `n`, to those as they were."""
    return np.array([[-1.0, 0, 0, n - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


@pytest.mark.parametrize(("sources", "is_linked"), [
    ({"sub-01_dsc.nii.gz": "ff"}, False), ({"sub-01_T1w.nii.gz": "ee"}, True), ({"sub-01_dsc.json": "dd"}, True),
])  # fmt: skip
def test_one_label_in_two_data_sets_is_linked_unless_a_source_says_otherwise(results, tmp_path, sources, is_linked):
    other = copied(results, tmp_path / "other", sources=sources)
    with served((results, other)) as server:
        told = asked_for(server, f"0/0/{place_of((1, 1, 1))}/in/1/0")
    assert (told["linked"], told["place"] is not None) == (is_linked, is_linked)
    assert is_linked or "another patient or day" in told["why"]


def test_another_subject_is_never_linked(results, tmp_path):
    other = copied(results, tmp_path / "other", sources={"basis.nii.gz": "aa"})
    for path in sorted(other.rglob("sub-01*"), key=lambda one: -len(one.parts)):
        path.rename(path.with_name(path.name.replace("sub-01", "sub-02")))
    (path,) = other.rglob("*_summary.json")
    path.write_text(path.read_text().replace("sub-01", "sub-02"))
    with served((results, other)) as server:
        assert not asked_for(server, f"0/0/{place_of((1, 1, 1))}/in/1/0")["linked"]


def test_a_map_beside_another_is_drawn_on_its_scale(results, tmp_path):
    other = copied(results, tmp_path / "other")
    for folder, high in ((results, 0.02), (other, 0.05)):
        (path,) = folder.rglob("*rcbv.json")
        path.write_text(json.dumps({**json.loads(path.read_text()), "Window": [0, high]}))
    with served((results, other)) as server:
        own, beside = (told(server, f"/{server.token}/{words}")[2] for words in ("0/0/1.png", "1/0/1/as/0/0.png"))
        assert own == beside != told(server, f"/{server.token}/1/0/1.png")[2]
        # Another quantity keeps its own scale.
        ours = [told(server, f"/{server.token}/{words}")[2] for words in ("0/1/1.png", "0/1/1/as/0/0.png")]
        assert ours[0] == ours[1]


def test_ratings_of_several_folders_lie_in_each_and_are_exported_together(results, tmp_path):
    other = copied(results, tmp_path / "other")
    with served((results, other)) as server:
        assert rate(server, "0/ratings", rater="ab", rating=4, comment="")[0] == 200
        assert rate(server, "1/ratings", rater="ab", rating=2, comment="")[0] == 200
        table = told(server, f"/{server.token}/ratings.tsv")[2].decode()
    assert [len(ratings(one)) for one in (results, other)] == [1, 1]
    assert [line.split("/")[0] for line in table.splitlines()[1:]] == ["out", "other"]
    assert main(["view", str(results), str(other), "--export", str(tmp_path / "all.tsv")]) == 0
    assert (tmp_path / "all.tsv").read_text() == table


def test_in_a_browser_a_study_beside_follows_the_cross_both_ways(results, series, tmp_path):
    other = copied(results, tmp_path / "other")
    value = "document.querySelector('.other .value').textContent"
    with served((results, other), series.parent) as server, browser() as page:
        page.open(server.address, "document.querySelectorAll('#rows tr').length === 2")
        page.value("document.querySelectorAll('#studies .add')[1].click()")
        page.open(f"{server.address}#", f"{value}.includes('rCBV')")
        assert page.value("document.querySelectorAll('.other .frame b')[0].textContent") == "R"
        assert page.value("document.querySelectorAll('#curves svg').length") == 2
        for move in ("ArrowLeft", "PageUp"):
            page.value(f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: '{move}', bubbles: true}}))")
        ours = "document.getElementById('where').textContent.slice(6)"
        theirs = "document.querySelector('#curves .sentence').textContent"
        page.open(f"{server.address}#", f"{theirs}.startsWith('Voxel ' + {ours} + '.')")
        before = page.value(ours)
        corner = "const {left, top} = frame.getBoundingClientRect(), at = {clientX: left + 2, clientY: top + 2}; "
        click = "frame.dispatchEvent(new MouseEvent('click', {...at, bubbles: true}))"
        page.value(f"(() => {{ const frame = document.querySelector('.other .frame'); {corner}{click} }})()")
        page.open(f"{server.address}#", f"{ours} !== {json.dumps(before)} && {theirs}.startsWith('Voxel ' + {ours})")
        page.value("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '2', bubbles: true}))")
        page.open(f"{server.address}#", f"{value}.includes('CBF')")
        page.value("document.querySelector('.other button').click()")
        assert page.value("document.querySelectorAll('.other').length") == 0
        assert page.complaints == []
        assert all(url.startswith(server.address) for url in page.asked_for)


HOLDING = """
const real = window.fetch;
window.held = []; window.holds = /hung$/;
window.fetch = (address, more) => window.holds.test(address)
  ? new Promise((go) => window.held.push(go)).then(() => real(address, more)) : real(address, more);
"""
"""A browser's fetch that keeps some answers back until `held` are let go."""

RELEASED = "(async () => { for (const go of held.splice(0)) go(); await new Promise((go) => setTimeout(go, 500)); })()"


def test_in_a_browser_an_answer_that_comes_late_is_not_shown_for_another_study(results):
    save_study(results / "other", "sub-02_desc-fit_", {}, {}, "mrs")
    names = [one.title for one in kept(results)]
    late = names.index("sub-02")
    with served(results) as server, browser() as page:
        assert rate(server, f"{late}/ratings", rater="ab", rating=1, comment="of the other")[0] == 200
        page.call("Page.addScriptToEvaluateOnNewDocument", source=HOLDING)
        page.open(server.address, f"document.querySelectorAll('#studies li').length === {len(names)}")
        page.value(f"document.querySelectorAll('#studies li > :first-child')[{1 - late}].click()")
        page.open(f"{server.address}#", "held.length > 0")
        page.value("document.getElementById('frame').click()")  # nothing hangs yet
        page.value("document.getElementById('number').dispatchEvent(new Event('input'))")
        page.value(RELEASED)
        page.open(f"{server.address}#", "document.querySelectorAll('#rows tr').length === 2")
        page.value("holds = /ratings$/")
        page.value(f"document.querySelectorAll('#studies li > :first-child')[{late}].click()")
        page.value("holds = /none/")
        page.value(f"document.querySelectorAll('#studies li > :first-child')[{1 - late}].click()")
        page.open(f"{server.address}#", "document.querySelectorAll('#rows tr').length === 2")
        page.value(RELEASED)
        assert page.value("document.getElementById('said').textContent") == ""
        assert "Voxel" in page.value("document.getElementById('where').textContent")
        assert page.complaints == []


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_results_is_one_clear_problem(tmp_path, capsys, there):
    folder = tmp_path if there else tmp_path / "none"
    (tmp_path / "other_summary.json").write_text('{"schema": "someone-elses"}')
    assert main(["view", str(folder), "--no-browser"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert ("holds no results" if there else "There is no folder") in said


def test_a_port_that_is_taken_is_said(results):
    with served(results) as server, pytest.raises(Problem, match="cannot be used"):
        viewer(results, port=server.server_address[1])
