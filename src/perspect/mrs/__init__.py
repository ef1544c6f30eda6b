"""Spectroscopy: what the tissue is made of."""

from perspect.mrs.grid import quantify_grid
from perspect.mrs.pipeline import measure
from perspect.mrs.plan import Plan

__all__ = ["Plan", "measure", "quantify_grid"]
