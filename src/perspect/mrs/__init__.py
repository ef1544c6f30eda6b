"""Spectroscopy: what the tissue is made of."""

from perspect.mrs.edited import Edited, measure_edited
from perspect.mrs.grid import quantify_grid
from perspect.mrs.pipeline import measure
from perspect.mrs.plan import Plan

__all__ = ["Edited", "Plan", "measure", "measure_edited", "quantify_grid"]
