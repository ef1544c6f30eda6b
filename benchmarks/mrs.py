"""Accuracy, calibration of errors, amino acids and speed of the spectroscopy room.

`python benchmarks/mrs.py DATA [accuracy] [errors] [amino] [basis] [grid] [speed] [files]` prints markdown tables;
without words, all of them. DATA is the folder that holds `fitting_challenge.tar.xz`, `sim_basis_reference.tar.xz`,
`synthetic_mrsi` and the files of scanners; what is not there is said to be absent. Figures of peers on the same spectra
are in docs/why/figures.md. Nothing here gates anything.
"""

import csv
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from perspect import mrs
from perspect.io.spectra import read_spectra
from perspect.models.spins import MOLECULES, Press, SemiLaser, Steam, simulated, sinc
from perspect.mrs.profile import OF_TUMOURS, SUMS, USUAL
from perspect.mrs.scale import Scale
from perspect.mrs.signals import cached_basis
from perspect.mrs.water import amplitude_at_start
from perspect.phantom.spectrum import (
    ABSCESS,
    HEALTHY,
    NECROSIS,
    TUMOUR,
    Scan,
    varied,
    virtual_spectrum,
)  # fmt: skip
from perspect.vocabulary import Basis, Grid, Spectra

NAMES = tuple(dict.fromkeys((*USUAL, *OF_TUMOURS)))
KEYS = ("tNAA", "tCr", "tCho", "Glx", "Ins+Gly", "Lac", "Lip13")
ALL = ("Ala", "Asc", "Asp", "GABA", "Glc", "Gln", "Glu", "GSH", "Gly", "Ins", "Lac", "PE", "sIns", "Tau")
TRUTHS = {"tNAA": "NAA+NAAG", "tCr": "Cr+PCr", "tCho": "GPC+PCho", "Glx": "Glu+Gln", "Ins+Gly": "Ins+Gly"}
SCAN = Scan()


def basis(te):
    first = 0.011 if te < 0.1 else 0.017
    return cached_basis(NAMES, Press(first, te - first), SCAN.frequency, SCAN.dwell, SCAN.n_points)


def accuracy(folder):
    """The challenge spectra with public truth, scaled to total creatine."""
    if not (folder / "fitting_challenge.tar.xz").is_file():
        print("fitting_challenge.tar.xz is absent")
        return
    with tarfile.open(folder / "fitting_challenge.tar.xz") as archive:

        def table(name):
            return np.loadtxt(archive.extractfile(f"fitting_challenge/{name}").read().decode().splitlines())

        names = [one.split("/")[-1][:-4] for one in archive.getnames() if "/basisset_text_noTMS/" in one]
        signals = [table(f"basisset_text_noTMS/{one}.txt") for one in names]
        values = np.array([one[:, 0] + 1j * one[:, 1] for one in signals])
        own = Basis(tuple(names), values, 1 / 4000, 123.2e6, 0.03, "the challenge's own")
        rows = list(csv.reader(archive.extractfile("fitting_challenge/truth_odd.csv").read().decode().splitlines()))
        sums, single, mosae, creatine, spent = {}, {}, [], [], []
        for k, name in enumerate(rows[0]):
            if not k:
                continue
            truth = {row[0]: float(row[k]) for row in rows[1:] if row[k]}
            columns = table(f"datasets_text/{name}.txt")
            place = Grid((1, 1, 1), np.eye(4))
            signal = Spectra(
                (columns[:, 0] + 1j * columns[:, 1])[None, None, None],
                1 / 4000,
                123.2e6,
                place,
                te=0.03,
                is_halved=True,
            )
            amplitude, _ = amplitude_at_start(columns[:, 2] + 1j * columns[:, 3], 1 / 4000)
            begun = time.process_time()
            found = mrs.measure(signal, own, scale=Scale(2 * 29697.0 * 1.206 / amplitude, "mM", 0.0, "README"))
            spent.append(time.process_time() - begun)
            factor = truth["Cr+PCr"] / found.amounts["tCr"].value
            creatine.append(1 / factor - 1)
            for key, other in TRUTHS.items():
                sums.setdefault(key, []).append(abs(found.amounts[key].value * factor / truth[other] - 1))
            minor = {key: found.amounts[key].value * factor for key in ALL}
            for key, value in minor.items():
                if truth[key] > 0:
                    single.setdefault(key, []).append(abs(value / truth[key] - 1))
            known = {**minor, **{o: found.amounts[k].value * factor for k, o in list(TRUTHS.items())[:3]}}
            mosae.append(sum(abs(v - truth[k]) for k, v in known.items()) / sum(truth[k] for k in known))
    print("| quantity | mean absolute error after scaling to creatine |\n|---|---|")
    for key, errors in {**sums, **single}.items():
        print(f"| {key} | {100 * np.mean(errors):.1f} % |")
    both = [*single.values(), sums["tNAA"], sums["tCho"], sums["Glx"]]
    print(f"| five sums | {100 * np.mean([np.mean(one) for one in sums.values()]):.2f} % |")
    print(f"| all molecules | {100 * np.mean([np.mean(one) for one in both]):.1f} % |")
    print(f"| MOSAE over mean truth, median | {np.median(mosae):.3f} |")
    print(f"| water-scaled creatine, bias | {100 * np.mean(creatine):+.1f} % |")
    print(f"| CPU of one spectrum | {1e3 * np.median(spent):.0f} ms |")


