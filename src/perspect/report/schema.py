"""The schema of the canonical findings as types: what a reader of `findings.json` may rely on.

`json_schema()` is published as docs/reference/findings.schema.json. A key that is not here is an error, and one that
goes or changes its meaning makes the next version of `findings.SCHEMA`.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Number = float | None
"""A number, null where it is not known: never zero in its place."""

Severity = Literal["note", "caution", "limited", "refused"]
Fact = bool | float | str


class Strict(BaseModel):
    """A value without keys of its own making."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Software(Strict):
    """What made the file; `plan` holds every choice by room and field."""

    name: Literal["perspect"]
    version: str
    plan: dict[str, Any]


class SeriesEntry(Strict):
    """An image of the study: its role, how it was taken, whether it was used, and why not."""

    role: str
    name: str
    how: str
    used: bool
    why_not: str


class StudyEntry(Strict):
    """The study; `sources` are SHA-256 by file."""

    name: str
    series: list[SeriesEntry]
    sources: dict[str, str]


class QualityEntry(Strict):
    """What a room says of its series; `numbers` are in inside units (s, rad, Hz, 1/s)."""

    reliability: str
    reason: str
    flags: list[str]
    numbers: dict[str, bool | float]


class FlagEntry(Strict):
    """Something that a reader must know; `fraction` is the share of voxels that it concerns."""

    code: str
    severity: Severity
    sentence: str
    where: str
    fraction: Number


class RegionEntry(Strict):
    """A part of the lesion."""

    name: str
    voxels: int
    volume_ml: float
    origin: str


class FindingEntry(Strict):
    """A marker in a region; `interval` is that of 80 % with repeatability, `bound` says that `value` is the least that
    it may be. `limited` says that a flag keeps it from carrying weight.
    """

    marker: str
    name: str
    family: str
    region: str
    value: Number
    std: Number
    interval: tuple[Number, Number]
    bound: Literal["above"] | None
    unit: str
    n: int
    with_traps: Number
    without_traps: Number
    flags: list[str]
    limited: bool


class MetricEntry(Strict):
    """One statistic of one map in one part; `interval` is that of 95 %."""

    quantity: str
    region: str
    statistic: str
    unit: str
    value: Number
    interval: tuple[Number, Number]
    n: int
    with_traps: Number
    without_traps: Number
    flags: list[str]


class HistogramEntry(Strict):
    """Voxels of a part between neighbouring `edges`; what lies outside is in the first and the last."""

    quantity: str
    region: str
    unit: str
    edges: list[float]
    with_traps: list[int]
    without_traps: list[int]


class SizeEntry(Strict):
    """A part: mL, with those of a mask one voxel narrower and wider; diameters in mm, `product` in mm²."""

    region: str
    volume: Number
    low: Number
    high: Number
    longest: Number
    across: Number
    product: Number


class MomentEntry(Strict):
    """From when to when (s, on the axis of the series), and what was or is wrong then."""

    start: float
    stop: float
    words: str


class CurveEntry(Strict):
    """A mean curve: its standard error by how voxels scatter and its fit, null where there is none."""

    label: str
    unit: str
    times: list[float]
    values: list[Number]
    std: list[Number] | None
    fit: list[Number] | None


class PanelEntry(Strict):
    """Curves that share axes (across, down). `spans` are times that the analysis used, `marks` what spoils the curves,
    `note` what spoils all of them. The keys of `curves` are lesion, corrected (without leakage), white and aif.
    """

    title: str
    axes: tuple[str, str]
    note: str
    spans: list[MomentEntry]
    marks: list[MomentEntry]
    curves: dict[str, CurveEntry]


class ChartEntry(Strict):
    """The curves of a series in a part of the lesion: the mean of `voxels` of it, `left_out` as trapped. `markers` are
    the findings that are read from them.
    """

    series: Literal["dsc", "dce", "asl"]
    title: str
    region: str
    voxels: int
    left_out: int
    fit_of: str
    markers: list[str]
    sentence: str
    panels: list[PanelEntry]


class PublishedEntry(Strict):
    """A published row; proportions are value, low and high of 95 %."""

    id: str
    cutoff: tuple[float, float] | None
    cutoff_origin: str
    direction: Literal["high", "low"]
    sensitivity: tuple[float, float, float] | None
    specificity: tuple[float, float, float] | None
    derived: str
    auc: Number
    n_patients: int | None
    n_studies: int
    status: Literal["verified", "partial", "secondary"]
    reference: str
    note: str


class EvidenceEntry(Strict):
    """A finding beside a published row; where `valid` is false it counts for nothing, for the reasons given."""

    marker: str
    region: str
    family: str
    published: PublishedEntry
    valid: bool
    failed_conditions: list[str]
    probability_beyond: Number
    reads_as: Literal["for", "against", "neither"]
    lr: Number
    lr_low: Number
    lr_high: Number


class VerdictEntry(Strict):
    """The answer. `pre_to_post_test` holds (before, lowest after, highest after); no prior is assumed."""

    word: Literal["concordant", "leans", "discordant", "insufficient", "refused"]
    side: str
    points: Literal["for", "against", "neither"]
    families_for: list[str]
    families_against: list[str]
    families_unusable: list[str]
    hinges_on: list[str]
    sentence: str
    lr_range: tuple[Number, Number]
    pre_to_post_test: list[tuple[float, float, float]]


class Findings(Strict):
    """Everything that a report shows. `verdict` is null and `evidence` empty where nothing was asked."""

    version: str = Field(alias="schema", pattern="^perspect-findings/1$")
    banner: str
    software: Software
    question: str | None
    context: dict[str, Fact]
    study: StudyEntry
    quality: dict[str, QualityEntry]
    flags: list[FlagEntry]
    traps: list[FlagEntry]
    regions: list[RegionEntry]
    findings: list[FindingEntry]
    metrics: list[MetricEntry]
    histograms: list[HistogramEntry]
    sizes: list[SizeEntry]
    curves: list[ChartEntry]
    changes: list[str]
    evidence: list[EvidenceEntry]
    verdict: VerdictEntry | None
    limits: list[str]
    methods: dict[str, str]
    references: list[str]


def json_schema() -> dict[str, Any]:
    """The schema as JSON Schema, draft 2020-12."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Findings.model_json_schema(by_alias=True)}
