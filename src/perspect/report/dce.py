"""The one-page summary of a DCE series, and that of a T1 map."""

from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.report.page import page, windows_of
from perspect.vocabulary import Measured

LIMITS: Final = (
    "These are numbers, not conclusions. They say how fast agent leaves the vessels in this series, and never what a "
    "lesion is. Read them beside the conventional images.",
    "Ktrans is flow and permeability in one: where vessels leak fast it is limited by flow, else by PS. Published "
    "cut-offs belong to the software, the protocol and the arterial input with which they were found.",
    "Ktrans, ve and vp are relative to the arterial input: an error of its size is an error of theirs, in all voxels "
    "alike. In the OSIPI challenge, inputs chosen by hand cost most of the reproducibility (Shalom et al. 2024, "
    "doi:10.1002/mrm.29909).",
    "ve of tissue that leaks slowly is not seen in some minutes: it is then not determined, which is not zero. In the "
    "normal brain Ktrans lies below what most protocols can tell from nothing: look at its standard error.",
    "The flip angle enters T1 squared, and T1 the concentration. Without a map of it, differences between places may "
    "be those of the transmit field.",
)  # fmt: skip
"""What holds for every DCE examination, with its sources."""

T1_LIMITS: Final = (
    "T1 from several flip angles depends on the square of the true flip angle, on spoiling, and on the profile of the "
    "slice: values of different scanners differ by 10 to 20 % (Stikov et al. 2015, doi:10.1002/mrm.25135).",
    "Blood that flows into the slab between images has no valid T1 here.",
)
"""What holds for every T1 map."""


def dce_page(measured: Measured, series_name: str, background: Float[np.ndarray, "x y z"]) -> str:
    """One HTML page, whole in itself, as `dsc_page` makes it for DSC."""
    return page(
        measured,
        series_name,
        background,
        title="DCE leakage",
        limits=LIMITS,
        windows=windows_of(measured),
        baseline="signal before the bolus",
    )


def t1_page(measured: Measured, series_name: str, background: Float[np.ndarray, "x y z"]) -> str:
    """One HTML page of a T1 map."""
    return page(
        measured,
        series_name,
        background,
        title="T1 map",
        limits=T1_LIMITS,
        windows=windows_of(measured),
        baseline="one of the images",
    )
