"""How often each trap is found where it is, and where it is not: sensitivity and specificity over virtual patients.

`python benchmarks/traps.py [seeds] [minutes] [scans | vessels]` prints a markdown table; it stops after so many minutes
and says how many seeds it reached; with `scans` only what takes a scan of its own is tried, with `vessels` only blood
and label in vessels, of two low-grade gliomas for each patient. Patients have a high-grade glioma,
scanned as a slab around it (DSC with preload, 80 volumes, 2 × 2 × 5 mm) and analysed as any series is, with and without
each trap. What is no property of images (drugs, a header, an echo time) is found by definition and is not in the table;
what is geometry is tried at random places with the truth from the fine grid. Ten seeds share a patient: what needs no
scan of its own is tried for each of them. Gates nothing; it is what "calibrated" means in `thresholds.toml`.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage

from perspect import dsc, io
from perspect.anatomy.distance import grown
from perspect.app.contribute.scenes import bolus_motion, passage_of
from perspect.lesion import measured
from perspect.mrs.ghost import late_energy
from perspect.numerics import rigid
from perspect.phantom import SCENARIOS, inserts, protocols
from perspect.phantom.artefacts import TRAPS
from perspect.phantom.patient import Patient
from perspect.phantom.sequence import Acquired, Slab, brain_centre
from perspect.phantom.spectrum import TUMOUR, Scan, varied, virtual_spectrum
from perspect.phantom.study import Simulation
from perspect.phantom.truth import truth
from perspect.pitfalls import (
    ArterialInput,
    Line,
    Scene,
    Shown,
    Trap,
    Voxel,
    VoxelMap,
    content,
    cortex,
    displacement,
    distortion,
    dropout,
    leakage,
    motion,
    passage,
    plausible,
    reference,
    registration,
    scalp,
    shine,
    small,
    spurious,
    transit,
    trapped,
    vessel,
    void,
)
from perspect.pitfalls.trap import SAID_FROM
from perspect.vocabulary import Acquisition, Grid, Region, Series, Severity, Template, marker

SPACING = (2.0, 2.0, 5.0)
RIM = 5.0
BY_NAME = {one.name: one for one in TRAPS}
GLIOMA = next(one for one in SCENARIOS if one.name == "high-grade-glioma")
LOW_GRADE = next(one for one in SCENARIOS if one.name == "low-grade-glioma")


@dataclass
class Counts:
    """Of one trap: how often it was found of how often it was there, and how often of how often it was not."""

    there: list[bool] = field(default_factory=list)
    absent: list[bool] = field(default_factory=list)


def coarser(template: Template, times: int) -> Template:
    """A template of every second voxel: an eighth of the work."""
    cut = (slice(None, None, times),) * 3
    maps = (np.asarray(one[cut], order="F") for one in (template.t1, template.grey, template.white, template.brain))
    affine = template.grid.affine @ np.diag([times, times, times, 1.0])
    return Template(*maps, Grid(template.brain[cut].shape, affine), template.name)


def slab_of(patient: Patient) -> Slab:
    """A slab of 8 slices whose middle is the lesion's."""
    core = patient.regions["core"]
    height = float((core.grid.affine @ [*np.argwhere(core.mask).mean(axis=0), 1.0])[2])
    return Slab((88, 104, 8), SPACING, up=height - float(brain_centre(patient)[2]))


def quantified(scan: Acquired, n: int | None = None, *, moves: bool = False):
    """DSC of a slab, with the true brain and white matter as masks; of the first `n` volumes."""
    image, how = scan.images[0], scan.sequence
    values, times = image.values[..., :n], np.asarray(image.times, float)[:n]
    series = Series(
        np.asfortranarray(values), scan.grid, times, Acquisition(how.te[0], how.tr, how.flip_angle, 3.0, True)
    )
    plan = dsc.Plan(motion=moves, deconvolution="none")
    return dsc.quantify((series,), plan, mask=scan.regions["brain"], reference=scan.regions["contralateral_white"])


