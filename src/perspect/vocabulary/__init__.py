"""What we speak of, as frozen values: quantities, grids, series, maps, status, flags, recipes, problems,
templates.
"""

from perspect.vocabulary import lexicon
from perspect.vocabulary.cut import BoxRow, Cut, VoxelPicture
from perspect.vocabulary.data import (
    Acquisition,
    Anatomy,
    Curve,
    Grid,
    Kept,
    Map,
    Measured,
    Moment,
    Region,
    Series,
    Study,
)
from perspect.vocabulary.earlier import Change, Earlier
from perspect.vocabulary.finding import Finding
from perspect.vocabulary.flag import Flag, Severity
from perspect.vocabulary.labelling import Around, Calibration, Labelled, Labelling
from perspect.vocabulary.marker import MARKERS, Family, Marker, marker
from perspect.vocabulary.metric import Histogram, Metric, Size
from perspect.vocabulary.problem import Problem, Refusal
from perspect.vocabulary.quantity import Code, Quantity
from perspect.vocabulary.recipe import Recipe, Step
from perspect.vocabulary.spectra import WATER, Amount, Basis, Compared, FittedSpectrum, MeasuredSpectrum, Spectra
from perspect.vocabulary.status import FAILED_FROM, Status
from perspect.vocabulary.template import Template

__all__ = [
    "FAILED_FROM",
    "MARKERS",
    "WATER",
    "Acquisition",
    "Amount",
    "Anatomy",
    "Around",
    "Basis",
    "BoxRow",
    "Calibration",
    "Change",
    "Code",
    "Compared",
    "Curve",
    "Cut",
    "Earlier",
    "Family",
    "Finding",
    "FittedSpectrum",
    "Flag",
    "Grid",
    "Histogram",
    "Kept",
    "Labelled",
    "Labelling",
    "Map",
    "Marker",
    "Measured",
    "MeasuredSpectrum",
    "Metric",
    "Moment",
    "Problem",
    "Quantity",
    "Recipe",
    "Refusal",
    "Region",
    "Series",
    "Severity",
    "Size",
    "Spectra",
    "Status",
    "Step",
    "Study",
    "Template",
    "VoxelPicture",
    "lexicon",
    "marker",
]
