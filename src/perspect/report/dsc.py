"""The one-page summary of a DSC series: first whether to believe it, then what it shows, then how it was made."""

from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.report.page import page, windows_of
from perspect.vocabulary import Measured

LIMITS: Final = (
    "These are numbers, not conclusions. They say how much blood volume, flow and leakage this series shows, and never "
    "what a lesion is. Read them beside the conventional images.",
    "Published cut-offs belong to the software, the protocol and the kind of region with which they were found. Two "
    "commercial packages put normal cortex at 2.8 and at 3.9 times white matter (Schmidt et al. 2020); the best "
    "cut-off moves between eleven algorithms that discriminate equally well (Kudo et al. 2017). None has been "
    "validated for this software.",
    "On another day, leakage-corrected relative CBV of the same tumour may differ by 1.78 (95 % repeatability "
    "coefficient; Prah et al. 2015). The standard errors here hold the noise of this series only.",
    "Large vessels, cortex, choroid plexus, haemorrhage, calcification and the skull base can look like high or low "
    "blood volume. The largest single voxel is not a result.",
    "CBV and CBF in absolute units are as good as what sets their scale (a flag says what), CBF and MTT as good as the "
    "shape of the arterial input; relative CBV needs neither. The recovery of the signal (PSR) can only be compared "
    "within one protocol.",
)
"""What holds for every DSC examination, with its sources."""


def dsc_page(measured: Measured, series_name: str, background: Float[np.ndarray, "x y z"]) -> str:
    """One HTML page, whole in itself: it opens without a network and prints to two sheets.

    `background` is the baseline image on the grid of the maps. Of `measured.summary` the page reads, beside what every
    page does, `baseline_frames` (first, and the one after the last) and `window_seconds` (first and last time
    integrated). Raises `Problem` where the baseline image and the maps are not on one grid.
    """
    return page(
        measured,
        series_name,
        background,
        title="DSC perfusion",
        limits=LIMITS,
        windows=windows_of(measured),
        baseline="signal before the bolus",
        fitted="fit of the first pass",
    )
