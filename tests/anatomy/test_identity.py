"""One head, two heads, and a head with its sides swapped, from a formula."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

import moving_head
from made_anatomy import T1W, T2W, made_head, template
from patients import coarser
from perspect.anatomy import align, identity
from perspect.anatomy.expected import expected_shares
from perspect.io.templates import icbm_2009a
from perspect.numerics import rigid
from perspect.phantom import SCENARIOS, protocols, virtual_patient
from perspect.phantom.sequence import Slab
from perspect.vocabulary import Region, Severity

ON = moving_head.grid((62, 66, 34), (3.0, 3.0, 4.5))
MOVED = rigid.rigid(np.array([0.05, -0.04, 0.06, 3.0, -2.0, 4.0]))


def head(to_head, bright_lesion=False, seed=0):
    place = np.einsum("ij,jabc->iabc", (np.linalg.inv(to_head) @ ON.affine)[:3, :3], np.indices(ON.shape))
    place += (np.linalg.inv(to_head) @ ON.affine)[:3, 3][:, None, None, None]
    shares = moving_head.tissues(*place.astype(np.float32))
    signals = {**moving_head.AT_REST, "lesion": 500.0 if bright_lesion else 240.0}
    image = sum(np.float32(signals[name]) * share for name, share in shares.items())
    return image + np.random.default_rng(seed).normal(0, 5, ON.shape).astype(np.float32)


@pytest.fixture(scope="module")
def fixed():
    return head(np.eye(4), bright_lesion=True)


def doubts(fixed, moving):
    return identity.doubts(fixed, ON, moving, ON, align.rigid(fixed, ON, moving, ON))


def test_nothing_is_said_of_one_head(fixed):
    assert doubts(fixed, head(MOVED, seed=1)) == ()


def test_a_head_of_another_size_is_refused(fixed):
    larger = np.diag([1.07, 0.96, 1.04, 1.0])
    (flag,) = doubts(fixed, head(MOVED @ larger, seed=1))
    assert (flag.code, flag.severity) == ("other-head", Severity.REFUSED)


def exchanged(fixed, fixed_grid, moving, moving_grid):
    found = align.rigid(fixed, fixed_grid, moving, moving_grid)
    return identity.exchanged(fixed, fixed_grid, moving, moving_grid, found, ("one", "the other"))


def test_a_head_with_its_sides_swapped_is_refused_and_named():
    t1w, grid = virtual(1)[0]
    (flag,) = exchanged(*virtual(1)[1], np.flip(t1w, 0), grid)
    assert (flag.code, flag.severity, flag.where) == ("left-right-swapped", Severity.REFUSED, "the other")
    assert flag.sentence.startswith("Left and right of the other are exchanged against one:")


def test_a_symmetric_head_says_nothing_of_its_sides(fixed):
    one = (fixed + np.flip(fixed, 0)) / 2
    other = np.flip(one, 0) + np.random.default_rng(3).normal(0, 5, ON.shape).astype(np.float32)
    assert exchanged(one, ON, other, ON) == ()


def test_a_place_that_a_start_led_astray_is_not_taken_for_exchanged_sides(fixed):
    moving = head(MOVED, seed=1)
    astray = replace(align.rigid(fixed, ON, moving, ON), similarity=1.001, error=4.0)
    assert identity.exchanged(fixed, ON, moving, ON, astray, ("one", "the other")) == ()


SEEDS = (1, 2, 3, 4)
"""Virtual heads; the lesion of each is another one."""


@cache
def virtual(seed):
    """T1w, FLAIR and the mean of a DSC series of a virtual head in voxels of 3 mm, each with its grid."""
    patient = virtual_patient(SCENARIOS[2 * seed], coarser(icbm_2009a(), 3), seed)
    series = replace(protocols.DSC, slab=Slab((64, 64, 24), (3.6, 3.6, 5.0), protocols.DSC_SLAB.tilt), n_frames=2)
    taken = [one.acquire(patient, np.random.default_rng(seed)) for one in (protocols.T1W, protocols.FLAIR, series)]
    return [(one.images[0].values.astype(np.float32).reshape(*one.grid.shape, -1)[..., 0], one.grid) for one in taken]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("which", [1, 2], ids=["FLAIR", "DSC"])
def test_a_virtual_head_is_told_flipped_where_it_is_and_only_there(seed, which):
    (t1w, grid), other = virtual(seed)[0], virtual(seed)[which]
    assert exchanged(t1w, grid, *other) == ()
    assert [flag.code for flag in exchanged(np.flip(t1w, 0), grid, *other)] == ["left-right-swapped"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("which", [1, 2], ids=["FLAIR", "DSC"])
def test_another_head_is_not_taken_for_a_flipped_one(seed, which):
    others = (virtual(one)[0] for one in SEEDS if one != seed)
    assert [flag for t1w in others for flag in exchanged(*t1w, *virtual(seed)[which])] == []


def test_stretch_is_that_of_the_worst_direction():
    assert identity.stretch(MOVED @ np.diag([1.02, 0.95, 1.0, 1.0])) == pytest.approx(0.05)
    assert identity.stretch(MOVED) == pytest.approx(0, abs=1e-12)


def test_across_a_thin_slab_no_stretch_is_known():
    thin = moving_head.grid((62, 66, 12), (3.0, 3.0, 4.5))
    turned = thin.affine[:3, :3] / thin.spacing
    along, within = np.eye(4), np.eye(4)
    along[:3, :3] = turned @ np.diag([1.0, 1.0, 1.1]) @ turned.T
    within[:3, :3] = turned @ np.diag([1.04, 1.0, 1.0]) @ turned.T
    assert identity.stretch(MOVED @ along, thin) == pytest.approx(0, abs=1e-12)
    assert identity.stretch(MOVED @ along, ON) == pytest.approx(0.1)
    assert identity.stretch(MOVED @ within, thin) == pytest.approx(0.04)


def test_a_slab_of_one_head_is_not_taken_for_another_head_by_its_thin_side(fixed):
    thin = moving_head.grid((62, 66, 12), (3.0, 3.0, 4.5))
    moving = head(MOVED @ np.diag([1.0, 1.0, 1.07, 1.0]), seed=1)
    one = fixed[:, :, 11:23]
    found = align.rigid(one, thin, moving, ON)
    assert identity.doubts(one, thin, moving, ON, found) == ()
    larger = head(MOVED @ np.diag([1.07, 0.96, 1.0, 1.0]), seed=1)
    found = align.rigid(one, thin, larger, ON)
    assert [flag.code for flag in identity.doubts(one, thin, larger, ON, found)] == ["other-head"]


def test_an_image_of_the_same_head_foretells_another_contrast_and_one_of_another_head_does_not():
    """Heads made from one standard, with folds of their own; the standard itself is what many heads have in common."""
    one, other = (made_head(3.0, warp=4.0, seed=seed) for seed in (1, 2))
    inside = Region(one.brain & other.brain & ~one.lesion & ~other.lesion, one.grid, "both")
    expected = expected_shares(template(), one.affine, inside)
    leading, own, theirs = (
        inside.taken(made.image(contrast, bias=0.2, seed=k).astype(np.float64))
        for k, (made, contrast) in enumerate(((one, T1W), (one, T2W), (other, T2W)))
    )
    assert identity.strangers(leading, own, expected, ("T1w", "T2w")) == ()
    (flag,) = identity.strangers(leading, theirs, expected, ("T1w", "T2w"))
    assert (flag.code, flag.severity, flag.where) == ("other-head", Severity.REFUSED, "T2w")


@pytest.mark.parametrize("pulled", [0.0, 3.0], ids=["still", "pulled by 3 mm"])
def test_the_tissues_of_a_head_explain_its_own_series_even_if_it_is_pulled_and_not_that_of_another(pulled):
    one, other = (made_head(3.0, warp=4.0, seed=seed) for seed in (1, 2))
    deep = np.minimum(one.depth, other.depth) > identity.DEEP
    inside = Region(deep & ~one.lesion & ~other.lesion, one.grid, "both")
    expected = expected_shares(template(), one.affine, inside)
    own, theirs = (
        np.stack([inside.taken(made.shares[name].astype(np.float64)) for name in ("csf", "grey", "white")], axis=1)
        for made in (one, other)
    )
    image = one.image(T2W, bias=0.2).astype(np.float64)
    wave = pulled / 3.0 * np.cos(np.arange(image.shape[1]) / 8.0)[:, None]
    x, y, z = np.indices(image.shape).astype(float)
    series = inside.taken(ndimage.map_coordinates(image, [x, y + wave, z], order=1))
    assert identity.foreign(series, own, expected, ("T1w", "dsc")) == ()
    (flag,) = identity.foreign(series, theirs, expected, ("T1w", "dsc"))
    assert (flag.code, flag.where, flag.severity) == ("other-head", "dsc", Severity.REFUSED)


def test_what_an_image_foretells_of_itself_is_all_and_of_noise_nothing():
    rng = np.random.default_rng(0)
    one, noise = rng.normal(size=(2, 20_000))
    assert identity.foretold(one, np.abs(one) + 3.0) > 0.98  # whatever function of it
    assert identity.foretold(one, noise) < 0.01  # 64 levels of 312 voxels: 63/20000


def test_where_the_standard_head_foretells_nothing_nothing_is_said():
    rng = np.random.default_rng(0)
    one, noise = rng.normal(size=(2, 20_000))
    shares = rng.dirichlet((1.0, 1.0, 1.0), 20_000)
    assert identity.strangers(one, noise, shares, ("T1w", "T2w")) == ()


def test_a_stretch_that_no_two_heads_need_is_not_another_head_unless_it_fits_far_better(fixed):
    found = align.rigid(fixed, ON, fixed, ON)
    said = []
    for gain in (1.2, 1.7):
        stretched = replace(found, matrix=np.diag([1.24, 1.2, 1.15, 1.0]), similarity=1 + gain * (found.similarity - 1))
        said.append([flag.code for flag in identity._other_head(found, stretched, ON)])
    assert said == [[], ["other-head"]]
