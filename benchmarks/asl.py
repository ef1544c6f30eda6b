"""Accuracy, calibration of errors, and speed of the ASL room, with the nearest peers beside it where they are present.

`python benchmarks/asl.py [dro] [speed] [own] [patients] [bound] [choices]` prints markdown tables; without words, all.

- `dro`: the public digital reference object `asl/asldro_plain` (PERSPECT_DATA, else `../shared/data`), six delays, grey
  matter 60 mL/100 g/min and 0.8 s, white matter 20 and 1.2.
- `own`: cases that others' equations made, below PERSPECT_OWN_ASL, made by its `recipes/gen_own_cases.py`.
- `patients`: virtual patients, still and moved, of one delay and of several, against their truth.
- `bound`: what noise alone leaves of flow there, by the information that the samples hold at the true parameters.
- `choices`: what T1, λ, another M0 and drawing to neighbours would do for rim and necrosis there.
- `speed`: the kernel alone, on one thread.

Peers: osipy through PERSPECT_PEERS (see README.md), and SciPy's curve_fit voxel by voxel. Gates nothing.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.optimize import curve_fit

from perspect import asl, io
from perspect.app.asl import with_m0
from perspect.app.truth_files import DENSITY
from perspect.asl.kinetics import SPACING
from perspect.fit import normal, posterior
from perspect.fit.posterior import SEEN
from perspect.models import ArterialPcasl, Pcasl, Tissue
from perspect.phantom import SCENARIOS, protocols
from perspect.phantom.artefacts import TRAPS
from perspect.phantom.study import Simulation
from perspect.vocabulary import (
    Acquisition,
    Around,
    Calibration,
    Labelled,
    Labelling,
    Measured,
    Problem,
    Region,
    Series,
)  # fmt: skip

DATA = Path(os.environ.get("PERSPECT_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
OWN = Path(os.environ.get("PERSPECT_OWN_ASL", "own"))
PEERS = Path(os.environ.get("PERSPECT_PEERS", "peers"))
TO_FLOW = 6000.0


def image(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj, np.float32)


def loaded(folder: Path, encoding: tuple[tuple[float, ...], ...] = ()) -> tuple[Labelled, Around]:
    """A case as `perspect asl` reads it, with the true shares of tissue."""
    reading = io.read_asl(folder / "bids/sub-01/perf/sub-01_asl.nii.gz", given=io.GivenLabelling(encoding=encoding))
    labelled, _ = with_m0(reading)
    grey, white = (image(folder / "truth" / f"label-{one}_probseg.nii.gz") for one in ("GM", "WM"))
    return labelled, Around(grey=grey, white=white)


def timed(work: Callable[[], object]) -> tuple[object, float]:
    """A result and the least processor time of three runs, in s."""
    out, best = work(), np.inf
    for _ in range(3):
        begun = time.process_time()
        out = work()
        best = min(best, time.process_time() - begun)
    return out, best


def dro() -> Iterator[str]:
    folder = DATA / "asl" / "asldro_plain"
    labelled, around = loaded(folder)
    truth = folder / "truth"
    true_flow = image(truth / "007_ground_truth_perfusion_rate.nii.gz")
    pure = {
        name: (image(truth / f"label-{key}_probseg.nii.gz") > 0.95) & (np.abs(true_flow - flow) < 0.01)
        for name, key, flow in (("grey", "GM", 60.0), ("white", "WM", 20.0))
    }

    def row(name: str, flow: np.ndarray, att: np.ndarray | None, seconds: float, errors: str = "–") -> str:
        cells = []
        for tissue, true, transit in (("grey", 60.0, 0.8), ("white", 20.0, 1.2)):
            inside = pure[tissue] & np.isfinite(flow)
            error = flow[inside] - true
            cells.append(f"{error.mean():+.1f} / {np.abs(error).mean():.2f}")
            if att is None:
                cells.append("–")
            else:
                late = att[inside] - transit
                cells.append(f"{np.nanmean(late):+.2f} / {np.nanmean(np.abs(late)):.2f}")
        return f"| {name} | {' | '.join(cells)} | {errors} | {seconds:.2f} |"

    yield "| method | grey CBF bias / MAE | grey ATT | white CBF | white ATT | stated/observed | CPU s |"
    yield "|---|---|---|---|---|---|---|"
    for name, plan in (
        ("ours, T1 by tissue", asl.Plan(kinetics="tissue")),
        ("ours, without neighbours", asl.Plan(kinetics="tissue", neighbours=False)),
        ("ours, without motion correction", asl.Plan(kinetics="tissue", motion=False)),
        ("ours, T1 1.33 s everywhere", asl.Plan(kinetics="t1app")),
        ("ours, blood (consensus)", asl.Plan()),
    ):
        measured, seconds = timed(lambda plan=plan: asl.quantify(labelled, plan, around=around))
        flow, att = measured.maps["cbf"], measured.maps["att"].values
        ratios = []
        for inside in pure.values():
            known = inside & np.isfinite(flow.values)
            ratios.append(f"{np.median(flow.std[known]) / flow.values[known].std():.2f}")
        yield row(name, flow.values * TO_FLOW, att, seconds, ", ".join(ratios))
    brain = measured.regions["brain"].mask
    how = labelled.labelling
    values = labelled.series.values.astype(np.float64) * labelled.series.slope + labelled.series.intercept
    delays = np.unique(how.delays)
    volumes = np.array(how.volumes)
    means = np.stack([
        values[..., (how.delays == delay) & (volumes == "control")].mean(axis=3)
        - values[..., (how.delays == delay) & (volumes == "label")].mean(axis=3)
        for delay in delays
    ], axis=3)  # fmt: skip
    yield from _peers(row, means, labelled.m0.values, delays, brain)


def _peers(row: Callable[..., str], means: np.ndarray, m0: np.ndarray, delays: np.ndarray, brain: np.ndarray):
    """The same differences, read by others."""
    if (PEERS / "osipy" / "osipy").is_dir():
        sys.path.insert(0, str(PEERS / "osipy"))
        from osipy.asl.quantification.multi_pld import MultiPLDParams, quantify_multi_pld

        for name, added in (("osipy 7a5bef8, as documented", 0.0), ("osipy, fed PLD + LD by hand", 1.8)):
            params = MultiPLDParams(plds=1e3 * (delays + added))
            safe = np.where(brain, m0, 1.0)
            with contextlib.redirect_stdout(None):
                found, seconds = timed(lambda p=params, s=safe: quantify_multi_pld(means, s, p, brain))
            flow = np.asarray(getattr(found.cbf_map, "values", found.cbf_map), float)
            att = np.asarray(getattr(found.att_map, "values", found.att_map), float) / 1e3
            yield row(name, flow, att, seconds)
    else:
        yield "| osipy | absent | | | | | |"
    places = np.argwhere(brain)[:: max(1, int(brain.sum()) // 500)]
    model = Pcasl(delays, np.full(delays.size, 1.8), 0.85, Tissue(1.65, 1.33))
    flow, att = np.full(brain.shape, np.nan), np.full(brain.shape, np.nan)
    begun = time.process_time()
    for x, y, z in places:
        with contextlib.suppress(RuntimeError):
            (f, t), _ = curve_fit(
                lambda _, f, t: model.predict(np.array([f, t])), delays, means[x, y, z] / m0[x, y, z], (0.01, 1.0),
                bounds=((0.0, 0.0), (0.1, 4.0)),
            )  # fmt: skip
            flow[x, y, z], att[x, y, z] = f * TO_FLOW, t
    seconds = (time.process_time() - begun) * brain.sum() / len(places)
    yield row("SciPy curve_fit, T1 1.33 s (500 voxels, time scaled)", flow, att, seconds)


def speed() -> Iterator[str]:
    """Voxels a second of the kernel, six delays, with standard errors and status, one thread."""
    rng = np.random.default_rng(0)
    n = 50_000
    delays = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    model = Pcasl(delays, np.full(6, 1.8), 0.85, Tissue(1.65, 1.33))
    p = np.stack([rng.uniform(0, 100, n) / TO_FLOW, rng.uniform(0.6, 2.0, n)], axis=1)
    curves = model.predict(p) + rng.normal(0.0, 9e-4, (n, 6))
    nodes = np.arange(0.0, 4.6, SPACING)
    found, seconds = timed(lambda: posterior(model, curves, np.full(n, 9e-4), nodes[:, None], normal(nodes, 1.3, 1.0)))
    columns = model.atoms(nodes[:, None])[:, 0]
    information = (columns**2).sum(axis=1)
    seen = columns[information > SEEN[0] * information.max()]
    best = ((curves @ seen.T) ** 2 / (seen**2).sum(axis=1)).max(axis=1) / 9e-4**2
    wrong = float((found.explained < best * (1 - 1e-3)).mean())
    yield "| kernel | voxels/s | floor | in a wrong minimum |"
    yield "|---|---|---|---|"
    yield f"| posterior of CBF and ATT, {nodes.size} nodes | {n / seconds:.2e} | 6e+05 | {wrong:.2%} |"


def own() -> Iterator[str]:
    """Cases of other equations: time-encoded, 2-D pulsed, GE differences, variable duration with arteries."""
    yield "| case | tissue | n | true | bias | MAE | stated/observed |"
    yield "|---|---|---|---|---|---|---|"
    for case in ("gedeltam", "pasl2d", "pcaslart", "had8"):
        folder = OWN / case
        if not folder.is_dir():
            yield f"| {case} | absent | | | | | |"
            continue
        said = json.loads((folder / "truth/truth.json").read_text())
        encoding = tuple(map(tuple, said["time_encoding"]["matrix"])) if "time_encoding" in said else ()
        labelled, around = loaded(folder, encoding)
        parts = {one: image(folder / "truth" / f"lesion-{one}_probseg.nii.gz") for one in ("rim", "core", "oedema")}
        whole = sum(parts.values())
        lesion = Region(whole > 0.5, labelled.series.grid, "lesion")
        measured = asl.quantify(labelled, asl.Plan(kinetics="tissue"), around=replace(around, lesion=lesion))
        true = image(folder / "truth/cbf_voxelmean.nii.gz")
        where = {"grey": (around.grey > 0.95) & (whole < 0.1), "white": (around.white > 0.95) & (whole < 0.1)}
        where |= {name: one > 0.9 for name, one in parts.items()}
        yield from _rows(case, measured, true, where)


def _rows(name: str, measured: Measured, true: np.ndarray, where: dict[str, np.ndarray]) -> Iterator[str]:
    flow, std = measured.maps["cbf"].values * TO_FLOW, measured.maps["cbf"].std * TO_FLOW
    for tissue, mask in where.items():
        inside = mask & np.isfinite(flow) & np.isfinite(true)
        if inside.sum() < 5:
            continue
        error = flow[inside] - true[inside]
        ratio = np.median(std[inside]) / error.std()
        yield (
            f"| {name} | {tissue} | {inside.sum()} | {true[inside].mean():.1f} | {error.mean():+.1f} | "
            f"{np.abs(error).mean():.1f} | {ratio:.2f} |"
        )


def scanned(
    simulation: Simulation, patient: object, protocol: str, **how: object
) -> tuple[Labelled, Around, dict[str, np.ndarray]]:
    """A virtual scan (its protocol changed as `how` says) as a labelled series, what is known of the head, the truth.

    The truth of flow is per mL of tissue; maps are per g.
    """
    scan = simulation.scanned(patient, replace(protocols.ASL_PROTOCOLS[protocol], **how))
    how, series, m0 = scan.sequence, scan.images[0], scan.images[1]
    n = len(how.volume_types)
    until = how.since_labelling(how.delays[0])
    labelling = Labelling(
        how.kind, tuple(how.volume_types), np.asarray(how.volume_delays, float), np.full(n, how.duration),
        how.efficiency, bool(how.inversions), len(how.inversions), tuple(until - one for one in how.inversions),
        None if how.slice_time is None else np.asarray(how.slice_times), False,
    )  # fmt: skip
    acquired = Acquisition(te=how.te, tr=how.tr, field=how.field)
    values = Series(np.asfortranarray(series.values), scan.grid, np.asarray(series.times, float), acquired)
    calibration = Calibration(np.asarray(m0.values, float), "separate", how.m0_tr, how.te)
    regions = scan.regions
    grey, white, fluid = (regions[key].mask.astype(np.float32) for key in ("grey", "white", "csf"))
    around = Around(None, Region(regions["lesion"].mask, scan.grid, "lesion"), grey, white, fluid)
    truth = {"cbf": scan.truth["cbf"] * TO_FLOW / DENSITY, "att": scan.truth["transit"]}
    truth |= {key: scan.truth[key] for key in ("abv", "t1")}
    truth |= {key: regions[key].mask for key in ("grey", "white", "enhancing", "necrosis", "oedema") if key in regions}
    return Labelled(values, labelling, calibration), around, truth


def patients() -> Iterator[str]:
    """A high-grade glioma: still, moved, with a carotid that was not labelled, with label and control exchanged."""
    scenario = next(one for one in SCENARIOS if one.name == "high-grade-glioma")
    template = io.icbm_2009a()
    patient = Simulation(scenario, 1).patient(template)
    yield "| scan | tissue | n | true | bias | MAE | stated/observed | flags |"
    yield "|---|---|---|---|---|---|---|---|"
    for protocol, trap, plan in (
        ("multi", "", asl.Plan(kinetics="tissue")),
        ("multi", "", asl.Plan()),
        ("multi", "motion-between-pairs", asl.Plan(kinetics="tissue")),
        ("multi", "failed-carotid", asl.Plan(kinetics="tissue")),
        ("single", "", asl.Plan()),
        ("single", "wrong-label-order", asl.Plan()),
        ("pulsed", "", asl.Plan()),
    ):
        simulation = Simulation(scenario, 1, tuple(one for one in TRAPS if one.name == trap))
        labelled, around, truth = scanned(simulation, patient, protocol)
        name = f"{protocol}{', ' + trap if trap else ''}, {plan.kinetics}"
        try:
            measured = asl.quantify(labelled, plan, around=around)
        except Problem as problem:
            yield f"| {name} | refused: {problem.what} | | | | | | |"
            continue
        flags = ", ".join(dict.fromkeys(flag.code for flag in measured.flags))
        where = {key: one for key, one in truth.items() if one.dtype == bool}
        for line in _rows(name, measured, truth["cbf"], where):
            yield f"{line} {flags} |"
            flags = ""


def least(model: ArterialPcasl, p: np.ndarray, noise: float, known: int) -> float:
    """The least standard deviation (mL/100 g/min) of flow from a voxel's own samples, `known` times told.

    From the information of the samples at the truth, and that both times are expected to 1 s beforehand, as the fit has
    it (without that, a time of which hardly a sample speaks would have no bound).
    """
    n = len(p) - known
    steps = np.diag([1e-5, 1e-4, 1e-3, 1e-3])[:n]
    slopes = np.stack([(model.predict(p + h) - model.predict(p - h)) / (2.0 * h.sum()) for h in steps]) / noise
    before = np.diag([0.0, 0.0, 1.0, 1.0])[:n, :n] / asl.Plan().att_spread ** 2
    return float(np.sqrt(np.linalg.inv(slopes @ slopes.T + before)[0, 0])) * TO_FLOW


def bound() -> Iterator[str]:
    """Six delays of the glioma of `patients`: flow found, without noise, and the least that noise leaves."""
    scenario = next(one for one in SCENARIOS if one.name == "high-grade-glioma")
    simulation = Simulation(scenario, 1)
    patient = simulation.patient(io.icbm_2009a())
    yield "| tissue | n | MAE, stated/observed | T1 map | without noise | noise: MAE, SD | least | least, times known |"
    yield "|---|---|---|---|---|---|---|---|"
    labelled, around, truth = scanned(simulation, patient, "multi")
    clean, *_ = scanned(simulation, patient, "multi", snr=1e5, is_rounded=False)
    plan = asl.Plan(kinetics="tissue")
    given = replace(around, t1=np.asarray(truth["t1"], float))
    found, mapped, still = (
        asl.quantify(one, plan, around=known) for one, known in ((labelled, around), (labelled, given), (clean, around))
    )
    how = labelled.labelling
    delays = np.unique(how.delays)
    noise = found.maps["deltam"].std * np.sqrt(delays.size)
    for tissue in ("grey", "enhancing", "necrosis", "oedema"):
        inside = truth[tissue] & np.isfinite(found.maps["cbf"].values) & np.isfinite(truth["cbf"])
        cells = []
        for one in (found, mapped, still):
            error = one.maps["cbf"].values[inside] * TO_FLOW - truth["cbf"][inside]
            ratio = np.median(one.maps["cbf"].std[inside]) * TO_FLOW / error.std()
            cells.append(f"{np.abs(error).mean():.1f}" + (f", {ratio:.2f}" if one is not still else ""))
        apart = (found.maps["cbf"].values - still.maps["cbf"].values)[inside] * TO_FLOW
        cells.append(f"{np.abs(apart).mean():.1f}, {apart.std():.1f}")
        columns = []
        for x, y, z in np.argwhere(inside):
            flow, att, abv, t1 = (float(truth[key][x, y, z]) for key in ("cbf", "att", "abv", "t1"))
            model = ArterialPcasl(delays, np.full(delays.size, how.durations[0]), 0.85, Tissue(1.65, t1))
            p = np.array([flow / TO_FLOW, max(abv, 1e-4), att, max(att - 0.3, 0.1)])
            columns.append([least(model, p, float(noise[x, y, z]), known) for known in (0, 2)])
        free, known = np.median(columns, axis=0)
        cells += [f"{np.sqrt(2 / np.pi) * one:.1f}, {one:.1f}" for one in (free, known)]
        yield f"| {tissue} | {inside.sum()} | {' | '.join(cells)} |"


def choices() -> Iterator[str]:
    """What could bring the rim and the errors of necrosis to their floors, on four patients with six delays."""
    yield "| patient | choice | rim | necrosis | oedema |"
    yield "|---|---|---|---|---|"
    template = io.icbm_2009a()
    for name, seed in (("high-grade-glioma", 1), ("high-grade-glioma", 21), ("metastasis", 23)):
        simulation = Simulation(next(one for one in SCENARIOS if one.name == name), seed)
        labelled, around, truth = scanned(simulation, simulation.patient(template), "multi")
        plan = asl.Plan(kinetics="tissue")
        known = replace(around, t1=np.asarray(truth["t1"], float))
        for words, choice, given in (
            ("as measured", plan, around),
            ("λ 0.95", replace(plan, partition=0.95), around),
            ("M0 of white matter", replace(plan, m0="white"), around),
            ("T1 map", plan, known),
            ("T1 map, M0 of white matter", replace(plan, m0="white"), known),
        ):
            flow = asl.quantify(labelled, choice, around=given).maps["cbf"]
            yield _choice(f"{name} {seed}", words, flow.values, flow.std, truth)
        yield _choice(
            f"{name} {seed}", "T1 of the lesion 1.5 s ± 20 %, marginalised", *_marginal(labelled, around), truth
        )
        drawn = asl.quantify(labelled, replace(plan, spatial="everywhere"), around=around)
        share = drawn.maps["cbfshare"].values[truth["enhancing"]]
        flow = drawn.maps["cbfreg"]
        words = f"drawn to its neighbours (rim: {np.nanmean(share):.0%} theirs)"
        yield _choice(f"{name} {seed}", words, flow.values, flow.std, truth)


def _marginal(labelled: Labelled, around: Around) -> tuple[np.ndarray, np.ndarray]:
    """Flow and its error over a log-normal T1 of the lesion."""
    apart = np.array([-1.5, -0.75, 0.0, 0.75, 1.5])
    weight = np.exp(-0.5 * apart**2)
    weight = (weight / weight.sum())[:, None, None, None]
    plans = [asl.Plan(kinetics="tissue", lesion_t1=float(1.5 * np.exp(0.2 * one))) for one in apart]
    every = [asl.quantify(labelled, one, around=around).maps["cbf"] for one in plans]
    flow, std = (np.stack([getattr(one, what) for one in every]) for what in ("values", "std"))
    mean = (weight * flow).sum(axis=0)
    return mean, np.sqrt((weight * (std**2 + flow**2)).sum(axis=0) - mean**2)


def _choice(patient: str, words: str, flow: np.ndarray, std: np.ndarray, truth: dict[str, np.ndarray]) -> str:
    cells = []
    for part in ("enhancing", "necrosis", "oedema"):
        inside = truth[part] & np.isfinite(flow) & np.isfinite(truth["cbf"])
        error = TO_FLOW * flow[inside] - truth["cbf"][inside]
        ratio = np.median(std[inside]) * TO_FLOW / error.std()
        cells.append(f"{error.mean():+.1f} / {np.abs(error).mean():.1f}, {ratio:.2f}")
    return f"| {patient} | {words} | {' | '.join(cells)} |"


TABLES = {"dro": dro, "speed": speed, "own": own, "patients": patients, "bound": bound, "choices": choices}


def main(words: list[str]) -> None:
    for word in words or TABLES:
        print(f"\n## {word}\n")
        for line in TABLES[word]():
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
