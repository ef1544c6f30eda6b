"""Flow of pure grey and white matter where voxels hold both: regression over neighbours, a lesion left out.

Within a small neighbourhood flow of each tissue is taken to be even: f = p_g f_g + p_w f_w. In a tumour that is wrong:
a core of 3 becomes a "grey matter" of more than 100 mL/100 g/min. So voxels of a lesion take no part and get no value.

Asllani et al. 2008, doi:10.1002/mrm.21670
"""

from typing import Final

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from perspect.asl.kinetics import Kinetics
from perspect.vocabulary import FAILED_FROM, Around, Problem, Region, Status

WIDTH: Final = 1.0
"""Standard deviation of the neighbourhood in voxels, within the slice. [our default]"""

LEAST: Final = 0.1
"""Share of a tissue in a voxel below which its flow there is not asked for. [our default]"""

SEPARATE: Final = 0.02
"""Determinant of the normal equations over the product of their diagonal, below which neighbours hold the two tissues
in the same proportions and cannot be told apart. [our default]"""

Flows = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]


def pure_flow(fitted: Kinetics, around: Around, brain: Region) -> Flows:
    """Flow, standard error and status of pure grey (cbfgm) and white matter (cbfwm) per voxel, in 1/s.

    Raises Problem without maps of both.
    """
    if around.grey is None or around.white is None:
        raise Problem(
            "asl.partial_volume is 'regression' but there are no maps of grey and white matter.",
            "It divides flow among tissues by their shares.",
            "Give --gm and --wm, or conventional images, or use asl.partial_volume=none.",
        )
    flow, std = fitted.values["cbf"], fitted.std["cbf"]
    ill = np.zeros(brain.n_voxels, bool) if around.lesion is None else brain.taken(around.lesion.mask)
    fluid = np.zeros(brain.n_voxels) if around.fluid is None else np.nan_to_num(brain.taken(around.fluid))
    good = (fitted.status["cbf"] < FAILED_FROM) & ~ill & (std > 0)
    grey, white = (np.clip(np.nan_to_num(brain.taken(one)), 0, 1) for one in (around.grey, around.white))
    weight = np.where(good, np.clip(1.0 - fluid, 0.0, 1.0) / np.where(good, std, 1.0) ** 2, 0.0)
    value = np.where(good, flow, 0.0)

    def summed(one: Float[np.ndarray, " voxels"]) -> Float[np.ndarray, " voxels"]:
        volume = ndimage.gaussian_filter(brain.spread(one, 0.0), (WIDTH, WIDTH, 0.0), mode="constant")
        return np.asarray(brain.taken(volume))

    gg, ww, gw = summed(weight * grey**2), summed(weight * white**2), summed(weight * grey * white)
    gy, wy = summed(weight * grey * value), summed(weight * white * value)
    determinant = gg * ww - gw**2
    is_told = determinant > SEPARATE * gg * ww
    # The noise of weighted sums: neighbours share voxels, which the squared kernel counts.
    narrower = 1.0 / (4.0 * np.pi * WIDTH**2)
    out: Flows = {}
    for key, share, own, other, y_own, y_other in (
        ("cbfgm", grey, gg, ww, gy, wy), ("cbfwm", white, ww, gg, wy, gy),
    ):  # fmt: skip
        with np.errstate(invalid="ignore", divide="ignore"):
            both = (other * y_own - gw * y_other) / determinant
            alone = y_own / own
            spread = np.sqrt(narrower * np.where(is_told, other / determinant, 1.0 / own))
        has_value = good & (share >= LEAST) & (is_told | (share > 1.0 - LEAST))
        status = np.where(has_value, np.int16(Status.OK), np.int16(Status.NOT_DETERMINED))
        out[key] = (np.where(is_told, both, alone), spread, status)
    return out
