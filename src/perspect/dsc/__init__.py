"""Dynamic susceptibility contrast: a bolus seen as a loss of signal."""

from perspect.dsc.pipeline import quantify
from perspect.dsc.plan import Plan

__all__ = ["Plan", "quantify"]