def scene_of(scan: Acquired, patient: Patient, n: int | None = None, *, moves: bool = False) -> Scene:
    """What the detectors get of a slab."""
    done = quantified(scan, n, moves=moves)
    grid, summary = scan.grid, done.summary
    maps = {key: one.values for key, one in done.maps.items()}
    maps |= {f"{key}_std": done.maps[key].std for key in ("k2", "rcbv", "ttp")}
    solid = scan.regions.get("viable", scan.regions["core"]).mask
    core = scan.regions["core"].mask | solid
    brain = scan.regions["brain"].mask
    rim = grown(core, RIM, grid) & ~core & brain
    parts = {name: Region(one, grid, name) for name, one in (("solid part", solid), ("rim of 5 mm", rim))}
    parts["enhancing"] = Region(solid, grid, "enhancing")
    fractions = [np.nan_to_num(truth(patient, name, grid)) for name in ("grey", "csf")]
    start, stop = summary["baseline_frames"]
    at_rest = scan.images[0].values[..., start:stop].mean(axis=3, dtype=np.float64)
    return Scene(
        grid, at_rest, maps, brain, scan.regions["contralateral_white"].mask, parts, fractions[0], fractions[1],
        anatomy=brain, passage=passage_of(done), bolus_motion=bolus_motion(summary), alignment_error=0.3,
        arterial=ArterialInput(0.1),
    )  # fmt: skip


def found(trap: Trap | None) -> bool:
    """Whether a trap counts as found: said as a caution or worse, which a share of 2 % of the solid part makes it."""
    return trap is not None and trap.severity > Severity.NOTE


def of_images(seed: int, patient: Patient, scan: Acquired, clean: Scene) -> Iterator[tuple[str, bool, bool]]:
    """Traps that an image has: name, whether it is there, whether it was found."""
    simulation = Simulation(GLIOMA, seed)
    sequence = replace(protocols.DSC, slab=slab_of(patient), n_frames=80)
    # What air takes away is known from the same head in an even field.
    even = replace(patient, field_offset=np.zeros_like(patient.field_offset))
    ideal = scene_of(simulation.scanned(even, sequence), even).at_rest
    aired = inserts.aired(patient, np.random.default_rng([seed, 1]))
    for one in (clean, scene_of(simulation.scanned(aired, sequence), aired)):
        lost = (one.at_rest < 0.6 * ideal) & (one.solid | one.rim) & one.brain
        if lost.sum() == 0 or lost.sum() >= 8:
            yield "dropout", bool(lost.any()), dropout.look(one) is not None or void.look(one) is not None
        if not lost.any():
            yield "void", False, found(void.look(one))
    for name in ("motion-at-bolus", "weak-bolus"):
        trapped = replace(simulation, traps=(BY_NAME[name],))
        there = scene_of(trapped.scanned(patient, sequence), patient, moves=name == "motion-at-bolus")
        look = motion.look if name == "motion-at-bolus" else passage.look
        yield name, True, look(there) is not None
    still = scene_of(scan, patient, moves=True)
    yield "motion-at-bolus", False, motion.look(still) is not None
    yield "weak-bolus", False, passage.look(clean) is not None
    for frames, is_there in ((52, True), (78, False)):  # 22 s and 62 s after the peak
        yield "truncated-tail", is_there, passage.look(scene_of(scan, patient, frames)) is not None


def of_low_grade(seed: int, template: Template, *, with_blood: bool = True) -> Iterator[tuple[str, bool, bool]]:
    """An artery through a low-grade glioma, where it feigns a high grade: it is a trap where it raises the hot spot by
    15 %, and the same glioma without it has none; and blood in it.
    """
    simulation = Simulation(LOW_GRADE, seed)
    patient = simulation.patient(template)
    sequence = replace(protocols.DSC, slab=slab_of(patient), n_frames=80)
    crossed = inserts.vessel_crossed(patient, np.random.default_rng([seed, 1]))
    clean, there = (scene_of(simulation.scanned(one, sequence), one) for one in (patient, crossed))
    hot = marker("rcbv_hot")
    before, after = (
        measured(hot, one.maps["rcbv"], one.maps["rcbv_std"], one.parts["solid part"]).value for one in (clean, there)
    )
    spoilt = trapped([one for one in (vessel.look(there),) if one is not None], "dsc", there.grid)
    freed = measured(hot, there.maps["rcbv"], there.maps["rcbv_std"], there.parts["solid part"], spoilt).value
    if after / before > 1.15:  # found is: without its voxels the hot spot is nearly what it was
        yield "vessel", True, bool(freed / before < 1.1)
    alone = vessel.look(clean)
    # A head has vessels of its own: what holds one is no mistake.
    own = np.nan_to_num(truth(patient, "artery", clean.grid)) + np.nan_to_num(truth(patient, "vein", clean.grid))
    is_right = alone is not None and alone.mask is not None and bool((own[alone.mask.mask] > 0.05).mean() > 0.5)
    yield "vessel", False, found(alone) and not is_right
    if not with_blood:
        return
    bled = inserts.bled(patient, np.random.default_rng([seed, 1]))
    there = scene_of(simulation.scanned(bled, sequence), bled)
    clot = (np.nan_to_num(truth(bled, "blood_clot", there.grid)) > 0.5) & there.solid
    if clot.sum() > 2 * SAID_FROM * there.solid.sum():
        yield "void", True, found(void.look(there))


