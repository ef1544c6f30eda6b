"""Tables in: times of volumes, and curves of arterial input, in s and the unit that the column names."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.io.sidecar import TR_LONGEST
from perspect.vocabulary import Curve, Problem

INPUT_COLUMNS: Final[Mapping[str, str]] = {"signal": "a.u.", "delta_r2star": "1/s", "cb": "mM", "cp": "mM"}
"""What an input function may be given as, and its unit: signal, ΔR2*, agent in whole blood, agent in plasma."""


def read_times(path: Path) -> Float[np.ndarray, " time"]:
    """The time of every volume in s: one number per line, or a table with a column `time`."""
    rows = _rows(path)
    if rows and not _is_number(rows[0][0]):
        return increasing(_columns(path, rows, "a column 'time'")["time"], path.name)
    if any(len(row) != 1 for row in rows):
        raise Problem(
            f"{path.name} has several numbers in a line and no heading.",
            "It is not known which of them is the time.",
            "Give one time in s per line, or a table with a heading and a column 'time'.",
        )
    return increasing(_floats(path, [row[0] for row in rows], 1), path.name)


def read_input_function(path: Path) -> Curve:
    """An arterial input: a column `time` (s) and one of `signal`, `delta_r2star` (1/s), `cb` (mM), `cp` (mM).

    The label of the curve is the name of its column.
    """
    wanted = f"a column 'time' (s) and one of {', '.join(INPUT_COLUMNS)}"
    columns = _columns(path, _rows(path), wanted)
    kinds = [name for name in INPUT_COLUMNS if name in columns]
    if len(kinds) != 1:
        raise Problem(
            f"{path.name} has {'no curve' if not kinds else 'several curves: ' + ', '.join(kinds)}.",
            "It is not known what the input function is in.",
            f"An input function has {wanted}; this table has {', '.join(columns)}.",
        )
    return Curve(increasing(columns["time"], path.name), columns[kinds[0]], INPUT_COLUMNS[kinds[0]], kinds[0])


def increasing(times: Float[np.ndarray, " time"], where: str) -> Float[np.ndarray, " time"]:
    """Times that can be those of a bolus: at least two, increasing, in s."""
    if times.size < 2:
        raise Problem(
            f"{where} holds {times.size} times.", "A curve has at least two points.", "Give one time per volume in s."
        )
    steps = np.diff(times)
    if not np.all(steps > 0):
        at = int(np.argmin(steps > 0)) + 1
        raise Problem(
            f"The times in {where} do not increase: number {at} (from 0) is {times[at]:g} after {times[at - 1]:g}.",
            "Every integral and every rate would be wrong.",
            "Put them in the order in which the volumes were taken.",
        )
    if np.median(steps) > TR_LONGEST:
        raise Problem(
            f"The times in {where} are {np.median(steps):g} apart, which looks like milliseconds.",
            "A bolus passes within half a minute.",
            "Give them in s.",
        )
    return times


def _rows(path: Path) -> list[list[str]]:
    """The cells of a table whose columns are parted by tabs, commas, semicolons or blanks; no empty or # lines."""
    if not path.is_file():
        raise Problem(f"There is no file {path}.", "Its numbers were asked for.", "Check the path of the table.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(
            f"{path.name} is no text file ({error}).",
            "Its columns cannot be told apart.",
            "Save the table as text with tabs (TSV).",
        ) from error
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise Problem(f"{path.name} is empty.", "There is no time in it.", "Give one row per time.")
    parted = next((mark for mark in "\t;," if mark in lines[0]), None)
    if parted is None:
        return [line.split() for line in lines]
    return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=parted)]


def _columns(path: Path, rows: Sequence[Sequence[str]], wanted: str) -> dict[str, Float[np.ndarray, " time"]]:
    heading, body = [cell.strip().lower() for cell in rows[0]], rows[1:]
    if "time" not in heading:
        raise Problem(
            f"{path.name} has no column 'time'; its first line is {', '.join(rows[0])}.",
            "Without times a curve has no shape.",
            f"The table needs {wanted}.",
        )
    for number, row in enumerate(body, start=2):
        if len(row) != len(heading):
            raise Problem(
                f"Row {number} of {path.name} has {len(row)} cells; the heading has {len(heading)}.",
                "It is not known which cell belongs to which column.",
                "Correct it.",
            )
    known = [name for name in heading if name in ("time", *INPUT_COLUMNS)]
    return {name: _floats(path, [row[heading.index(name)] for row in body], 2) for name in known}


def _floats(path: Path, cells: Sequence[str], first: int) -> Float[np.ndarray, " n"]:
    bad = next((n for n, cell in enumerate(cells) if not _is_number(cell)), None)
    if bad is not None:
        raise Problem(
            f"Row {first + bad} of {path.name} has '{cells[bad]}' where a number is expected.",
            "A gap would be taken for a value.",
            "Give finite numbers with a decimal point.",
        )
    return np.array([float(cell) for cell in cells])


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False
