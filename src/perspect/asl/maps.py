"""Values per voxel, put back into space with their standard error and status."""

import numpy as np
from jaxtyping import Float

from perspect.asl.kinetics import Kinetics, Samples
from perspect.asl.partial_volume import Pure
from perspect.asl.regular import Regular
from perspect.vocabulary import FAILED_FROM, Map, Quantity, Region, Status, lexicon


def maps(fitted: Kinetics, brain: Region, samples: Samples, m0: Float[np.ndarray, " voxels"] | None) -> dict[str, Map]:
    """Every map that was made, by its key."""
    flow = lexicon.FLOW if m0 is not None else lexicon.RELATIVE_FLOW
    quantities: dict[str, Quantity] = {"cbf": flow, "att": lexicon.ATT, "abv": lexicon.ABV, "abat": lexicon.ABAT}
    made = {
        quantities[key].key: Map.of(quantities[key], brain, fitted.values[key], fitted.std[key], fitted.status[key])
        for key in fitted.values
    }
    if fitted.correlation is not None:
        # It is a part of the errors of the two, and has none of its own.
        zero = np.where(np.isfinite(fitted.correlation), 0.0, np.nan)
        status = fitted.status["cbf"]
        made["cbfattcorr"] = Map.of(lexicon.FLOW_ATT_CORRELATION, brain, fitted.correlation, zero, status)
    if m0 is None:
        return made
    plain = fitted.status["cbf"]
    status = np.where(plain < FAILED_FROM, np.int16(Status.OK), plain)
    mean = samples.values.mean(axis=1, dtype=np.float64)
    error = np.sqrt((samples.noise**2).sum(axis=1)) / samples.delays.size
    made["deltam"] = Map.of(lexicon.PERFUSION_WEIGHTED, brain, mean, error, status)
    return made


def regular_maps(drawn: Regular, brain: Region, fitted: Kinetics) -> dict[str, Map]:
    """Flow that was drawn to its neighbours, and how much of it they are (whose error is that of the flow's)."""
    status = fitted.status["cbf"]
    if not drawn.is_solved:
        status = np.where(status < FAILED_FROM, np.int16(Status.NOT_CONVERGED), status)
    zero = np.where(np.isfinite(drawn.share), 0.0, np.nan)
    return {
        "cbfreg": Map.of(lexicon.REGULAR_FLOW, brain, drawn.flow, drawn.std, status),
        "cbfshare": Map.of(lexicon.NEIGHBOURS_SHARE, brain, drawn.share, zero, status),
    }


def pure_maps(pure: Pure, brain: Region) -> dict[str, Map]:
    """Flow of pure tissues."""
    return {
        key: Map.of(quantity, brain, pure.tissues[key].flow, pure.tissues[key].std, pure.tissues[key].status)
        for key, quantity in pure.quantities().items()
    }
