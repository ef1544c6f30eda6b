"""Images at several flip angles from files."""

import json

import nibabel as nib
import numpy as np

from perspect.io.dce import read_flip_images


def saved(folder, angles, tr=0.005):
    paths = []
    for at, angle in enumerate(angles):
        path = folder / f"flip-{at}_VFA.nii.gz"
        nib.save(nib.Nifti1Image(np.full((4, 4, 2), 100.0 + at, np.float32), np.eye(4)), path)
        said = {"FlipAngle": angle, "RepetitionTimeExcitation": tr}
        path.with_name(f"flip-{at}_VFA.json").write_text(json.dumps(said))
        paths.append(path)
    return paths


def test_angles_and_tr_that_are_given_against_the_sidecars_are_used_and_said(tmp_path):
    paths = saved(tmp_path, [2, 5, 15])
    read = read_flip_images(paths, [2, 5, 12], tr=0.006)
    np.testing.assert_allclose(np.rad2deg(read.flip_angles), [2, 5, 12])
    np.testing.assert_allclose(read.tr, 0.006)
    angle, tr = (flag.sentence for flag in read.flags)
    assert "12°" in angle and "15°" in angle and "flip-0" not in angle
    assert "0.006 s" in tr and "0.005 s" in tr


def test_angles_that_are_given_and_agree_raise_no_flag(tmp_path):
    assert read_flip_images(saved(tmp_path, [2, 5, 15]), [2, 5, 15], tr=0.005).flags == ()
