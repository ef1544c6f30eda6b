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
        "a virtual patient, a question, its answer beside the truth: no data",
        "perspect demo",
        "The patient is whole (DSC, DCE, ASL, diffusion, conventional images); the answer says what it rests on.",
    ),
    Command(
        "ask",
        "a question to one study: measured, trapped, weighed, reported",
        "perspect ask recurrence sub-01 --lesion lesion.nii.gz --out results",
        "The study is a folder of one examination: a BIDS subject, NIfTI images under other names, or DICOM; "
        "roles.toml in it says which image is what where names do not. Markers are read from DSC, DCE, ASL, ADC and "
        "spectroscopy; what could not be used is listed with the reason. Give --lesion, or --box in which it is grown. "
        "Without a question (`measure`) nothing is concluded.",
    ),
    Command(
        "calibrate",
        "a site's own cut-offs, from patients whose outcome is known",
        "perspect calibrate recurrence cohort.tsv --out cutoffs.json",
        "Without them published cut-offs are used, which were never validated for this pipeline: every answer says so.",
    ),
    Command(
        "check",
        "what a study holds, and what a question would still need",
        "perspect check sub-01 recurrence",
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
        "asl",
        "flow and transit time without contrast agent, from a labelled series",
        "perspect asl sub-01/perf/sub-01_asl.nii.gz --out results",
    ),
    Command(
        "mrs",
        "amounts of metabolites, with errors, from a single-voxel spectrum",
        "perspect mrs sub-01/mrs/sub-01_svs.nii.gz --out results",
        "Without --basis one is simulated for the echo time; without --water amounts are in institutional units.",
    ),
    Command(
        "basis",
        "the spectra of single metabolites for a sequence, by simulation",
        "perspect basis --out press30.basis --sequence press --te 0.030 --field 3",
    ),
    Command(
        "simulate",
        "virtual patients with a known truth, as a BIDS data set",
        "perspect simulate patients --scenario abscess",
    ),
    Command(
        "view",
        "a local page to review results: a voxel's numbers and its curve",
        "perspect view results --study sub-01",
        "Several studies can be looked at side by side, from one folder or more. Only this machine can open the page. "
        "Curves need --study; ratings are kept in the folder of the results.",
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


def overview() -> str:
    """The help of the whole program, which fits one screen of 80 columns."""
    return HELP.format(rows="\n".join(f"  {one.name:<10}{one.sentence}" for one in COMMANDS))


HELP: Final = dedent("""\
    perspect: MR perfusion and spectroscopy of brain tumours, with error bars.
    Research only, not for diagnosis.

    Usage: perspect COMMAND [ARGUMENTS]; perspect COMMAND --help shows an example.

    {rows}

    Begin with: perspect demo

    Exit codes: 0 done; 1 failed inside; 2 the call or the input is wrong;
    3 the data are there but must not be interpreted.
""")
