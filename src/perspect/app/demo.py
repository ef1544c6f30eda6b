"""A demonstration: a virtual patient is made, the matching question is asked, the truth is laid beside the answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from perspect import evidence
from perspect.app.asked import Request
from perspect.app.examination import Examination, examine
from perspect.app.simulate import Simulated, simulate, simulation_of
from perspect.phantom import truth
from perspect.phantom.coverage import regions_on
from perspect.vocabulary import Map

SHOWN: Final = ("enhancing", "viable", "treated", "capsule", "solid", "infiltrated", "oedema", "necrosis", "pus")
"""The parts of a lesion that are compared, where the patient has them and they have voxels enough."""

LEAST: Final = 20
"""Voxels of the series below which a part is not compared. [our default]"""

BEYOND: Final = (
    "What the voxel error does not hold: agent that leaves vessels while the bolus passes is not in them to be\n"
    "seen (a seventh to a third of it in parts that leak), a long T1 hides some more, and leakage is not wholly told\n"
    "from volume. All three read low; docs/why/figures.md has how much."
)
"""Why rCBV in a lesion reads low."""

UNTREATED: Final = "adult = true\ntreated = false\nsteroids = false\ngadolinium_before_mrs = false\nhaematocrit = 0.0\n"
TREATED: Final = (
    "adult = true\ntreated = true\nradiotherapy_days = 240\nantiangiogenic = false\nsteroids = false\n"
    "gadolinium_before_mrs = false\nhaematocrit = 0.0\n"
)
"""What is on record of a virtual patient that was never treated, and of one that was: their blood is all plasma."""


@dataclass(frozen=True)
class Asked:
    """The question that a scenario is for, what is on record, and what would be right to say in words."""

    question: str
    context: str
    truth: str


ASKED: Final = {
    "high-grade-glioma": Asked("grade", UNTREATED, "high-grade glioma"),
    "low-grade-glioma": Asked("grade", UNTREATED, "low-grade astrocytoma"),
    "oligodendroglioma": Asked("grade", UNTREATED, "oligodendroglioma: of low grade, with a high blood volume"),
    "recurrence": Asked("recurrence", TREATED, "recurrent tumour"),
    "radiation-necrosis": Asked("recurrence", TREATED, "radiation necrosis"),
    "mixture": Asked("recurrence", TREATED, "recurrent tumour and radiation necrosis side by side"),
    "abscess": Asked("abscess", UNTREATED, "abscess"),
    "metastasis": Asked("metastasis-or-glioma", UNTREATED, "metastasis"),
    "lymphoma": Asked("lymphoma", UNTREATED, "lymphoma"),
    "demyelination": Asked("demyelination", UNTREATED, "tumefactive demyelination"),
}


@dataclass(frozen=True)
class Compared:
    """rCBV in one part of the lesion: what was measured, its error, what is true; means over `n_voxels`.

    `error` is the mean standard error of a voxel. Much of it is shared by all voxels (the reference, the leakage of
    the region), so that it does not shrink with their number; what the model of the analysis cannot see is not in it.
    """

    region: str
    n_voxels: int
    measured: float
    error: float
    true: float


@dataclass(frozen=True, eq=False)
class Demonstration:
    """The answer, how its numbers compare, and what is true."""

    dataset: Path
    examination: Examination
    compared: tuple[Compared, ...]
    truth: str

    @property
    def page(self) -> Path:
        """The page that people open."""
        return self.examination.page


def demonstrate(
    out: Path,
    scenario: str,
    seed: int = 1,
    *,
    overwrite: bool = False,
    threads: int = 1,
    progress: Callable[[str, float], None] | None = None,
    mrs: str = "usual",
) -> Demonstration:
    """A patient below `out`/patient and the answer to the matching question below `out`/results.

    `mrs` is the protocol of spectroscopy, as `perspect simulate` has it.
    """
    simulation = simulation_of(scenario, (), seed, mrs=mrs)
    made = simulate(out / "patient", simulation, overwrite=overwrite, threads=threads, progress=progress)
    asked = ASKED[scenario]
    context = out / "patient" / "context.toml"
    context.write_text(asked.context, encoding="utf-8")
    lesion = made.truth / "anat" / f"{made.subject}_space-T1w_label-lesion_desc-truth_mask.nii.gz"
    request = Request(
        out / "patient" / made.subject, out / "results", evidence.question(asked.question), lesion, context,
        overwrite=overwrite, threads=threads,
    )  # fmt: skip
    found = examine(request, progress)
    rcbv = found.maps.get("rcbv")
    compared = () if rcbv is None else tuple(_compared(made, rcbv))
    return Demonstration(out / "patient", found, compared, asked.truth)


def table(shown: Demonstration) -> str:
    """RCBV beside the truth, for people."""
    if not shown.compared:
        return "No part of the lesion has voxels enough to compare."
    lines = [f"{'rCBV of the lesion':<22}{'voxels':>8}{'measured':>10}{'± voxel':>9}{'true':>8}"]
    for one in shown.compared:
        lines.append(f"  {one.region:<20}{one.n_voxels:>8}{one.measured:>10.2f}{one.error:>9.2f}{one.true:>8.2f}")
    if any(abs(one.measured - one.true) > one.error for one in shown.compared):
        lines.append(BEYOND)
    return "\n".join(lines)


def _compared(made: Simulated, rcbv: Map) -> Iterator[Compared]:
    true = truth(made.patient, "rcbv", rcbv.grid)
    for name, region in regions_on(made.patient, rcbv.grid).items():
        inside = region.mask & np.isfinite(rcbv.values) & np.isfinite(true)
        if name in SHOWN and inside.sum() >= LEAST:
            numbers = (float(np.mean(one[inside])) for one in (rcbv.values, rcbv.std, true))
            yield Compared(name, int(inside.sum()), *numbers)
