"""What we speak of, as frozen values: quantities, grids, series, maps, status, flags, recipes, problems,
templates.
"""

from perspect.vocabulary import lexicon
from perspect.vocabulary.data import Acquisition, Anatomy, Curve, Grid, Map, Measured, Region, Series, Study
from perspect.vocabulary.flag import Flag, Severity
from perspect.vocabulary.problem import Problem, Refusal
from perspect.vocabulary.quantity import Code, Quantity
from perspect.vocabulary.recipe import Recipe, Step
from perspect.vocabulary.spectra import WATER, Amount, Basis, FittedSpectrum, MeasuredSpectrum, Spectra
from perspect.vocabulary.status import FAILED_FROM, Status
from perspect.vocabulary.template import Template

__all__ = [
    "FAILED_FROM",
    "WATER",
    "Acquisition",
    "Amount",
    "Anatomy",
    "Basis",
    "Code",
    "Curve",
    "FittedSpectrum",
    "Flag",
    "Grid",
    "Map",
    "Measured",
    "MeasuredSpectrum",
    "Problem",
    "Quantity",
    "Recipe",
    "Refusal",
    "Region",
    "Series",
    "Severity",
    "Spectra",
    "Status",
    "Step",
    "Study",
    "Template",
    "lexicon",
]
