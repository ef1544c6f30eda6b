"""A head made by formula, of which it is known what is inside the skull, and one real slice."""

import numpy as np
import pytest
import scipy.io
from scipy import ndimage

import moving_head
from perspect.anatomy.brain import brain_mask
from perspect.vocabulary import Grid, Problem


def made(on, snr=40, seed=0):
    """Baseline and dip of the formula's head, and where its brain with all CSF, and its scalp, are."""
    rng = np.random.default_rng(seed)
    images = []
    for depth, n in ((0.0, 6), (1.0, 3)):
        image = moving_head.volume(on, np.zeros(6), depth)
        noise = 300 / snr * (rng.normal(size=(n, *on.shape)) + 1j * rng.normal(size=(n, *on.shape)))
        images.append(np.abs(image + noise).mean(axis=0))
    places = on.affine[:3, :3] @ np.indices(on.shape).reshape(3, -1) + on.affine[:3, 3:]
    share = {name: one.reshape(on.shape) for name, one in moving_head.tissues(*places.astype(np.float32)).items()}
    brain = sum(one for name, one in share.items() if name != "scalp") > 0.5
    return images[0], 1 - images[1] / images[0], brain, share["scalp"] > 0.3


def overlap(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("knows_dip", [True, False])
@pytest.mark.parametrize("shape", [(96, 104, 20), (96, 104, 1)])
def test_the_brain_of_a_made_head_is_found_without_its_scalp(shape, knows_dip):
    on = moving_head.grid(shape, (2.1, 2.1, 5.0))
    baseline, dip, brain, scalp = made(on)
    found = brain_mask(baseline, dip if knows_dip else None, on)
    # Half a voxel (1 mm) all around a brain of 70 mm radius is 0.014; slices through its top and base have more edge.
    assert overlap(found, brain) > 0.96
    assert found[brain].mean() > 0.95
    assert found[scalp].mean() < 0.02


def test_the_mask_does_not_depend_on_the_scale_of_the_signal():
    on = moving_head.grid((96, 104, 6), (2.1, 2.1, 5.0))
    baseline, dip, _, _ = made(on)
    np.testing.assert_array_equal(brain_mask(baseline, dip, on), brain_mask(37.0 * baseline, dip, on))


def test_an_eye_that_does_not_darken_is_left_out_where_the_dip_is_known():
    on = moving_head.grid((96, 104, 1), (2.1, 2.1, 5.0))
    baseline, dip, brain, _ = made(on)
    x, y = np.ogrid[:96, :104]
    eyes = (np.hypot(x - 30, y - 96) < 7)[:, :, None] | (np.hypot(x - 66, y - 96) < 7)[:, :, None]
    baseline[eyes], dip[eyes] = 450.0, 0.01
    found = brain_mask(baseline, dip, on)
    assert found[eyes & ~brain].mean() < 0.1
    assert found[brain & ~eyes].mean() > 0.95


def test_voxels_that_are_not_finite_are_outside():
    on = moving_head.grid((96, 104, 1), (2.1, 2.1, 5.0))
    baseline, dip, _, _ = made(on)
    baseline[48, 52, 0] = np.nan
    assert not brain_mask(baseline, dip, on)[48, 52, 0]


def test_an_empty_image_has_no_brain():
    on = moving_head.grid((32, 32, 4), (2.0, 2.0, 5.0))
    with pytest.raises(Problem, match="No brain was found"):
        brain_mask(np.zeros(on.shape), None, on)


def test_a_real_slice_gives_one_whole_brain(shared_data):
    path = shared_data / "dsc_real_convexity" / "convexity.mat"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    signal = scipy.io.loadmat(path)["VOL15"].astype(float)[:, :, None, :]
    baseline = signal[..., 1:10].mean(axis=-1)
    dip = 1 - signal[..., 11:17].mean(axis=-1) / np.maximum(baseline, 1)
    mask = brain_mask(baseline, dip, Grid(baseline.shape, np.diag([1.8, 1.8, 5.0, 1.0])))
    assert ndimage.label(mask)[1] == 1
    # Brain is above 1200 in this slice, scalp between 150 and 700, the background below 100.
    assert (baseline[mask] < 700).mean() < 0.01
    assert mask[baseline > 1400].mean() > 0.995
    assert 5000 < mask.sum() < 5500


def made_of_tissue_alone():
    """Signal and dip of a field that a brain fills: white matter in the middle, grey around it, fluid within."""
    x, y = np.meshgrid(np.linspace(-1, 1, 48), np.linspace(-1, 1, 56), indexing="ij")
    grey = np.hypot(x, y) > 0.8 + 0.1 * np.cos(9 * np.arctan2(y, x))
    fluid = np.hypot((np.abs(x) - 0.15) / 0.1, y / 0.3) < 1
    signal = np.where(fluid, 1000.0, np.where(grey, 550.0, 300.0))
    dip = np.where(fluid, 0.0, np.where(grey, 0.3, 0.16))
    noise = np.random.default_rng(0).normal(0, 6, (48, 56, 4))
    return signal[:, :, None] + noise, np.repeat(dip[:, :, None], 4, axis=2)


def test_a_brain_that_fills_the_field_or_was_cut_out_is_found_whole():
    signal, dip = made_of_tissue_alone()
    on = Grid(signal.shape, np.diag([4.0, 4.0, 5.0, 1.0]))
    assert brain_mask(signal, dip, on).mean() > 0.97
    cut = np.zeros(signal.shape, bool)
    cut[6:-6, 6:-6] = True
    assert (brain_mask(np.where(cut, signal, 0.0), dip, on) == cut).mean() > 0.97


def test_background_that_is_bright_but_does_not_darken_is_no_brain():
    signal, dip = made_of_tissue_alone()
    head = np.zeros(signal.shape, bool)
    head[10:-10, 10:-10] = True
    on = Grid(signal.shape, np.diag([4.0, 4.0, 5.0, 1.0]))
    noise = np.random.default_rng(1).normal(0, 6, signal.shape)
    found = brain_mask(np.where(head, signal, 130.0 + noise), np.where(head, dip, 0.1 * noise / 130), on)
    assert not (found & ~head).any() or (found & ~head).sum() < 0.05 * head.sum()
