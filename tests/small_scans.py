"""Small scans of the small patient: the same sequences on coarse grids, so that each takes a fraction of a second."""

from dataclasses import replace

import numpy as np

from perspect.phantom import protocols
from perspect.phantom.sequence import Slab

DSC = replace(protocols.DSC, slab=Slab((36, 42, 8), (6.0, 6.0, 12.0), tilt=0.1), n_frames=70)
DCE = replace(protocols.DCE, slab=Slab((30, 36, 8), (7.0, 7.0, 12.0)), n_frames=24)
ASL = replace(protocols.ASL, slab=Slab((30, 36, 8), (7.0, 7.0, 12.0)), n_pairs=8, slice_time=0.09)
DWI = replace(protocols.DWI, slab=Slab((36, 42, 8), (6.0, 6.0, 12.0)))
T2STAR = replace(protocols.T2STAR, slab=Slab((60, 72, 16), (3.0, 3.0, 6.0)))


def silent(scan):
    """Without noise and rounding."""
    return replace(scan, snr=np.inf, is_rounded=False)


def acquired(scan, patient, seed=0):
    return scan.acquire(patient, np.random.default_rng(seed))


def mean_in(values, region):
    return values[region.mask].mean(axis=0)
