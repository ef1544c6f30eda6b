"""What DSC makes of virtual patients: rCBV against the truth, by scenario and protocol.

`python benchmarks/patients.py [scenario ...]` prints a markdown table; without words, all scenarios (`JOBS=N`: N at a
time, 2 GB each). The reference is the white matter found on the patient's own T1-weighted image and FLAIR, with the
lesion's mask; the mean of its true rCBV (1 would be perfect), by which rCBV is divided, stands in the table.
CCC is Lin's concordance over the voxels of the lesion that hold no large vessel. Beside it stands what a perfect method
with the stated standard errors would reach: a lesion that is nearly even has little to agree on but noise, and its CCC
is small however right its mean is. Gates nothing.
"""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from peers import concordance
from perspect import dsc, io
from perspect.app.anatomy import head_of, seen_in
from perspect.phantom import SCENARIOS, Scenario, protocols, truth
from perspect.phantom.patient import Patient
from perspect.phantom.sequence import Acquired
from perspect.phantom.study import Simulation
from perspect.vocabulary import Acquisition, Anatomy, Grid, Series

PROTOCOLS = ("preload", "low-flip", "two-echoes")
REGIONS = ("enhancing", "treated", "solid", "capsule", "necrosis", "pus", "oedema", "infiltrated")
SEED = 1
MOST_VESSEL = 1e-3
"""Voxels with more of a large vessel are left out: a mM of agent does an eighth there of what it does around
capillaries, so that their volume in the truth and in the image are two things."""


def series_of(scan: Acquired) -> tuple[Series, ...]:
    """One series for each echo, with what a sidecar would say."""
    how = scan.sequence
    return tuple(
        Series(
            np.asfortranarray(image.values),
            scan.grid,
            np.asarray(image.times, float),
            Acquisition(te, how.tr, how.flip_angle, 3.0, len(how.injections) > 1),
        )
        for image, te in zip(scan.images, how.te, strict=True)
    )


@dataclass
class Pool:
    """Measured and true rCBV of all scenarios, by protocol: means of regions, and voxels of lesions."""

    means: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    voxels: dict[str, list[np.ndarray]] = field(default_factory=dict)


def large_vessels(patient: Patient, grid: Grid) -> np.ndarray:
    """How much of every voxel arteries and veins of the model fill."""
    return sum(np.nan_to_num(truth(patient, name, grid)) for name in ("artery", "vein"))


def rows(simulation: Simulation, patient: Patient, pool: Pool) -> Iterator[str]:
    """A row for each protocol."""
    taken = {one.name: simulation.scanned(patient, one) for one in (protocols.T1W, protocols.FLAIR)}
    shown = {
        name: Anatomy(one.images[0].values.astype(np.float32), one.grid, name, name) for name, one in taken.items()
    }
    head = head_of(shown, taken["t1w"].regions["lesion"])
    for name in PROTOCOLS:
        scan = simulation.scanned(patient, protocols.DSC_PROTOCOLS[name])
        echoes = series_of(scan)
        mean = echoes[0].values.mean(axis=3, dtype=np.float32)
        found = seen_in(head, mean, scan.grid)
        plan = dsc.Plan(motion=False, deconvolution="none")
        rcbv = dsc.quantify(echoes, plan, reference=found.white).maps["rcbv"]
        measured, true = rcbv.values.astype(float), scan.truth["rcbv"].astype(float)
        known = np.isfinite(measured) & np.isfinite(true)
        known &= large_vessels(patient, scan.grid) < MOST_VESSEL
        inside = scan.regions["lesion"].mask & known
        parts = []
        for region in REGIONS:
            mask = scan.regions[region].mask & known if region in scan.regions else np.zeros(1, bool)
            if mask.sum() > 10:
                parts.append(f"{region} {measured[mask].mean():.2f}/{true[mask].mean():.2f}")
                pool.means.setdefault(name, []).append((measured[mask].mean(), true[mask].mean()))
        pool.voxels.setdefault(name, []).append(np.stack([measured[inside], true[inside]]))
        noise = np.random.default_rng(SEED).standard_normal(true.shape) * rcbv.std
        best = concordance((true + noise)[inside], true[inside])
        white = true[found.white.mask]
        reference = f"{np.nanmean(white):.3f}"
        agreement = concordance(measured[inside], true[inside])
        yield (f"| {patient.scenario} | {name} | {reference} | {agreement:.2f} | {best:.2f} | {', '.join(parts)} |")


def of_scenario(scenario: Scenario) -> tuple[list[str], Pool]:
    """The rows of one patient, and what it adds to the pool."""
    pool, simulation = Pool(), Simulation(scenario, SEED)
    return list(rows(simulation, simulation.patient(io.icbm_2009a()), pool)), pool


def main(names: list[str]) -> None:
    pool, chosen = Pool(), [one for one in SCENARIOS if not names or one.name in names]
    print("| scenario | protocol | true rCBV of the reference | CCC, voxels | at best | rCBV measured/true, means |")
    print("|---|---|---|---|---|---|")
    with ProcessPoolExecutor(int(os.environ.get("JOBS", "1"))) as workers:
        for lines, part in workers.map(of_scenario, chosen):
            print("\n".join(lines), flush=True)
            for mine, more in ((pool.means, part.means), (pool.voxels, part.voxels)):
                for name, values in more.items():
                    mine.setdefault(name, []).extend(values)
    for name, pairs in pool.means.items():
        measured, true = np.transpose(pairs)
        every = np.concatenate(pool.voxels[name], axis=1)
        print(
            f"\n{name}: CCC {concordance(measured, true):.3f} of the means of {true.size} regions, "
            f"{concordance(*every):.3f} of the {every.shape[1]} voxels of all lesions"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
