"""What DSC makes of virtual patients: rCBV against the truth, by scenario and protocol.

`python benchmarks/patients.py [scenario ...]` prints a markdown table; without words, all scenarios (`JOBS=N`: N at a
time, 2 GB each). The reference is the white matter found on the patient's own T1-weighted image and FLAIR, with the
lesion's mask; the mean of its true rCBV (1 would be perfect), by which rCBV is divided, stands in the table.
`preload, DCE` is the preload with the map of Ktrans that DCE made of that preload (T1 from four flip angles, arterial
input found, no cells in the blood of these patients); `preload, DCE, T1` has beside it the T1 that this DCE leaves (T1
of the flip angles less ΔT1), `low-flip, T1` the T1 of the flip angles alone. CCC is Lin's concordance over the voxels
of the lesion that hold no large vessel. Beside it stand three bounds, each the CCC with the truth of what would be read
without error: the truth with the stated noise (a lesion that is nearly even has little to agree on but noise, and its
CCC is small however right its mean is); the area of the agent in the vessels of each voxel, during the bolus that is
imaged, over that of the reference (agent that leaves is not in them); and both, that area with that noise. `of vessels`
is the CCC of what was measured with that area. Gates nothing.
"""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from peers import concordance
from perspect import dce, dsc, io
from perspect.anatomy import resample
from perspect.app.anatomy import head_of, seen_in
from perspect.dce.t1 import variable_flip_angle
from perspect.phantom import SCENARIOS, Scenario, protocols, truth
from perspect.phantom.agent import agent
from perspect.phantom.dynamic import Dsc
from perspect.phantom.patient import Patient
from perspect.phantom.scanner import scanner
from perspect.phantom.sequence import Acquired
from perspect.phantom.study import Simulation
from perspect.vocabulary import Acquisition, Anatomy, Grid, Map, Series, Status
from perspect.vocabulary.lexicon import T1

PROTOCOLS = ("preload", "preload, DCE", "preload, DCE, T1", "low-flip", "low-flip, T1", "two-echoes")
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
    """Measured rCBV, that of agent in vessels and true rCBV, by protocol: means of regions, and voxels of lesions."""

    means: dict[str, list[np.ndarray]] = field(default_factory=dict)
    voxels: dict[str, list[np.ndarray]] = field(default_factory=dict)


def large_vessels(patient: Patient, grid: Grid) -> np.ndarray:
    """How much of every voxel arteries and veins of the model fill."""
    return sum(np.nan_to_num(truth(patient, name, grid)) for name in ("artery", "vein"))


def in_vessels(patient: Patient, grid: Grid, how: Dsc) -> np.ndarray:
    """Area of the agent in the vessels of each voxel during the bolus that is imaged, in mM s: no noise, no T1."""
    ready = scanner(patient, grid, how.field)
    times = how.times[how.times >= how.bolus.arrival]
    cp = agent(patient.arterial, (how.bolus,), ready.kinds, times).cp
    return ready.mean(ready.kinds.vp * np.trapezoid(cp, times, axis=0))


def by_dce(simulation: Simulation, patient: Patient, grid: Grid) -> dict[str, np.ndarray]:
    """Ktrans (1/s), T1 before and after its agent (s) as DCE measures them, on the grid of another series."""
    scan = simulation.scanned(patient, protocols.DCE)
    how, brain = scan.sequence, scan.regions["brain"]
    still = np.stack([one.values[brain.mask] for one in scan.images if one.kind == "vfa"], axis=-1).astype(float)
    b1 = next(one.values for one in scan.images if one.kind == "b1")
    before = variable_flip_angle(still, np.array(how.flip_angles), how.tr, b1[brain.mask].astype(float))
    value, std = (np.full(scan.grid.shape, np.nan, np.float32) for _ in range(2))
    value[brain.mask], std[brain.mask] = before.t1, before.t1_std
    status = np.where(np.isfinite(value), Status.OK, Status.NOT_DETERMINED).astype(np.int16)
    setting = Acquisition(how.te, how.tr, how.flip_angle, how.field, False)
    series = Series(np.asfortranarray(scan.images[0].values), scan.grid, how.times, setting)
    plan = dce.Plan(motion=False, hct=0.0)
    found = dce.quantify(series, plan, t1=Map(T1, value, std, status, scan.grid), b1=b1, mask=brain)
    maps = {key: found.maps[key].values for key in ("ktrans", "T1map", "deltat1")}
    shown = {"ktrans": np.nan_to_num(maps["ktrans"]), "before": maps["T1map"], "after": maps["T1map"] - maps["deltat1"]}
    return {key: resample.onto(one, scan.grid, grid) for key, one in shown.items()}


