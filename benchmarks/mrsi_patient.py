"""A spectroscopic image of a virtual patient: maps against what the encoding lets be seen of the true amounts.

`python benchmarks/mrsi_patient.py [seed]` prints a markdown table. The object is that of the phantom (a head with a
high-grade glioma, field of its susceptibility, soft pulses, scalp fat); it shares spin systems with the analysis and
nothing else. Rows: echo times of 144 and 30 ms, with and without the image of water, with a Hamming window over k-space
and without one beside ten times the fat. The voxels are all that pass the quality checks. Nothing here gates anything.
"""

import sys
import time
from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from perspect import io, mrs
from perspect.app.simulate import simulation_of
from perspect.models.spins import Press
from perspect.mrs.profile import OF_TUMOURS, USUAL
from perspect.mrs.signals import cached_basis
from perspect.phantom.protocols import MRSI

NAMES = tuple(dict.fromkeys((*USUAL, *OF_TUMOURS)))
KEYS = ("tNAA", "tCr", "tCho", "Glx", "Lac")
SHORT = replace(MRSI, te=0.030, te1=0.011)
SCANS = (
    ("144 ms", MRSI), ("30 ms", SHORT), ("144 ms, no window, fat", replace(MRSI, has_window=False, spared=0.1)),
    ("30 ms, no window, fat", replace(SHORT, has_window=False, spared=0.1)),
)  # fmt: skip


def row(label, scan, patient, rng, has_water):
    image, water = (one.spectra for one in scan.acquire(patient, rng).signals)
    basis = cached_basis(NAMES, Press(scan.te1, scan.te - scan.te1), image.frequency, image.dwell, image.n_points)
    begun = time.process_time()
    found = mrs.quantify_grid(image, basis, water=water if has_water else None)
    spent = time.process_time() - begun
    seen, maps = scan.seen(patient), {key: found.maps[key].values for key in KEYS}
    stds = found.maps["tNAA"].std
    known = np.isfinite(maps["tNAA"]) & np.isfinite(maps["tCho"]) & (maps["tNAA"] > 0)
    cells = []
    for key in KEYS:
        both = known & np.isfinite(maps[key])
        cells.append(f"{np.corrcoef(maps[key][both], seen[key.lower()][both])[0, 1]:.3f}")
    ratios = [a[known] / b[known] for a, b in ((maps["tCho"], maps["tNAA"]), (seen["tcho"], seen["tnaa"]))]
    scale = (maps["tNAA"] * seen["tnaa"])[known].sum() / (seen["tnaa"] ** 2)[known].sum()
    off = maps["tNAA"][known] - scale * seen["tnaa"][known]
    error = np.sqrt((stds[known] ** 2).mean() / (off**2).mean())
    n, usable = found.summary["voxels"], found.summary["usable"]
    print(
        f"| {label} | {'yes' if has_water else 'no'} | {usable} of {n} | {' | '.join(cells)} | "
        f"{spearmanr(*ratios).statistic:.3f} | {error:.2f} | {n / spent:.0f} |", flush=True,
    )  # fmt: skip


def main(seed):
    patient = simulation_of("high-grade-glioma", seed=seed).patient(io.icbm_2009a())
    print("| scan | water | usable | " + " | ".join(KEYS) + " | Cho/NAA, ranks | stated/observed, tNAA | voxels/s |")
    print("|---" * (6 + len(KEYS)) + "|")
    for k, (label, scan) in enumerate(SCANS):
        for has_water in (True, False):
            row(label, scan, patient, np.random.default_rng([seed, k]), has_water)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
