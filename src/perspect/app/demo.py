"""A demonstration: a virtual patient is made, its DSC is measured, and what was found is laid beside the truth."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from perspect.app.dsc import Inputs, examine_dsc
from perspect.app.simulate import Simulated, simulate, simulation_of
from perspect.phantom import truth
from perspect.phantom.coverage import regions_on
from perspect.vocabulary import Measured

SHOWN: Final = ("enhancing", "viable", "treated", "capsule", "solid", "infiltrated", "oedema", "necrosis", "pus")
"""The parts of a lesion that are compared, where the patient has them and they have voxels enough."""

LEAST: Final = 20
"""Voxels of the series below which a part is not compared. [our default]"""


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
    """What was measured, and how it compares."""

    dataset: Path
    page: Path
    measured: Measured
    compared: tuple[Compared, ...]


def demonstrate(
    out: Path,
    scenario: str,
    seed: int = 1,
    *,
    overwrite: bool = False,
    threads: int = 1,
    progress: Callable[[str, float], None] | None = None,
) -> Demonstration:
    """A patient below `out`/patient and its DSC results below `out`/results."""
    simulation = simulation_of(scenario, (), seed)
    made = simulate(out / "patient", simulation, overwrite=overwrite, threads=threads, progress=progress)
    inputs = Inputs((out / "patient" / made.subject,))
    examined = examine_dsc(inputs, out / "results", overwrite=overwrite, threads=threads, progress=progress)
    compared = tuple(_compared(made, examined.measured))
    return Demonstration(out / "patient", examined.written.page, examined.measured, compared)


def table(shown: Demonstration) -> str:
    """RCBV beside the truth, for people."""
    if not shown.compared:
        return "No part of the lesion has voxels enough to compare."
    lines = [f"{'rCBV of the lesion':<22}{'voxels':>8}{'measured':>10}{'± voxel':>9}{'true':>8}"]
    for one in shown.compared:
        lines.append(f"  {one.region:<20}{one.n_voxels:>8}{one.measured:>10.2f}{one.error:>9.2f}{one.true:>8.2f}")
    return "\n".join(lines)


def _compared(made: Simulated, measured: Measured) -> Iterator[Compared]:
    if "rcbv" not in measured.maps:
        return
    rcbv = measured.maps["rcbv"]
    true = truth(made.patient, "rcbv", rcbv.grid)
    for name, region in regions_on(made.patient, rcbv.grid).items():
        inside = region.mask & np.isfinite(rcbv.values) & np.isfinite(true)
        if name in SHOWN and inside.sum() >= LEAST:
            numbers = (float(np.mean(one[inside])) for one in (rcbv.values, rcbv.std, true))
            yield Compared(name, int(inside.sum()), *numbers)