def of_one(clean: Scene, seed: int) -> Iterator[tuple[str, bool, bool]]:
    """Traps that are made by what is done with a clean image."""
    rng = np.random.default_rng([seed, 2])
    for shift, there in ((int(rng.integers(2, 5)), True), (1, False)):
        axis = int(rng.integers(0, 2))
        moved = replace(clean, anatomy=np.roll(clean.brain, shift, axis=axis))
        yield "misregistration", there, registration.look(moved) is not None
    side = np.argwhere(clean.solid).mean(axis=0)
    out = np.argwhere(clean.brain & ~_eroded(clean.brain))
    near = out[np.argmin(((out - side) ** 2 * np.square(SPACING)).sum(axis=1))]
    at = (np.indices(clean.grid.shape) - near.reshape(3, 1, 1, 1)) * np.array(SPACING).reshape(3, 1, 1, 1)
    reach = np.sqrt((at**2).sum(axis=0))
    for radius, there in ((rng.uniform(18, 28), True), (rng.uniform(3, 6), False)):
        bent = replace(clean, brain=clean.brain & ~(reach < radius))
        affected = ((reach < radius) & (clean.solid | clean.rim)).any()
        yield "distortion", bool(there and affected), distortion.look(bent) is not None
    mirrored = np.flip(clean.solid, axis=0) & clean.brain & ~clean.solid & ~clean.rim
    there = {**clean.parts, "solid part": Region(mirrored, clean.grid, "solid part")}
    yield "leakage", True, leakage.look(clean) is not None
    if mirrored.sum() > 20:
        yield "leakage", False, leakage.look(replace(clean, parts=there)) is not None
    for radius, is_small in ((rng.uniform(2.5, 5.5), True), (rng.uniform(8.5, 12.0), False)):
        middle = np.argwhere(clean.solid)[int(rng.integers(clean.solid.sum()))]
        off = (np.indices(clean.grid.shape) - middle.reshape(3, 1, 1, 1)) * np.array(SPACING).reshape(3, 1, 1, 1)
        ball = (np.sqrt((off**2).sum(axis=0)) <= radius) & clean.brain
        volume = ball.sum() * float(np.prod(SPACING)) / 1e3
        one = replace(clean, parts={"solid part": Region(ball, clean.grid, "solid part")})
        yield "too small", bool(volume < 1.0 and is_small), _limits(small.look(one))
    rcbv = clean.maps["rcbv"]
    level = float(np.nanmedian(rcbv[clean.white]))
    grey = float(np.nanmedian(rcbv[(clean.grey > 0.8) & ~clean.solid]))
    share = rng.uniform(0.25, 0.6)
    wrong = replace(clean, references={"elsewhere": (share * grey + (1 - share) * level) / level})
    half = np.nanmedian(rcbv[clean.white & (np.indices(clean.grid.shape)[1] % 2 == 0)]) / level
    yield "reference", True, reference.look(wrong) is not None
    yield "reference", False, reference.look(replace(clean, references={"half of it": float(half)})) is not None
    on_cortex = clean.brain & (clean.grey > 0.6) & ~clean.solid & ~clean.rim
    white = clean.brain & (clean.grey < 0.1) & (clean.fluid < 0.1) & ~clean.solid & ~clean.rim
    for place, there in ((on_cortex, True), (white, False)):
        rim = Region(place & (rng.random(place.shape) < 0.2), clean.grid, "rim of 5 mm")
        drawn = {"solid part": clean.parts["solid part"], "rim of 5 mm": rim}
        noisy = replace(clean, grey=clean.grey + 0.1 * rng.standard_normal(place.shape), parts=drawn)
        taken = cortex.look(noisy)
        share = 0.0 if taken is None else float((taken.mask.mask & rim.mask).sum() / max(rim.n_voxels, 1))
        yield "cortex", there, share > 0.3
    yield from of_label(clean, seed)
    yield from _shining(clean, rng)


