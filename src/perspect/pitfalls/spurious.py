"""Signal that is no molecule's: ghosts, late echoes, residual water, eddy currents, bad subtraction."""

from typing import Final

from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.pitfalls.voxel import Voxel
from perspect.vocabulary import Severity

CODE: Final = "spurious-signal"

LATE: Final = threshold(CODE, "late")
"""How far the energy of a signal may rise again after it has decayed."""

WATER: Final = threshold(CODE, "water")
"""Residual water over the largest line beyond which its feet are everywhere."""

UNEXPLAINED, MISFIT = threshold(CODE, "unexplained"), threshold(CODE, "misfit")
"""Residual over the largest line, and its variance over that of noise, beyond which something else is in it."""

BEND: Final = threshold(CODE, "bend")
"""Degrees that eddy currents may bend the phase before the shape of lines is lost."""


def look(voxel: Voxel) -> Trap | None:
    """Whatever of the signal no molecule explains."""
    line = voxel.line
    said = []
    if line.late > LATE:
        said.append(f"its energy rises {line.late:.1f} times after it has decayed, as by a late echo")
    if line.water > WATER:
        said.append(f"water is left, {line.water:.0f} times the largest line")
    if line.misfit > MISFIT and line.unexplained > UNEXPLAINED:
        said.append(f"what no molecule explains reaches {line.unexplained:.0%} of the largest line")
    if line.bend > BEND:
        said.append(f"eddy currents bend its phase by {line.bend:.0f}°")
    if not said:
        return None
    sentence = f"Something else is in the signal: {'; '.join(said)}."
    return Trap(CODE, Severity.LIMITED, sentence, None, NOWHERE, ("mrs",))
