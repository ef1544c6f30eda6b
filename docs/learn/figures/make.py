"""Draws the figures of docs/learn from virtual objects: the same numbers and the same pictures every time.

Run it from anywhere: `python docs/learn/figures/make.py [FOLDER] [FIGURE ...]`. The screenshot of the page is made by
`screenshot.py`, because it needs a browser.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from drawn.anatomy import brains, classes, glioma, sides
from drawn.echo import amino_acids, echo_times, lines
from drawn.flow import delay, oscillation
from drawn.kinetics import kinetics
from drawn.label import label, label_models, late_label
from drawn.patient import patient, scenarios
from drawn.signal import bolus, leakage, protocols, saturation
from drawn.style import STYLE
from drawn.traps import displaced, edge, traps
from drawn.volume import correction, errors, tissues, transit

FIGURES: Final[Mapping[str, Callable[[], Figure | None]]] = {
    "bolus": bolus,
    "leakage": leakage,
    "correction": correction,
    "protocols": protocols,
    "tissues": tissues,
    "delay": delay,
    "oscillation": oscillation,
    "saturation": saturation,
    "transit": transit,
    "errors": errors,
    "lines": lines,
    "echo-times": echo_times,
    "amino-acids": amino_acids,
    "kinetics": kinetics,
    "patient": patient,
    "scenarios": scenarios,
    "brains": brains,
    "classes": classes,
    "sides": sides,
    "glioma": glioma,
    "label": label,
    "late-label": late_label,
    "label-models": label_models,
    "traps": traps,
    "displaced": displaced,
    "edge": edge,
}
"""What draws each figure; nothing where it needs images that are not at hand."""


PALETTED: Final = ("patient", "scenarios", "brains", "classes", "sides", "glioma", "traps", "displaced")
"""Figures full of small pictures: 256 colours make them four times smaller."""


def main(folder: Path, names: list[str]) -> None:
    """Draws the figures that are named (all, if none is) into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or FIGURES:
        with mpl.rc_context(STYLE):
            figure = FIGURES[name]()
            if figure is None:
                print(f"{name} is not drawn: the images that it shows are no part of this project.")
                continue
            figure.savefig(folder / f"{name}.png", metadata={"Software": None})
        if name in PALETTED:
            picture = Image.open(folder / f"{name}.png").convert("RGB")
            fewer = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            fewer.save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    known = [word for word in sys.argv[1:] if word in FIGURES]
    other = [Path(word) for word in sys.argv[1:] if word not in FIGURES]
    main(other[0] if other else Path(__file__).parent, known)
