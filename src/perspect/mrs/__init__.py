"""Spectroscopy: what the tissue is made of."""

from perspect.mrs.contralateral import against
from perspect.mrs.displacement import DRAWN, RESONANCES, Selection, displaced, displacement_flags, in_common
from perspect.mrs.edited import Edited, as_spectrum, measure_edited, pair_of
from perspect.mrs.excited import Excited
from perspect.mrs.grid import quantify_grid
from perspect.mrs.kspace import reconstructed
from perspect.mrs.pipeline import measure
from perspect.mrs.plan import Plan

__all__ = [
    "DRAWN",
    "RESONANCES",
    "Edited",
    "Excited",
    "Plan",
    "Selection",
    "against",
    "as_spectrum",
    "displaced",
    "displacement_flags",
    "in_common",
    "measure",
    "measure_edited",
    "pair_of",
    "quantify_grid",
    "reconstructed",
]
