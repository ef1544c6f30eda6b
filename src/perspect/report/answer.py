"""The page of an answer: disagreement first, every number with its doubt, and what it was compared with."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from perspect.evidence import Answer, Question, Reading, Side, Word, weigh
from perspect.evidence.likelihood import side_of
from perspect.evidence.weigh import is_trap_dependent
from perspect.report import words
from perspect.report.changes import change_rows
from perspect.report.curves import figure
from perspect.report.dossier import Dossier, Plate, Shown, Used
from perspect.report.evidence_table import marker_lines, shown
from perspect.report.exhibits import Exhibit
from perspect.report.findings import BANNER
from perspect.report.heading import heading, protocol_facts, quality_words
from perspect.report.number_line import belief_curve
from perspect.report.panel import Chart
from perspect.report.parts import map_tables, sizes
from perspect.report.picture import Painter, colour_bar
from perspect.report.remarks import first_sentence, remarks
from perspect.report.spectrum import common_range, spectrum_drawing
from perspect.report.view import View, layout, view, window
from perspect.report.viewer import CLASS_COLOURS, CLASS_NAMES, viewer
from perspect.vocabulary import Finding, Grid

TITLES: Final = {
    Word.CONCORDANT: "Concordant",
    Word.LEANS: "Leans",
    Word.DISCORDANT: "Discordant",
    Word.INSUFFICIENT: "Insufficient",
    Word.REFUSED: "Refused",
}
TONES: Final = {
    Word.CONCORDANT: "note",
    Word.LEANS: "caution",
    Word.DISCORDANT: "limited",
    Word.INSUFFICIENT: "limited",
    Word.REFUSED: "refused",
}
"""How a verdict is dressed: none is green."""

OUTLINED: Final = {
    "solid": "solid part",
    "rim": "5 mm around it",
    "cavity": "cavity",
    "reference": "normal white matter",
    "trap": "left out as a trap",
    "voi": "voxel of the spectrum",
    "reach": "where its lines may come from",
    "pair": "voxels of the map whose spectra are shown",
    "of-cho": "where choline of the map is excited",
    "of-naa": "where NAA of the map is excited",
    "unusable": "no usable spectrum",
}
"""What the outlines of a picture mean, by their style in answer.css."""

LEAST_CHANGE: Final = 0.005
"""Relative difference below which trapped voxels are said to make none."""

OF_THREE: Final = 373.0
"""Width in pixels of a panel of which three fill the page: curves of all series have one scale."""

PLATE_WIDTH: Final = 330.0
"""Width of a picture in pixels."""


def answer_page(dossier: Dossier) -> str:
    """One HTML page, whole in itself: it opens without a network and prints to two or three sheets.

    Without a question it measures and says nothing of evidence. The same dossier gives the same bytes.
    """
    flags, notes = remarks(dossier)
    template = _environment().get_template("answer.html")
    return template.render(
        dossier=dossier, banner=BANNER, question=dossier.question, flags=flags, notes=notes, heading=heading(dossier),
        roles=words.ROLES, paper_name=re.sub(r"[^\w.-]", "", dossier.name), **_of_answer(dossier),
        **_of_numbers(dossier), **_of_images(dossier), **_of_methods(dossier),
    )  # fmt: skip


def _of_answer(dossier: Dossier) -> dict[str, Any]:
    """What the page says of the answer; nothing where nothing was asked."""
    answer, asked = dossier.answer, dossier.question
    if answer is None:
        return {"answer": None, "title": None, "tone": "note", "against": [], "evidence": (), "families": [],
                "left_out": [], "belief": ""}  # fmt: skip
    names = {} if asked is None else {Side.FOR: asked.target, Side.AGAINST: asked.other, Side.NEITHER: "no side"}
    return {
        "answer": answer,
        "title": TITLES[answer.word],
        "tone": TONES[answer.word],
        "against": [] if asked is None else _dissent(answer, asked),
        "evidence": marker_lines(answer, names),
        "families": [(vote, names[vote.side], first_sentence(vote.reason)) for vote in answer.families],
        "left_out": _left_out(dossier),
        "belief": belief_curve(answer) if answer.curve else "",
    }


def _of_numbers(dossier: Dossier) -> dict[str, Any]:
    """The markers, what changed, and what is told of every part and map."""
    return {
        "findings": [_finding(one) for one in dossier.findings],
        "changes": change_rows(dossier.changes),
        "sizes": sizes(dossier.regions, dossier.sizes),
        "tables": map_tables(dossier.metrics, dossier.histograms),
        "has_ratios": any(one.marker.key.startswith("cho_") for one in dossier.findings),
    }


def _of_images(dossier: Dossier) -> dict[str, Any]:
    """Pictures, views, curves and spectra."""
    focus = None if dossier.scenery is None else dossier.scenery.focus
    return {
        "plates": [(one, _exhibit(one, focus)) for one in dossier.plates],
        "viewer": viewer(dossier.scenery, dossier.plates),
        "classes": tuple(zip(CLASS_NAMES, CLASS_COLOURS, strict=True)),
        "outlined": _outlined(dossier.plates),
        "charts": [
            (one, figure(one.panels, one.fitted, OF_THREE), _read_from(one, dossier.findings)) for one in dossier.charts
        ],
        "spectra": _spectra(dossier.spectra),
    }


def _of_methods(dossier: Dossier) -> dict[str, Any]:
    """How it was measured, of what, what was not, and the sources."""
    cited = dict.fromkeys(one for recipe in dossier.recipes.values() for one in recipe.references)
    return {
        "facts": words.fact_rows(protocol_facts(dossier)),
        "quality": quality_words(dossier),
        "series": _together(dossier.series),
        "methods": _methods(dossier),
        "left": [one for one in dossier.series if not one.is_used],
        "missing": _not_measured(dossier),
        "references": [words.reference(one) for one in cited],
    }


def _environment() -> Environment:
    loader = PackageLoader("perspect.report", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _dissent(answer: Answer, question: Question) -> list[tuple[str, str]]:
    """What speaks against the side that is taken, or for either where none is, by family, with the value that does."""
    said = []
    names = {Side.FOR: question.target, Side.AGAINST: question.other}
    for vote in answer.families:
        spoken = vote.objects | vote.doubts
        sides = spoken if answer.side is Side.NEITHER else spoken & {answer.side.other}
        for side in sorted(sides):
            every = [one for one in (vote.primary, *vote.others) if one is not None]
            reads = [one for one in every if side in one.objects | one.doubts]
            values = ", ".join(dict.fromkeys(f"{one.finding.marker.name} {_speaking(one, side)}" for one in reads))
            said.append((str(vote.family), f"{values}: {names[side]}"))
    return said


def _speaking(one: Reading, side: Side) -> str:
    """The version of a value that takes a side: as it counts, with the trapped voxels, or without."""
    if one.side is side:
        return shown(one.finding)
    for value, how in ((one.finding.with_traps, "with"), (one.finding.without_traps, "without")):
        if side_of(one.finding, one.row, value) is side:
            return f"{value:.2f} {how} the trapped voxels"
    return shown(one.finding)


def _finding(one: Finding) -> dict[str, Any]:
    """A marker with its value, with and without the voxels that traps hold, and the flags that keep it from weighing;
    their sentences stand once, above.
    """
    held, free = one.with_traps, one.without_traps
    change = (held / free - 1) if math.isfinite(held) and math.isfinite(free) and free else math.nan
    return {
        "name": one.marker.name, "region": f"{one.region}, {one.marker.statistic}", "value": shown(one),
        "n": f"{one.n}" if one.n else "–",
        "with": words.number(held) if math.isfinite(held) else "–",
        "without": words.number(free) if math.isfinite(free) else "nothing left" if math.isfinite(held) else "–",
        "change": _change(change),
        "codes": list(dict.fromkeys(flag.code for flag in one.flags)),
        "depends": "rests on trapped voxels" if is_trap_dependent(one) else "",
    }  # fmt: skip


def _spectra(some: Sequence[Shown]) -> list[tuple[Shown, str]]:
    """Spectra as drawings without their parts; those of one group have one scale."""
    ends = {
        group: common_range(one.fitted for one in some if one.group == group) for group in {one.group for one in some}
    }
    return [
        (one, spectrum_drawing(replace(one.fitted, parts={}), ends[one.group] if one.group else None)) for one in some
    ]


def _read_from(chart: Chart, findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """The names and values of the markers that are read from curves."""
    by_key = {one.marker.key: one for one in findings}
    return [(by_key[key].marker.name, shown(by_key[key])) for key in chart.markers if key in by_key]


def _change(share: float) -> str:
    if not math.isfinite(share):
        return "–"
    return f"{share:+.0%}".replace("-", "−") if abs(share) >= LEAST_CHANGE else "none"


def _outlined(plates: Sequence[Plate]) -> list[tuple[str, str]]:
    """What is outlined on any picture, in words."""
    there = {kind for one in plates for kind in one.outlines}
    return [(kind, said) for kind, said in OUTLINED.items() if kind in there]


def _left_out(dossier: Dossier) -> list[dict[str, str]]:
    """The verdict once more without each family in turn, where there is one."""
    if dossier.question is None or dossier.answer is None or not dossier.answer.readings:
        return []
    rows = []
    for family in dict.fromkeys(one.finding.marker.family for one in dossier.answer.readings):
        kept = [one for one in dossier.findings if one.marker.family is not family]
        without = weigh(
            dossier.question, kept, dossier.case, site=dossier.site, version=dossier.version, refused=dossier.refused
        )
        rows.append({"family": str(family), "word": str(without.word), "side": without.side_name or "no side"})
    return rows


def _together(series: tuple[Used, ...]) -> list[tuple[str, list[str], str]]:
    """Images that were used, those of one role that were used alike on one line: role, names, how."""
    lines: dict[tuple[str, str], list[str]] = {}
    for one in series:
        if one.is_used:
            lines.setdefault((one.role, one.how), []).append(one.name)
    return [(role, names, how) for (role, how), names in lines.items()]


def _methods(dossier: Dossier) -> list[tuple[str, str]]:
    """What each room did; what a room shares with one before it (the anatomy) is said once."""
    said: set[str] = set()
    found = []
    for room, recipe in dossier.recipes.items():
        fresh = [step.sentence for step in recipe.steps if step.sentence not in said]
        said.update(fresh)
        found.append((room, " ".join(fresh)))
    return found


def _not_measured(dossier: Dossier) -> list[str]:
    """Families that the question could have had and nothing was measured of."""
    if dossier.answer is None:
        return []
    return [str(one.family) for one in dossier.answer.families if one.primary is None and not one.others]


def _exhibit(plate: Plate, focus: tuple[float, float, float] | None) -> Exhibit:
    """A plate as a picture at the height of the focus, which all plates share where they reach it."""
    grid = Grid((plate.background.shape[0], plate.background.shape[1], plate.background.shape[2]), plate.affine)
    at = view(grid)
    inside = np.isfinite(plate.background) & (plate.background > 0.1 * np.nanmax(plate.background))
    one = layout(at, inside).only(_slice(plate, at, focus), PLATE_WIDTH)
    painter = Painter(one, plate.background, window(plate.background, inside), 120_000, dict(plate.outlines))
    if plate.shown is None:
        nothing = np.full(plate.background.shape, np.nan, np.float32)
        return Exhibit(painter.paint(nothing, (0.0, 1.0), "gray", plate.caption), plate.title)
    quantity = plate.shown.quantity
    picture = painter.paint(plate.shown.shown, quantity.display, quantity.colours, plate.caption)
    bar = colour_bar(quantity.display, quantity.colours, quantity.shown_unit, 4)
    return Exhibit(picture, quantity.symbol, plate.title, bar)


def _slice(plate: Plate, at: View, focus: tuple[float, float, float] | None) -> int:
    """The slice of the focus, where what the picture is about lies on it; else the middle one of its fullest slices."""
    counts = at.pictures(plate.centre).sum(axis=(1, 2))
    if focus is not None:
        to_anatomy = plate.affine if plate.to_anatomy is None else plate.to_anatomy @ plate.affine
        number = round(float((np.linalg.inv(to_anatomy) @ (*focus, 1.0))[at.axes[0]]))
        number = counts.size - 1 - number if at.is_reversed[0] else number
        if 0 <= number < counts.size and counts[number]:
            return number
    fullest = np.flatnonzero(counts == counts.max())
    return int(fullest[fullest.size // 2])
