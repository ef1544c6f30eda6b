"""A spectroscopic image of a virtual patient: maps against what the encoding lets be seen of the true amounts.

`python benchmarks/mrsi_patient.py [seed]` prints a markdown table. The object is that of the phantom (a head with a
high-grade glioma, field of its susceptibility, soft pulses, scalp fat); it shares spin systems with the analysis and
nothing else. Rows: echo times of 144 and 30 ms, with and without the image of water, with a Hamming window over k-space
and without one beside ten times the fat, and beside none. The voxels are all that pass the quality checks; ranks are of
the map of the ratio where the true one is positive, beside those that the truth with errors as stated would have. A
second table holds amounts scaled by water, with a perfect segmentation and without one. Nothing here gates anything.
"""

import sys
import time
from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from perspect import io, mrs
from perspect.app.simulate import simulation_of
from perspect.models.spins import Press
from perspect.mrs.kspace import PointSpread
from perspect.mrs.profile import OF_TUMOURS, USUAL
from perspect.mrs.signals import cached_basis
from perspect.phantom.protocols import MRSI

NAMES = tuple(dict.fromkeys((*USUAL, *OF_TUMOURS)))
KEYS = ("tNAA", "tCr", "tCho", "Glx", "Lac")
SHORT = replace(MRSI, te=0.030, te1=0.011)
SCANS = (
    ("144 ms", MRSI), ("30 ms", SHORT), ("144 ms, no window, fat", replace(MRSI, has_window=False, spared=0.1)),
    ("30 ms, no window, fat", replace(SHORT, has_window=False, spared=0.1)),
    ("144 ms, no window, no fat", replace(MRSI, has_window=False, spared=0.0)),
)  # fmt: skip


def row(label, scan, patient, rng, has_water):
    image, water = (one.spectra for one in scan.acquire(patient, rng).signals)
    basis = cached_basis(NAMES, Press(scan.te1, scan.te - scan.te1), image.frequency, image.dwell, image.n_points)
    begun = time.process_time()
    found = mrs.quantify_grid(image, basis, mrs.Plan(reference="none"), water=water if has_water else None)
    spent = time.process_time() - begun
    seen, maps = scan.seen(patient), {key: found.maps[key].values for key in KEYS}
    stds = found.maps["tNAA"].std
    known = np.isfinite(maps["tNAA"]) & np.isfinite(maps["tCho"]) & (maps["tNAA"] > 0)
    cells = []
    for key in KEYS:
        both = known & np.isfinite(maps[key])
        cells.append(f"{np.corrcoef(maps[key][both], seen[key.lower()][both])[0, 1]:.3f}")
    ratio = found.maps["tChoOvertNAA"]
    truth = seen["tcho"] / np.where(seen["tnaa"] > 0, seen["tnaa"], np.nan)
    given = np.isfinite(ratio.values) & np.isfinite(truth)
    middle, noise = np.median(ratio.values[given] / truth[given]), np.random.default_rng(0)
    drawn = [middle * truth[given] + ratio.std[given] * noise.normal(size=given.sum()) for _ in range(20)]
    allowed = np.mean([spearmanr(one, truth[given]).statistic for one in drawn])
    scale = (maps["tNAA"] * seen["tnaa"])[known].sum() / (seen["tnaa"] ** 2)[known].sum()
    off = maps["tNAA"][known] - scale * seen["tnaa"][known]
    error = np.sqrt((stds[known] ** 2).mean() / (off**2).mean())
    alike = in_common(off, maps["tCr"][known], seen["tcr"][known], seen["tnaa"][known])
    n, usable = found.summary["voxels"], found.summary["usable"]
    rank = spearmanr(ratio.values[given], truth[given]).statistic
    cells += [f"{rank:.3f}", f"{allowed:.3f}", f"{error:.2f}", f"{alike:.2f}", f"{n / spent:.0f}"]
    print(f"| {label} | {'yes' if has_water else 'no'} | {usable} of {n} | {' | '.join(cells)} |", flush=True)


def in_common(off, creatine, true_creatine, true_naa):
    """Correlation of the relative errors of total NAA and creatine, in voxels that hold some of both: what they have in
    common is no error of a molecule's fit.
    """
    scale = (creatine * true_creatine).sum() / (true_creatine**2).sum()
    there = (true_naa > 0.3 * np.quantile(true_naa, 0.9)) & (true_creatine > 0.3 * np.quantile(true_creatine, 0.9))
    of_creatine = creatine[there] / true_creatine[there] / scale - 1
    return np.corrcoef(off[there] / true_naa[there], of_creatine)[0, 1]


def scaled(label, scan, patient, rng, is_segmented):
    """Amounts in mmol per litre of tissue against the truth: inside the box, at its edge, in the lesion."""
    image, water = (one.spectra for one in scan.acquire(patient, rng).signals)
    basis = cached_basis(NAMES, Press(scan.te1, scan.te - scan.te1), image.frequency, image.dwell, image.n_points)
    shares = scan.shares(patient)
    plan = mrs.Plan(unit="mmol/L")
    found = mrs.quantify_grid(image, basis, plan, water=water, shares=shares if is_segmented else None)
    seen, lesion = scan.seen(patient), PointSpread((scan.n, scan.n, 1), "hamming").seen(shares["lesion"]) > 0.5
    inside = seen["selected"] > 0.97
    for key in ("tNAA", "tCr", "tCho"):
        values, std = (np.asarray(one, float) for one in (found.maps[key].values, found.maps[key].std))
        truth = seen[key.lower()] / np.where(seen["tissue"] > 0.2, seen["tissue"], np.nan)
        cells = []
        for where in (inside & ~lesion, ~inside & ~lesion, lesion):
            at = where & np.isfinite(values) & np.isfinite(truth)
            if not at.any():
                cells.append("none | ")
                continue
            ratio, off = values[at] / truth[at], values[at] - truth[at]
            low, middle, high = np.quantile(ratio, (0.1, 0.5, 0.9))
            error = np.sqrt((std[at] ** 2).mean() / (off**2).mean())
            cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f}), n {at.sum()} | {error:.2f}")
        print(f"| {label} | {'yes' if is_segmented else 'no'} | {key} | {' | '.join(cells)} |", flush=True)


def main(seed):
    patient = simulation_of("high-grade-glioma", seed=seed).patient(io.icbm_2009a())
    print(
        "| scan | water | usable | "
        + " | ".join(KEYS)
        + " | Cho/NAA, ranks | as errors allow | stated/observed, tNAA | errors in common with tCr | voxels/s |"
    )
    print("|---" * (8 + len(KEYS)) + "|")
    for k, (label, scan) in enumerate(SCANS):
        for has_water in (True, False):
            row(label, scan, patient, np.random.default_rng([seed, k]), has_water)
    print("\n| scan | segmented | mmol/L, measured over true | inside the box | stated/observed | edge | | lesion | |")
    print("|---" * 9 + "|")
    for k, (label, scan) in enumerate(SCANS):
        for is_segmented in (True, False):
            scaled(label, scan, patient, np.random.default_rng([seed, k]), is_segmented)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
