"""Lactate, lipid and amino acids lie over each other: at one short echo time they are not told apart."""

from typing import Final

from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.pitfalls.voxel import Voxel
from perspect.vocabulary import Severity

LONG: Final = threshold("acids-or-lipid", "long")
"""s of echo time from which on the doublets of lactate and amino acids stand on their heads, and lipid does not."""

TOLD: Final = ("amino_acids", "lipid_lactate")
"""Markers that this decides."""


def look(voxel: Voxel) -> Trap | None:
    """A marker of 0.9 or 1.3 ppm that rests on short echo times alone."""
    read = tuple(one for one in TOLD if one in voxel.markers)
    if not read or not voxel.echo_times or max(voxel.echo_times) >= LONG:
        return None
    times = ", ".join(f"{1e3 * one:.0f} ms" for one in voxel.echo_times)
    sentence = f"At {times} amino acids cannot be separated from lipid and macromolecules."
    return Trap("acids-or-lipid", Severity.LIMITED, sentence, None, NOWHERE, read)
