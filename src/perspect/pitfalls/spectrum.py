"""A spectrum that is too poor: lines that run into each other, noise, a fit that does not describe it."""

from typing import Final

from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.pitfalls.voxel import Voxel
from perspect.vocabulary import Severity

CODE: Final = "spectrum-poor"

WIDTH: Final = threshold(CODE, "width")
"""ppm of width beyond which choline and creatine are one line."""

WEAK: Final = threshold(CODE, "weak")
"""Largest line over noise below which ratios are not judged. Errors are absolute: a relative limit on them would
discard exactly the tumours without NAA."""

MISFIT: Final = threshold(CODE, "misfit")
"""Variance of the residual over that of noise beyond which errors are too small."""


def look(voxel: Voxel) -> Trap | None:
    """Whatever of the spectrum is too poor to judge by."""
    line = voxel.line
    said = []
    if line.width > WIDTH:
        said.append(f"lines are {line.width:.3f} ppm wide")
    if line.snr < WEAK:
        said.append(f"the largest line is {line.snr:.1f} times the noise")
    if line.misfit > MISFIT:
        said.append(f"the residual has {line.misfit:.1f} times the variance of noise")
    if not said:
        return None
    return Trap(CODE, Severity.LIMITED, f"The spectrum is poor: {'; '.join(said)}.", None, NOWHERE, ("mrs",))
