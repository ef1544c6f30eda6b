"""The files of a DSC examination, and the picture at rest that they show."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect.app.given_files import NOTHING, GivenAnatomy
from perspect.vocabulary import Acquisition, Series

TABLES: Final = (".tsv", ".csv", ".txt")
"""Extensions of an input function that is a curve."""

NOTHING_GIVEN: Final = Acquisition()


@dataclass(frozen=True)
class Inputs:
    """The files of an examination and what was said by hand; angles in rad, times in s.

    `series` is one file, two (the echoes), or a folder that holds them. `aif` is a mask, a table, or `None`: found.
    `anatomy` are conventional images by contrast, `None`: those of the folder. `lesion` is a mask on any of their
    grids. `tissue` is what somebody else found of brain and tissues on them. `ktrans` is a map in /min, as DCE
    gives it, `t1` a map in s, and `delta_t1` what agent took from it before the bolus; each on any grid of the same
    frame.
    """

    series: tuple[Path, ...]
    given: Acquisition = NOTHING_GIVEN
    te: tuple[float, ...] = ()
    times: Path | None = None
    mask: Path | None = None
    reference: Path | None = None
    aif: Path | None = None
    anatomy: Mapping[str, Path] | None = None
    lesion: Path | None = None
    tissue: GivenAnatomy = NOTHING
    ktrans: Path | None = None
    t1: Path | None = None
    delta_t1: Path | None = None

    @property
    def maps(self) -> tuple[Path, ...]:
        """The maps of other examinations that were given."""
        return tuple(one for one in (self.ktrans, self.t1, self.delta_t1) if one is not None)


def baseline(series: Series, summary: Mapping[str, Any]) -> Float[np.ndarray, "x y z"]:
    """The mean signal at rest, as a picture to draw maps on; of the whole series where the run does not say rest.

    The run counts the volumes that it analysed; `kept_volumes` says which volumes of the series those are.
    """
    kept = summary.get("kept_volumes", range(series.n_times))
    frames = [kept[at] for at in range(*summary.get("baseline_frames", (0, len(kept))))]
    stored: Float[np.ndarray, "x y z"] = series.values[..., frames].mean(axis=3, dtype=np.float32)
    return stored * np.float32(series.slope) + np.float32(series.intercept)
