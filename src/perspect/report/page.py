"""What every page of a modality has: first whether to believe it, then what it shows, then how it was made."""

from functools import cache

import numpy as np
from jaxtyping import Float
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

import perspect
from perspect.report import exhibits, words
from perspect.report.curves import Windows, drawing
from perspect.report.scene import scene
from perspect.vocabulary import Flag, Measured


def page(
    measured: Measured,
    series_name: str,
    background: Float[np.ndarray, "x y z"],
    *,
    title: str,
    limits: tuple[str, ...],
    windows: Windows,
    baseline: str,
    across: str = "time (s)",
    fitted: str = "its fit",
) -> str:
    """One HTML page, whole in itself: it opens without a network and prints to two sheets.

    `background` is the image under the maps, on their grid, and `baseline` says what it is; `limits` are what holds for
    every examination of this kind; `across` is the axis of the curves and `fitted` what their fits are of. Of
    `measured.summary` the page reads `reliability` and `reliability_reason` (words) and `refused` (true, or why); what
    is left becomes tables. The same values give the same bytes. Raises `Problem` where background and maps are not on
    one grid.
    """
    summary = measured.summary
    severity, answer = words.answer(measured.flags, bool(summary.get("refused")))
    return template().render(
        title=title,
        series_name=series_name,
        version=perspect.__version__,
        severity=severity,
        answer=answer,
        refusal=words.said(summary["refused"]) if isinstance(summary.get("refused"), str) else "",
        reliability=words.said(summary.get("reliability", "not assessed")),
        reason=words.unsaid(summary.get("reliability_reason", ""), measured.flags),
        flags=[(flag, _place(flag)) for flag in words.gravest_first(measured.flags)],
        scene=scene(measured, background, baseline) if measured.maps else None,
        exhibits=exhibits,
        curves=drawing(measured.curves, windows, across, fitted) if measured.curves else "",
        known_rows=words.known_rows(summary),
        other_rows=words.other_rows(summary),
        steps=measured.recipe.steps,
        references=[words.reference(citation) for citation in measured.recipe.references],
        limits=limits,
    )


@cache
def template() -> Template:
    """The page to be filled in, compiled once."""
    loader = PackageLoader("perspect.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html")


def _place(flag: Flag) -> str:
    """Where a flag holds, and for how much of it where its sentence does not say."""
    is_said = "%" in flag.sentence or not np.isfinite(flag.fraction)
    return ", ".join(part for part in (flag.where, "" if is_said else words.percent(flag.fraction)) if part)


def windows_of(measured: Measured) -> Windows:
    """The times at rest and the times integrated, as far as the run says them."""
    frames, integrated = (measured.summary.get(key) for key in ("baseline_frames", "window_seconds"))
    rest = None
    if frames is not None and "tissue" in measured.curves:
        times = measured.curves["tissue"].times
        rest = float(times[frames[0]]), float(times[frames[1] - 1])
    return Windows(rest, None if integrated is None else (integrated[0], integrated[1]))
