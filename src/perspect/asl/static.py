"""What a labelled series shows without its label: control images, equilibrium, and where there is tissue."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from perspect.asl.bolus import with_bolus
from perspect.asl.m0 import Equilibrium, equilibrium, is_tissue, tissue_t1
from perspect.asl.plan import Plan
from perspect.asl.suppression import controls_of
from perspect.vocabulary import Around, Labelled, Labelling, Region, Series


@dataclass(frozen=True, eq=False)
class Static:
    """Voxels of the brain without label: T1 in s, equilibrium signal, signal of the control images (`level`; of M0
    where there are none), and which of them are tissue. `labelling` has an end for every bolus.
    """

    brain: Region
    labelling: Labelling
    t1: Float[np.ndarray, " voxels"]
    equilibrium: Equilibrium
    level: Float[np.ndarray, " voxels"]
    tissue: Bool[np.ndarray, " voxels"]


def static(labelled: Labelled, series: Series, around: Around, brain: Region, plan: Plan) -> Static:
    """What an aligned series shows without its label. Raises Problem where what was asked for is not there."""
    labelling = with_bolus(labelled, plan)
    t1 = tissue_t1(around, brain, plan)
    control = control_image(series, labelling)
    relaxed = equilibrium(labelled, around, brain, control, t1, plan)
    is_anywhere = relaxed.origin == "none"
    tissue = (
        np.ones(brain.n_voxels, bool) if is_anywhere else is_tissue(relaxed.values, brain, is_found=around.mask is None)
    )
    return Static(brain, labelling, t1, relaxed, level_of(control, relaxed.values, brain), tissue)


def control_image(series: Series, labelling: Labelling) -> Float[np.ndarray, "x y z"] | None:
    """Mean signal of the control images of the shortest delay (of all encodings of a time-encoded series)."""
    places = controls_of(labelling)
    if not places.size:
        return None
    mean = series.values[..., places].mean(axis=-1, dtype=np.float64)
    return np.asarray(mean * series.slope + series.intercept)


def level_of(
    control: Float[np.ndarray, "x y z"] | None, scale: Float[np.ndarray, " voxels"], brain: Region
) -> Float[np.ndarray, " voxels"]:
    """Signal of the control images, in float32; of M0 where there are none."""
    level = scale if control is None else brain.taken(control)
    return np.asarray(level, np.float32)
