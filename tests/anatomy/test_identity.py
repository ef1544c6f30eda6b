"""One head, two heads, and a head with its sides swapped, from a formula."""

import numpy as np
import pytest

import moving_head
from perspect.anatomy import align, identity
from perspect.numerics import rigid
from perspect.vocabulary import Severity

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
