"""The ICBM 2009a standard head in: three maps that lie inside the installed nilearn package, read without its code."""

import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from perspect.io.nifti import read_volume
from perspect.vocabulary import Grid, Problem, Template

PACKAGE: Final = "nilearn"
FOLDER: Final = "datasets/data"
FILES: Final[Mapping[str, str]] = {
    "t1": "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz",
    "grey": "mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz",
    "white": "mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz",
}
"""Where the maps lie since nilearn 0.8.1: stored as 0 to 255, T1 without skull, all at 1 mm."""


@cache
def icbm_2009a() -> Template:
    """The symmetric ICBM 152 head of 2009 (a): mean of 152 healthy young adults after non-linear alignment, at 1 mm.

    It is larger than most heads. Read once; its arrays cannot be written to. Importing nilearn itself would take
    seconds and half of a machine-learning library, for three files. Raises `Problem` where the installed package does
    not hold the maps.

    Fonov et al. 2011, doi:10.1016/j.neuroimage.2010.07.033
    """
    folder = _folder()
    (t1, grid), (grey, grey_grid), (white, white_grid) = (_share(folder / name) for name in FILES.values())
    if not (grid.matches(grey_grid) and grid.matches(white_grid)):
        raise _moved(f"its T1, grey and white matter maps lie on different grids ({folder})")
    brain = t1 > 0
    within = brain / np.maximum(grey + white, np.float32(1))
    maps = (t1, grey * within, white * within, brain)
    for one in maps:
        one.flags.writeable = False
    return Template(*maps, grid, "ICBM 152 nonlinear symmetric 2009a")


def _folder() -> Path:
    """Where the package is installed, without importing it."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise _moved(f"{PACKAGE} is not installed")
    folder = Path(next(iter(found.submodule_search_locations))) / FOLDER
    missing = [name for name in FILES.values() if not (folder / name).is_file()]
    if missing:
        raise _moved(f"{folder} has no {missing[0]}")
    return folder


def _share(path: Path) -> tuple[np.ndarray, Grid]:
    """A map scaled so that its largest value is 1."""
    values, grid = read_volume(path)
    top = float(values.max())
    if not top > 0 or values.min() < 0:
        raise _moved(f"{path} does not hold a map (its values go from {values.min():g} to {top:g})")
    return values / np.float32(top), grid


def _moved(what: str) -> Problem:
    return Problem(
        f"The standard head could not be read: {what}.",
        "Brain mask, tissue classes and virtual patients start from it.",
        "Install the package with its data, `pip install 'nilearn>=0.14'`; if it is there, tell us its version.",
    )
