"""Curves and motion as tables with tabs, each column with its unit."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from perspect.io.tables import INPUT_COLUMNS
from perspect.vocabulary import Curve, Measured, Region

UNIT_COLUMNS: Final = {"1/s": "delta_r2star", "mM": "cb", "a.u.": "signal"}
MOTION: Final = ("rot_x", "rot_y", "rot_z", "trans_x", "trans_y", "trans_z")


def curve_table(curve: Curve) -> tuple[str, dict[str, Any]]:
    """A curve as text, and what its columns mean; it can be read again as an input function."""
    name = curve.label if INPUT_COLUMNS.get(curve.label) == curve.unit else UNIT_COLUMNS.get(curve.unit, "value")
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


def motion_table(measured: Measured) -> str | None:
    """Rotations in rad and translations in mm, a row for each volume, where the run aligned them."""
    rows = measured.summary.get("motion_parameters")
    if rows is None or np.ndim(rows) != 2 or np.shape(rows)[1] != len(MOTION):
        return None
    return _table(MOTION, np.asarray(rows, float))


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
