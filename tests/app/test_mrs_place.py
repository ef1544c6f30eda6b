"""The voxel on an image, what it holds, the other side, and a page whose script is bound to its fingerprint."""

import base64
import csv
import hashlib
import json
import re
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from made_anatomy import T1W, made_head
from mrs_made import HEALTHY, TUMOUR, spectrum, water
from perspect.app.shares import Surroundings
from perspect.app.voxel import place_of
from perspect.cli import main
from perspect.io.nifti_mrs import nifti_mrs
from perspect.vocabulary import Grid


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PERSPECT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


AFFINE = np.array([[-2.0, 0, 0, 60], [0, 2, 0, -60], [0, 0, 2, -60], [0, 0, 0, 1]])
"""Of an image whose first axis runs to the left, as scanners store them."""


def placed(path, truth, at, seed=0, size=1.0, **values):
    affine = np.diag([20.0, 20.0, 20.0, 1.0])
    affine[:3, 3] = at
    one = water(**values) if truth is None else spectrum(truth, seed)
    one = replace(one, values=one.values * size, grid=Grid((1, 1, 1), affine), placed=True)
    path.write_bytes(nifti_mrs(one.values, one, {}))
    return path


def image(path, inside):
    """A volume that is one where a function of right, front and head holds."""
    index = np.stack(np.meshgrid(*[np.arange(60)] * 3, indexing="ij"), -1)
    where = index @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    nib.save(nib.Nifti1Image(inside(where).astype(np.float32), AFFINE), path)
    return path


def rows(out, kind):
    with (out / "sub-01" / "mrs" / "sub-01_desc-fit_amounts.tsv").open(encoding="utf-8") as file:
        return {row["key"]: row for row in csv.DictReader(file, delimiter="\t") if row["kind"] == kind}


def test_a_voxel_is_drawn_where_it_lies_and_its_content_scales_the_water(tmp_path):
    """Right of 31 mm, the edge of a voxel of the mask, is lesion: half of a voxel of 20 mm that is centred there."""
    path = placed(tmp_path / "sub-01_svs.nii.gz", TUMOUR, (31, 0, 0))
    reference = placed(tmp_path / "sub-01_mrsref.nii.gz", None, (31, 0, 0))
    maps = [str(image(tmp_path / f"{name}.nii", lambda x, s=share: s + 0 * x[..., 0])) for name, share in
            (("grey", 0.5), ("white", 0.4), ("csf", 0.1))]  # fmt: skip
    lesion = image(tmp_path / "lesion.nii", lambda x: x[..., 0] > 30)
    call = ["mrs", str(path), "--water", str(reference), "--image", maps[0], "--tissue", *maps, "--lesion", str(lesion)]
    assert main([*call, "--bandwidths", "2000", "1000", "1000", "--out", str(tmp_path / "out"), "--quiet"]) == 0
    page = (tmp_path / "out" / "sub-01_mrs.html").read_text(encoding="utf-8")
    assert "50 % lesion" in page and "25 % grey" in page
    assert page.count('<svg class="tile"') == 3 and "R 31" in page
    # NAA lies (4.65 - 2.01) · 123.2 Hz = 325 Hz off: 3.25, 6.5 and 6.5 mm along the edges, 9.76 mm in all.
    found = re.search(r"NAA</th><td>2.01</td><td>([\d.]+) mm", page)
    assert float(found[1]) == pytest.approx(2.64 * 123.2 / 1000 * 20 * 1.5, abs=0.1)


