"""The files of an ASL examination, and which of them nobody would read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perspect import asl, io
from perspect.vocabulary import Acquisition, Labelled, Problem

NO_LABELLING: Final = io.GivenLabelling()
NO_VALUES: Final = Acquisition()


@dataclass(frozen=True)
class AslInputs:
    """The files of an examination and what was said by hand; times in s.

    `series` is a file or a folder that holds one. `m0` is an image of equilibrium, `None`: the one beside the series.
    `grey`, `white`, `fluid` are maps of shares, `t1` a map in s, `att` one of transit times in s, on any grid of the
    same frame. `anatomy` are conventional images by contrast, `None`: those of the folder; `brain` is a mask in the
    frame of the one that leads.
    """

    series: Path
    labelling: io.GivenLabelling = NO_LABELLING
    acquired: Acquisition = NO_VALUES
    m0: Path | None = None
    wants_m0: bool = True
    mask: Path | None = None
    lesion: Path | None = None
    grey: Path | None = None
    white: Path | None = None
    fluid: Path | None = None
    t1: Path | None = None
    att: Path | None = None
    anatomy: Mapping[str, Path] | None = None
    brain: Path | None = None


def demand_effect(inputs: AslInputs, plan: asl.Plan) -> None:
    """Raises Problem for an M0 image that would be read by nobody: no plan wants it."""
    if inputs.m0 is None or (inputs.wants_m0 and plan.m0 not in ("control", "none")):
        return
    other = f"asl.m0 is '{plan.m0}'" if inputs.wants_m0 else "--no-m0 says to do without one"
    raise Problem(
        f"{inputs.m0.name} is given as M0, and {other}.",
        "It would be read by nobody.",
        "Leave one of the two out.",
    )


def demand_m0_read(inputs: AslInputs, labelled: Labelled) -> None:
    """Raises Problem for an M0 image beside a map of flow that the scanner made, which shows where the brain is if no
    mask does.
    """
    if inputs.m0 is None or inputs.mask is None or labelled.labelling.of("control", "label", "deltam", "encoded").size:
        return
    raise Problem(
        f"{inputs.m0.name} is given as M0, and the series holds only the scanner's own map of flow.",
        "That map is divided by nothing any more; with a mask of the brain M0 would be read by nobody.",
        "Leave it out, or give the series that the map was made of.",
    )
