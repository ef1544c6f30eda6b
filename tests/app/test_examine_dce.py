"""`perspect dce` and `perspect t1` from files to files, on small made images."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

import made_dce as made
from made_dicom import write
from perspect.cli import main
from perspect.models import Hifi

SHAPE = (10, 10, 3)
ANGLES = (2.0, 5.0, 10.0, 15.0)
AFFINE = np.diag([2.0, 2.0, 4.0, 1.0])


def volume(values):
    return np.asarray(values).reshape(*SHAPE, *np.shape(values)[1:]).astype(np.float32)


def save(folder, name, values, **sidecar):
    folder.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(volume(values), AFFINE), folder / f"{name}.nii.gz")
    if sidecar:
        (folder / f"{name}.json").write_text(json.dumps(sidecar))


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "sub-01"
    p, t1, b1, c = made.tissue(int(np.prod(SHAPE)))
    common = {"RepetitionTimeExcitation": made.TR, "MagneticFieldStrength": 3, "EchoTime": 0.002}
    curves = made.signal(c, t1, b1)
    save(root / "perf", "sub-01_dce", curves, FlipAngle=15, VolumeTiming=made.TIMES.tolist(), **common)
    for i, angle in enumerate(ANGLES):
        image = made.signal(np.zeros((t1.size, 1)), t1, b1, angle=np.deg2rad(angle))[:, 0]
        save(root / "anat", f"sub-01_flip-{i + 1}_VFA", image, FlipAngle=angle, **common)
    save(root / "fmap", "sub-01_TB1map", 100.0 * b1)  # in per cent, as BIDS has it
    rows = "".join(f"{t}\t{cp}\n" for t, cp in zip(made.TIMES, made.plasma(), strict=True))
    (root.parent / "aif.tsv").write_text("time\tcp\n" + rows)
    return root, p


def run(patient, out, *words):
    root, _ = patient
    aif = () if "--aif" in words else ("--aif", str(root.parent / "aif.tsv"))
    exact = ["--set", "dce.region=all", "--set", "dce.r2star_tissue=0", "--no-motion", "--quiet"]
    return main(["dce", str(root), "--out", str(out), *aif, *exact, *words])


def loaded(out, name):
    return nib.load(out / "sub-01" / "perf" / f"sub-01_desc-dce_{name}.nii.gz").get_fdata()


def test_a_brain_mask_of_another_grid_is_laid_on_the_series(patient, tmp_path):
    mask = np.zeros((20, 20, 6), np.float32)
    mask[4:16, 4:16] = 1.0
    finer = AFFINE @ np.diag([0.5, 0.5, 0.5, 1.0])
    finer[:3, 3] = -0.25 * np.diag(AFFINE)[:3]
    nib.save(nib.Nifti1Image(mask, finer), tmp_path / "brain.nii.gz")
    root = patient[0]
    call = ["dce", root, "--out", tmp_path / "out", "--aif", root.parent / "aif.tsv", "--model", "patlak", "--no-delay"]
    assert main([*map(str, call), "--brain-mask", str(tmp_path / "brain.nii.gz"), "--no-motion", "--quiet"]) == 0
    known = np.isfinite(loaded(tmp_path / "out", "ktrans"))
    np.testing.assert_array_equal(known.any(axis=2), mask[::2, ::2].any(axis=2))
    (summary,) = (tmp_path / "out").rglob("*desc-dce_summary.json")
    assert "mask-resampled" in summary.read_text()


def test_a_folder_becomes_maps_with_errors_status_sidecars_summary_and_page(patient, tmp_path):
    assert run(patient, tmp_path, "--model", "extended-tofts", "--no-delay") == 0
    for key, true in zip(("ktrans", "ve", "vp"), (patient[1] * [60.0, 1.0, 1.0]).T, strict=True):
        np.testing.assert_allclose(loaded(tmp_path, key), volume(true), rtol=2e-3)
        assert np.isfinite(loaded(tmp_path, f"{key}std")).all()
    side = json.loads((tmp_path / "sub-01" / "perf" / "sub-01_desc-dce_ktrans.json").read_text())
    assert (
        side["Units"] == "1/min"
        and side["Model"] == "extended-tofts (CAPLEX M.IC1.005)"
        and side["AIF"] == "given as cp"
    )
    assert side["Plan"]["dce"]["hct"] == 0.42
    assert len(side["Sources"]) >= 7  # series, its sidecar, four angles, B1, the input
    summary = json.loads((tmp_path / "sub-01" / "perf" / "sub-01_desc-dce_summary.json").read_text())
    assert summary["schema"] == "perspect-dce-summary-1"
    assert "DCE leakage" in (tmp_path / "sub-01.html").read_text()


def test_maps_of_the_choice_say_between_which_models_and_by_which_input_it_was_made(patient, tmp_path):
    assert run(patient, tmp_path, "--model", "auto", "--no-delay") == 0
    side = {
        key: json.loads((tmp_path / "sub-01" / "perf" / f"sub-01_desc-dce_{key}.json").read_text())
        for key in ("model", "modelweight", "aiccPatlak", "aiccVascular", "iaugc90", "iaugcbn90")
    }
    assert side["aiccPatlak"]["Model"] == "patlak (CAPLEX M.IC1.006)"
    assert side["modelweight"]["Model"] == side["model"]["Model"] and "patlak" in side["model"]["Model"]
    assert {key for key, one in side.items() if one.get("AIF") == "given as cp"} == set(side) - {"iaugc90"}


def test_one_t1_for_all_is_taken_and_said(patient, tmp_path):
    assert run(patient, tmp_path, "--t1", "1.3", "--model", "patlak", "--no-delay") == 0
    text = (tmp_path / "sub-01" / "perf" / "sub-01_desc-dce_summary.json").read_text()
    assert "one T1 of 1.3 s for all tissue" in text
    assert (loaded(tmp_path, "T1map") == np.float32(1.3)).all()


def test_milliseconds_and_a_missing_t1_are_refused_before_anything_is_written(patient, tmp_path, capsys):
    assert run(patient, tmp_path, "--t1", "1300") == 2
    assert "--t1 1.4" in capsys.readouterr().err
    alone = tmp_path / "alone_dce.nii.gz"
    (alone.parent / alone.name).write_bytes((patient[0] / "perf" / "sub-01_dce.nii.gz").read_bytes())
    assert main(["dce", str(alone), "--out", str(tmp_path / "out"), "--tr", "0.005", "--flip-angle", "15"]) == 2
    assert not (tmp_path / "out").exists()


def test_flip_angles_become_a_map_of_t1(patient, tmp_path):
    images = [str(one) for one in sorted((patient[0] / "anat").glob("*.nii.gz"))]
    b1 = str(patient[0] / "fmap" / "sub-01_TB1map.nii.gz")
    assert main(["t1", *images, "--out", str(tmp_path), "--b1", b1, "--quiet"]) == 0
    found = nib.load(tmp_path / "sub-01" / "perf" / "sub-01_desc-t1_T1map.nii.gz").get_fdata()
    _, t1, _, _ = made.tissue(int(np.prod(SHAPE)))
    np.testing.assert_allclose(found, volume(t1), rtol=1e-3)
    assert "T1 map" in (tmp_path / "sub-01.html").read_text()


def test_images_at_flip_angles_are_named_one_behind_the_other(patient, tmp_path):
    root, aif = patient[0], str(patient[0].parent / "aif.tsv")
    images = [str(path) for path in sorted((root / "anat").glob("*_VFA.nii.gz"))]
    b1 = ("--b1", str(root / "fmap" / "sub-01_TB1map.nii.gz"))
    words = ("--aif", aif, "--set", "dce.region=all", "--no-motion", "--quiet", "--model", "tofts", "--no-delay", *b1)
    series = str(root / "perf" / "sub-01_dce.nii.gz")
    assert main(["dce", series, "--out", str(tmp_path / "named"), *words, "--vfa", *images]) == 0
    assert run(patient, tmp_path / "found", "--model", "tofts", "--no-delay") == 0
    np.testing.assert_array_equal(loaded(tmp_path / "named", "T1map"), loaded(tmp_path / "found", "T1map"))


def test_a_population_replaces_the_input_by_name(patient, tmp_path):
    root, _ = patient
    words = ["--aif", "parker", "--set", "dce.region=all", "--no-motion", "--quiet", "--model", "patlak"]
    assert main(["dce", str(root), "--out", str(tmp_path), *words]) == 0
    text = (tmp_path / "sub-01" / "perf" / "sub-01_desc-dce_summary.json").read_text()
    assert "doi:10.1002/mrm.21066" in text


def test_the_input_that_is_written_is_plasma_and_gives_the_same_ktrans_when_it_is_read_again(patient, tmp_path):
    words = ["--model", "patlak", "--no-delay"]
    assert run(patient, tmp_path / "a", *words) == 0
    written = tmp_path / "a" / "sub-01" / "perf" / "sub-01_desc-dce_aif.tsv"
    assert written.read_text().splitlines()[0].split("\t") == ["time", "cp"]
    assert run(patient, tmp_path / "b", *words, "--aif", str(written)) == 0
    np.testing.assert_allclose(loaded(tmp_path / "b", "ktrans"), loaded(tmp_path / "a", "ktrans"), rtol=1e-4, atol=1e-7)


def test_folders_of_dicom_become_the_same_maps(patient, tmp_path):
    """Series and flip angles in one folder, one image to a file; whole numbers cost a little."""
    p, t1, _, c = made.tissue(int(np.prod(SHAPE)))
    curves = volume(made.signal(c, t1, m0=30000.0))
    number = 0

    def save_dicom(name, values, **said):
        nonlocal number
        for z in range(SHAPE[2]):
            number += 1
            place = {"ImagePositionPatient": [0.0, 0.0, 4.0 * z], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
            write(tmp_path / "in" / name, number, np.round(values[..., z].T), **place, **said)

    for t, when in enumerate(made.TIMES):
        save_dicom("dce", curves[..., t], TriggerTime=1000.0 * when if t else None)
    for i, angle in enumerate(ANGLES):
        image = volume(made.signal(np.zeros((t1.size, 1)), t1, m0=30000.0, angle=np.deg2rad(angle))[:, 0])
        save_dicom(f"fa{i}", image, SeriesInstanceUID=f"1.2.9.{i}", FlipAngle=angle)
    aif = str(patient[0].parent / "aif.tsv")
    exact = ["--set", "dce.region=all", "--set", "dce.r2star_tissue=0", "--no-motion", "--quiet"]
    words = ["--aif", aif, *exact, "--model", "extended-tofts", "--no-delay"]
    assert main(["dce", str(tmp_path / "in"), "--out", str(tmp_path / "out"), *words]) == 0
    found = nib.load(next((tmp_path / "out").rglob("*dce_ktrans.nii.gz")))
    assert np.median(np.abs(found.get_fdata() / volume(60.0 * p[:, 0]) - 1.0)) < 2e-3
    np.testing.assert_allclose(found.affine, np.diag([-1.5, -2.0, 4.0, 1.0]))
    text = next((tmp_path / "out").rglob("*_summary.json")).read_text()
    assert "time-missing" in text and "360 DICOM files" in text
    angles = [str(tmp_path / "in" / f"fa{i}") for i in range(len(ANGLES))]
    assert main(["t1", *angles, "--out", str(tmp_path / "t1"), "--quiet"]) == 0
    t1_map = nib.load(next((tmp_path / "t1").rglob("*T1map.nii.gz"))).get_fdata()
    assert np.median(np.abs(t1_map / volume(t1) - 1.0)) < 2e-3


def sidecar(out, name):
    (found,) = out.rglob(f"*_{name}.json")
    return json.loads(found.read_text())


def test_every_sidecar_says_how_its_map_was_made(patient, tmp_path):
    assert run(patient, tmp_path, "--model", "auto", "--no-delay") == 0
    assert sidecar(tmp_path, "T1map")["Model"].startswith("T1 of the tissue before agent")
    assert "AICc" in sidecar(tmp_path, "model")["Model"]
    assert sidecar(tmp_path, "iaugc60")["Model"] == "none: read off the curve"
    images = [str(one) for one in sorted((patient[0] / "anat").glob("*.nii.gz"))]
    assert main(["t1", *images, "--out", str(tmp_path / "t1"), "--tr", "0.005", "--quiet"]) == 0
    of_t1 = sidecar(tmp_path / "t1", "T1map")
    assert "spoiled gradient echoes at 2, 5, 10, 15°" in of_t1["Model"]
    assert of_t1["Plan"]["t1"]["tr"] == 0.005
    assert {one["File"] for one in of_t1["Sources"]} >= {"sub-01_flip-1_VFA.nii.gz", "sub-01_flip-1_VFA.json"}


def test_the_error_of_a_t1_map_is_taken_from_beside_it_and_its_absence_said(patient, tmp_path):
    root, _ = patient
    noisy = tmp_path / "noisy"
    for at, path in enumerate(sorted((root / "anat").glob("*.nii.gz"))):
        image = nib.load(path)
        noise = np.random.default_rng(at).normal(0.0, 0.5, SHAPE)
        save(noisy, path.name.removesuffix(".nii.gz"), (image.get_fdata() + noise).ravel(), FlipAngle=ANGLES[at])
    images = [str(one) for one in sorted(noisy.glob("*.nii.gz"))]
    b1 = str(root / "fmap" / "sub-01_TB1map.nii.gz")
    assert main(["t1", *images, "--out", str(tmp_path / "t1"), "--tr", str(made.TR), "--b1", b1, "--quiet"]) == 0
    (with_error,) = (tmp_path / "t1").rglob("*T1map.nii.gz")
    without = tmp_path / "plain.nii.gz"
    without.write_bytes(with_error.read_bytes())
    stds, said = [], []
    for name, path in (("a", with_error), ("b", without)):
        words = ["--t1", str(path), "--model", "extended-tofts", "--no-delay"]
        assert run(patient, tmp_path / name, *words) == 0
        stds.append(np.nanmedian(loaded(tmp_path / name, "ktransstd")))
        said.append(next((tmp_path / name).rglob("*_summary.json")).read_text())
    assert stds[0] > 1.05 * stds[1]
    assert "the residuals and the error of T1, not that of the arterial input" in said[0]
    assert "the residuals, not that of T1 and the arterial input, which is not known" in said[1]
    assert np.isnan(loaded(tmp_path / "b", "T1mapstd")).all()


def test_a_flip_angle_fitted_together_with_t1_serves_the_series_too(tmp_path):
    """No map of B1: two images of trains after an inversion beside three without tell it."""
    p, t1, b1, c = made.tissue(int(np.prod(SHAPE)))
    root = tmp_path / "sub-01"
    scan = {"RepetitionTimeExcitation": made.TR, "MagneticFieldStrength": 3, "EchoTime": 0.002}
    save(root / "perf", "sub-01_dce", made.signal(c, t1, b1), FlipAngle=15, VolumeTiming=made.TIMES.tolist(), **scan)
    angles, times = np.deg2rad([5.0, 5.0, 2.0, 5.0, 12.0]), np.array([0.2, 1.0, np.nan, np.nan, np.nan])
    seen = Hifi(angles, made.TR, times).predict(np.stack([np.full(t1.size, 1000.0), t1, b1], axis=-1))
    for at, (angle, when) in enumerate(zip((5, 5, 2, 5, 12), times, strict=True)):
        inverted = {"InversionTime": when} if np.isfinite(when) else {}
        save(root / "anat", f"sub-01_flip-{at + 1}_VFA", seen[:, at], FlipAngle=angle, **inverted, **scan)
    rows = "".join(f"{t}\t{cp}\n" for t, cp in zip(made.TIMES, made.plasma(), strict=True))
    (tmp_path / "aif.tsv").write_text("time\tcp\n" + rows)
    assert run((root, p), tmp_path / "out", "--model", "extended-tofts", "--no-delay") == 0
    np.testing.assert_allclose(loaded(tmp_path / "out", "ktrans"), volume(60.0 * p[:, 0]), rtol=0.02)
    text = next((tmp_path / "out").rglob("*_summary.json")).read_text()
    assert "the measured flip angle of each voxel" in text and "no-b1-map" not in text


def test_a_missing_map_of_the_flip_angle_is_said_once(patient, tmp_path):
    shutil.copytree(patient[0], tmp_path / "sub-01", ignore=shutil.ignore_patterns("fmap"))
    shutil.copy(patient[0].parent / "aif.tsv", tmp_path)
    assert run((tmp_path / "sub-01", None), tmp_path / "out", "--model", "patlak", "--no-delay") == 0
    (summary,) = (tmp_path / "out").rglob("*_summary.json")
    assert summary.read_text().count('"no-b1-map"') == 1


def test_exchange_against_a_reference_region_has_a_page_of_its_own(patient, tmp_path, capsys):
    mask = np.zeros(SHAPE, np.float32)
    mask[:2, :2] = 1.0
    nib.save(nib.Nifti1Image(mask, AFFINE), tmp_path / "muscle.nii.gz")
    call = ["dce", patient[0], "--out", tmp_path / "out", "--no-motion", "--set", "dce.region=all"]
    words = ["--model", "reference-region", "--reference", tmp_path / "muscle.nii.gz"]
    assert main([*map(str, (*call, *words))]) == 0
    assert "Measured against: muscle.nii.gz." in capsys.readouterr().out
    assert not list((tmp_path / "out").rglob("*_ktrans*")) and not list((tmp_path / "out").rglob("*_aif*"))
    side = sidecar(tmp_path / "out", "rktrans")
    assert (side["Model"], side["Reference"]) == ("reference-region", "muscle.nii.gz") and "AIF" not in side
    page = (tmp_path / "out" / "sub-01.html").read_text()
    assert page.index("Relative volume transfer constant") < page.index("Longitudinal relaxation time")
    assert main([*map(str, (*call, *words[:2])), "--overwrite"]) == 2
    assert "--reference MASK together" in capsys.readouterr().err
