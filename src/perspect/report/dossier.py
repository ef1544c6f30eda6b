"""Everything that an answer is made of and a report shows: one value, of which JSON, table and page are views."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32

from perspect.evidence import Answer, Calibration, Case, Question
from perspect.report.panel import Chart
from perspect.vocabulary import Change, Finding, FittedSpectrum, Flag, Histogram, Map, Metric, Recipe, Size


@dataclass(frozen=True)
class Used:
    """A series of the study: the role it has, how it was taken in words, whether it was used, and why not."""

    role: str
    name: str
    how: str = ""
    is_used: bool = True
    why_not: str = ""


@dataclass(frozen=True)
class Quality:
    """Whether a series can be relied on: the class of its protocol with the reason, every flag that was raised, and
    the plain numbers of its run in their inside units.
    """

    reliability: str
    reason: str
    flags: tuple[str, ...]
    numbers: Mapping[str, float | bool]


@dataclass(frozen=True)
class Extent:
    """A region in numbers: where it is from, its voxels on the image that it was measured on, its volume in mL."""

    name: str
    n_voxels: int
    volume: float
    origin: str = ""


@dataclass(frozen=True, eq=False)
class Plate:
    """A picture to draw: a map (or none) over an image, with outlines by kind; where the lesion is largest.

    `to_anatomy` takes places of the picture (mm) to those of the conventional images; `None`: they share a frame.
    """

    title: str
    background: Float[np.ndarray, "x y z"]
    shown: Map | None
    outlines: Mapping[str, Bool[np.ndarray, "x y z"]]
    caption: str
    centre: Bool[np.ndarray, "x y z"]
    affine: Float[np.ndarray, "4 4"]
    to_anatomy: Float[np.ndarray, "4 4"] | None = None


@dataclass(frozen=True, eq=False)
class Shown:
    """A spectrum with its fit, and what must be said of it in words. Those of one `group` are drawn on one scale."""

    title: str
    fitted: FittedSpectrum
    caption: str = ""
    group: str = ""


@dataclass(frozen=True, eq=False)
class Scenery:
    """What linked views show: images and what is outlined, all on one grid in the head's frame.

    `outlines` are masks by their style in answer.css, in the order in which they are drawn; `focus` is the place in mm
    that is shown first.
    """

    images: Mapping[str, Float32[np.ndarray, "x y z"]]
    outlines: Mapping[str, Bool[np.ndarray, "x y z"]]
    affine: Float[np.ndarray, "4 4"]
    focus: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Dossier:
    """What was asked, what was there, what was found, what is said, and how each came about.

    `question` and `answer` are `None` where nothing was asked: then there is no evidence. `sources` are hashes by file,
    `plan` the choices by room and field, `quality` what each room says of its series. `metrics`, `histograms` and
    `sizes` are all that is told of maps and parts; `changes` are of the markers that an earlier study has too. `site`
    are the site's own cut-offs, where the answer rests on such. `refused` are the series that
    must not be interpreted, by what measures their markers, each with the reason. `charts` are the curves of the
    lesion.
    """

    name: str
    version: str
    question: Question | None
    case: Case
    series: tuple[Used, ...]
    flags: tuple[Flag, ...]
    traps: tuple[Flag, ...]
    regions: tuple[Extent, ...]
    findings: tuple[Finding, ...]
    answer: Answer | None
    recipes: Mapping[str, Recipe]
    plates: tuple[Plate, ...] = ()
    scenery: Scenery | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    quality: Mapping[str, "Quality"] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    sizes: tuple[Size, ...] = ()
    changes: tuple[Change, ...] = ()
    spectra: tuple[Shown, ...] = ()
    site: Calibration | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    charts: tuple[Chart, ...] = ()
