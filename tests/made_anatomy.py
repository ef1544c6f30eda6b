"""Heads made from the standard one: warped, scaled, turned, lit unevenly, noisy, with a lesion; every share is known.

The warp is a smooth random one that no affine can undo, the shading falls off from coils beside the head and is no
polynomial, and a lesion is none of the three tissues: what an analysis assumes is not what made the image.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage

from perspect.io.templates import icbm_2009a
from perspect.vocabulary import Grid

T1W = {"csf": 0.25, "grey": 0.65, "white": 1.0, "lesion": 0.55}
SKULL = ((0.8, 0.65), (6.0, 0.06), (5.0, 1.9))
"""Dura, bone and fat as T1-weighted images show them: mm and signal."""

ENHANCED = ((2.0, 1.7), (6.0, 0.06), (5.0, 1.9))
"""The same after contrast agent, with a thick meninx."""

T2W = {"csf": 1.6, "grey": 0.95, "white": 0.65, "lesion": 1.25}
FLAIR = {"csf": 0.2, "grey": 1.0, "white": 0.8, "lesion": 1.5}
TISSUES = ("csf", "grey", "white")
SIZE = 0.93
"""Of a made head, as a share of the standard one."""

WATER = 1.5
"""mm of fluid between the standard brain's edge and the skull."""


@cache
def template():
    return icbm_2009a()


@cache
def _blurred(sigma):
    return tuple(ndimage.gaussian_filter(one, sigma) if sigma else one for one in (template().grey, template().white))


@cache
def _depth():
    """mm below the surface of the standard brain, negative outside."""
    brain = template().brain[::2, ::2, ::2]
    return 2 * (ndimage.distance_transform_edt(brain) - ndimage.distance_transform_edt(~brain)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class MadeHead:
    """Shares of the tissues, the lesion, mm below the brain's surface, and the affine to the standard head."""

    grid: Grid
    shares: dict
    lesion: np.ndarray
    depth: np.ndarray
    affine: np.ndarray

    @property
    def brain(self):
        return sum(self.shares.values()) > 0.5

    def image(self, contrast=T1W, bias=0.3, noise=0.03, seed=0, around=None):
        """Signal with shading (peak to peak, as a share of its mean) and Rician noise (SD as a share of white).

        `around` is what lies around the brain, from the inside out: thickness in mm and signal of each layer.
        """
        rng = np.random.default_rng(seed)
        clean = sum(contrast[name] * share for name, share in self.shares.items())
        clean = np.where(self.lesion, contrast["lesion"], clean)
        share, start = np.clip(1 - sum(self.shares.values()), 0, 1), WATER
        for thickness, signal in around or ():
            clean = clean + share * signal * _layer(-self.depth, start, start + thickness, self.grid.spacing[0])
            start += thickness
        clean = clean * shading(self, bias, rng)
        sigma = noise * contrast["white"]
        noisy = clean + sigma * rng.normal(size=clean.shape) + 1j * sigma * rng.normal(size=clean.shape)
        return (300 * np.abs(noisy)).astype(np.float32)


def _layer(height, low, high, spacing):
    return np.clip(0.5 + (height - low) / spacing, 0, 1) * np.clip(0.5 + (high - height) / spacing, 0, 1)


def made_head(
    spacing=2.0,
    seed=1,
    warp=4.0,
    turn=(0.06, -0.04, 0.09),
    lesion=(28.0, 30.0, 25.0),
    radius=18.0,
    room=(170, 210, 170),
    push=0.0,
):
    """A head whose displacement from the standard one has a standard deviation of `warp` mm besides the affine.

    `lesion` is its middle in the standard head (mm). `push` is by how many mm the midline is moved to the left.
    """
    grid = Grid(tuple(int(n / spacing) for n in room), np.diag([spacing, spacing, spacing, 1.0]))
    grid.affine[:3, 3] = -np.array(room) / 2 + [1.0, -13.0, 10.0]
    rng = np.random.default_rng(seed)
    at = grid.affine[:3, :3] @ np.indices(grid.shape).reshape(3, -1) + grid.affine[:3, 3:]
    affine = np.eye(4)
    affine[:3, :3] = turned(turn) / SIZE
    affine[:3, 3] = [2.0, 5.0, -4.0]
    there = affine[:3, :3] @ at + affine[:3, 3:]
    there += np.stack([_smooth(rng, grid, 18.0, warp).ravel() for _ in range(3)])
    there[0] += push * np.exp(-0.5 * ((there - [[0.0], [10.0], [15.0]]) ** 2).sum(axis=0) / 30.0**2)
    head = template()
    index = np.linalg.inv(head.grid.affine)[:3, :3] @ there + np.linalg.inv(head.grid.affine)[:3, 3:]
    index = index.reshape(3, *grid.shape)
    grey, white = (ndimage.map_coordinates(one, index, order=1) for one in _blurred(max(spacing / 2 - 0.5, 0)))
    beyond = np.linalg.norm(index - np.clip(index, 0, np.array(_depth().shape)[:, None, None, None] * 2 - 2), axis=0)
    depth = ndimage.map_coordinates(_depth(), index / 2, order=1, mode="nearest") * SIZE
    within = np.clip(0.5 + (depth + WATER) / spacing, 0, 1) * (beyond == 0)
    csf = np.maximum(within - grey - white, 0)
    centre = np.linalg.inv(affine) @ np.array([*lesion, 1.0])
    inside = (np.linalg.norm(at - centre[:3, None], axis=0) < radius).reshape(grid.shape) & (depth > -WATER)
    shares = dict(zip(TISSUES, (csf, grey, white), strict=True))
    return MadeHead(grid, shares, inside, depth - beyond * (index[2] >= 0), affine)


def turned(angles):
    out = np.eye(3)
    for axis, angle in enumerate(angles):
        one = np.eye(3)
        i, j = [k for k in range(3) if k != axis]
        one[i, i] = one[j, j] = np.cos(angle)
        one[i, j], one[j, i] = -np.sin(angle), np.sin(angle)
        out = one @ out
    return out


def shading(head, bias, rng):
    """What three coils beside the head see: the peak-to-peak range over the brain is `bias` times the mean."""
    axes = np.indices(head.grid.shape)
    at = np.tensordot(head.grid.affine[:3, :3], axes, 1) + head.grid.affine[:3, 3].reshape(3, 1, 1, 1)
    seen = np.zeros(head.grid.shape)
    for _ in range(3):
        where = rng.normal(size=3)
        where *= 130 / np.linalg.norm(where)
        seen += 1 / (80**2 + ((at - where.reshape(3, 1, 1, 1)) ** 2).sum(axis=0))
    low, high = np.percentile(seen[head.brain], [0.5, 99.5])
    return 1 + bias * ((seen - low) / (high - low) - 0.5) if bias else np.ones(head.grid.shape)


def _smooth(rng, grid, width, sd):
    field = ndimage.gaussian_filter(rng.normal(size=grid.shape), [width / one for one in grid.spacing], mode="wrap")
    return field * (sd / field.std())


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())
