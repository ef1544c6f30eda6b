"""The one-page summary of a DSC series: first whether to believe it, then what it shows, then how it was made."""

from typing import Final

import numpy as np
from jaxtyping import Float
from jinja2 import Environment, PackageLoader, StrictUndefined

import perspect
from perspect.report import exhibits, words
from perspect.report.curves import Windows, drawing
from perspect.report.scene import scene
from perspect.vocabulary import Flag, Measured

LIMITS: Final = (
    "These are numbers, not conclusions. They say how much blood volume, flow and leakage this series shows, and never "
    "what a lesion is. Read them beside the conventional images.",
    "Published cut-offs belong to the software, the protocol and the kind of region with which they were found. Two "
    "commercial packages put normal cortex at 2.8 and at 3.9 times white matter (Schmidt et al. 2020); the best "
    "cut-off moves between eleven algorithms that discriminate equally well (Kudo et al. 2017). None has been "
    "validated for this software.",
    "On another day, leakage-corrected relative CBV of the same tumour may differ by 1.78 (95 % repeatability "
    "coefficient; Prah et al. 2015). The standard errors here hold the noise of this series only.",
    "Large vessels, cortex, choroid plexus, haemorrhage, calcification and the skull base can look like high or low "
    "blood volume. The largest single voxel is not a result.",
    "CBV in mL/100 mL, CBF and MTT rest on the arterial input and carry its errors; relative CBV does not need it. The "
    "recovery of the signal (PSR) can only be compared within one protocol.",
)
"""What holds for every DSC examination, with its sources."""


def dsc_page(measured: Measured, series_name: str, background: Float[np.ndarray, "x y z"]) -> str:
    """One HTML page, whole in itself: it opens without a network and prints to two sheets.

    `background` is the baseline image on the grid of the maps. Of `measured.summary` the page reads `reliability` and
    `reliability_reason` (words), `refused` (true, or why), `baseline_frames` (first, and the one after the last) and
    `window_seconds` (first and last time integrated); what is left becomes tables. The same values give the same bytes.
    Raises `Problem` where the baseline image and the maps are not on one grid.
    """
    return room_page(measured, series_name, background, "DSC perfusion", LIMITS)


def room_page(
    measured: Measured, series_name: str, background: Float[np.ndarray, "x y z"], title: str, limits: tuple[str, ...]
) -> str:
    """The page of any room: what it is titled, and what holds for every examination of the kind."""
    summary = measured.summary
    severity, answer = words.answer(measured.flags, bool(summary.get("refused")))
    template = _environment().get_template("dsc.html")
    return template.render(
        title=title,
        series_name=series_name,
        version=perspect.__version__,
        severity=severity,
        answer=answer,
        refusal=words.said(summary["refused"]) if isinstance(summary.get("refused"), str) else "",
        reliability=words.said(summary.get("reliability", "not assessed")),
        reason=words.unsaid(summary.get("reliability_reason", ""), measured.flags),
        flags=[(flag, _place(flag)) for flag in words.gravest_first(measured.flags)],
        scene=scene(measured, background) if measured.maps else None,
        exhibits=exhibits,
        curves=drawing(measured.curves, _windows(measured)) if measured.curves else "",
        known_rows=words.known_rows(summary),
        other_rows=words.other_rows(summary),
        steps=measured.recipe.steps,
        references=[words.reference(citation) for citation in measured.recipe.references],
        limits=limits,
    )


def _environment() -> Environment:
    loader = PackageLoader("perspect.report", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _place(flag: Flag) -> str:
    """Where a flag holds, and for how much of it where its sentence does not say."""
    is_said = "%" in flag.sentence or not np.isfinite(flag.fraction)
    return ", ".join(part for part in (flag.where, "" if is_said else words.percent(flag.fraction)) if part)


def _windows(measured: Measured) -> Windows:
    """The times at rest and the times integrated, as far as the run says them."""
    frames, integrated = (measured.summary.get(key) for key in ("baseline_frames", "window_seconds"))
    rest = None
    if frames is not None and "tissue" in measured.curves:
        times = measured.curves["tissue"].times
        rest = float(times[frames[0]]), float(times[frames[1] - 1])
    return Windows(rest, None if integrated is None else (integrated[0], integrated[1]))