PUBLISHED = {
    "Lip13a": (0.05, 0.035), "Lip13b": (0.001, 0.035), "Lip09": (0.05, 0.035), "Lip20": (0.05, 0.025),
    "MM09": (0.03, 0.015), "MM12": (0.05, 0.02), "MM14": (0.03, 0.02), "MM17": (0.02, 0.02), "MM20": (0.03, 0.01),
}  # fmt: skip
"""By how much LCModel expects broad signals to be wider than their narrowest, and its standard deviation, in ppm."""


def errors(n=200):
    """Stated over observed error on virtual patients, whose macromolecules and lipids vary by 10 % beside each other
    and are nearly as narrow as they can be; and on such whose broad lines are as wide as LCModel expects them and vary
    by 25 %.

    Where they keep one ratio in every patient, errors of lactate and lipid are overstated: the fit allows for what the
    patients do not have.
    """
    print("| patients | SNR | " + " | ".join(KEYS) + " |\n|---|---|" + "---|" * len(KEYS))
    for said, apart, widths in ((", narrow", 0.1, None), (", widths as published", 0.25, PUBLISHED)):
        for name, kind in (("healthy", HEALTHY), ("tumour", TUMOUR)):
            for snr in (15.0, 30.0, 60.0, 120.0):
                ratio = calibration(kind, snr, apart, widths, n)
                cells = " | ".join("" if np.isnan(one) else f"{one:.2f}" for one in ratio)
                print(f"| {name}{said} | {snr:g} | {cells} |", flush=True)


def calibration(kind, snr, apart, widths, n):
    """Root mean square of stated over that of observed errors, by sum; NaN for what is not in all of them."""
    members = dict(SUMS)
    off, stated = np.full((n, len(KEYS)), np.nan), np.full((n, len(KEYS)), np.nan)
    for seed in range(n):
        truth = varied(kind, seed, apart=apart)
        if kind is HEALTHY:  # 0.2 to 1.0 mM in normal brain
            truth["Lac"] = 0.5 * float(np.exp(np.random.default_rng([seed, 3]).normal(0, 0.5)))
        found = mrs.measure(virtual_spectrum(truth, Scan(snr=snr), seed, widths), basis(0.030)).amounts
        for k, key in enumerate(KEYS):
            if key in found and np.isfinite(found[key].value):
                off[seed, k] = found[key].value - sum(truth.get(p, 0.0) for p in members.get(key, (key,)))
                stated[seed, k] = found[key].std
    known = np.isfinite(off).any(axis=0)
    ratio = np.full(len(KEYS), np.nan)
    ratio[known] = np.sqrt(np.nanmean(stated[:, known] ** 2, axis=0) / np.nanmean(off[:, known] ** 2, axis=0))
    return ratio


def amino(n=25):
    """Pus against necrosis: the area under the curve of the evidence, and the words."""
    print("| echo times | AUC | pus called | necrosis called |\n|---|---|---|---|")
    for both in (True, False):
        evidence, words = {}, {}
        for name, kind in (("pus", ABSCESS), ("necrosis", NECROSIS)):
            for seed in range(n):
                snr = float(np.random.default_rng(seed).uniform(10, 40))
                truth = varied(kind, seed, 0.35)
                short = virtual_spectrum(truth, Scan(snr=snr), seed)
                long = virtual_spectrum(truth, Scan(te=0.135, te1=0.017, snr=snr), seed + 1000)
                others = [(long, basis(0.135))] if both else []
                said = mrs.measure(short, basis(0.030), mrs.Plan(profile="tumour"), others=others).summary
                evidence.setdefault(name, []).append(said.get("amino_acids_evidence", 0.0))
                words.setdefault(name, []).append(said.get("amino_acids", "refused"))
        area = np.mean([(a > b) + 0.5 * (a == b) for a in evidence["pus"] for b in evidence["necrosis"]])
        told = [", ".join(f"{w} {words[k].count(w)}" for w in sorted(set(words[k]))) for k in ("pus", "necrosis")]
        print(f"| {'30 and 135 ms' if both else '30 ms'} | {area:.3f} | {told[0]} | {told[1]} |")


