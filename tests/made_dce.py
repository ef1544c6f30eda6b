"""Small DCE series with a known truth, through the signal equation written down anew."""

import numpy as np

from perspect.models import ExtendedTofts
from perspect.models.arterial import Parker
from perspect.vocabulary import Acquisition, Curve, Grid, Region, Series

TR, ANGLE, R1 = 0.005, np.deg2rad(15.0), 4.5
TIMES = np.arange(0.0, 360.0, 3.0)
ARRIVAL = 40.0


def signal(c, t1, b1=1.0, m0=1000.0, r1=R1, angle=ANGLE):
    rate = 1.0 / np.asarray(t1)[..., None] + r1 * c
    e, a = np.exp(-TR * rate), np.asarray(b1)[..., None] * angle
    return np.asarray(m0) * np.sin(a) * (1 - e) / (1 - e * np.cos(a))


def plasma(hct=0.42, times=TIMES):
    return Parker().plasma(times - ARRIVAL, hct)


def tissue(n, seed=0):
    """(Ktrans 1/s, ve, vp) of n voxels, T1 and B1, and their concentrations."""
    rng = np.random.default_rng(seed)
    p = np.stack([rng.uniform(5e-4, 4e-3, n), rng.uniform(0.15, 0.5, n), rng.uniform(0.01, 0.08, n)], axis=-1)
    return p, rng.uniform(0.9, 1.8, n), rng.uniform(0.8, 1.2, n), ExtendedTofts(TIMES, plasma()).predict(p)


def series(curves, noise=0.0, seed=1, times=TIMES):
    """Voxels in a row as a series, Rician noise in units of its mean signal."""
    rng = np.random.default_rng(seed)
    level = noise * curves.mean()
    noisy = np.hypot(curves + level * rng.standard_normal(curves.shape), level * rng.standard_normal(curves.shape))
    grid = Grid((curves.shape[0], 1, 1), np.diag([2.0, 2.0, 3.0, 1.0]))
    values = np.asfortranarray(noisy.reshape(-1, 1, 1, curves.shape[1]).astype(np.float32))
    return Series(values, grid, times, Acquisition(te=0.002, tr=TR, flip_angle=ANGLE, field=3.0), name="made")


def everything(one):
    return Region(np.ones(one.grid.shape, bool), one.grid, "all")


def given(cp, label="cp"):
    return Curve(TIMES, cp, "mM", label)
