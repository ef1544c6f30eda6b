"""Virtual objects whose truth is known: curves, a head, whole patients. No analysis code is shared."""

from perspect.phantom.arterial import ArterialInput, single_pass
from perspect.phantom.deconvolution import (
    DeconvolutionDesign,
    DeconvolutionObject,
    Shape,
    deconvolution_object,
    tissue_curves,
)
from perspect.phantom.geometry import Tissue
from perspect.phantom.head import Head, HeadDesign, head_object
from perspect.phantom.leakage import LeakageDesign, LeakageObject, Ranges, leakage_object
from perspect.phantom.patient import Biology, Compartment, Levels, Part, Patient, levels_of
from perspect.phantom.physics import rician, steady_state, two_compartments
from perspect.phantom.sampled import Sampled, parts_on, sampled
from perspect.phantom.scenarios import SCENARIOS, Scenario
from perspect.phantom.truth import RegionTruth, roi_truth, truth
from perspect.phantom.virtual import virtual_patient

__all__ = [
    "SCENARIOS",
    "ArterialInput",
    "Biology",
    "Compartment",
    "DeconvolutionDesign",
    "DeconvolutionObject",
    "Head",
    "HeadDesign",
    "LeakageDesign",
    "LeakageObject",
    "Levels",
    "Part",
    "Patient",
    "Ranges",
    "RegionTruth",
    "Sampled",
    "Scenario",
    "Shape",
    "Tissue",
    "deconvolution_object",
    "head_object",
    "leakage_object",
    "levels_of",
    "parts_on",
    "rician",
    "roi_truth",
    "sampled",
    "single_pass",
    "steady_state",
    "tissue_curves",
    "truth",
    "two_compartments",
    "virtual_patient",
]