def simulation(folder):
    """Another simulator's spectra, and the time of whole basis sets."""
    t = np.arange(1024) / 2000
    same = ("Ala", "Asp", "GABA", "Glc", "Glu", "Gly", "Lac", "sIns", "Tau", "Suc", "Val", "Ser")
    if (folder / "sim_basis_reference.tar.xz").is_file():
        sequences = {
            "press_3T_te30_11_19": (Press(0.011, 0.019), 123.2e6),
            "press_3T_te135_17_118": (Press(0.017, 0.118), 123.2e6),
            "press_1p5T_te30_126_174": (Press(0.0126, 0.0174), 63.68e6),
            "steam_3T_te20_tm10": (Steam(0.02, 0.01), 123.2e6),
            "slaser_3T_te28": (SemiLaser(0.008, 0.011, 0.009), 123.2e6),
        }  # fmt: skip
        print("| sequence | largest difference over peak, 12 molecules with the same table |\n|---|---|")
        with tarfile.open(folder / "sim_basis_reference.tar.xz") as archive:
            for name, (sequence, frequency) in sequences.items():
                lines = archive.extractfile(f"sim_basis_reference/{name}.csv").read().decode().splitlines()
                table = np.loadtxt(lines[1:], delimiter=",")
                names = [one[:-3] for one in lines[0].split(",")[::2]]
                worst = 0.0
                for key in same:
                    ours = simulated(MOLECULES[key], sequence, frequency, 1 / 2000, 1024) / 2 * np.exp(-2 * np.pi * t)
                    ours[0] /= 2
                    k = names.index(key)
                    theirs = np.fft.fft(table[:, 2 * k] + 1j * table[:, 2 * k + 1])
                    worst = max(worst, float(np.abs(np.fft.fft(ours) - theirs).max() / np.abs(theirs).max()))
                print(f"| {name} | {worst:.0e} |")
    print("\n| what | CPU |\n|---|---|")
    for label, pulse in (("ideal pulses", None), ("shaped pulses", sinc(0.0052))):
        spent = {}
        for key in USUAL:
            begun = time.process_time()
            simulated(MOLECULES[key], Press(0.011, 0.019, pulse), 123.2e6, 1 / 2000, 1024)
            spent[key] = time.process_time() - begun
        print(f"| PRESS 30 ms, {len(USUAL)} molecules, {label} | {sum(spent.values()):.2f} s |")
        print(f"| of these GABA (6 spins) | {spent['GABA']:.3f} s |")
        print(f"| and glucose (two forms of 7 spins) | {spent['Glc']:.2f} s |")


def grid(folder):
    """A synthetic image with scalp lipid: agreement with its truth over all usable voxels, and voxels a second."""
    where = folder / "synthetic_mrsi"
    if not (where / "truth.npz").is_file():
        print("synthetic_mrsi is absent")
        return
    image, water = (read_spectra(where / name)[0] for name in ("mrsi.nii.gz", "mrsi_ref.nii.gz"))
    truth = np.load(where / "truth.npz")
    made = cached_basis(NAMES, Press(0.011, 0.019), image.frequency, image.dwell, image.n_points)
    begun = time.process_time()
    measured = mrs.quantify_grid(image, made, mrs.Plan(reference="none"), water=water)
    spent = time.process_time() - begun
    parts = {"tNAA": ("NAA", "NAAG"), "tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCho"), "Ins": ("Ins",)}
    parts |= {"Glx": ("Glu", "Gln"), "Lac": ("Lac",)}
    values = {key: measured.maps[key].values[..., 0] for key in parts}
    expected = {key: sum(truth[one] for one in ones) for key, ones in parts.items()}
    print("| quantity | correlation with the truth |\n|---|---|")
    for key in parts:
        known = np.isfinite(values[key])
        print(f"| {key} | {np.corrcoef(values[key][known], expected[key][known])[0, 1]:.3f} |")
    known = np.isfinite(values["tNAA"]) & (values["tNAA"] > 0) & (expected["tNAA"] > 0)
    ratio = [one["tCho"][known] / one["tNAA"][known] for one in (values, expected)]
    print(f"| choline over NAA, ranks | {spearmanr(*ratio).statistic:.3f} |")
    n, usable = measured.summary["voxels"], measured.summary["usable"]
    print(f"\n{usable} of {n} voxels usable; {n / spent:.0f} voxels a second of one core, all included")
    for flag in measured.flags:
        print(f"- {flag.sentence}")


