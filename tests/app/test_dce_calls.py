"""Calls of `perspect dce` and `perspect t1` that cannot be right: one sentence, exit code 2, and nothing written."""

import json

import nibabel as nib
import numpy as np
import pytest

import made_dce as made
from perspect.cli import main

SHAPE = (6, 6, 2)
AFFINE = np.diag([2.0, 2.0, 4.0, 1.0])
ELSEWHERE = AFFINE + np.array([[0, 0, 0, 900.0], [0] * 4, [0] * 4, [0] * 4])
ANGLES = (2, 5, 10, 15)
CP = made.plasma()


def save(path, values, affine=AFFINE, **sidecar):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.asarray(values, np.float32), affine), path)
    if sidecar:
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(sidecar))


def table(path, column, values, times=made.TIMES):
    rows = "".join(f"{t}\t{one}\n" for t, one in zip(times, values, strict=True))
    path.write_text(f"time\t{column}\n{rows}")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A series without images for T1, the latter beside it, and whatever may be given with them, right and wrong."""
    root = tmp_path_factory.mktemp("files")
    n = int(np.prod(SHAPE))
    _, t1, b1, c = made.tissue(n)
    scan = {"RepetitionTimeExcitation": made.TR, "MagneticFieldStrength": 3, "EchoTime": 0.002}
    timing = {"FlipAngle": 15, "VolumeTiming": made.TIMES.tolist()}
    save(root / "a_dce.nii.gz", made.signal(c, t1, b1).reshape(*SHAPE, -1), **scan, **timing)
    for angle in ANGLES:
        one = made.signal(np.zeros((n, 1)), t1, b1, angle=np.deg2rad(angle)).reshape(SHAPE)
        save(root / f"fa{angle:02d}.nii.gz", one, **scan, FlipAngle=angle)
    save(root / "word.nii.gz", one, **(scan | {"FlipAngle": "15"}))
    ones = np.ones(SHAPE)
    maps = {"nothing": 0 * ones, "ratio": ones, "degrees": 14.2 * ones, "permille": 1000 * ones, "negative": -ones}
    for name, values in maps.items():
        save(root / f"{name}.nii.gz", values)
    save(root / "elsewhere.nii.gz", ones, ELSEWHERE)
    for name, column, values in (
        ("cp", "cp", CP), ("cb", "cb", 0.58 * CP), ("none", "cp", 0 * CP), ("minus", "cp", -CP), ("um", "cp", 1e3 * CP),
    ):  # fmt: skip
        table(root / f"{name}.tsv", column, values)
    return root


DCE = "dce {f}/a_dce.nii.gz --no-motion --set dce.region=all"
T1 = "t1 {f}/fa02.nii.gz {f}/fa05.nii.gz {f}/fa10.nii.gz {f}/fa15.nii.gz"
KNOWN = f"{DCE} --t1 1.3 --aif {{f}}/cp.tsv"

WRONG = [
    (f"{DCE} --aif {{f}}/cp.tsv --t1 {{f}}/absent.nii.gz", "There is no file"),
    (f"{DCE} --aif {{f}}/cp.tsv --t1 {{f}}/nothing.nii.gz", "T1 before agent is not known"),
    (f"{DCE} --aif {{f}}/cp.tsv --t1 {{f}}/negative.nii.gz", "T1 before agent is not known"),
    (f"{DCE} --aif {{f}}/cp.tsv --t1 {{f}}/elsewhere.nii.gz", "T1 before agent is not known"),
    (f"{KNOWN} --vfa {{f}}/fa02.nii.gz --vfa {{f}}/fa15.nii.gz", "images to measure it from as well"),
    (f"{KNOWN} --tr 0", "repetition time of 0 s"),
    (f"{KNOWN} --tr=-0.005", "repetition time of -0.005 s"),
    (f"{KNOWN} --tr nan", "repetition time of nan s"),
    (f"{KNOWN} --te 0.02", "before the next pulse"),
    (f"{KNOWN} --flip-angle 0.26", "looks like radians"),
    (f"{KNOWN} --flip-angle 180", "a quarter turn or less"),
    (f"{KNOWN} --r1 0.0045", "dce.r1 is 0.0045"),
    (f"{KNOWN} --r1 4500", "dce.r1 is 4500"),
    (f"{KNOWN} --hct 1", "A haematocrit is a fraction"),
    (f"{KNOWN} --hct 0.3", "dce.hct is 0.3"),
    (f"{DCE} --t1 1.3 --aif georgiou --hct 0.3", "dce.hct is 0.3"),
    (f"{KNOWN} --set dce.blood_t1=1.7", "dce.blood_t1 is 1.7"),
    (f"{KNOWN} --set dce.water_leaves_blood=5", "only where that is shutter-speed"),
    (f"{DCE} --t1 1.3 --aif parkr", "Did you mean parker?"),
    (f"{DCE} --t1 1.3 --aif absent.tsv", "neither a file nor a population"),
    (f"{DCE} --t1 1.3 --aif {{f}}", "neither a file nor a population"),
    (f"{DCE} --t1 1.3 --aif {{f}}/none.tsv", "peaks at 0 mM"),
    (f"{DCE} --t1 1.3 --aif {{f}}/minus.tsv", "Give the input in mM"),
    (f"{DCE} --t1 1.3 --aif {{f}}/um.tsv", "Give the input in mM"),
    (f"{KNOWN} --mask {{f}}/absent.nii.gz", "There is no file"),
    (f"{KNOWN} --mask {{f}}/nothing.nii.gz", "is empty"),
    (f"{KNOWN} --mask {{f}}/elsewhere.nii.gz", "lies outside the series"),
    (f"{KNOWN} --b1 {{f}}/degrees.nii.gz", "as true over nominal flip angle"),
    (f"{KNOWN} --b1 {{f}}/permille.nii.gz", "as true over nominal flip angle"),
    (f"{KNOWN} --b1 {{f}}/elsewhere.nii.gz", "signal or B1 is not a number"),
    (f"{KNOWN} --drop 0 1000", "names volume 1000"),
    (f"{T1} --flip-angles 0.035 0.087 0.17 0.26", "looks like radians"),
    (f"{T1} --flip-angles 0 5 10 15", "A flip angle is 0°"),
    (f"{T1} --flip-angles 2 5 10 500", "A flip angle is 500°"),
    (f"{T1} --flip-angles 5 5 5 5", "1 different flip angles"),
    (f"{T1} --tr 5", "Between the pulses"),
    (f"{T1} --tr 0", "A repetition time is 0 s"),
    (f"{T1} --b1 {{f}}/degrees.nii.gz", "as true over nominal flip angle"),
    (f"{T1} --inversion-times 50 200 600 1200", "looks like milliseconds"),
    (f"{T1} --inversion-times -0.05 0.2 0.6 1.2", "An inversion time is -0.05 s"),
    (f"{T1} --inversion-times 0.2 0.2 0.2 0.2", "1 of them different"),
    (f"{T1} --inversion-times 0.1 0.4 1 2 --method linear", "--method was given"),
    (f"{T1} --inversion-times 0.1 0.4 1 2 --b1 {{f}}/ratio.nii.gz", "--b1 was given"),
    (f"{T1} --look-locker", "--look-locker was given"),
    (f"{T1} --pulses 5", "--pulses was given"),
    (f"{T1} --inversion-times nan nan nan 0.3 --b1 {{f}}/ratio.nii.gz", "--b1 was given"),
    (f"{T1} --inversion-times nan nan nan 0.3 --pulses 0", "A train of 0 pulses"),
    (f"{T1} --inversion-times nan nan nan 0.3 --pulses 8 --pause 300", "a pause of 300 s"),
    ("t1 {f}/nothing.nii.gz {f}/nothing.nii.gz --flip-angles 2 5 --tr 0.005", "hold no signal"),
    ("t1 {f}/fa02.nii.gz {f}/word.nii.gz", "It must be a number"),
]


@pytest.mark.parametrize(("call", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_call_that_cannot_be_right_is_refused_in_a_sentence(files, tmp_path, capsys, call, said):
    out = tmp_path / "out"
    assert main([*call.format(f=files).split(), "--out", str(out)]) == 2
    text = capsys.readouterr().err.splitlines()[-1]
    assert text.startswith("perspect: ") and said in text
    assert not out.exists()


def test_several_volumes_are_left_out_by_one_option(files, tmp_path):
    call = f"{KNOWN} --model patlak --no-delay --drop 0 37 --quiet"
    assert main([*call.format(f=files).split(), "--out", str(tmp_path)]) == 0
    (summary,) = tmp_path.rglob("*desc-dce_summary.json")
    assert not {0, 37} & set(json.loads(summary.read_text())["summary"]["kept_volumes"])
