"""What DCE reaches: speed, minima, accuracy, stated over observed error; peers on the same work. Gates nothing.

PERSPECT_PEERS names a folder with the repositories of others (see README.md); what is not there is printed as absent.
Run:  PERSPECT_PEERS=DIR OMP_NUM_THREADS=1 python benchmarks/dce.py
"""

import contextlib
import importlib
import io
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from scipy import ndimage
from scipy.optimize import least_squares

from perspect.app import DceInputs, examine_dce
from perspect.dce import Plan
from perspect.dce.t1 import variable_flip_angle
from perspect.fit import fit
from perspect.fit.family import family_of
from perspect.fit.space import projected
from perspect.models import (
    AdiabaticTissueHomogeneity,
    DelayedExtendedTofts,
    DelayedPatlak,
    DelayedTofts,
    ExchangingWater,
    ExtendedTofts,
    Model,
    Patlak,
    Separable,
    Tofts,
    TwoCompartmentExchange,
    TwoCompartmentUptake,
)  # fmt: skip
from perspect.models.arterial import Parker
from perspect.numerics.separable import dictionary
from perspect.numerics.small import box_minimum
from perspect.vocabulary import FAILED_FROM, Status

UNEVEN = np.concatenate([np.arange(0.0, 100.0, 2.5), np.arange(100.0, 420.0, 8.0)])
EVEN = np.arange(0.0, 400.0, 5.0)
CP = Parker().plasma(UNEVEN - 30.0, 0.42)
EVEN_CP = Parker().plasma(EVEN - 30.0, 0.42)
TR, ANGLE, R1, T1, HCT = 0.005, np.deg2rad(15.0), 4.5, 1.3, 0.42
LOW = {"ktrans": 2e-4, "ve": 0.05, "vp": 0.005, "delay": -1.0, "fp": 2e-3, "ps": 2e-4}
HIGH = {"ktrans": 4e-3, "ve": 0.6, "vp": 0.1, "delay": 5.0, "fp": 0.01, "ps": 2e-3}
WORK: tuple[tuple[type[Separable], float, int, float], ...] = (  # model, noise in mM, voxels, floor in voxels/s
    (Patlak, 0.02, 200_000, 8e5),
    (Tofts, 0.02, 200_000, 8e5),
    (ExtendedTofts, 0.02, 200_000, 8e5),
    (DelayedPatlak, 0.02, 200_000, 1e5),
    (DelayedTofts, 0.02, 200_000, 1e5),
    (DelayedExtendedTofts, 0.02, 200_000, 1e5),
    (TwoCompartmentUptake, 0.01, 100_000, np.nan),
    (TwoCompartmentExchange, 0.01, 200_000, 8e4),
    (AdiabaticTissueHomogeneity, 0.01, 20_000, np.nan),
)


