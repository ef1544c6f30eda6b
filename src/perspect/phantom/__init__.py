"""Virtual objects whose truth is known: curves for deconvolution and leakage, a head. No analysis code is shared."""

from perspect.phantom.arterial import ArterialInput, single_pass
from perspect.phantom.deconvolution import DeconvolutionObject, Shape, deconvolution_object, tissue_curves
from perspect.phantom.geometry import Tissue
from perspect.phantom.head import Head, head_object
from perspect.phantom.leakage import LeakageObject, Ranges, leakage_object
from perspect.phantom.physics import rician, steady_state, two_compartments

__all__ = [
    "ArterialInput",
    "DeconvolutionObject",
    "Head",
    "LeakageObject",
    "Ranges",
    "Shape",
    "Tissue",
    "deconvolution_object",
    "head_object",
    "leakage_object",
    "rician",
    "single_pass",
    "steady_state",
    "tissue_curves",
    "two_compartments",
]
