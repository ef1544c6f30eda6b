"""What all figures share: colours, fonts, panels."""

from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072b2", "#d55e00", "#009e73", "#aa5a94", "#56b4e9"
INK, FAINT, PALE = "#222222", "#b8b8b8", "#eef1f4"
"""Okabe and Ito's colours, which every kind of colour vision tells apart, and greys."""

STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 11.0,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.edgecolor": "#777777",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
    "legend.fontsize": 10.0,
    "figure.dpi": 130,
    "figure.constrained_layout.use": True,
}

NOTE: Final[dict[str, Any]] = {"fontsize": 10.0, "color": INK}


def panels(n: int, height: float, width: float = 10.4, **more: Any) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height))
    return figure, list(figure.subplots(1, n, squeeze=False, **more)[0])
