"""Curves and motion as tables with tabs, each column with its unit."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from perspect.io.tables import INPUT_COLUMNS
from perspect.vocabulary import Curve, Measured, Region

AXES: Final = {"x": "first", "y": "second", "z": "third"}
UNIT_COLUMNS: Final = {"1/s": "delta_r2star", "mM": "cb", "a.u.": "signal"}
LABEL_COLUMNS: Final = {"arterial plasma": "cp"}
"""What a room calls a curve of agent in plasma: read again as blood it would be divided by 1 - Hct once more."""

MOTION: Final = {
    **{f"rot_{axis}": ("rad", f"Rotation about the {word} axis of the image") for axis, word in AXES.items()},
    **{f"trans_{axis}": ("mm", f"Translation along the {word} axis of the image") for axis, word in AXES.items()},
}
"""The columns of motion parameters, in their order, with unit and meaning."""


def curve_table(curve: Curve) -> tuple[str, dict[str, Any]]:
    """A curve as text, and what its columns mean; it can be read again as an input function."""
    said = LABEL_COLUMNS.get(curve.label, curve.label)
    name = said if INPUT_COLUMNS.get(said) == curve.unit else UNIT_COLUMNS.get(curve.unit, "value")
    columns = {"time": curve.times, name: curve.values}
    meaning: dict[str, Any] = {
        "time": {"Description": "Time since the first volume", "Units": "s"},
        name: {"Description": curve.label, "Units": curve.unit},
    }
    for extra, values, words in (("std", curve.std, "Standard error"), ("fit", curve.fit, "Fit")):
        if values is not None:
            columns[extra] = values
            meaning[extra] = {"Description": words, "Units": curve.unit}
    return _table(list(columns), np.column_stack(list(columns.values()))), meaning


def motion_table(measured: Measured) -> tuple[str, dict[str, Any]] | None:
    """Rotations in rad and translations in mm, a row for each volume that was analysed, and what the columns mean.

    Volumes that could not be aligned have no row, so each row says which volume it speaks of, and when that was taken.
    `None` where the run aligned nothing.
    """
    rows = measured.summary.get("motion_parameters")
    if rows is None or "displacement" not in measured.curves:
        return None
    times = measured.curves["displacement"].times
    kept = measured.summary.get("kept_volumes", range(times.size))
    framewise = measured.summary.get("framewise_displacement", np.full(times.size, np.nan))
    meaning = {
        "volume": {"Description": "Index of the volume in the series, from 0; one that was left out has no row"},
        "time": {"Description": "Time since the first volume", "Units": "s"},
        **{name: {"Description": words, "Units": unit} for name, (unit, words) in MOTION.items()},
        "framewise_displacement": {
            "Description": "Sum of the absolute changes since the last volume, rotations on a sphere of 50 mm",
            "Units": "mm",
        },
    }
    columns = [np.array(kept), times, np.asarray(rows, float), np.asarray(framewise, float)]
    return _table(list(meaning), np.column_stack(columns)), meaning


def voxels(region: Region) -> list[dict[str, float]]:
    """Every voxel of a region: its indices from 0, and its place in mm."""
    indices = np.argwhere(region.mask)
    places = indices @ region.grid.affine[:3, :3].T + region.grid.affine[:3, 3]
    pairs = zip(indices.tolist(), places.round(3).tolist(), strict=True)
    return [dict(zip("ijkxyz", (*index, *place), strict=True)) for index, place in pairs]


def _table(heading: Sequence[str], rows: np.ndarray) -> str:
    """Numbers with nine digits; a missing one is n/a, as BIDS has it."""
    lines = ("\t".join("n/a" if not np.isfinite(one) else f"{one + 0.0:.9g}" for one in row) for row in rows)
    return "\n".join(("\t".join(heading), *lines)) + "\n"
