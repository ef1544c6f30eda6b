"""The table of commands: what `perspect --help` shows, without loading anything that computes."""

from dataclasses import dataclass
from textwrap import dedent
from typing import Final


@dataclass(frozen=True)
class Command:
    """A command: its name, what it does, an example, and what its own help says beyond."""

    name: str
    sentence: str
    example: str
    more: str = ""


COMMANDS: Final = (
    Command(
        "demo",
        "a virtual patient, measured beside the truth: needs no data",
        "perspect demo",
        "The patient is whole (DSC, DCE, ASL, conventional), but only its DSC is measured so far, and no clinical "
        "question is asked yet: that comes with `perspect ask`.",
    ),
    Command(
        "dsc",
        "maps (rCBV, leakage, CBF, MTT, ...) from a DSC series or two echoes",
        "perspect dsc sub-01/perf/sub-01_dsc.nii.gz --out results",
    ),
    Command(
        "dce",
        "maps (Ktrans, ve, vp, iAUGC, ...) from a DCE series, and its T1",
        "perspect dce sub-01 --out results",
    ),
    Command(
        "t1",
        "T1 from several flip angles, inversion times, or both",
        "perspect t1 fa02.nii.gz fa05.nii.gz fa15.nii.gz --out results",
    ),
    Command(
        "simulate",
        "virtual patients with a known truth, as a BIDS data set",
        "perspect simulate patients --scenario abscess",
    ),
    Command(
        "describe",
        "what a model, a quantity or a choice is, from where it is written",
        "perspect describe quantity rcbv",
    ),
    Command(
        "doctor",
        "versions, threads, extras and free space, for the report of a fault",
        "perspect doctor",
    ),
)


SHOWN: Final = ("demo", "dsc", "dce", "simulate", "describe")
"""Whose examples stand on the first screen; every command has its own in its help."""


def overview() -> str:
    """The help of the whole program, which fits one screen of 80 columns."""
    rows = "\n".join(f"  {one.name:<10}{one.sentence}" for one in COMMANDS)
    examples = "\n".join(f"  {one.example}" for one in COMMANDS if one.name in SHOWN)
    return HELP.format(rows=rows, examples=examples)


HELP: Final = dedent("""\
    perspect: brain-tumour MR perfusion, as numbers with error bars.
    Research only, not for diagnosis.

    Usage: perspect COMMAND [ARGUMENTS]
           perspect COMMAND --help
           perspect --version

    {rows}

    Examples
    {examples}

    Exit codes: 0 done; 1 failed inside; 2 the call or the input is wrong;
    3 the data are there but must not be interpreted.
""")
