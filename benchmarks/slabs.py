"""Virtual patients around their lesion only, and what every room measures there: a patient in seconds, not a minute.

The standard head is averaged to 2 mm and cut to the axial planes around the lesion; the scans cover the lesion and its
mirror with three or four slices of 2.4 × 2.6 × 5 mm. What a patient is made of, how scans and traps work and every room
of the analysis are the product's own. What a full examination finds and is given here: the brain, normal white matter,
what enhances, and the arterial curve of DCE (their errors are measured elsewhere: benchmarks/patients.py, dce.py). The
spectroscopy voxel lies where it holds most of the solid part (or of the cavity); its content is that of the truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import ndimage

from patients import series_of
from perspect import asl, dce, dsc, io, lesion, mrs, pitfalls
from perspect.anatomy import resample
from perspect.app.contribute.asl import level_of_white
from perspect.app.contribute.contribution import Told, read
from perspect.app.contribute.dce import SHARED
from perspect.app.contribute.dsc import UNKNOWN_REFERENCE, bears_on_markers
from perspect.app.lesion import core_of, surroundings
from perspect.dce.t1 import variable_flip_angle
from perspect.models.spins import Press
from perspect.mrs.profile import OF_TUMOURS, USUAL
from perspect.mrs.signals import cached_basis
from perspect.phantom import SCENARIOS, protocols, truth
from perspect.phantom.artefacts import TRAPS
from perspect.phantom.lesions import foci
from perspect.phantom.patient import Compartment, Patient, levels_of
from perspect.phantom.sequence import Acquired, Slab, brain_centre
from perspect.phantom.spectrum import Scan, virtual_spectrum
from perspect.phantom.study import Simulation
from perspect.pitfalls import Scene
from perspect.vocabulary import (
    Acquisition,
    Around,
    Basis,
    Calibration,
    Curve,
    Finding,
    Flag,
    Grid,
    Labelled,
    Labelling,
    Map,
    MeasuredSpectrum,
    Problem,
    Refusal,
    Region,
    Series,
    Severity,
    Status,
    Template,
    marker,
)
from perspect.vocabulary.lexicon import T1

COARSE = 2
"""mm of the patient's voxels: a lesion's layers are given as shares of them."""

HALF = 28.0
"""mm of head kept above and below the centre of the lesion."""

FINE, DCE_VOXEL, ASL_VOXEL = (2.4, 2.6, 5.0), (2.4, 2.6, 4.0), (3.5, 3.5, 5.0)
"""mm of the voxels of DSC and diffusion, of DCE, of ASL."""

VOXEL = 16.0
"""mm of the edge of the spectroscopy voxel."""

EDGES_2HG = (20.0, 18.0, 16.0)
"""The same at TE 97 ms: the voxel of `protocols.SVS_LONG` is 20 mm, and an operator makes it smaller until the solid
part fills half of it. Signal, and with it SNR, goes with its volume."""

SNR = 60.0
"""Of a voxel of `VOXEL` (see `phantom.spectrum.SINGLET`)."""

SHORT, LONG, FOR_2HG = 0.030, 0.144, 0.097
"""Echo times of spectroscopy in s."""

LIPIDS = {"Lip09": (("Lip09", 1.0),), "Lip13": (("Lip13a", 0.67), ("Lip13b", 0.33)), "PCh": (("PCho", 1.0),)}
MACROMOLECULES = {"MM09": 6.0, "MM12": 1.8, "MM14": 4.5, "MM17": 2.3, "MM20": 9.0}
"""Names and amounts of the scenarios as spectra have them: MM is relative to grey matter."""

IMAGE_TRAPS = (
    "motion-at-bolus", "truncated-tail", "late-bolus", "weak-bolus", "haemorrhage", "calcium", "vessel-in-lesion",
    "bad-protocol", "no-preload", "tumour-as-reference",
)  # fmt: skip
"""What is set in DSC, one in each patient. The last three are ours: the protocol, and a region of the lesion taken for
normal."""

SPECTRUM_TRAPS = ("noise", "bad-shim", "voxel-elsewhere")
"""What is set in spectroscopy, one in each patient."""

NAMES = tuple(dict.fromkeys((*USUAL, *OF_TUMOURS)))


@dataclass(frozen=True, eq=False)
class Measures:
    """What the rooms found of one patient, and what the series put on record."""

    findings: tuple[Finding, ...]
    facts: Mapping[str, bool | float | str]


@lru_cache(maxsize=1)
def head() -> Template:
    """The standard head, averaged to `COARSE` mm."""
    fine = io.icbm_2009a()
    shape = [n // COARSE * COARSE for n in fine.grid.shape]

    def averaged(values: np.ndarray) -> np.ndarray:
        cut = np.asarray(values, np.float32)[tuple(slice(n) for n in shape)]
        x, y, z = (n // COARSE for n in shape)
        return cut.reshape(x, COARSE, y, COARSE, z, COARSE).mean(axis=(1, 3, 5))

    affine = fine.grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ (np.full(3, COARSE - 1) / 2)
    affine[:3, :3] *= COARSE
    brain = averaged(fine.brain) > 0.5
    inside = (np.where(brain, averaged(one), 0) for one in (fine.t1, fine.grey, fine.white))
    return Template(*inside, brain, Grid(tuple(n // COARSE for n in shape), affine), "ICBM 2009a, 2 mm")


def template_of(simulation: Simulation) -> Template:
    """The planes of the head around the largest lesion of a patient."""
    whole = head()
    stream = np.random.SeedSequence((simulation.seed, *simulation.scenario.name.encode())).spawn(2)[0]
    height = foci(simulation.scenario, np.random.default_rng(stream))[0].centre[2]
    planes = whole.grid.affine[2, 3] + whole.grid.affine[2, 2] * np.arange(whole.grid.shape[2])
    kept = np.flatnonzero(np.abs(planes - height) <= HALF)
    cut = slice(int(kept[0]), int(kept[-1]) + 1)
    affine = whole.grid.affine.copy()
    affine[2, 3] = planes[cut.start]
    grid = Grid((*whole.grid.shape[:2], kept.size), affine)
    return Template(*(one[:, :, cut] for one in (whole.t1, whole.grey, whole.white, whole.brain)), grid, whole.name)


def slab_of(patient: Patient, voxel: tuple[float, float, float], n_slices: int) -> Slab:
    """A slab through the middle of the lesion, as wide as the head."""
    core = np.argwhere(patient.regions["core"].mask)
    height = float((patient.grid.affine @ [*core.mean(axis=0), 1.0])[2] - brain_centre(patient)[2])
    return Slab((round(154 / voxel[0]), round(187 / voxel[1]), n_slices), voxel, up=height)


@lru_cache(maxsize=2)
def _parts(patient: Patient) -> dict[str, Region]:
    """The parts of the lesion on the grid of the patient, as a segmentation gives them."""
    regions = patient.regions
    nothing = np.zeros(patient.grid.shape, bool)
    lit = regions["enhancing"].mask if "enhancing" in regions else nothing
    cavity = np.any([nothing, *(regions[name].mask for name in ("pus", "necrosis") if name in regions)], axis=0)
    drawn = {"lesion": regions["lesion"].mask, "enhancing": lit, "necrosis": cavity}
    return dict(lesion.parts(drawn, patient.grid, regions["brain"].mask, lit).regions)


def parts_on(patient: Patient, grid: Grid) -> dict[str, Region]:
    """The same on the grid of a scan."""
    masks = {name: resample.onto(one.mask, one.grid, grid, matrix=None) for name, one in _parts(patient).items()}
    parts = {name: Region(mask, grid, name) for name, mask in masks.items() if mask.any()}
    fine = _parts(patient)
    core = resample.onto(core_of(fine).astype(np.float32), fine["whole"].grid, grid, matrix=None)
    return surroundings(parts, sum(np.nan_to_num(truth(patient, name, grid)) for name in ("grey", "csf")), core)


def region(scan: Acquired, name: str) -> Region:
    """A true region of a scan."""
    return Region(scan.regions[name].mask, scan.grid, name)


def of_dsc(simulation: Simulation, patient: Patient, reference: str = "white", motion: bool = False) -> Measures:
    """DSC with the traps that are set; nothing but the class of the protocol where the room refuses."""
    protocol = next(one for one in simulation.sequences if one.name == "dsc")
    scan = simulation.scanned(patient, replace(protocol, slab=slab_of(patient, FINE, 4)))
    facts = {"dsc.has_preload": bool(scan.sequence.has_preload), "field": 3.0}
    white = region(scan, reference)
    try:
        plan = dsc.Plan(motion=motion, deconvolution="none")
        found = dsc.quantify(series_of(scan), plan, mask=region(scan, "brain"), reference=white)
    except (Problem, Refusal):
        return Measures((), {**facts, "dsc.class": "poor", "dsc.leakage_corrected": False})
    maps = {key: one.values for key, one in found.maps.items()} | {"k2_std": found.maps["k2"].std}
    other = scan.regions.get("contralateral_white", white).mask & ~white.mask
    level = float(np.nanmedian(maps["rcbv"][white.mask]))
    references = {} if not other.any() else {"other side": float(np.nanmedian(maps["rcbv"][other])) / level}
    shares = {name: np.asarray(np.nan_to_num(truth(patient, name, scan.grid))) for name in ("grey", "csf")}
    parts = parts_on(patient, scan.grid)
    scene = Scene(
        scan.grid, scan.images[0].values[..., :20].mean(axis=3, dtype=np.float32), maps, scan.regions["brain"].mask,
        white.mask, parts, shares["grey"], shares["csf"], references, True,
    )  # fmt: skip
    traps = pitfalls.look(scene)
    spoilt = pitfalls.trapped(traps, "dsc", scene.grid)
    raised = tuple(one for one in _limiting(found.flags) if bears_on_markers(one))
    known = Told(spoilt, raised, traps, UNKNOWN_REFERENCE, modality="dsc")
    findings = []
    for key, names in (("rcbv", ("rcbv_mean", "rcbv_hot", "ftb_high", "rcbv_rim")), ("psr", ("psr_mean",))):
        one = found.maps[key]
        of_map = known if key == "rcbv" else replace(known, common=0.0)
        findings += read(names, one.shown, one.shown_std, parts, of_map)
    good = str(found.summary["reliability"]) in ("recommended", "acceptable")
    return Measures(tuple(findings), {**facts, "dsc.class": "good" if good else "poor", "dsc.leakage_corrected": True})


def of_adc(simulation: Simulation, patient: Patient) -> Measures:
    """Diffusion: the map that the scanner makes."""
    scan = simulation.scanned(patient, replace(protocols.DWI, slab=slab_of(patient, FINE, 4)))
    values = next(one.values for one in scan.images if one.kind == "adc") * 1e3
    inside = np.isfinite(values) & (values > 0)
    shown = np.where(inside, values, np.nan)
    return Measures(
        tuple(
            read(
                ("adc_solid", "adc_cavity"), shown, np.where(inside, 0.0, np.nan), parts_on(patient, scan.grid),
                nothing_spoilt(scan.grid),
            )
        ),
        {},
    )  # fmt: skip


def of_dce(simulation: Simulation, patient: Patient) -> Measures:
    """DCE with T1 from four flip angles and the measured flip angle, in the lesion."""
    scan = simulation.scanned(patient, replace(protocols.DCE, slab=slab_of(patient, DCE_VOXEL, 3)))
    how, parts = scan.sequence, parts_on(patient, scan.grid)
    near = parts["solid part"].mask & scan.regions["brain"].mask
    inside = Region(near, scan.grid, "solid part")
    still = np.stack([one.values[near] for one in scan.images if one.kind == "vfa"], axis=-1).astype(float)
    b1 = next(one.values for one in scan.images if one.kind == "b1")
    before = variable_flip_angle(still, np.array(how.flip_angles), how.tr, b1[near].astype(float))
    maps = [np.full(scan.grid.shape, np.nan, np.float32) for _ in range(2)]
    for one, values in zip(maps, (before.t1, before.t1_std), strict=True):
        one[near] = values
    status = np.where(np.isfinite(maps[0]), Status.OK, Status.NOT_DETERMINED).astype(np.int16)
    values = np.asfortranarray(scan.images[0].values)
    series = Series(values, scan.grid, how.times, Acquisition(how.te, how.tr, how.flip_angle, how.field, False))
    # Both are seen at the middle of a frame, so that both may be said to be at its beginning.
    curve = Curve(how.times, scan.table["arterial"], "mM", "cp")
    t1 = Map(T1, maps[0], maps[1], status, scan.grid)
    found = dce.quantify(series, dce.Plan(motion=False), t1=t1, b1=b1, mask=inside, aif=curve)
    known = replace(nothing_spoilt(scan.grid), flags=_limiting(found.flags), common=SHARED)
    findings = []
    for key, names in (("ktrans", ("ktrans_median",)), ("ve", ("ve_mean",))):
        findings += read(names, found.maps[key].shown, found.maps[key].shown_std, parts, known)
    return Measures(tuple(findings), {})


def of_asl(simulation: Simulation, patient: Patient) -> Measures:
    """ASL relative to normal white matter."""
    scan = simulation.scanned(patient, replace(protocols.ASL, slab=slab_of(patient, ASL_VOXEL, 4)))
    how, series, m0 = scan.sequence, scan.images[0], scan.images[1]
    n, until = len(how.volume_types), how.since_labelling(how.delays[0])
    labelling = Labelling(
        how.kind, tuple(how.volume_types), np.asarray(how.volume_delays, float), np.full(n, how.duration),
        how.efficiency, bool(how.inversions), len(how.inversions), tuple(until - one for one in how.inversions),
        np.asarray(how.slice_times), False,
    )  # fmt: skip
    acquired = Acquisition(te=how.te, tr=how.tr, field=how.field)
    values = Series(np.asfortranarray(series.values), scan.grid, np.asarray(series.times, float), acquired)
    calibration = Calibration(np.asarray(m0.values, float), "separate", how.m0_tr, how.te)
    shares = (np.nan_to_num(truth(patient, name, scan.grid)).astype(np.float32) for name in ("grey", "white", "csf"))
    around = Around(region(scan, "brain"), region(scan, "lesion"), *shares)
    flow = asl.quantify(Labelled(values, labelling, calibration), asl.Plan(motion=False), around=around)
    one = flow.maps["cbf"] if "cbf" in flow.maps else flow.maps["relcbf"]
    white = level_of_white(one.shown[scan.regions["white"].mask], flow.summary)
    known = replace(nothing_spoilt(scan.grid), flags=_limiting(flow.flags), common=white.common)
    ratio, error = (each / white.level for each in (one.shown, one.shown_std))
    findings = read(("rcbf_asl",), ratio, error, parts_on(patient, scan.grid), known)
    return Measures(tuple(findings), {})


def nothing_spoilt(grid: Grid) -> Told:
    """What is known of a series in which no trap was looked for."""
    return Told(np.zeros(grid.shape, bool), ())


def _limiting(flags: tuple[Flag, ...]) -> tuple[Flag, ...]:
    return tuple(one for one in flags if one.severity >= Severity.LIMITED)


def content(patient: Patient, wanted: np.ndarray, edge: float = VOXEL) -> tuple[dict[str, float], float]:
    """What the spectroscopy voxel holds that has most of the wanted places, in mM, and the share that is wanted."""
    n = max(round(edge / COARSE), 1)
    share = ndimage.uniform_filter(wanted.astype(np.float32), n, mode="constant")
    centre = np.array(np.unravel_index(int(share.argmax()), share.shape))
    box = tuple(slice(max(int(c) - n // 2, 0), int(c) - n // 2 + n) for c in centre)
    taken = np.zeros(wanted.shape, bool)
    taken[box] = True
    flat = taken.reshape(-1, order="F")
    total: dict[str, float] = {}
    for part in patient.parts:
        if part.compartment is Compartment.AIR:
            continue
        here = flat[part.inside]
        for name, amounts in levels_of(patient.biology[part.compartment]).amounts.items():
            amount = float((part.fraction[here] * amounts[part.level[here]]).sum() / n**3)
            for key, factor in _spelt(name):
                total[key] = total.get(key, 0.0) + factor * amount
    return {key: amount for key, amount in total.items() if amount > 0}, float(share.max())


def _spelt(name: str) -> tuple[tuple[str, float], ...]:
    return tuple(MACROMOLECULES.items()) if name == "MM" else LIPIDS.get(name, ((name, 1.0),))


def basis(te: float) -> Basis:
    """The molecules at an echo time."""
    first, scan = 0.011 if te < 0.09 else 0.017, Scan()
    return cached_basis(NAMES, Press(first, te - first), scan.frequency, scan.dwell, scan.n_points)


def spectrum(held: Mapping[str, float], te: float, seed: int, trap: str = "", edge: float = VOXEL) -> object:
    """The signal of a voxel at an echo time, with one of `SPECTRUM_TRAPS` where it is set."""
    scan = Scan(te=te, te1=0.011 if te < 0.09 else 0.017, snr=SNR * (edge / VOXEL) ** 3)
    if trap == "noise":
        scan = replace(scan, snr=scan.snr / 30)
    if trap == "bad-shim":
        scan = replace(scan, lorentz=60.0, gauss=4000.0)
    return virtual_spectrum(held, scan, seed)


def of_mrs(
    patient: Patient, seed: int, *, with_2hg: bool = False, with_cavity: bool = False, trap: str = ""
) -> Measures:
    """Single-voxel spectroscopy at TE 144 ms of the solid part, 97 ms for 2HG, and 30 with 144 ms of a cavity."""
    regions = patient.regions
    solid = regions["enhancing"].mask if "enhancing" in regions else regions["core"].mask
    wanted = regions["contralateral_white"].mask if trap == "voxel-elsewhere" else solid
    held, share = content(patient, wanted)
    told = _place(0.0 if trap == "voxel-elsewhere" else share, "solid part", 0.5)
    long = mrs.measure(spectrum(held, LONG, seed, trap), basis(LONG))
    findings = [
        _ratio(key, long, name, told) for key, name in (("cho_naa", "tCho/tNAA"), ("cho_cr", "tCho/tCr"))
    ]  # fmt: skip
    if with_2hg:
        findings.append(_two_hg(patient, wanted, seed, trap))
    if with_cavity:
        findings.append(_amino(patient, seed, trap))
    return Measures(
        tuple(one for one in findings if one is not None),
        {"mrs.te": LONG, "mrs.te_2hg": FOR_2HG, "mrs.te_longest": LONG, "mrs.te_shortest": FOR_2HG},
    )


def _two_hg(patient: Patient, wanted: np.ndarray, seed: int, trap: str) -> Finding | None:
    """2HG of the largest voxel that the wanted places fill by half, or of the smallest."""
    for edge in EDGES_2HG:
        held, share = content(patient, wanted, edge)
        if share >= 0.5:
            break
    told = _place(0.0 if trap == "voxel-elsewhere" else share, "solid part", 0.5)
    seen = mrs.measure(spectrum(held, FOR_2HG, seed + 10_000, trap, edge), basis(FOR_2HG))
    return _ratio("two_hg", seen, "2HG/tCr", told)


def _amino(patient: Patient, seed: int, trap: str) -> Finding | None:
    """Amino acids of the cavity from two echo times."""
    cavity = np.any([patient.regions[name].mask for name in ("pus", "necrosis") if name in patient.regions], axis=0)
    if not np.any(cavity):
        return None
    held, share = content(patient, cavity)
    short, long = (spectrum(held, te, seed + 20_000 + k, trap) for k, te in enumerate((SHORT, LONG)))
    word = mrs.measure(short, basis(SHORT), others=((long, basis(LONG)),)).summary.get("amino_acids")
    known = {"amino acids": 1.0, "both": 1.0, "lipid": 0.0, "neither": 0.0}
    if word not in known:
        return None
    return Finding(
        marker("amino_acids"), "spectroscopy voxel", known[str(word)], 0.0, 1, flags=_place(share, "cavity", 0.6)
    )


def _place(share: float, part: str, least: float) -> tuple[Flag, ...]:
    said = f"Only {share:.0%} of the spectroscopy voxel is {part} of the lesion."
    return () if share >= least else (Flag("voxel-content", Severity.LIMITED, said, "spectroscopy voxel"),)


def _ratio(key: str, found: MeasuredSpectrum, name: str, flags: tuple[Flag, ...]) -> Finding | None:
    amount = found.ratios.get(name)
    if amount is None:
        return None
    if np.isfinite(amount.value):
        return Finding(marker(key), "spectroscopy voxel", amount.value, amount.std, 1, flags=flags)
    if amount.lower > 0:
        return Finding(marker(key), "spectroscopy voxel", amount.lower, np.nan, 1, above=True, flags=flags)
    return Finding(marker(key), "spectroscopy voxel", np.nan, np.nan, 1, flags=flags)


def with_insert(patient: Patient, simulation: Simulation) -> Patient:
    """The patient with the traps of anatomy that are set, put in afterwards."""
    rng = np.random.default_rng([simulation.seed, 11])
    for trap in simulation.traps:
        if trap.insert is not None:
            patient = trap.insert(patient, rng)
    return patient


def with_trap(simulation: Simulation, trap: str) -> tuple[Simulation, str, bool]:
    """The examination with a trap in DSC, the region taken for normal, and whether the head is to be realigned."""
    if trap in ("bad-protocol", "no-preload"):
        bad = protocols.DSC_BAD if trap == "bad-protocol" else protocols.DSC_LIMITED
        sequences = tuple(bad if one.name == "dsc" else one for one in simulation.sequences)
        return replace(simulation, sequences=sequences), "white", False
    if trap == "tumour-as-reference":
        return simulation, "core", False
    set_here = tuple(one for one in TRAPS if one.name == trap)
    return replace(simulation, traps=set_here), "white", trap == "motion-at-bolus"


def scenario_named(name: str) -> object:
    """A scenario by its name."""
    return next(one for one in SCENARIOS if one.name == name)


__all__ = [
    "IMAGE_TRAPS", "SPECTRUM_TRAPS", "Measures", "of_adc", "of_asl", "of_dce", "of_dsc", "of_mrs", "scenario_named",
    "template_of", "with_insert", "with_trap",
]  # fmt: skip