def of_label(clean: Scene, seed: int) -> Iterator[tuple[str, bool, bool]]:
    """A map of labelled blood that is made of blood volume with noise, and label in an artery that crosses more than a
    little of the lesion.
    """
    rng = np.random.default_rng([seed, 5])
    rcbv = np.nan_to_num(clean.maps["rcbv"])
    flow = np.where(clean.brain, rcbv / 300, np.nan) * (1 + 0.2 * rng.standard_normal(rcbv.shape))
    blurred = replace(clean, maps={"cbf": flow}, spoils="asl", is_t2star=False)
    middle = np.argwhere(clean.solid)[int(rng.integers(clean.solid.sum()))]
    tube = clean.solid & (np.abs(np.indices(clean.grid.shape)[1] - middle[1]) < 1)
    bright = flow.copy()
    bright[tube] += 12 * float(np.nanmedian(flow[clean.solid]))
    if tube.sum() > 2 * SAID_FROM * clean.solid.sum():
        yield "arterial label", True, found(transit.look(replace(blurred, maps={"cbf": bright})))
    yield "arterial label", False, found(transit.look(blurred))


def _shining(clean: Scene, rng: np.random.Generator) -> Iterator[tuple[str, bool, bool]]:
    """T1-weighted images with the contrast of tissues, and old blood in part of the lesion or not."""
    brain, solid = clean.brain, clean.solid
    before = 100 - 30 * clean.grey - 70 * clean.fluid - 25 * solid + 3 * rng.standard_normal(solid.shape)
    after = before + 60 * solid * rng.uniform(0.5, 1.5, solid.shape)
    blood = solid & (np.indices(solid.shape)[0] < np.argwhere(solid)[:, 0].mean())
    for there in (True, False):
        dark, lit = before.copy(), after.copy()
        if there:
            dark[blood] = 100 * rng.uniform(1.35, 1.8) + 5 * rng.standard_normal(int(blood.sum()))
            lit[blood] = dark[blood] + 3 * rng.standard_normal(int(blood.sum()))
        white = clean.white & brain
        yield "T1 shine", there, shine.look(Shown(clean.grid, dark, 2.3 * lit, white, clean.parts)) is not None


def _eroded(mask: np.ndarray) -> np.ndarray:
    return ndimage.binary_erosion(mask)


def _limits(trap: Trap | None) -> bool:
    return trap is not None and trap.severity is Severity.LIMITED


def of_voxels(seed: int, patient: Patient) -> Iterator[tuple[str, bool, bool]]:
    """Traps of where a spectroscopy voxel lies, at random places and turns; the truth is a sense drawn by lot."""
    rng = np.random.default_rng([seed, 3])
    grid, regions = patient.grid, patient.regions
    solid = regions["core"]
    brain = regions["brain"].mask | regions["lesion"].mask
    fat = truth(patient, "fat") > 0.5
    parts = {"solid part": solid, "whole": regions["lesion"]}
    centre = np.argwhere(regions["core"].mask).mean(axis=0)
    for _ in range(4):
        turn = rigid.rigid(np.array([*rng.uniform(-0.4, 0.4, 3), 0, 0, 0]))[:3, :3]
        affine = np.eye(4)
        affine[:3, :3] = turn * rng.uniform(10, 20)
        affine[:3, 3] = (grid.affine @ [*(centre + rng.normal(0, 14 / grid.spacing[0], 3)), 1.0])[:3]
        voxel = Voxel(
            grid, Grid((1, 1, 1), affine), parts, brain, fat, 123.2e6, ("cho_naa",), (0.03, 0.144),
            line=Line(), bandwidth=float(rng.uniform(300, 3000)),
        )  # fmt: skip
        yield "voxel content", voxel.share(solid.mask) < 0.5, content.look(voxel) is not None
        k = int(rng.integers(8))
        shares = [voxel.share(regions["lesion"].mask, voxel.displaced(ppm)[k]) for ppm in (3.2, 2.0, 1.3)]
        is_apart = max(shares) - min(shares) > 0.2
        if is_apart or max(shares) - min(shares) < 0.1:
            yield "displacement", is_apart, displacement.look(voxel) is not None
        outside = voxel.share(~brain, voxel.displaced(1.3)[k])
        near = voxel.share(grown(fat, 10.0, grid), voxel.displaced(1.3)[k])
        yield "scalp fat", bool(outside > 0.02 or near > 0), scalp.look(voxel) is not None


