"""What is true of a patient on any grid: maps and a table of regions."""

import numpy as np
from jaxtyping import Float

from perspect.phantom.patient import Patient
from perspect.vocabulary import Grid


def truth(patient: Patient, key: str, grid: Grid | None = None) -> Float[np.ndarray, "x y z"]:
    """A quantity on a grid (the fine one if none is given), in its inside unit; NaN where it means nothing."""
    raise NotImplementedError
