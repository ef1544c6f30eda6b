"""Choline over NAA of virtual spectroscopic images beside the truth, with voxels marked that were not excited alike.

`python benchmarks/mrsi_displacement.py [seeds [words]]` prints a markdown table (with words: rows that hold one). The
truth of a voxel is what its encoding lets be seen where every line is excited alike (`Mrsi.seen` with endless
bandwidth, read as the image was). Ratios count as off from 25 % on, relative to the median of the image. The last two
columns: voxels of which a third or more is lesion that have a number with the mark, of those that have one without; and
how many the mark gave up although their ratio was right. Nothing here gates anything.
"""

import sys
from dataclasses import replace

import numpy as np

from perspect import io, mrs
from perspect.app.simulate import simulation_of
from perspect.models.spins import Press, PulseAcquire
from perspect.mrs.kspace import PointSpread
from perspect.mrs.profile import OF_TUMOURS, USUAL
from perspect.mrs.signals import cached_basis
from perspect.phantom.protocols import MRSI, MRSI_EPSI, MRSI_SLICE, MRSI_SMALL_BOX
from perspect.vocabulary.spectra import WATER

NAMES = tuple(dict.fromkeys((*USUAL, *OF_TUMOURS)))
OFF = np.log(1.25)
SCANS = (
    ("box of 8 cm, 800 Hz", replace(MRSI_SMALL_BOX, bandwidth=800.0)),
    ("box of 8 cm, 1200 Hz", MRSI_SMALL_BOX),
    ("the same, no window", replace(MRSI_SMALL_BOX, has_window=False)),
    ("no window, no displacement", replace(MRSI_SMALL_BOX, has_window=False, bandwidth=1e6)),
    ("box of 8 cm, 3500 Hz", replace(MRSI_SMALL_BOX, bandwidth=3500.0)),
    ("box of 12 x 15 cm, 3500 Hz", MRSI),
    ("the same, read at 600 Hz a voxel", MRSI_EPSI),
    ("slice alone, 1200 Hz", replace(MRSI_SLICE, bandwidth=1200.0)),
    ("slice alone, pulse and acquire", replace(MRSI_SLICE, bandwidth=1200.0, te=0.0015, te1=0.0)),
)  # fmt: skip


def excited_of(image):
    """What the header says of the pulses."""
    said = image.header
    read = tuple(said.get("ReadoutBandwidthPerVoxel", (0.0, 0.0, 0.0)))
    carrier = WATER + said["TxOffset"]
    return mrs.Excited(np.array(said["VOI"]), tuple(said["PulseBandwidth"]), carrier, image.frequency, read)


def images(seeds, scan):
    """Logarithm of the ratio over the truth, plain and marked, and the share of tumour, in all heads."""
    found = []
    for seed in range(1, seeds + 1):
        patient = simulation_of("high-grade-glioma", seed=seed).patient(io.icbm_2009a())
        image, water = (one.spectra for one in scan.acquire(patient, np.random.default_rng(seed)).signals)
        sequence = Press(scan.te1, scan.te - scan.te1) if scan.te1 else PulseAcquire(scan.te)
        basis = cached_basis(NAMES, sequence, image.frequency, image.dwell, image.n_points)
        seen = replace(scan, bandwidth=1e9).seen(patient)
        lesion = PointSpread((scan.n, scan.n, 1), "hamming").seen(scan.shares(patient)["lesion"])
        offs = []
        for excited in (None, excited_of(image)):
            ratio = mrs.quantify_grid(image, basis, water=water, excited=excited).maps["tChoOvertNAA"].values
            with np.errstate(divide="ignore", invalid="ignore"):
                off = np.log(ratio * seen["tnaa"] / seen["tcho"])
            off[~((seen["tnaa"] > 0.5) & (seen["tcho"] > 0))] = np.nan
            middle = np.median(off[np.isfinite(off)]) if np.isfinite(off).any() else 0.0
            offs.append(np.abs(off - middle).ravel())
        found.append((*offs, lesion.ravel()))
    return [np.concatenate(one) for one in zip(*found, strict=True)]


def main(seeds, words=()):
    print("| image | ratios without the mark | off by 25 % | largest | with it | off by 25 % | largest | ", end="")
    print("of tumour, with it and without | right, and given up |")
    print("|---" * 9 + "|")
    for label, scan in SCANS:
        if words and not any(word in label for word in words):
            continue
        plain, marked, lesion = images(seeds, scan)
        cells = []
        for one in (plain, marked):
            known = one[np.isfinite(one)]
            cells.append(f"{known.size} | {(known > OFF).sum()} | {np.exp(known.max()):.2f}")
        tumour = [int((np.isfinite(one) & (lesion > 1 / 3)).sum()) for one in (marked, plain)]
        lost = int(((plain < OFF) & ~np.isfinite(marked)).sum())
        print(f"| {label} | {' | '.join(cells)} | {tumour[0]} of {tumour[1]} | {lost} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4, sys.argv[2:])
