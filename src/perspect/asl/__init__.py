"""Arterial spin labelling: blood as its own tracer, seen as a small difference of two images."""

from perspect.asl.pipeline import quantify
from perspect.asl.plan import Plan

__all__ = ["Plan", "quantify"]
