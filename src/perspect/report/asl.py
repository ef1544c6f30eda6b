"""The one-page summary of a labelled series."""

from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.report.curves import Windows
from perspect.report.page import page
from perspect.vocabulary import Measured

LIMITS: Final = (
    "These are numbers, not conclusions. They say how much labelled blood came to each voxel, and never what a lesion "
    "is. Read them beside the conventional images.",
    "Flow is proportional to the labelling efficiency, to 1/M0 and to what label has lost on its way. Other programs "
    "take other models: the methods say what the same series would read with them.",
    "Label that comes late looks like low flow where there is one delay, and label in arteries like high flow. Bright "
    "vessels beside dark tissue are delay until several delays say otherwise.",
    "A voxel holds several tissues. Cortex reads 30 to 50 % too low for that alone; a small or thin lesion likewise.",
    "Standard errors hold the noise of this series, and with several delays that the transit time is not known. They "
    "hold no error of labelling, M0, T1 of blood or motion that was not seen. On another day flow of healthy people "
    "differs by 10 to 15 %.",
)
"""What holds for every ASL examination."""


def asl_page(measured: Measured, series_name: str, background: Float[np.ndarray, "x y z"]) -> str:
    """One HTML page, whole in itself; `background` is the M0 image, or the mean of the series, on the grid of the maps.

    Raises `Problem` where it is not.
    """
    has_delays = len(measured.summary.get("delays", ())) > 1
    return page(
        measured,
        series_name,
        background,
        title="Arterial spin labelling",
        limits=LIMITS,
        windows=Windows(),
        baseline="M0, or the mean of the series",
        across="post-label delay (s)" if has_delays else "time (s)",
    )
