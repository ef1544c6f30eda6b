"""What LCModel found: its COORD file, read to be laid beside a result of ours.

Provencher, LCModel & LCMgui user's manual (the format)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.vocabulary import Problem
from perspect.vocabulary.spectra import ALIASES

NOT_FOUND: Final = 999.0
"""The percentage that LCModel writes for what it did not find."""


@dataclass(frozen=True, eq=False)
class LcmodelResult:
    """Amounts and standard deviations in LCModel's unit by our names, and the spectrum that was fitted.

    `ratios` are to what LCModel divides by (`denominator`, usually Cr+PCr). A molecule that was not found has an amount
    of zero and a standard deviation that is not known (NaN). `fwhm` is in ppm.
    """

    amounts: Mapping[str, float]
    deviations: Mapping[str, float]
    ratios: Mapping[str, float]
    denominator: str
    ppm: Float[np.ndarray, " bins"]
    data: Float[np.ndarray, " bins"]
    fit: Float[np.ndarray, " bins"]
    baseline: Float[np.ndarray, " bins"]
    fwhm: float
    snr: float


def read_coord(path: Path) -> LcmodelResult:
    """A COORD file."""
    lines = path.read_text(encoding="latin-1").splitlines()
    at = next((k for k, line in enumerate(lines) if "concentration table" in line), None)
    if at is None:
        raise Problem(f"{path.name} holds no table of LCModel.", "It is no COORD file.", "Give LCModel's .COORD file.")
    n_rows = int(lines[at].split()[0])
    head = lines[at + 1].split()
    rows = [_row(line) for line in lines[at + 2 : at + 1 + n_rows]]
    amounts = {name: amount for name, amount, _, _ in rows}
    said = "\n".join(lines[at + 1 + n_rows : at + 12 + n_rows])
    ppm, data, fit, baseline = (_numbers(path, lines, words) for words in COLUMNS)
    return LcmodelResult(
        amounts,
        {name: amount * share / 100 if share < NOT_FOUND else np.nan for name, amount, share, _ in rows},
        {name: ratio for name, _, _, ratio in rows},
        next((word[1:] for word in head if word.startswith("/")), ""),
        ppm,
        data,
        fit,
        baseline,
        _found(r"FWHM\s*=\s*([\d.]+)", said),
        _found(r"S/N\s*=\s*([\d.]+)", said),
    )


COLUMNS: Final = ("points on ppm-axis", "phased data points", "points of the fit", "background values")
"""The words before each list of numbers."""


def _row(line: str) -> tuple[str, float, float, float]:
    """Name, amount, standard deviation in percent, ratio of one row, whose first columns may touch."""
    found = re.match(r"\s*([-+.\dEe]+?)\s+(\d+)%\s*([-+.\dEe]+)\s*(\S+)", line)
    if found is None:
        raise Problem(
            f"A row of LCModel's table cannot be read: {line.strip()}.",
            "Its amount would be missing.",
            "Check the file.",
        )
    name = "+".join(ALIASES.get(one, one) for one in found[4].split("+"))
    return name, float(found[1]), float(found[2]), float(found[3])


def _numbers(path: Path, lines: list[str], words: str) -> Float[np.ndarray, " bins"]:
    """The list of numbers after a line with these words."""
    at = next((k for k, line in enumerate(lines) if words in line), None)
    if at is None:
        raise Problem(f"{path.name} holds no {words}.", "The COORD file is not whole.", "Write it again.")
    out: list[float] = []
    for line in lines[at + 1 :]:
        try:
            out += [float(one) for one in line.split()]
        except ValueError:
            break
    return np.array(out)


def _found(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    return float(match[1]) if match else float("nan")