def of_spectra(seed: int) -> Iterator[tuple[str, bool, bool]]:
    """A late echo in a signal, and none; a map with a lone voxel, and with a patch."""
    rng = np.random.default_rng([seed, 4])
    one = virtual_spectrum(varied(TUMOUR, seed), Scan(snr=float(rng.uniform(15, 80))), seed)
    signal = one.values[0, 0, 0]
    t = one.times
    height = rng.uniform(0.05, 0.3) * np.abs(signal[:4]).mean()
    echo = height * np.exp(-(((t - rng.uniform(0.3, 0.45)) / 0.015) ** 2) + 2j * np.pi * rng.uniform(-200, 200) * t)
    for value, there in ((signal + echo, True), (signal, False)):
        line = Line(late=late_energy(value))
        voxel = Voxel(
            Grid((2, 2, 2), np.eye(4)),
            None,
            {},
            np.ones((2, 2, 2), bool),
            np.zeros((2, 2, 2), bool),
            1e8,
            (),
            line=line,
        )
        yield "late echo", there, spurious.look(voxel) is not None
    grid = Grid((12, 12, 1), np.diag([10.0, 10.0, 10.0, 1.0]))
    share = np.zeros(grid.shape)
    share[4:8, 4:8] = 0.9
    values = 0.6 + 1.5 * share + 0.2 * rng.standard_normal(grid.shape)
    spiked = values.copy()
    spiked[int(rng.integers(4, 8)), int(rng.integers(4, 8)), 0] *= rng.uniform(3, 6)
    for some, there in ((spiked, True), (values, False)):
        seen = VoxelMap(grid, some, np.full(grid.shape, 0.2), share, np.ones(grid.shape, bool))
        yield "lone voxel", there, plausible.look(seen) is not None


PER_PATIENT = 10
"""Seeds for each patient: what takes a scan of its own is tried once for a patient, what does not for every seed."""


def main(seeds: int, minutes: float, kind: str = "") -> None:
    """The table; of `kind` scans only what takes a scan of its own, one patient to a seed; of `kind` vessels only blood
    and label in vessels.
    """
    template, counts, begun, done = coarser(io.icbm_2009a(), 2), {}, time.monotonic(), 0
    step = 1 if kind == "scans" else PER_PATIENT
    for first in range(1, seeds + 1, step):
        if time.monotonic() - begun > 60 * minutes:
            break
        for name, there, was_found in of_patient(first, template, kind):
            one = counts.setdefault(name, Counts())
            (one.there if there else one.absent).append(was_found)
        done = first + step - 1
        print(f"{done} seeds, {time.monotonic() - begun:.0f} s\n{table(counts)}", file=sys.stderr, flush=True)
    print(f"{done} seeds\n\n{table(counts)}")


def of_patient(first: int, template: Template, kind: str) -> Iterator[tuple[str, bool, bool]]:
    """All that is tried of one patient of either grade; of what is done with a clean image, for each of its seeds."""
    simulation = Simulation(GLIOMA, first)
    patient = simulation.patient(template)
    scan = simulation.scanned(patient, replace(protocols.DSC, slab=slab_of(patient), n_frames=80))
    clean = scene_of(scan, patient)
    if kind == "vessels":
        yield from of_low_grade(first, template, with_blood=False)
        yield from of_low_grade(first + 1, template, with_blood=False)
        for seed in range(first, first + PER_PATIENT):
            yield from of_label(clean, seed)
        return
    yield from of_images(first, patient, scan, clean)
    yield from of_low_grade(first, template)
    for seed in () if kind == "scans" else range(first, first + PER_PATIENT):
        yield from of_one(clean, seed)
        yield from of_voxels(seed, patient)
        yield from of_spectra(seed)


def table(counts: dict[str, Counts]) -> str:
    """Rows of the table."""
    lines = ["| trap | found where it is | not found where it is not |", "|---|---|---|"]
    for name, one in sorted(counts.items()):
        yes, no = sum(one.there), len(one.absent) - sum(one.absent)
        lines.append(f"| {name} | {_share(yes, len(one.there))} | {_share(no, len(one.absent))} |")
    return "\n".join(lines)


def _share(n: int, of: int) -> str:
    return f"{n / of:.0%} ({n} of {of})" if of else "–"


if __name__ == "__main__":
    kinds = [one for one in sys.argv[1:] if one in ("scans", "vessels")]
    numbers = [one for one in sys.argv[1:] if one not in kinds]
    main(
        int(numbers[0]) if numbers else 200,
        float(numbers[1]) if len(numbers) > 1 else 60.0,
        kinds[0] if kinds else "",
    )
