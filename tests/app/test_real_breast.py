"""The real series: breast at 3 T, 25 volumes 16 s apart, ten flip angles, the arterial input of its authors."""

import json

import nibabel as nib
import numpy as np
import pytest
from scipy.io import loadmat
from scipy.optimize import least_squares

from perspect.cli import main

AFFINE = np.diag([1.5, 1.5, 3.0, 1.0])
PART = slice(60, 110), slice(70, 120)
"""Gland and the lesion in it."""


def laid_down(shared_data, root, part):
    """The files of a part of the slice, with what is in them."""
    whole = loadmat(shared_data / "dce_real_breast" / "demo" / "invivo.mat")
    scan = {"RepetitionTimeExcitation": float(whole["TR"][0, 0]), "MagneticFieldStrength": 3}

    def save(folder, name, values, **said):
        (root / folder).mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(values.astype(np.float32), AFFINE), root / folder / f"{name}.nii.gz")
        (root / folder / f"{name}.json").write_text(json.dumps(scan | said))

    series = np.moveaxis(whole["DCEdata"], 0, -1)[part][:, :, None]
    times, cp = whole["t"].ravel(), whole["Cp"].ravel()
    save("perf", "sub-b_dce", series, FlipAngle=int(whole["DCEflip"][0, 0]), VolumeTiming=times.tolist())
    for i, angle in enumerate(whole["T1flip"].ravel()):
        save("anat", f"sub-b_flip-{i + 1:02d}_VFA", whole["T1data"][i][part][:, :, None], FlipAngle=int(angle))
    rows = "".join(f"{t}\t{one}\n" for t, one in zip(times, cp, strict=True))
    (root.parent / "aif.tsv").write_text("time\tcp\n" + rows)
    return root, series[:, :, 0], times, cp, scan["RepetitionTimeExcitation"]


@pytest.fixture(scope="module")
def breast(shared_data, tmp_path_factory):
    return laid_down(shared_data, tmp_path_factory.mktemp("breast") / "sub-b", PART)


def by_scipy(times, cp, c):
    """Ktrans in 1/min and ve of the Tofts model, from two starts that know nothing."""
    fine = np.linspace(times[0], times[-1], 2001)
    plasma = np.interp(fine, times, cp)

    def left(p):
        decay = np.exp(-p[0] / p[1] / 60.0 * fine)
        whole = np.convolve(plasma, decay)[: fine.size] - 0.5 * (plasma[0] * decay + plasma)
        return np.interp(times, fine, p[0] / 60.0 * whole * fine[1]) - c

    both = [least_squares(left, start, bounds=([1e-5, 1e-3], [20, 5])) for start in ([0.1, 0.3], [1.0, 0.3])]
    return min(both, key=lambda found: found.cost).x


def test_ktrans_and_ve_of_a_patient_are_those_of_another_fit_of_the_same_curves(breast, tmp_path):
    """The Tofts model by scipy on curves turned round by hand, integrals by the trapezoid on a fine clock."""
    root, series, times, cp, tr = breast
    words = ["--model", "tofts", "--no-delay", "--set", "dce.r2star_tissue=0", "--set", "dce.region=all"]
    call = ["dce", root, "--out", tmp_path, "--aif", root.parent / "aif.tsv", "--no-motion", "--quiet", *words]
    assert main([*map(str, call)]) == 0
    one = {key: nib.load(next(tmp_path.rglob(f"*dce_{key}.nii.gz"))).get_fdata()[:, :, 0] for key in (
        "ktrans", "ve", "kepstd", "T1map", "status"
    )}  # fmt: skip
    n_rest = json.loads(next(tmp_path.rglob("*dce_summary.json")).read_text())["summary"]["n_baseline"]
    cosine = np.cos(np.deg2rad(20.0))
    sure = np.argwhere((one["status"] == 0) & np.isfinite(one["ve"]) & (one["ktrans"] > 0.02) & (one["ve"] < 0.9))
    assert len(sure) > 300
    ratios = []
    for x, y in sure[:: len(sure) // 25]:
        e0 = np.exp(-tr / one["T1map"][x, y])
        a = series[x, y] / series[x, y, :n_rest].mean() * (1 - e0) / (1 - e0 * cosine)
        c = (-np.log((1 - a) / (1 - a * cosine)) / tr - 1 / one["T1map"][x, y]) / 4.5
        ratios.append(np.array([one["ktrans"][x, y], one["ve"][x, y]]) / by_scipy(times, cp, c))
    assert np.abs(np.array(ratios) - 1.0).max(axis=0) == pytest.approx([0.0, 0.0], abs=0.02)


def test_what_spoils_the_series_is_said(breast, tmp_path):
    root = breast[0]
    call = ["dce", root, "--out", tmp_path, "--aif", root.parent / "aif.tsv", "--set", "dce.region=all", "--no-motion"]
    assert main([*map(str, call)]) == 0
    said = {one["code"] for one in json.loads(next(tmp_path.rglob("*dce_summary.json")).read_text())["flags"]}
    assert {"slow-sampling", "short-baseline", "no-b1-map", "transit-neglected"} <= said
    assert (tmp_path / "sub-b.html").stat().st_size > 50_000


def test_an_input_that_is_found_where_there_is_no_artery_forbids_the_numbers(shared_data, tmp_path, capsys):
    """The whole slice has none: what is found peaks at 59 mM of plasma, where its authors' input peaks at 4."""
    root = laid_down(shared_data, tmp_path / "sub-b", np.s_[:, :])[0]
    call = ["dce", root, "--out", tmp_path / "out", "--set", "dce.region=all", "--no-motion", "--quiet"]
    assert main([*map(str, call)]) == 3
    assert "which is no blood" in capsys.readouterr().err
    flags = json.loads(next((tmp_path / "out").rglob("*dce_summary.json")).read_text())["flags"]
    said = {one["code"]: one["severity"] for one in flags}
    assert said["unbelievable-blood"].lower() == "refused" and said["venous-input"].lower() == "limited"
    assert "A check forbids reading these numbers" in (tmp_path / "out" / "sub-b.html").read_text()
