"""The truth is exact: `moving_head` is a formula that is evaluated where the head lies, never interpolated."""

import numpy as np
import pytest

import moving_head
from perspect.anatomy import align
from perspect.numerics import rigid

WITHIN = moving_head.grid((96, 100, 90), (2.0, 2.0, 2.0))
TRUTH = rigid.rigid(np.array([*np.deg2rad([3, -4, 2]), 3.0, -3.0, 2.5]))
INVERTED = {"csf": 60.0, "grey": 150.0, "white": 210.0, "scalp": 330.0, "lesion": 320.0, "artery": 20.0}
STILL = np.eye(4)


def head(on, moved=STILL, signals=moving_head.AT_REST, noise=4.0, seed=0):
    """The head on a grid after it was moved by a matrix (mm), each slice the mean over its thickness, with noise."""
    n_parts = max(1, round(on.spacing[2] / 2))
    to_head = np.linalg.inv(moved) @ on.affine
    i, j, k = np.ogrid[tuple(slice(n) for n in on.shape)]
    total = np.zeros(on.shape, np.float32)
    for part in (np.arange(n_parts) - (n_parts - 1) / 2) / n_parts:
        x, y, z = ((row[0] * i + row[1] * j + row[2] * (k + part) + row[3]).astype(np.float32) for row in to_head[:3])
        for name, share in moving_head.tissues(x, y, z).items():
            total += np.float32(signals[name] / n_parts) * share
    return total + np.random.default_rng(seed).normal(0, noise, on.shape).astype(np.float32)


def off(found, truth):
    """The largest distance (mm) between where places of a brain are said to be and where they are."""
    places = np.random.default_rng(0).uniform(-60, 60, (3, 500))
    wrong = found - truth
    return np.linalg.norm(wrong[:3, :3] @ places + wrong[:3, 3:], axis=0).max()


@pytest.fixture(scope="module")
def fixed():
    return head(WITHIN)


@pytest.fixture(scope="module")
def inverted():
    return head(WITHIN, TRUTH, INVERTED, seed=1)


def test_a_motion_is_found_to_a_tenth_of_a_millimetre_through_an_inverted_contrast(fixed, inverted):
    found = align.rigid(fixed, WITHIN, inverted, WITHIN)
    assert off(found.matrix, TRUTH) < 0.1
    assert not found.flags


def test_stretches_and_shears_are_found_to_half_a_millimetre(fixed):
    stretch = np.eye(4)
    stretch[:3, :3] = [[1.06, 0.02, 0], [0.01, 0.94, 0.03], [0, -0.02, 1.04]]
    truth = TRUTH @ stretch
    found = align.affine(fixed, WITHIN, head(WITHIN, truth, INVERTED, seed=1), WITHIN)
    assert off(found.matrix, truth) < 0.5
