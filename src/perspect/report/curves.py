"""Curves as a picture: what went in, what was fitted, and which times were used."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from textwrap import fill
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perspect.vocabulary import Curve, lexicon

INK, FAINT, PALE = "#010203", "#010204", "#010205"
THEME: Final = {INK: "var(--ink)", FAINT: "var(--line)", PALE: "var(--shade)"}
"""Colours that stand for one that the page chooses, so that the curves follow its light or dark dress."""

SERIES: Final = ("#0e86c8", "#d55e00", "#009e73", "#b35a90")
"""Okabe and Ito's colours, a little lighter for dark pages: told apart by every kind of colour vision."""

STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "perspect",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
}

PANELS: Final = (("aif",), ("tissue", "tissue_corrected", "reference"), ("displacement",))
TITLES: Final = {"aif": "Arterial input", "tissue": "Tissue", "displacement": "Motion"}


@dataclass(frozen=True)
class Windows:
    """The times in s that were used as rest and integrated; `None` where the run does not say."""

    rest: tuple[float, float] | None = None
    integrated: tuple[float, float] | None = None


def drawing(curves: Mapping[str, Curve], windows: Windows) -> str:
    """All curves as one SVG that stands inside a page; those of a kind share their axes."""
    panels = _panels(curves)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.9 * len(panels), 2.5), layout="constrained")
        for axes, names in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _panel(axes, {name: curves[name] for name in names}, windows)
            axes.set_title(TITLES.get(names[0], "Curves"), loc="left", fontsize=9.5, fontweight="bold")
        text = StringIO()
        empty = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=empty)
    return _inline(text.getvalue(), description(curves))


def _panels(curves: Mapping[str, Curve]) -> list[tuple[str, ...]]:
    """Which curves share axes: the known kinds first, whatever else there is by unit."""
    known = [tuple(name for name in names if name in curves) for names in PANELS]
    left = [name for name in curves if not any(name in names for names in known)]
    units = dict.fromkeys(curves[name].unit for name in left)
    return [names for names in known if names] + [tuple(n for n in left if curves[n].unit == unit) for unit in units]


def _panel(axes: Axes, curves: Mapping[str, Curve], windows: Windows) -> None:
    spans = ((windows.rest, "rest"), (windows.integrated, "integrated")) if "displacement" not in curves else ()
    for span, word in spans:
        if span is not None:
            axes.axvspan(*span, facecolor=PALE, edgecolor="none", linewidth=0)
            axes.annotate(
                word, (span[0], 1.0), xycoords=("data", "axes fraction"), xytext=(2, -9), textcoords="offset points",
                fontsize=7.5,
            )  # fmt: skip
    for curve, colour in zip(curves.values(), (*SERIES, *SERIES), strict=False):
        _trace(axes, curve, colour)
    first = next(iter(curves.values()))
    is_rate = first.unit == lexicon.DELTA_R2STAR.unit
    axes.set_xlabel("time (s)")
    axes.set_ylabel(f"{lexicon.DELTA_R2STAR.symbol} ({first.unit})" if is_rate else first.unit)
    axes.margins(x=0.01)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.12 * (high - low))
    axes.legend(loc="upper right", borderaxespad=0.2, handlelength=1.4)


def _trace(axes: Axes, curve: Curve, colour: str) -> None:
    """A curve; where it has a fit, the curve is dots and the fit is the line."""
    if curve.fit is None:
        axes.plot(curve.times, curve.values, color=colour, label=_wrapped(curve.label))
    else:
        axes.plot(curve.times, curve.values, ".", color=colour, markersize=3.5, label=_wrapped(curve.label))
        axes.plot(curve.times, curve.fit, color=colour, label="its fit")
    if curve.std is not None:
        low, high = curve.values - curve.std, curve.values + curve.std
        axes.fill_between(curve.times, low, high, color=colour, alpha=0.2, linewidth=0)


def _wrapped(label: str) -> str:
    """A label in short lines, so that it stays clear of the first pass."""
    return fill(label, 30)


def description(curves: Mapping[str, Curve]) -> str:
    """The curves in words, for those who do not see them."""
    sentences: Sequence[str] = [
        f"{curve.label}: largest value {np.nanmax(curve.values):.3g} {curve.unit} at "
        f"{curve.times[int(np.nanargmax(curve.values))]:.0f} s."
        for curve in curves.values()
        if np.isfinite(curve.values).any()
    ]
    return " ".join(sentences) or "No curve has a finite value."


def _inline(svg: str, alt: str) -> str:
    """The drawing without the prologue of a file, named for screen readers, in the colours of the page."""
    drawn = svg[svg.index("<svg") :]
    for placeholder, of_page in THEME.items():
        drawn = drawn.replace(placeholder, of_page)
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'<g id="[^"]*">', "<g>", drawn)
    drawn = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1; font-family: inherit", drawn)
    drawn = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg class="curves" viewBox="\1" role="img">', drawn)
    return re.sub(r"(<svg [^>]*>)", lambda match: f"{match[1]}<title>{_escaped(alt)}</title>", drawn, count=1)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
