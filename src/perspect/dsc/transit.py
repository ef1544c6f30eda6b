"""What a transit time that is not the reference's does to a voxel's curve, told from leakage by its form.

Blood that takes longer through a voxel than through the reference gives a broad curve with a high tail, as leakage by
T2* does; but its tail falls within the transit time, that of leakage within 1/kep, which is tens of seconds.
"""

from typing import Final

import numpy as np
from jaxtyping import Float, Int

from perspect.dsc.integrate import trapezoid_weights
from perspect.dsc.sensitivity import sensitivity, spread
from perspect.dsc.signal import Relaxation
from perspect.fit import Fit, fit
from perspect.models import LeakageBesideTransit
from perspect.vocabulary import lexicon

NODES: Final = 49
"""Transit times of the table that errors are read from: neighbours differ by 6 %."""


def beside_transit(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    curve: Float[np.ndarray, " time"],
    window: slice,
    voxels: Int[np.ndarray, " some"],
) -> tuple[Float[np.ndarray, "3 some"], Float[np.ndarray, "3 some"], Fit]:
    """K1, K2 and the corrected area of some voxels that may have a transit time of their own, with standard errors, and
    the fit that they are from. All are NaN where no other transit time is seen.
    """
    frames = slice(relaxation.rest.stop, times.size)
    model = LeakageBesideTransit(t=times[frames], reference=curve[frames])
    found = fit(model, relaxation.some(voxels)[:, frames])
    k1, k2, transit = (found.values[one.key] for one in (lexicon.K1, lexicon.K2, lexicon.TRANSIT_TIME))
    seen = np.flatnonzero(np.isfinite(transit))
    nodes = np.geomspace(lexicon.TRANSIT_TIME.low, lexicon.TRANSIT_TIME.high, NODES)
    columns = np.zeros((NODES, times.size, 4))
    atoms = model.atoms(nodes[:, None])
    columns[:, frames, :3] = atoms.transpose(0, 2, 1)
    columns[:, frames, 3] = np.gradient(atoms[:, 0], nodes, axis=0, edge_order=2)
    weights = trapezoid_weights(times, window)
    values, std = np.full((3, voxels.size), np.nan), np.full((3, voxels.size), np.nan)
    leaked = float(columns[0, :, 2] @ weights)
    values[:2, seen] = k1[seen], k2[seen]
    values[2, seen] = relaxation.curves[voxels[seen]] @ weights - k2[seen] * leaked
    left = np.clip(np.searchsorted(nodes, transit[seen], "right") - 1, 0, NODES - 2)
    share = (transit[seen] - nodes[left]) / (nodes[left + 1] - nodes[left])
    # The column of the transit time is scaled by K1 - K1', which changes none of the rows.
    std[:, seen] = spread(
        relaxation, voxels[seen], (left, share), sensitivity(columns, weights, slice(2, 3))[:, [0, 2, 4]]
    )
    return values, std, found
