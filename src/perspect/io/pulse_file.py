"""Shapes of radio-frequency pulses: Siemens .pta files, or two columns of magnitude and phase (rad)."""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Complex

from perspect.vocabulary import Problem


def read_pulse(path: Path) -> tuple[Complex[np.ndarray, " steps"], str]:
    """The complex shape, in arbitrary units, and its name."""
    try:
        text = path.read_text(encoding="latin-1")
    except FileNotFoundError as error:
        raise Problem(
            f"There is no pulse file {path}.", "No slice can be simulated.", "Check the path given to --pulses."
        ) from error
    rows = [re.split(r"[;#]", line)[0].split() for line in text.splitlines()]
    pairs = [row[:2] for row in rows if len(row) >= 2 and all(_is_number(one) for one in row[:2])]
    if len(pairs) < 8:
        raise Problem(
            f"{path.name} holds no pulse: magnitude and phase in rad are expected, one pair a line.",
            "A slice profile cannot be made of it.",
            "Export the pulse as .pta, or as text with two columns.",
        )
    numbers = np.array(pairs, float)
    return numbers[:, 0] * np.exp(1j * numbers[:, 1]), path.name


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?", text) is not None