FILES = (
    ("tarquin/formats/SVS.dcm", {}),
    ("tarquin/formats/siemens_ima_WS.ima", {}),
    ("tarquin/formats/siemens_rda_WS.rda", {}),
    ("tarquin/formats/philips_spar_sdat_WS.SDAT", {}),
    ("spant/philips_spar_sdat_WS.SDAT", {"water": "spant/philips_spar_sdat_W.SDAT"}),
    ("suspect/SVS_30.IMA", {}),
    ("suspect/SVS_30.rda", {}),
    ("osprey/UnEdited/sub-01/ses-01/mrs/sub-01_ses-01_press/sub-01_PRESS_35_act.sdat",
     {"water": "osprey/UnEdited/sub-01/ses-01/mrs/sub-01_ses-01_press-ref/sub-01_PRESS_35_ref.sdat"}),
    ("nifti_mrs/metab_raw.nii.gz", {"water": "nifti_mrs/wref_raw.nii.gz", "sequence": "steam"}),
    ("tarquin/real_mb.dpt", {"te": 0.030}),
    ("tarquin/real_mb_proc.dpt", {"te": 0.030}),
    ("lcmodel_test/data.raw", {"bandwidth": 2000, "frequency": 127.786, "te": 0.030}),
    ("tarquin/ge/P1751_1.5T_030_2000.7", {}),
    ("tarquin/ge/P1834_1.5T_030_2000.7", {}),
)  # fmt: skip
"""Every single spectrum of the data that is not packed, and what its file does not say."""


def files(folder):
    """Every file through the command's own path, from file to page."""
    import tempfile

    from perspect.app.basis import Timing
    from perspect.app.mrs import SpectrumInputs, examine_mrs
    from perspect.io import SaidByHand
    from perspect.vocabulary import Problem

    packed = [(f"fitting_challenge/datasets_text/dataset{k}.txt", {"bandwidth": 4000, "frequency": 123.2, "te": 0.030})
              for k in (1, 15, 23, 25, 27)]  # fmt: skip
    print("| file | TE ms | voxel at (mm) | SNR | profile | tNAA/tCr | tCho/tCr | flags |")
    print("|---" * 8 + "|")
    with tempfile.TemporaryDirectory() as out, tarfile.open(folder / "fitting_challenge.tar.xz") as archive:
        archive.extractall(out, [one for one in archive if one.name.endswith(".txt")], filter="data")
        for k, (name, given) in enumerate((*FILES, *packed)):
            path = (Path(out) if name.startswith("fitting") else folder) / name
            te = given.get("te")
            said = SaidByHand(1 / given["bandwidth"] if "bandwidth" in given else None,
                              given["frequency"] * 1e6 if "frequency" in given else None, te)  # fmt: skip
            water = folder / given["water"] if "water" in given else None
            timing = Timing(given["sequence"], 0.011, tm=0.032) if "sequence" in given else None
            try:
                inputs = SpectrumInputs(path, water, said=said, timing=timing)
                found = examine_mrs(inputs, Path(out) / str(k)).measured
            except Problem as problem:
                print(f"| {name} | | | | not read: {problem.what} | | | |")
                continue
            at = (
                ", ".join(f"{one:.0f}" for one in found.signal.grid.affine[:3, 3])
                if found.signal.placed
                else "not said"
            )
            ratios = [cell(found.ratios.get(key)) for key in ("tNAA/tCr", "tCho/tCr")]
            said_of = " ".join(flag.code for flag in found.flags if flag.severity >= 2)
            print(f"| {name} | {found.signal.te * 1e3:.0f} | {at} | {found.summary['snr']:.0f} | "
                  f"{found.summary['profile']} | {' | '.join(ratios)} | {said_of} |", flush=True)  # fmt: skip


def cell(one):
    if one is None or (np.isnan(one.value) and not one.lower > 0):
        return "–"
    return f"> {one.lower:.2f}" if np.isnan(one.value) else f"{one.value:.2f} ± {one.std:.2f}"


def speed(n=20):
    """CPU of a virtual spectrum, everything included."""
    print("| spectrum | CPU, median |\n|---|---|")
    for name, kind in (("healthy", HEALTHY), ("tumour", TUMOUR)):
        spent = []
        for seed in range(n):
            one = virtual_spectrum(kind, Scan(), seed)
            begun = time.process_time()
            mrs.measure(one, basis(0.030))
            spent.append(time.process_time() - begun)
        print(f"| {name} | {1e3 * np.median(spent):.0f} ms |")


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    known = {
        "accuracy": lambda: accuracy(where), "errors": errors, "amino": amino, "basis": lambda: simulation(where),
        "grid": lambda: grid(where), "speed": speed, "files": lambda: files(where),
    }  # fmt: skip
    for word in sys.argv[2:] or known:
        print(f"\n## {word}\n")
        known[word]()
