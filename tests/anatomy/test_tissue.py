"""Heads made from the standard one by what no affine and no polynomial can undo; the truth is every voxel's shares."""

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

import made_anatomy
from made_anatomy import FLAIR, T2W, TISSUES, dice, made_head, template
from perspect.anatomy import appearance, shading
from perspect.anatomy.tissue import Tissue, given, tissues
from perspect.vocabulary import Grid, Problem, Region

head = cache(made_head)
COARSE = 4.0
"""mm: most tests need no more."""


def found(made, images, with_lesion=True, affine=None):
    brain, lesion = Region(made.brain, made.grid, "brain"), Region(made.lesion, made.grid, "lesion")
    where = made.affine if affine is None else affine
    return tissues(images, brain, template(), where, lesion if with_lesion else None)


def agreement(made, shares):
    """Dice at a half, and found over true volume, for each tissue outside the lesion."""
    ok = made.brain & ~made.lesion
    overlap = {name: dice((shares[ok, k] >= 0.5), (made.shares[name][ok] >= 0.5)) for k, name in enumerate(TISSUES)}
    volume = {name: shares[ok, k].sum() / made.shares[name][ok].sum() for k, name in enumerate(TISSUES)}
    return overlap, volume


@pytest.mark.parametrize(("noise", "bias", "least"), [(0.03, 0.4, 0.935), (0.05, 0.2, 0.91), (0.09, 0.3, 0.865)])
def test_tissues_of_a_shaded_and_noisy_head_are_recovered(noise, bias, least):
    """At 2 mm; noise as a share of white matter. The floor falls with noise because half of the voxels are mixtures,
    and whether one is more or less than half is then a matter of chance."""
    made = head()
    out = found(made, {"T1w": made.image(bias=bias, noise=noise)})
    overlap, volume = agreement(made, out.shares)
    assert min(overlap["grey"], overlap["white"]) > least
    assert abs(volume["grey"] - 1) < 0.05
    assert abs(volume["white"] - 1) < 0.05
    assert out.flags == ()


def test_shares_add_up_to_one_in_the_brain_and_are_unknown_in_the_lesion():
    made = head(COARSE)
    out = found(made, {"T1w": made.image()})
    np.testing.assert_allclose(out.shares[made.brain & ~made.lesion].sum(axis=-1), 1, atol=1e-5)
    assert not out.shares[~made.brain].any()
    assert np.isnan(out.shares[made.brain & made.lesion]).all()
    assert (out.labels[made.brain & made.lesion] == Tissue.LESION).all()
    assert (out.labels[~made.brain] == Tissue.NONE).all()
    assert out.volumes.sum() == pytest.approx((made.brain & ~made.lesion).sum() * 64 / 1e3, rel=1e-4)


def test_the_gain_is_the_shading_that_was_put_in():
    """To a tenth of it: what is left follows anatomy, which a smooth gain cannot tell from shading."""
    made = head(3.0)
    plain, shaded = (found(made, {"T1w": made.image(bias=bias)}).gain[..., 0] for bias in (0.0, 0.4))
    true = made_anatomy.shading(made, 0.4, np.random.default_rng(0))
    ok = made.brain & ~made.lesion
    off = np.log(shaded / true)[ok]
    assert off.std() < 0.3 * np.log(true)[ok].std()
    assert np.log(plain)[ok].std() < 0.02


def test_without_a_gain_shading_is_taken_for_tissue(monkeypatch):
    made = head(COARSE)
    image = {"T1w": made.image(bias=0.4)}
    right, _ = agreement(made, found(made, image).shares)
    monkeypatch.setattr(shading.Place, "renewed", lambda self, bend, *rest: bend)
    wrong, _ = agreement(made, found(made, image).shares)
    assert wrong["white"] < right["white"] - 0.04


def test_without_the_standard_head_noise_is_taken_for_tissue(monkeypatch):
    made = head(COARSE)
    image = {"T1w": made.image(noise=0.09)}
    right, _ = agreement(made, found(made, image).shares)
    monkeypatch.setattr(
        appearance, "_log_prior", lambda expected: np.zeros((len(appearance.KINDS), len(expected)), np.float32)
    )
    monkeypatch.setattr(appearance, "PULL", 0.0)
    wrong, _ = agreement(made, found(made, image).shares)
    assert wrong["grey"] < right["grey"] - 0.03