def made(model: Model, n: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truths of n voxels and their noisy curves, time-major as a series lies in memory."""
    rng = np.random.default_rng(seed)
    keys = [quantity.key for quantity in model.parameters]
    p = rng.uniform([LOW[key] for key in keys], [HIGH[key] for key in keys], (n, len(keys)))
    curves = np.concatenate([model.predict(p[start : start + 4096]) for start in range(0, n, 4096)])
    noisy = np.asfortranarray(curves + rng.normal(0.0, noise, curves.shape).astype(np.float32), dtype=np.float32)
    return p, noisy


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the CPU time in s."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def missed(model: Separable, curves: np.ndarray, sse: np.ndarray, n: int = 20) -> float:
    """The largest excess of our sum of squares over that of a polish in double precision from many starts, in the same
    box of amplitudes and non-linear parameters.
    """
    keys = [quantity.key for quantity in model.parameters]
    low, high = (np.array([side[key] for key in keys]) for side in (LOW, HIGH))
    unknowns = (*model.linear, *model.nonlinear)
    bounds = np.array([model.bounds(quantity) for quantity in unknowns], float).T
    scale = np.concatenate(model.split(high))
    n_linear = len(model.linear)

    def signal(x: np.ndarray) -> np.ndarray:
        return np.asarray(x[:n_linear] @ model.atoms(x[n_linear:]))

    worst = -np.inf
    rng = np.random.default_rng(1)
    for curve, ours in zip(curves[:n].astype(float), sse[:n], strict=True):
        best = np.inf
        for start in rng.uniform(low, high, (6, len(keys))):
            begun = np.clip(np.concatenate(model.split(start)), bounds[0] + 1e-9, bounds[1] - 1e-9)
            found = least_squares(
                lambda x, y=curve: signal(x) - y, begun, bounds=(bounds[0] - 1e-12, bounds[1] + 1e-12),
                x_scale=np.abs(scale) + 1e-9, xtol=1e-12, ftol=1e-12, gtol=1e-12,
            )  # fmt: skip
            best = min(best, 2.0 * found.cost)
        worst = max(worst, ours / best - 1.0)
    return worst


def speed_table() -> Iterator[str]:
    """Voxels per second of one core, values, errors and status together; on an uneven clock of 80 samples."""
    product = np.ones((1500, 1500), np.float32)
    _, seconds = timed(lambda: [product @ product for _ in range(10)])
    yield f"float32 product of matrices in this run: {10 * 2 * 1500**3 / seconds / 1e9:.0f} GFLOP/s of CPU time"
    yield "| work | voxels/s (CPU) | floor | largest excess of SSE over many starts of scipy | stated/observed error |"
    yield "|---|---|---|---|---|"
    for kind, noise, n, floor in WORK:
        model = kind(UNEVEN, CP)
        p, curves = made(model, n, noise)
        fit(model, curves[:5000])
        found, seconds = timed(lambda model=model, curves=curves: fit(model, curves))
        ratio = []
        for quantity, true in zip(model.parameters, p.T, strict=True):
            z = (found.values[quantity.key] - true) / found.std[quantity.key]
            ratio.append(1.0 / (1.4826 * np.nanmedian(np.abs(z[found.status == 0]))))
        excess = missed(model, curves, found.sse)
        asked = "" if np.isnan(floor) else f"{floor:.0e}"
        yield (
            f"| {kind.__name__} | {n / seconds:.2e} | {asked} | {excess:.0e} | {min(ratio):.2f} to {max(ratio):.2f} |"
        )
    rng = np.random.default_rng(0)
    angles, b1, t1 = (
        np.deg2rad([2.0, 5.0, 10.0, 15.0]),
        rng.uniform(0.75, 1.25, 400_000),
        rng.uniform(0.5, 2.5, 400_000),
    )
    e, a = np.exp(-0.005 / t1)[:, None], angles * b1[:, None]
    signal = 1000.0 * np.sin(a) * (1 - e) / (1 - e * np.cos(a))
    signal = np.asfortranarray(signal + rng.normal(0.0, signal[:, 1].mean() / 60.0, signal.shape))
    found, seconds = timed(lambda: variable_flip_angle(signal, angles, 0.005, b1))
    error = np.nanmedian(np.abs(found.t1 / t1 - 1.0))
    words = f"T1, 4 flip angles, B1, SNR 60 (median error {error:.1%}, floor 3 %)"
    yield f"| {words} | {t1.size / seconds:.2e} | 1e+06 | | |"


def vessels_table() -> Iterator[str]:
    """Curves of vessels without leakage whose delay lies between two cells of the search, beside a fine grid."""
    yield "| vp | noise in mM | of 200 curves, above the least sum of squares by more than 1e-4 / 1e-3 / 1e-2 |"
    yield "|---|---|---|"
    model = DelayedExtendedTofts(EVEN, Parker().plasma(EVEN - 42.0, 0.42))
    family = family_of(model)
    fine = dictionary(family, (40, 160))
    for vp, noise in ((0.07, 0.02), (0.05, 0.01)):
        rng = np.random.default_rng(1)
        truth = np.stack([np.zeros(200), np.ones(200), np.full(200, vp), rng.uniform(-1.0, 5.0, 200)], axis=-1)
        curves = model.predict(truth)
        curves += rng.normal(0.0, noise, curves.shape)
        ours = fit(model, curves).sse
        best = fine.u[fine.explained(curves @ fine.basis).argmax(axis=1)]
        excess = ours / np.minimum(projected(family, curves, best).sse, ours) - 1.0
        yield f"| {vp} | {noise} | " + " / ".join(str((excess > least).sum()) for least in (1e-4, 1e-3, 1e-2)) + " |"


def examination(folder: Path, noise: float = 0.02) -> tuple[Path, Path]:
    """A series of 200 704 voxels, half vessels, a quarter each with slow and fast leakage; and its input as a table."""
    rng = np.random.default_rng(11)
    n, cp = 200_704, Parker().plasma(UNEVEN - 40.0, HCT)
    leaks = [np.zeros(n // 2), rng.uniform(1e-5, 2e-4, n // 4), rng.uniform(3e-4, 4e-3, n // 4)]
    rest = [rng.uniform(low, high, n) for low, high in ((0.05, 0.6), (0.005, 0.1), (-1.0, 5.0))]
    p = np.stack([np.concatenate(leaks), *rest], axis=-1)[rng.permutation(n)]
    model = DelayedExtendedTofts(UNEVEN, cp)
    signal = np.concatenate([seen(model.predict(p[start : start + 4096])) for start in range(0, n, 4096)])
    per_mm = float((seen(np.array(1e-4)) - 1.0) / 1e-4)
    signal += rng.normal(0.0, noise * per_mm, signal.shape)
    values = np.round(2000.0 * signal).astype(np.int16).reshape(64, 64, 49, -1)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([4.0, 4.0, 4.0, 1.0])), folder / "sub-01_dce.nii.gz")
    said = {"RepetitionTimeExcitation": TR, "EchoTime": 0.002, "FlipAngle": 15.0, "MagneticFieldStrength": 3.0}
    side = json.dumps(said | {"VolumeTiming": UNEVEN.tolist()})
    (folder / "sub-01_dce.json").write_text(side, encoding="utf-8")
    rows = "".join(f"{t}\t{c}\n" for t, c in zip(UNEVEN, cp, strict=True))
    (folder / "aif.tsv").write_text(f"time\tcp\n{rows}", encoding="utf-8")
    return folder / "sub-01_dce.nii.gz", folder / "aif.tsv"


def files_table() -> Iterator[str]:
    """200 704 voxels from files to files, all maps and errors, choosing among three models; one thread."""
    yield "| seconds of CPU time | floor (two cores) | models chosen |"
    yield "|---|---|---|"
    with tempfile.TemporaryDirectory() as name:
        series, aif = examination(Path(name))
        inputs, plan = DceInputs(series, t1=T1, aif=aif), Plan(motion=False, region="all")
        done, seconds = timed(lambda: examine_dce(inputs, Path(name) / "out", plan))
        shares = done.measured.summary["model_shares"]
    yield f"| {seconds:.1f} | 5 | " + ", ".join(f"{one} {share:.1%}" for one, share in shares.items()) + " |"


def minima_table() -> Iterator[str]:
    """Where sums of squares end beside the least of 7680 nodes, the best eight of which are closed in on by columns in
    double precision; vessels, slow and fast leakage. Ours may be the lower one: the search by nodes is no proof."""
    yield "| noise in mM | curves | above the least by 1e-5 | 1e-3 | 1e-2 | all determined | above by 1e-5 | 1e-3 |"
    yield "|---|---|---|---|---|---|---|---|"
    for noise in (0.02, 0.0076):
        model, curves = mixed(1000, noise)
        found = fit(model, curves)
        excess = found.sse / least(model, curves) - 1.0
        is_told = (found.status == Status.OK) & np.all([np.isfinite(one) for one in found.std.values()], axis=0)
        every = " | ".join(str((excess > by).sum()) for by in (1e-5, 1e-3, 1e-2))
        told = " | ".join(str((excess[is_told] > by).sum()) for by in (1e-5, 1e-3))
        yield f"| {noise} | {len(curves)} | {every} | {is_told.sum()} | {told} |"


def mixed(n: int, noise: float) -> tuple[Model, np.ndarray]:
    """Half vessels, a quarter each with slow and fast leakage, and what they are to be fitted by."""
    rng = np.random.default_rng(11)
    leaks = [np.zeros(n // 2), rng.uniform(1e-5, 2e-4, n // 4), rng.uniform(3e-4, 4e-3, n // 4)]
    rest = [rng.uniform(low, high, n) for low, high in ((0.05, 0.6), (0.005, 0.1), (-1.0, 5.0))]
    p = np.stack([np.concatenate(leaks), *rest], axis=-1)[rng.permutation(n)]
    model = DelayedExtendedTofts(UNEVEN, Parker().plasma(UNEVEN - 40.0, HCT))
    return model, np.asfortranarray(model.predict(p) + rng.normal(0.0, noise, (n, UNEVEN.size)), np.float32)


def least(model: Model, curves: np.ndarray, shape: tuple[int, int] = (48, 160), n_best: int = 8) -> np.ndarray:
    """The least sum of squares of a model of two columns and two rates that nodes and what lies around the best of
    them show."""
    family = family_of(model)
    axes = [np.linspace(*ends, n) for *ends, n in zip(family.axes.u_low, family.axes.u_high, shape, strict=True)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    around = np.stack(np.meshgrid(*2 * [np.linspace(-1.0, 1.0, 5)], indexing="ij"), axis=-1).reshape(-1, 2)

    def explained(columns: np.ndarray, some: np.ndarray) -> np.ndarray:
        gram, moment = np.einsum("kmt,knt->mnk", columns, columns), np.einsum("kmt,kt->mk", columns, some)
        return box_minimum(gram, moment, family.low, family.high)[1]

    coarse, out = family.at(nodes), np.empty(len(curves))
    for at, curve in enumerate(curves.astype(float)):
        by_node = explained(coarse, np.broadcast_to(curve, (len(nodes), curve.size))).reshape(shape)
        tops = np.flatnonzero(by_node == ndimage.maximum_filter(by_node, 3))
        place = nodes[tops[np.argsort(-by_node.ravel()[tops])][:n_best]]
        reach = np.array([axis[1] - axis[0] for axis in axes])
        for turn in range(30):
            near = np.clip(place[:, None] + around * reach, family.axes.u_low, family.axes.u_high)
            every = near.reshape(-1, 2)
            score = explained(family.at(every), np.broadcast_to(curve, (len(every), curve.size)))
            score = score.reshape(len(place), -1)
            place, reach = near[np.arange(len(place)), score.argmax(axis=1)], reach * (0.5 if turn % 3 else 0.9)
        out[at] = curve @ curve - score.max()
    return out


def peers() -> Path | None:
    """The folder of the peers."""
    folder = os.environ.get("PERSPECT_PEERS")
    return Path(folder) if folder and Path(folder).is_dir() else None


def osipy_fit(t: np.ndarray, cp: np.ndarray, curves: np.ndarray, name: str) -> tuple[dict[str, np.ndarray], float]:
    """osipy's fit of the same curves: maps by name and CPU time."""
    fitting = importlib.import_module("osipy.dce.fitting")
    volume = curves.reshape(-1, 1, 1, t.size).astype(np.float64)
    with contextlib.redirect_stdout(io.StringIO()):
        found, seconds = timed(lambda: fitting.fit_model(name, volume, cp, t))
    maps = found.parameter_maps
    return {key.lower(): np.asarray(getattr(one, "values", one)).reshape(-1) for key, one in maps.items()}, seconds


def collection_fit(
    t: np.ndarray, cp: np.ndarray, curves: np.ndarray, name: str = "ExtendedTofts"
) -> tuple[dict[str, np.ndarray], float]:
    """The code collection's (Edinburgh, MJT) model of that name, a voxel at a time."""
    base = "src.original.MJT_UoEdinburgh_UK"
    aifs, pk, dce_fit = (importlib.import_module(f"{base}.{one}") for one in ("aifs", "pk_models", "dce_fit"))
    model = getattr(pk, name)(t, aifs.PatientSpecific(t, cp), upsample_factor=3)
    fitter = dce_fit.ConcToPKP(model)
    keys = ["ktrans" if key == "ps" and name == "ExtendedTofts" else key for key in model.PARAMETER_NAMES]

    def work() -> list[np.ndarray]:
        out = []
        for one in curves.astype(float):
            try:
                out.append(np.array(fitter.proc(one)[: len(keys)], float))
            except ArithmeticError:
                out.append(np.full(len(keys), np.nan))
        return out

    found, seconds = timed(work)
    return dict(zip(keys, np.array(found).T, strict=True)), seconds


def seen(c: np.ndarray) -> np.ndarray:
    """The signal over that at rest of a concentration in mM, all water mixed."""
    e, e0, cosine = np.exp(-TR * (1.0 / T1 + R1 * c)), np.exp(-TR / T1), np.cos(ANGLE)
    return (1 - e) / (1 - e * cosine) * (1 - e0 * cosine) / (1 - e0)


def dcmri_tissue(t: np.ndarray, cp: np.ndarray, water: str = "FF", **more: float) -> Any:
    """A tissue of dcmri with the kinetics of the extended Tofts model, seen by a spoiled gradient echo."""
    package = importlib.import_module("dcmri")
    common = {"r1": R1, "R10": 1.0 / T1, "TR": TR, "FA": float(np.rad2deg(ANGLE)), "H": HCT, "n0": 5}
    return package.Tissue("HF", water, "SS", ca=cp * (1.0 - HCT), t=t, **common, **more)


def dcmri_fit(t: np.ndarray, cp: np.ndarray, curves: np.ndarray) -> tuple[dict[str, np.ndarray], float]:
    """dcmri's fit of the signals that these concentrations give, a voxel at a time."""

    def work() -> list[tuple[float, float, float]]:
        out = []
        for one in seen(curves.astype(float)):
            tissue = dcmri_tissue(t, cp)
            tissue.train(t, one)
            out.append((60.0 * tissue.PS, tissue.vi, (1.0 - HCT) * tissue.vb))
        return out

    found, seconds = timed(work)
    return dict(zip(("ktrans", "ve", "vp"), np.array(found).T, strict=True)), seconds


def water_table() -> Iterator[str]:
    """The signal where water does not mix, beside dcmri's, which solves three pools as matrices at every sample."""
    yield "| water leaves blood, cells (1/s) | largest relative difference | ignored: Ktrans / ve / vp |"
    yield "|---|---|---|"
    t = np.arange(0.0, 400.0, 1.0)
    cp = Parker().plasma(t - 30.0, HCT)
    ktrans, ve, vp = 2e-3, 0.25, 0.05
    for rates in ((0.0, 0.0), (3.0, 2.0), (3.0, np.inf), (np.inf, 2.0)):
        ours = ExchangingWater(t, cp, TR, ANGLE, R1, HCT, *rates).predict(np.array([ktrans, ve, vp, T1, 1.0]))[:-2]
        blood = vp / (1.0 - HCT)
        e, cosine = np.exp(-TR / T1), np.cos(ANGLE)
        a = ours * (1 - e) / (1 - e * cosine)
        c = (np.log1p(-a * cosine) - np.log1p(-a) - TR / T1) / (TR * R1)
        mixed = fit(ExtendedTofts(t, cp), c[None]).values
        off = [mixed[key][0] / true - 1.0 for key, true in (("ktrans", ktrans), ("ve", ve), ("vp", vp))]
        try:
            rest = {"PSe": min(rates[0], 1e5) * blood, "PSc": min(rates[1], 1e5) * (1.0 - blood - ve)}
            water = "NN" if rates == (0.0, 0.0) else "RR"
            theirs = dcmri_tissue(
                t, cp, water, vb=blood, vi=ve, PS=ktrans, S0=1.0, **(rest if water == "RR" else {})
            ).signal()
            apart = f"{np.abs(theirs / theirs[0] / ours - 1.0).max():.0e}"
        except ImportError:
            apart = "dcmri is not installed (pip install dcmri)"
        yield f"| {rates[0]:g}, {rates[1]:g} | {apart} | " + " / ".join(f"{one:+.0%}" for one in off) + " |"


def peer_table() -> Iterator[str]:
    """Extended Tofts on even and uneven clocks: median relative errors, and how fast."""
    yield "| clock | method | voxels/s (CPU) | median error Ktrans / ve / vp |"
    yield "|---|---|---|---|"
    for clock, t, cp in (("5 s", EVEN, EVEN_CP), ("2.5 s, then 8 s", UNEVEN, CP)):
        model = ExtendedTofts(t, cp)
        p, curves = made(model, 2000, 0.01, seed=3)
        methods: dict[str, tuple[dict[str, np.ndarray], float]] = {}
        fit(model, curves)
        ours, seconds = timed(lambda model=model, curves=curves: fit(model, curves))
        methods["ours"] = (dict(ours.values), seconds)
        try:
            values, spent = dcmri_fit(t, cp, curves[:20])
            methods["dcmri (signal)"] = values, spent * 2000 / 20
        except ImportError:
            yield f"| {clock} | dcmri | not installed (pip install dcmri) | |"
        folder = peers()
        if folder is not None:
            for name, part, n, work in (
                ("osipy LM", "osipy", 2000, lambda c, t=t, cp=cp: osipy_fit(t, cp, c, "extended_tofts")),
                (
                    "CodeCollection MJT",
                    "DCE-DSC-MRI_CodeCollection",
                    200,
                    lambda c, t=t, cp=cp: collection_fit(t, cp, c),
                ),
            ):
                sys.path.insert(0, str(folder / part))
                try:
                    values, spent = work(np.ascontiguousarray(curves[:n]))
                    methods[name] = values, spent * 2000 / n
                except Exception as error:  # noqa: BLE001
                    yield f"| {clock} | {name} | absent ({type(error).__name__}: {str(error)[:60]}) | |"
        for name, (values, spent) in methods.items():
            scale = 60.0 if name != "ours" else 1.0
            errors = []
            for key, true in zip(("ktrans", "ve", "vp"), p.T, strict=True):
                one = np.asarray(values[key], float)
                one = one / scale if key == "ktrans" else one
                errors.append(np.nanmedian(np.abs(one / true[: one.size] - 1.0)))
            yield f"| {clock} | {name} | {2000 / spent:.2e} | " + " / ".join(f"{one:.1%}" for one in errors) + " |"


def exchange_table() -> Iterator[str]:
    """Two-compartment exchange, 1.5 s, SD 0.012 mM: RMSE of Fp and PS in mL/100 mL/min, of the first 300 voxels by
    every method and of all that it was given.

    The tissues are those of the floors: Fp 5 to 60, PS 0.6 to 15 mL/100 mL/min, vp 0.01 to 0.12, ve 0.05 to 0.4.
    """
    yield "| method | voxels | voxels/s (CPU) | RMSE of Fp | of PS | median error of Fp / PS |"
    yield "|---|---|---|---|---|---|"
    t, ml = np.arange(0.0, 360.0, 1.5), 6000.0
    cp = Parker().plasma(t - 30.0, HCT)
    rng = np.random.default_rng(5)
    low, high = np.array([5.0 / ml, 0.6 / ml, 0.05, 0.01]), np.array([60.0 / ml, 15.0 / ml, 0.4, 0.12])
    p = rng.uniform(low, high, (20_000, 4))
    model = TwoCompartmentExchange(t, cp)
    curves = model.predict(p) + rng.normal(0.0, 0.012, (20_000, t.size))
    fit(model, curves[:10])
    ours, seconds = timed(lambda: fit(model, curves))
    is_sound = ours.status_of("ps") == Status.OK
    every, told = (
        {key: np.where(where, ml * ours.values[key], np.nan) for key in ("fp", "ps")}
        for where in (ours.status_of("fp") < FAILED_FROM, is_sound)
    )
    methods = {"ours, all": (every, seconds, len(p)), f"ours, sound ({is_sound.mean():.1%})": (told, seconds, len(p))}
    folder = peers()
    if folder is not None:
        for name, part, n, of_ps, work in (
            ("osipy LM", "osipy", 1000, 1.0, lambda c: osipy_fit(t, cp, c, "2cxm")),
            (
                "CodeCollection MJT",
                "DCE-DSC-MRI_CodeCollection",
                300,
                100.0,
                lambda c: collection_fit(t, cp, c, "TCXM"),
            ),
        ):
            sys.path.insert(0, str(folder / part))
            try:
                found, spent = work(np.ascontiguousarray(curves[:n]))
                scale = {"fp": 1.0, "ps": of_ps}
                methods[name] = {key: scale[key] * np.asarray(found[key], float) for key in scale}, spent, n
            except Exception as error:  # noqa: BLE001
                yield f"| {name} | absent ({type(error).__name__}: {str(error)[:60]}) | | | | |"
    for name, (values, spent, n) in methods.items():
        for some in sorted({300, n}):
            true = ml * p[:some].T
            off = [values[key][:some] - one for key, one in zip(("fp", "ps"), true, strict=False)]
            squares = " | ".join(f"{np.sqrt(np.nanmean(one**2)):.2f}" for one in off)
            middle = " / ".join(f"{np.nanmedian(np.abs(one)):.2f}" for one in off)
            yield f"| {name} | {some} | {n / spent:.2e} | {squares} | {middle} |"


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    for table in (water_table, vessels_table, minima_table, files_table, peer_table, exchange_table, speed_table):
        print(table.__doc__)
        for row in table():
            print(row, flush=True)
        print()
