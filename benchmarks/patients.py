"""What DSC makes of virtual patients: rCBV against the truth, by scenario and protocol.

`python benchmarks/patients.py [scenario ...]` prints a markdown table; without words, all scenarios. The reference is
the white matter found on the patient's own T1-weighted image; its true rCBV (1 would be perfect) stands in the table.
CCC is Lin's concordance over the voxels of the lesion. Lesions that are nearly even have nothing to agree on but noise:
their CCC is small however right their mean is. Gates nothing.
"""

import sys
from collections.abc import Iterator

import numpy as np

from peers import concordance
from perspect import dsc, io
from perspect.app.anatomy import seen
from perspect.phantom import SCENARIOS, protocols
from perspect.phantom.patient import Patient
from perspect.phantom.sequence import Acquired
from perspect.phantom.study import Simulation
from perspect.vocabulary import Acquisition, Anatomy, Series

PROTOCOLS = ("preload", "low-flip", "two-echoes")
REGIONS = ("enhancing", "treated", "solid", "capsule", "necrosis", "pus", "oedema", "infiltrated")
SEED = 1


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


def rows(simulation: Simulation, patient: Patient, pool: dict[str, list]) -> Iterator[str]:
    """A row for each protocol."""
    t1w = simulation.scanned(patient, protocols.T1W)
    image = Anatomy(t1w.images[0].values.astype(np.float32), t1w.grid, "t1w", "T1w")
    for name in PROTOCOLS:
        scan = simulation.scanned(patient, protocols.DSC_PROTOCOLS[name])
        echoes = series_of(scan)
        mean = echoes[0].values.mean(axis=3, dtype=np.float32)
        found = seen(mean, scan.grid, {"t1w": image})
        plan = dsc.Plan(motion=False, deconvolution="none")
        measured = dsc.quantify(echoes, plan, reference=found.white).maps["rcbv"].values.astype(float)
        true = scan.truth["rcbv"]
        known = np.isfinite(measured) & np.isfinite(true)
        inside = scan.regions["lesion"].mask & known
        parts = []
        for region in REGIONS:
            mask = scan.regions[region].mask & known if region in scan.regions else np.zeros(1, bool)
            if mask.sum() > 10:
                parts.append(f"{region} {measured[mask].mean():.2f}/{true[mask].mean():.2f}")
                pool.setdefault(name, []).append((measured[mask].mean(), true[mask].mean()))
        reference = float(np.nanmean(true[found.white.mask]))
        agreement = concordance(measured[inside], true[inside])
        yield f"| {patient.scenario} | {name} | {reference:.3f} | {agreement:.2f} | {', '.join(parts)} |"


def main(names: list[str]) -> None:
    template, pool = io.icbm_2009a(), {}
    print("| scenario | protocol | true rCBV of the reference | CCC, voxels | rCBV measured/true, means |")
    print("|---|---|---|---|---|")
    for scenario in SCENARIOS:
        if names and scenario.name not in names:
            continue
        simulation = Simulation(scenario, SEED)
        for row in rows(simulation, simulation.patient(template), pool):
            print(row, flush=True)
    for name, pairs in pool.items():
        measured, true = np.transpose(pairs)
        print(f"\n{name}: CCC of the means of {true.size} regions {concordance(measured, true):.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
