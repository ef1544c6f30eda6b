"""One head, two heads, and a head with its sides swapped, from a formula."""

from dataclasses import replace

import numpy as np
import pytest

import moving_head
from made_anatomy import T1W, T2W, made_head, template
from perspect.anatomy import align, identity
from perspect.anatomy.expected import expected_shares
from perspect.numerics import rigid
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


def test_a_head_with_its_sides_swapped_is_refused(fixed):
    (flag,) = doubts(fixed, np.flip(head(MOVED, bright_lesion=True, seed=1), 0))
    assert (flag.code, flag.severity) == ("left-right-swapped", Severity.REFUSED)


def test_a_symmetric_head_says_nothing_of_its_sides(fixed):
    one = (fixed + np.flip(fixed, 0)) / 2
    assert doubts(one, np.flip(one, 0) + np.random.default_rng(3).normal(0, 5, ON.shape).astype(np.float32)) == ()


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