def beside(name: str, known: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What is given to a run of this name beside the series."""
    given = {"ktrans": known["ktrans"]} if "DCE" in name else {}
    return given | ({"t1": known["after" if "DCE" in name else "before"]} if "T1" in name else {})


def rows(simulation: Simulation, patient: Patient, pool: Pool) -> Iterator[str]:
    """A row for each protocol."""
    taken = {one.name: simulation.scanned(patient, one) for one in (protocols.T1W, protocols.FLAIR)}
    shown = {
        name: Anatomy(one.images[0].values.astype(np.float32), one.grid, name, name) for name, one in taken.items()
    }
    head = head_of(shown, taken["t1w"].regions["lesion"])
    known_by_dce = by_dce(simulation, patient, protocols.DSC.slab.grid(patient))
    for name in PROTOCOLS:
        how = protocols.DSC_PROTOCOLS[name.split(",")[0]]
        scan = simulation.scanned(patient, how)
        echoes = series_of(scan)
        white = seen_in(head, echoes[0].values.mean(axis=3, dtype=np.float32), scan.grid).white
        plan = dsc.Plan(motion=False, deconvolution="none", hct_small=0.0 if "DCE" in name else dsc.Plan.hct_small)
        rcbv = dsc.quantify(echoes, plan, reference=white, **beside(name, known_by_dce)).maps["rcbv"]
        area, free = in_vessels(patient, scan.grid, how), large_vessels(patient, scan.grid) < MOST_VESSEL
        three = np.stack([rcbv.values.astype(float), area / area[white.mask & free].mean(), scan.truth["rcbv"]])
        known = np.isfinite(three).all(axis=0) & free
        inside = scan.regions["lesion"].mask & known
        parts = []
        for region in REGIONS:
            mask = scan.regions[region].mask & known if region in scan.regions else np.zeros(1, bool)
            if mask.sum() > 10:
                means = three[:, mask].mean(axis=1)
                parts.append(f"{region} {means[0]:.2f}/{means[1]:.2f}/{means[2]:.2f}")
                pool.means.setdefault(name, []).append(means)
        pool.voxels.setdefault(name, []).append(three[:, inside])
        noise = (np.random.default_rng(SEED).standard_normal(known.shape) * rcbv.std)[inside]
        measured, visible, true = three[:, inside]
        against = [concordance(one, true) for one in (measured, true + noise, visible, visible + noise)]
        numbers = [*against, concordance(measured, visible)]
        reference = np.nanmean(scan.truth["rcbv"][white.mask])
        cells = [patient.scenario, name, f"{reference:.3f}", *(f"{one:.2f}" for one in numbers), ", ".join(parts)]
        yield f"| {' | '.join(cells)} |"


def of_scenario(scenario: Scenario) -> tuple[list[str], Pool]:
    """The rows of one patient, and what it adds to the pool."""
    pool, simulation = Pool(), Simulation(scenario, SEED)
    return list(rows(simulation, simulation.patient(io.icbm_2009a()), pool)), pool


def main(names: list[str]) -> None:
    pool, chosen = Pool(), [one for one in SCENARIOS if not names or one.name in names]
    print(
        "| scenario | protocol | true rCBV of the reference | CCC | noise alone | agent in vessels | both | of vessels "
        "| rCBV measured / in vessels / true, means |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    with ProcessPoolExecutor(int(os.environ.get("JOBS", "1"))) as workers:
        for lines, part in workers.map(of_scenario, chosen):
            print("\n".join(lines), flush=True)
            for mine, more in ((pool.means, part.means), (pool.voxels, part.voxels)):
                for name, values in more.items():
                    mine.setdefault(name, []).extend(values)
    for name, means in pool.means.items():
        regions, voxels = np.transpose(means), np.concatenate(pool.voxels[name], axis=1)
        said = ", ".join(
            f"{concordance(one[0], one[2]):.3f} of {what} (agent in vessels {concordance(one[1], one[2]):.3f})"
            for one, what in (
                (regions, f"the means of {regions.shape[1]} regions"),
                (voxels, f"the {voxels.shape[1]} voxels of all lesions"),
            )
        )
        print(f"\n{name}: CCC {said}")


if __name__ == "__main__":
    main(sys.argv[1:])