def test_a_bright_lesion_bends_the_classes_only_where_nothing_can_be_odd(monkeypatch):
    """FLAIR, unmasked: the lesion fits no class and is said; without the odd class it drags one of them away."""
    made = made_head(COARSE, radius=28.0)
    image = {"FLAIR": made.image(FLAIR)}
    masked, open_ = found(made, image), found(made, image, with_lesion=False)
    assert open_.unexplained[made.lesion & made.brain].mean() > 0.95
    assert [flag.code for flag in open_.flags if flag.code == "unexplained-tissue"]
    apart = np.abs(masked.means[1] - masked.means[2])
    assert np.abs(open_.means - masked.means).max() < 0.1 * apart
    monkeypatch.setattr(appearance, "SURPRISE", 1e-300)
    bent = found(made, image, with_lesion=False)
    assert np.abs(bent.means - masked.means).max() > 0.5 * apart


def test_a_second_contrast_finds_more_than_one():
    made = head(COARSE)
    images = {"T1w": made.image(noise=0.07), "T2w": made.image(T2W, noise=0.07, seed=5)}
    one, _ = agreement(made, found(made, {"T1w": images["T1w"]}).shares)
    both, _ = agreement(made, found(made, images).shares)
    assert both["white"] > one["white"] + 0.005
    assert both["grey"] > one["grey"] + 0.01


def test_the_result_does_not_depend_on_the_unit_of_the_image():
    made = head(COARSE)
    image = made.image()
    one, other = (found(made, {"T1w": scale * image}) for scale in (1.0, np.float32(64.0)))
    np.testing.assert_allclose(one.shares, other.shares, atol=2e-3)
    np.testing.assert_allclose(64 * one.means, other.means, rtol=1e-3)


def test_the_result_does_not_depend_on_how_the_image_is_stored():
    made = head(COARSE)
    image = made.image(noise=0.03)
    flipped = Grid(made.grid.shape, made.grid.affine @ np.diag([-1.0, 1, 1, 1]))
    flipped.affine[:3, 3] += made.grid.affine[:3, 0] * (made.grid.shape[0] - 1)
    brain, lesion = (Region(mask[::-1].copy(), flipped, "turned") for mask in (made.brain, made.lesion))
    turned = tissues({"T1w": image[::-1].copy()}, brain, template(), made.affine, lesion)
    away = np.abs(turned.shares[::-1] - found(made, {"T1w": image}).shares)
    # The sample of voxels that classes are estimated from differs, and with it every mean by a thousandth.
    assert np.nanmean(away) < 0.01


def test_white_and_grey_matter_that_look_alike_are_said():
    made = head(COARSE)
    flat = {"csf": 0.2, "grey": 0.8, "white": 0.82, "lesion": 0.8}
    flags = {flag.code for flag in found(made, {"T1w": made.image(flat, noise=0.05)}).flags}
    assert "weak-tissue-contrast" in flags


def test_where_an_image_has_no_value_nothing_is_known():
    made = head(COARSE)
    image = made.image()
    cut = made.grid.shape[2] // 2
    image[:, :, :cut] = np.nan
    out = found(made, {"T1w": image})
    assert np.isnan(out.shares[:, :, :cut][made.brain[:, :, :cut]]).all()
    assert not (out.labels[:, :, :cut] * ~made.lesion[:, :, :cut]).any()
    overlap, _ = agreement(
        made, np.where(np.isnan(out.shares), np.stack([made.shares[n] for n in TISSUES], -1), out.shares)
    )
    assert overlap["white"] > 0.93


def test_too_little_brain_is_refused():
    made = head(COARSE)
    speck = ndimage.binary_erosion(made.brain, iterations=17)
    with pytest.raises(Problem, match="estimated from 2000 at least"):
        tissues({"T1w": made.image()}, Region(speck, made.grid, "speck"), template(), made.affine)


def test_given_shares_are_kept_as_they_are():
    made = head(COARSE)
    shares = 200 * np.stack([made.shares[name] for name in TISSUES], axis=-1)
    out = given(shares, Region(made.brain, made.grid, "brain"), name="seg.nii.gz")
    true = np.stack([made.shares[name] for name in TISSUES], axis=-1)
    true /= np.maximum(true.sum(axis=-1, keepdims=True), 1e-9)
    np.testing.assert_allclose(out.shares[made.brain], true[made.brain], atol=1e-5)
    assert "seg.nii.gz" in out.step.sentence