def test_a_voxel_without_a_place_is_not_drawn_but_said_so(tmp_path):
    one = spectrum(HEALTHY)
    path = tmp_path / "sub-01_svs.nii.gz"
    path.write_bytes(nifti_mrs(one.values, replace(one, placed=False), {}))
    picture = image(tmp_path / "a.nii", lambda x: x[..., 0] > 0)
    assert main(["mrs", str(path), "--image", str(picture), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    summary = json.loads((tmp_path / "out/sub-01/mrs/sub-01_desc-fit_summary.json").read_text(encoding="utf-8"))
    assert "no-place" in [flag["code"] for flag in summary["flags"]]


def test_a_voxel_outside_the_image_is_refused(tmp_path, capsys):
    path = placed(tmp_path / "sub-01_svs.nii.gz", HEALTHY, (900, 0, 0))
    picture = image(tmp_path / "a.nii", lambda x: x[..., 0] > 0)
    assert main(["mrs", str(path), "--image", str(picture), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert "outside" in capsys.readouterr().err


def test_amounts_stand_over_those_of_the_other_side_with_both_errors(tmp_path):
    """The same content twice as concentrated: every quotient is two, whatever the spectra share."""
    path = placed(tmp_path / "sub-01_svs.nii.gz", HEALTHY, (30, 0, 0), seed=1, size=2.0)
    other = placed(tmp_path / "other_svs.nii.gz", HEALTHY, (-30, 0, 0), seed=2)
    call = ["mrs", str(path), "--contralateral", str(other), "--out", str(tmp_path / "out"), "--quiet"]
    assert main(call) == 0
    found, own = rows(tmp_path / "out", "contralateral"), rows(tmp_path / "out", "sum")
    for key in ("tNAA", "tCr", "tCho"):
        value, std = float(found[key]["value"]), float(found[key]["std"])
        assert abs(value - 2) < 3 * std
        assert std / value > float(own[key]["std"]) / float(own[key]["value"])
        assert float(found[key]["lower95"]) < value < float(found[key]["upper95"])
    assert abs(float(found["tCho/tCr"]["value"]) - 1) < 3 * float(found["tCho/tCr"]["std"])


def test_a_lesion_with_water_and_another_side_without_are_not_compared(tmp_path, capsys):
    path = placed(tmp_path / "sub-01_svs.nii.gz", HEALTHY, (30, 0, 0))
    reference = placed(tmp_path / "sub-01_mrsref.nii.gz", None, (30, 0, 0))
    call = ["mrs", str(path), "--water", str(reference), "--contralateral", str(path)]
    assert main([*call, "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert "water reference for both" in capsys.readouterr().err


def test_only_the_script_with_the_fingerprint_of_the_policy_may_run(tmp_path):
    path = placed(tmp_path / "sub-01_svs.nii.gz", HEALTHY, (0, 0, 0))
    assert main(["mrs", str(path), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    page = (tmp_path / "out" / "sub-01_mrs.html").read_text(encoding="utf-8")
    (text,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy
    numbers = json.loads(re.search(r'id="spectrum-numbers">(.*?)</script>', page, flags=re.DOTALL)[1])
    assert len(numbers["data"]) == len(numbers["fit"]) == numbers["bins"] and "NAA" in numbers["parts"]
    assert not re.search(r"\son\w+=|https?://(?!doi\.org)", page)


def test_lcmodels_result_stands_beside_ours_and_changes_nothing(tmp_path, shared_data):
    path = placed(tmp_path / "sub-01_svs.nii.gz", HEALTHY, (0, 0, 0))
    coord = shared_data / "mrs" / "suspect" / "svs_97.COORD"
    assert main(["mrs", str(path), "--out", str(tmp_path / "a"), "--quiet"]) == 0
    assert main(["mrs", str(path), "--compare", str(coord), "--out", str(tmp_path / "b"), "--quiet"]) == 0
    page = (tmp_path / "b" / "sub-01_mrs.html").read_text(encoding="utf-8")
    assert re.search(r"tCho</th><td>[\d.]+ ± [\d.]+</td><td>0.457 ± 0.0091", page)
    tables = [(tmp_path / one / "sub-01/mrs/sub-01_desc-fit_amounts.tsv").read_bytes() for one in "ab"]
    assert tables[0] == tables[1]


def test_voxels_of_an_image_are_scaled_by_their_own_water_and_tissue(tmp_path, capsys):
    """Half of the second voxel is fluid: its tissue has twice what is said of it without the maps."""
    affine = np.diag([20.0, 20.0, 20.0, 1.0])
    grid = Grid((3, 1, 1), affine)
    still = {"te": 0.030, "tr": None}
    one = spectrum(HEALTHY, shift=0.0, phase=0.0)
    for name, signal in (("mrsi", one), ("mrsref", water())):
        whole = replace(signal, values=np.repeat(signal.values, 3, axis=0), grid=grid, placed=True, **still)
        (tmp_path / f"sub-01_{name}.nii.gz").write_bytes(nifti_mrs(whole.values, whole, {"EchoTime": 0.030}))
    maps = [str(image(tmp_path / f"{name}.nii", inside)) for name, inside in (
        ("grey", lambda x: 0.97 / 1.75 + (1 - 0.97 / 1.75) * (abs(x[..., 0] - 20) > 10)),
        ("white", lambda x: 0 * x[..., 0]), ("csf", lambda x: 0.78 / 1.75 * (abs(x[..., 0] - 20) < 10)),
    )]  # fmt: skip
    call = ["mrs", str(tmp_path / "sub-01_mrsi.nii.gz"), "--water", str(tmp_path / "sub-01_mrsref.nii.gz")]
    assert main([*call, "--tissue", "0.5", "0.4", "0.1", "--out", str(tmp_path / "told")]) == 0
    assert "nothing was made of: shares of tissue as numbers" in capsys.readouterr().out
    assert main([*call, "--tissue", *maps, "--out", str(tmp_path / "out")]) == 0
    folder = tmp_path / "out" / "sub-01" / "mrs"
    side = json.loads((folder / "sub-01_desc-mrsi_tNAA.json").read_text(encoding="utf-8"))
    assert side["Units"] == side["UCUM"] == "mmol/kg" and "grey.nii" in [s["File"] for s in side["Sources"]]
    found = nib.load(folder / "sub-01_desc-mrsi_tNAA.nii.gz").get_fdata().ravel()
    # A point spread over three voxels rings; the ratio is that of one that does not to a tenth.
    assert found[1] / found[0] == pytest.approx(found[1] / found[2], rel=0.05)
    assert 1.4 < found[1] / found[0] < 2.2
    assert "mmol in a kg of tissue water" in (tmp_path / "out" / "sub-01_mrsi.html").read_text(encoding="utf-8")


def scale_of(out):
    text = (out / "sub-01_mrs.html").read_text(encoding="utf-8")
    return {kind: float(share) for share, kind in re.findall(r"(\d+)% (grey|white|csf|lesion)", text)}


def test_tissues_are_told_on_a_t1_weighted_image_and_the_voxel_is_drawn_on_it(tmp_path, capsys):
    """The shares of a voxel in white matter and ventricle are those of the head, and without a mask it is said so."""
    head = made_head(3.0, warp=1.5)
    picture = tmp_path / "sub-01_T1w.nii.gz"
    nib.save(
        nib.Nifti1Image(np.where(head.brain, head.image(T1W, seed=0), 0).astype(np.float32), head.grid.affine), picture
    )
    inner = np.argwhere(head.shares["white"] > 0.9)
    at = head.grid.affine[:3, :3] @ inner[len(inner) // 2] + head.grid.affine[:3, 3]
    path = placed(tmp_path / "sub-01_svs.nii.gz", HEALTHY, at)
    reference = placed(tmp_path / "sub-01_mrsref.nii.gz", None, at)
    where = head.grid.affine[:3, :3] @ np.indices(head.grid.shape).reshape(3, -1) + head.grid.affine[:3, 3:]
    inside = (np.abs(where - at[:, None]) < 10).all(axis=0).reshape(head.grid.shape)
    true = {kind: head.shares[kind][inside].sum() for kind in ("grey", "white", "csf")}
    call = ["mrs", str(path), "--water", str(reference), "--t1w", str(picture)]
    assert main([*call, "--out", str(tmp_path / "out")]) == 0
    assert "Give its mask (--lesion)" in capsys.readouterr().out
    shares = scale_of(tmp_path / "out")
    for kind, one in true.items():
        assert shares[kind] / 100 == pytest.approx(one / sum(true.values()), abs=0.12)
    page = (tmp_path / "out" / "sub-01_mrs.html").read_text(encoding="utf-8")
    assert page.count('<svg class="tile"') == 3 and "sub-01_T1w" in page
    assert main([*call, "--tissue", "0.2", "0.7", "0.1", "--out", str(tmp_path / "told"), "--quiet"]) == 0
    assert scale_of(tmp_path / "told") == {"grey": 20, "white": 70, "csf": 10}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tissue", "0.3", "0.6", "0.1", "--gm", "0.3"], "It is not known which of them holds"),
        (["--gm", "0.3", "--wm", "white.nii", "--csf", "0.1"], "A number is of one voxel, a map of all"),
        (["--gm", "grey.nii", "--wm", "white.nii"], "--csf is missing beside the maps"),
        (["--tissue", "0.3", "0.3", "0.1", "0.3"], "grey, white and fluid, and no more"),
        (["--gm", "0.9", "--wm", "0.6"], "1.5 in all"),
        (["--gm", "1.2", "--wm", "-0.2"], "from 0 to 1"),
    ],
)
def test_what_a_voxel_holds_is_told_once_and_whole(tmp_path, capsys, words, said):
    path = placed(tmp_path / "sub-01_svs.nii.gz", HEALTHY, (0, 0, 0))
    reference = placed(tmp_path / "sub-01_mrsref.nii.gz", None, (0, 0, 0))
    assert main(["mrs", str(path), "--water", str(reference), *words, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_grey_and_white_are_other_names_of_gm_and_wm(tmp_path):
    path = placed(tmp_path / "sub-01_svs.nii.gz", HEALTHY, (0, 0, 0))
    reference = placed(tmp_path / "sub-01_mrsref.nii.gz", None, (0, 0, 0))
    for name, words in (("a", ["--gm", "0.3", "--wm", "0.6"]), ("b", ["--grey", "0.3", "--white", "0.6"])):
        call = ["mrs", str(path), "--water", str(reference), *words, "--csf", "0.1"]
        assert main([*call, "--out", str(tmp_path / name), "--quiet"]) == 0
    assert rows(tmp_path / "a", "sum") == rows(tmp_path / "b", "sum")


def on_image(values):
    """Shares by tissue on the places of an image whose voxels are 2 mm."""
    index = np.stack(np.meshgrid(*[np.arange(60)] * 3, indexing="ij"), -1)
    where = index @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    return {name: (inside(where).astype(np.float32), Grid((60, 60, 60), AFFINE)) for name, inside in values.items()}


def single(at, *, is_placed=True):
    affine = np.diag([20.0, 20.0, 20.0, 1.0])
    affine[:3, 3] = at
    return replace(spectrum(HEALTHY), grid=Grid((1, 1, 1), affine), placed=is_placed)


TWO_SIDES = {"lesion": lambda x: x[..., 0] > 0, "white": lambda x: x[..., 0] < 0}


def test_a_head_that_is_known_tells_what_both_voxels_hold():
    place = place_of(single((30, 0, 0)), Surroundings(), single((-30, 0, 0)), tissues=on_image(TWO_SIDES))
    assert place.fractions == pytest.approx({"lesion": 1.0, "white": 0.0})
    assert place.across == pytest.approx({"lesion": 0.0, "white": 1.0})
    assert not place.flags and place.picture is None


def test_of_a_voxel_outside_of_the_head_that_is_known_nothing_is_claimed():
    place = place_of(single((900, 0, 0)), Surroundings(), tissues=on_image(TWO_SIDES))
    assert not place.fractions and [flag.code for flag in place.flags] == ["tissue-not-known"]
    nowhere = place_of(single((30, 0, 0), is_placed=False), Surroundings(), tissues=on_image(TWO_SIDES))
    assert not nowhere.fractions and not nowhere.flags


def test_shares_are_those_of_the_voxel_in_which_water_was_selected():
    """The carrier at 2.65 ppm and water 2 ppm above it: 246 Hz of 2464 move its box by a tenth, 2 mm to the left."""
    halves = {"lesion": lambda x: x[..., 0] > 1, "white": lambda x: x[..., 0] < 1}
    around = Surroundings(bandwidths=(2464.0, 1e9, 1e9), carrier=2.65)
    still = place_of(single((1, 0, 0)), Surroundings(), tissues=on_image(halves)).fractions
    moved = place_of(single((1, 0, 0)), around, tissues=on_image(halves)).fractions
    assert still["white"] - moved["white"] == pytest.approx(-0.1, abs=0.01)
