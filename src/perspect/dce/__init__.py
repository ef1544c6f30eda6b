"""Dynamic contrast-enhanced MRI: how fast agent leaves the vessels, and where it goes."""

from perspect.dce.pipeline import quantify
from perspect.dce.plan import Plan
from perspect.dce.t1_map import Images, of_both, of_flip_angles, of_inversions

__all__ = ["Images", "Plan", "of_both", "of_flip_angles", "of_inversions", "quantify"]
