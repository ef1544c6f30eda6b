"""Accuracy, calibration of errors, and speed of the DSC room, with the nearest peer beside it where it is present.

`python benchmarks/dsc.py [accuracy] [pace] [t1] [errors] [speed] [exam]` prints markdown tables; without words, all.
Peers are found through PERSPECT_PEERS (see README.md). Nothing here gates anything.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import perspect
from peers import deconvolution_objects, flow_errors, leakage_objects, osipy_at, peer_bsw, peer_osvd, volume_errors
from perspect import dsc
from perspect.dsc.deconvolve import prepare
from perspect.dsc.integrate import sums, trapezoid_weights
from perspect.dsc.leakage import correct, one_way
from perspect.dsc.reference import design
from perspect.dsc.signal import delta_r2star, relaxation, rest
from perspect.numerics.deconvolution import CHUNK
from perspect.numerics.parallel import THREADS, each, spans
from perspect.phantom import (
    DeconvolutionDesign,
    HeadDesign,
    LeakageDesign,
    deconvolution_object,
    head_object,
    leakage_object,
)
from perspect.phantom.deconvolution import DeconvolutionObject
from perspect.phantom.leakage import LeakageObject, Ranges
from perspect.vocabulary import Acquisition, Curve, Grid, Measured, Refusal, Region, Series

DELAYS = (-3.0, 0.0, 3.0, 5.0)
FRAMES = {1.0: 100, 1.2: 80, 1.5: 66, 1.8: 60, 2.0: 55}
PACES = (1.0, 1.2, 1.35, 1.5, 1.8)
LEAKING = (
    (60, True, 0.03), (60, True, 0.035), (60, True, 0.045), (60, False, 0.03), (60, False, 0.045),
    (30, False, 0.025), (30, False, 0.045),
)  # fmt: skip
"""Flip angle in degrees, preload, echo time in s."""
EXAM = (128, 128, 24)
LONG_ROWS = 16384
"""Curves in a chunk of the values-only kernel: long rows of memory feed the logarithm best; a whole exam uses 2,048."""


def as_series(signal: np.ndarray, times: np.ndarray, setting: Acquisition) -> Series:
    """Loose curves as a series of voxels in a row."""
    signal = np.asarray(signal, np.float32)
    values = np.asfortranarray(signal).reshape(signal.shape[0], 1, 1, -1, order="F")
    return Series(values, Grid((signal.shape[0], 1, 1), np.eye(4)), np.asarray(times, float), setting)


def as_region(inside: np.ndarray, name: str) -> Region:
    return Region(inside.reshape(-1, 1, 1), Grid((inside.size, 1, 1), np.eye(4)), name)


def our_flow(made: DeconvolutionObject, **choices: Any) -> Measured:
    """The whole pipeline on a deconvolution object, with its noisy arterial curve."""
    plan = dsc.Plan(motion=False, leakage="none", hct_small=0.45, **choices)
    arterial = Curve(made.times, made.arterial_delta_r2star_measured, "1/s", "made")
    series = as_series(made.signal, made.times, Acquisition(te=made.te))
    return dsc.quantify(series, plan, mask=as_region(np.ones(made.cbf.size, bool), "all"), aif=arterial)


def our_volume(made: LeakageObject, preload: bool | None, **choices: Any) -> Measured:
    """The whole pipeline on a leakage object, with its white matter as reference region."""
    settings = [
        Acquisition(te=te, tr=made.tr, flip_angle=made.flip_angle, field=3.0, has_preload=preload) for te in made.te
    ]
    echoes = tuple(as_series(s, made.times, one) for s, one in zip(made.signals, settings, strict=True))
    choices = {"leakage": "auto", "deconvolution": "none", **choices}
    whose = "auto" if choices["leakage"] == "none" else "reference"
    plan = dsc.Plan(motion=False, leakage_reference=whose, **choices)
    everything, white = as_region(np.ones(made.vp.size, bool), "all"), as_region(made.white, "white")
    arterial = Curve(made.times, made.arterial, "mM", "cb")
    return dsc.quantify(echoes, plan, mask=everything, reference=white, aif=arterial)


def flat(measured: Measured, key: str) -> np.ndarray:
    return measured.maps[key].values.ravel(order="F").astype(float)


def accuracy(peers: Path) -> Iterator[str]:
    """CBF and rCBV against the truth of our own objects, ours and osipy's."""
    osipy = osipy_at(peers)
    yield "| object | method | median abs. rel. error of CBF | max/min over delays |"
    yield "|---|---|---|---|"
    for tr, n in FRAMES.items():
        for snr in (30.0, 60.0, 100.0):
            made = deconvolution_object(
                DeconvolutionDesign(tr=tr, n_frames=n, snr=(snr,), delays=DELAYS, repeats=10, seed=5)
            )
            for name in ("osvd",) if snr != 60 else ("osvd", "csvd", "tikhonov", "ssvd"):
                error, spread = flow_errors(made, flat(our_flow(made, deconvolution=name), "cbf"))
                yield f"| TR {tr:g} s, SNR {snr:g} | ours, {name} | {error:.1%} | {spread:.3f} |"
    for name, made in deconvolution_objects():
        if osipy is not None:
            error, spread = flow_errors(made, peer_osvd(osipy, made).values)
            yield f"| {name}, SNR 60 | osipy oSVD | {error:.1%} | {spread:.3f} |"
    yield ""
    yield "| protocol | method | CCC of rCBV in tumour | bias of its mean |"
    yield "|---|---|---|---|"
    for name, made in leakage_objects():
        preload = "no preload" not in name
        for label, choices in (
            ("ours, auto", {}),
            ("ours, auto, T1 effect ignored", {"t1_effect": "ignored"}),
            ("ours, bsw", {"leakage": "bsw", "t1_effect": "ignored"}),
            ("ours, leu", {"leakage": "leu", "t1_effect": "ignored"}),
            ("uncorrected", {"leakage": "none", "t1_effect": "ignored"}),
        ):
            try:
                agreement, bias = volume_errors(made, flat(our_volume(made, preload, **choices), "rcbv"))
                yield f"| {name} | {label} | {agreement:.3f} | {bias:+.1%} |"
            except Refusal:
                yield f"| {name} | {label} | refused | |"
        if osipy is not None:
            agreement, bias = volume_errors(made, peer_bsw(osipy, made).values)
            yield f"| {name} | osipy bsw | {agreement:.3f} | {bias:+.1%} |"
    made = leakage_object(LeakageDesign(te=(0.0086, 0.0346), flip_angle=np.deg2rad(70), has_preload=False, seed=3))
    at_rest = rest(made.signals[1][made.white].mean(axis=0).astype(float), made.times, 1.5)
    signals = tuple(np.asfortranarray(one, np.float32) for one in made.signals)
    yield ""
    yield "| ΔR2* in tumour, FA 70, no preload | RMSE |"
    yield "|---|---|"
    for label, some, te in (("two echoes", signals, made.te), ("second echo alone", signals[1:], made.te[1:])):
        wrong = (relaxation(some, te, at_rest).curves - made.delta_r2star)[made.tumour]
        yield f"| {label} | {np.sqrt(np.mean(wrong**2)):.2f} /s |"


def pace() -> Iterator[str]:
    """What the repetition time does to blood volume: without noise by integration, and in tumour that leaks."""
    yield "| TR in s | largest error of CBV without noise |"
    yield "|---|---|"
    for tr in FRAMES:
        exact = deconvolution_object(
            DeconvolutionDesign(
                tr=tr, n_frames=int(240 / tr), snr=(1e7,), arterial_snr=1e7, delays=DELAYS, repeats=1,
                flow_and_volume=((0.01, 0.04), (0.004, 0.04), (0.005, 0.02)),
            )
        )  # fmt: skip
        yield f"| {tr:g} | {np.abs(flat(our_flow(exact), 'cbv') / exact.cbv - 1).max():.2%} |"
    yield ""
    yield "| protocol | " + " | ".join(f"TR {tr:g} s" for tr in PACES) + " |"
    yield "|---" * (1 + len(PACES)) + "|"
    for flip, preload, te in LEAKING:
        cells = []
        for tr in PACES:
            made = leakage_object(
                LeakageDesign(
                    tr=tr, n_frames=int(120 / tr), te=te, flip_angle=np.deg2rad(flip), has_preload=preload,
                    n_white=1000, n_tumour=700, seed=11,
                )
            )  # fmt: skip
            agreement, bias = volume_errors(made, flat(our_volume(made, preload), "rcbv"))
            cells.append(f"{agreement:.3f}, {bias:+.1%}")
        yield f"| FA {flip}°, {'' if preload else 'no '}preload, TE {1e3 * te:g} ms | " + " | ".join(cells) + " |"


def t1(te: float = 0.03) -> Iterator[str]:
    """FA 60, preload: what modelling the T1 effect does where the T1 of tissues is not the one it assumes."""
    minute = 1 / 60
    slow = Ranges(ps=(0.005 * minute, 0.05 * minute))
    yield "| T1 of white, grey, tumour in s | T1 effect | CCC | bias in tumour | bias in grey matter |"
    yield "|---|---|---|---|---|"
    for label, more in (
        ("1.1, 1.4, 1.6 (as the recipe has it)", {}),
        ("1.1, 1.4, 1.6, little leakage", {"ranges": slow}),
        ("0.85, 1.35, 1.5", {"t10": (0.85, 1.35, 1.5)}),
        ("0.85, 1.35, 2.0", {"t10": (0.85, 1.35, 2.0)}),
        ("0.85, 1.35, 1.5, little leakage", {"t10": (0.85, 1.35, 1.5), "ranges": slow}),
    ):
        made = leakage_object(
            LeakageDesign(
                te=te, flip_angle=np.pi / 3, has_preload=True, seed=3, n_white=300, n_grey=200, n_tumour=300, **more
            )
        )
        for effect in ("modelled", "ignored"):
            found = flat(our_volume(made, True, t1_effect=effect), "rcbv")
            agreement, bias = volume_errors(made, found)
            grey = found[made.grey].mean() / made.rcbv[made.grey].mean() - 1
            yield f"| {label} | {effect} | {agreement:.3f} | {bias:+.1%} | {grey:+.1%} |"


def errors(repeats: int = 16) -> Iterator[str]:
    """Stated standard error over observed scatter, median over voxels and of the mean squares, for every map."""
    flow = fractional(5)
    yield "| map | FA 60, preload, TE 30, SNR 100 | FA 30, no preload, TE 30, SNR 50 | two echoes | flow, SNR 60 |"
    yield "|---|---|---|---|---|"
    columns = [
        scatter(leakage_maker(60, True, 0.03, 100.0), repeats),
        scatter(leakage_maker(30, False, 0.03, 50.0), repeats),
        scatter(leakage_maker(70, False, (0.0086, 0.0346), 100.0), repeats),
        scatter(lambda seed: our_flow(again(flow, seed)), repeats),
    ]
    for key in ("cbv", "rcbv", "srcbv", "k1", "k2", "kep", "cbf", "mtt", "tmax", "delay", "ttp", "ph", "psr", "lpsr"):
        yield f"| {key} | " + " | ".join(column.get(key, "–") for column in columns) + " |"


def again(made: DeconvolutionObject, seed: int) -> DeconvolutionObject:
    """The same voxels with other noise, and the arterial curve as it was."""
    return replace(fractional(100 + seed), arterial_signal=made.arterial_signal)


def fractional(seed: int) -> DeconvolutionObject:
    """Tissue that is reached at several fractions of a frame; its signal at rest is the same for every noise."""
    delays, rest = (-2.7, 0.35, 2.05, 4.6), (500.0, 500.0)
    return deconvolution_object(
        DeconvolutionDesign(tr=1.5, n_frames=66, snr=(60.0,), delays=delays, repeats=1, rest_signal=rest, seed=seed)
    )


def leakage_maker(flip: float, preload: bool, te: float | tuple[float, ...], snr: float) -> Callable[[int], Measured]:
    """A function of the noise's seed: the same voxels measured again."""
    made = leakage_object(
        LeakageDesign(
            te=te,
            flip_angle=np.deg2rad(flip),
            has_preload=preload,
            n_white=700,
            n_grey=500,
            n_tumour=300,
            snr=1e7,
            seed=3,
        )
    )
    sigma = float(made.signals[0][made.white][:, :10].mean()) / snr

    def measure(seed: int) -> Measured:
        rng = np.random.default_rng(100 + seed)
        noisy = tuple(
            np.hypot(one + sigma * rng.standard_normal(one.shape), sigma * rng.standard_normal(one.shape))
            for one in made.signals
        )
        return our_volume(replace(made, signals=noisy), preload, deconvolution="osvd")

    return measure


def scatter(measure: Callable[[int], Measured], repeats: int) -> dict[str, str]:
    runs = [measure(seed) for seed in range(repeats)]
    out = {}
    for key in set.intersection(*(set(run.maps) for run in runs)):
        values = np.array([run.maps[key].values.ravel(order="F") for run in runs], float)
        stated = np.array([run.maps[key].std.ravel(order="F") for run in runs], float)
        good = np.isfinite(values).all(axis=0)
        if good.sum() >= 10:
            seen, said = values[:, good].std(axis=0, ddof=1), np.sqrt((stated[:, good] ** 2).mean(axis=0))
            overall = np.sqrt((said**2).mean() / (seen**2).mean())
            out[key] = f"{np.median(said / seen):.2f} ({overall:.2f})"
    return out


def fastest(work: Callable[[], Any], repeats: int = 4) -> float:
    """Seconds of the fastest of some runs."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def speed(peers: Path) -> Iterator[str]:
    """Voxels per second of the kernels on one thread, 120 frames; osipy on the same curves in the same run."""
    osipy = osipy_at(peers)
    made = leakage_object(LeakageDesign(n_frames=120, n_white=800, n_tumour=1200, seed=1))
    signal = np.asfortranarray(np.tile(made.signal.astype(np.float32), (100, 1)))
    n, times = signal.shape[0], made.times
    at_rest = rest(made.signal.mean(axis=0).astype(float), times, 1.5)
    level = signal[:, at_rest.frames].mean(axis=1)
    curves = relaxation((signal,), made.te, at_rest)
    normal = curves.curves[: made.white.sum()].mean(axis=0).astype(float)
    window = slice(at_rest.stop, times.size)
    columns = design(times, normal, window)
    k, area = np.linalg.pinv(columns).T, trapezoid_weights(times, window)
    weights = np.stack([k[:, 0], k[:, 1], area, area - float(area @ columns[:, 1]) * k[:, 1]], axis=1)
    out = np.empty((4, n), np.float32)

    def fused(span: slice) -> None:
        out[:, span] = sums(delta_r2star(signal[span], level[span], made.te[0]), weights)

    def with_errors() -> None:
        one_way(relaxation((signal,), made.te, at_rest), times, normal, window)

    def automatic() -> None:
        correct(curves, times, normal, window, "auto")

    rows = [
        ("ΔR2*, K1, K2, CBV, corrected CBV (values)", 8e6, fastest(lambda: each(fused, spans(n, LONG_ROWS)))),
        ("the same with noise, status and standard errors", None, fastest(with_errors)),
        ("Leu, with standard errors, and AICc against BSW", 1e5, fastest(automatic, 2)),
    ]
    for method, floor in (("osvd", 2e5), ("csvd", 1e6), ("ssvd", 1e6), ("tikhonov", None)):
        solver = prepare(method, 80.0 * made.arterial, times, 0.1)
        seconds = fastest(
            lambda s=solver: each(lambda span: s.solve(curves.curves[span]).max(axis=1), spans(n, CHUNK)), 2
        )
        rows.append((f"{method}, CBF", floor, seconds))
    yield "| kernel, 120 frames, one thread | voxels/s | floor | osipy, same run | ours / osipy |"
    yield "|---|---|---|---|---|"
    beside = osipy_speeds(osipy)
    for name, floor, seconds in rows:
        peer = beside.get(name.split(",")[0])
        ratio = f"{peer:.2g} | {n / seconds / peer:.1f}" if peer else "– | –"
        yield f"| {name} | {n / seconds:.3g} | {f'{floor:.0e}' if floor else '–'} | {ratio} |"


def osipy_speeds(osipy: Any) -> dict[str, float]:
    """Voxels per second of osipy by the first word of our row, on 20,000 curves of 120 frames."""
    if osipy is None:
        return {}
    flow = deconvolution_object(DeconvolutionDesign(tr=1.5, n_frames=120, delays=DELAYS, repeats=90, seed=1))
    found = {
        ours: peer_osvd(osipy, flow, theirs).speed
        for ours, theirs in (("osvd", "oSVD"), ("csvd", "cSVD"), ("ssvd", "sSVD"))
    }
    volume = leakage_object(LeakageDesign(n_frames=120, n_white=8000, n_tumour=12000, seed=1))
    return found | {"ΔR2*": peer_bsw(osipy, volume).speed}


def exam() -> Iterator[str]:
    """A 128x128x24x120 study through the command line: motion, all maps, page; on two threads and on one."""
    import nibabel

    (series,) = head_object(HeadDesign(EXAM, n_frames=120, seed=1, motion=shaken(120))).series
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sub-01_dsc.nii.gz"
        nibabel.Nifti1Image(np.asarray(series.values, np.int16), series.grid.affine).to_filename(path)
        # As it is installed: with its modules compiled, whatever the environment says of writing such files.
        as_installed = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        package = str(Path(perspect.__file__).parent)
        subprocess.run([sys.executable, "-m", "compileall", "-q", package], check=True, env=as_installed)
        yield "| whole exam, 128×128×24×120 int16, NIfTI to maps and page | seconds | peak RSS | input as float32 |"
        yield "|---|---|---|---|"
        for threads in (2, 1):
            out = Path(folder) / f"out-{threads}"
            call = [
                sys.executable,
                "-m",
                "perspect",
                "dsc",
                str(path),
                "--out",
                str(out),
                "--te",
                "0.03",
                "--tr",
                "1.5",
            ]
            call += ["--flip-angle", "60", "--field", "3", "--preload", "yes", "--threads", str(threads), "--quiet"]
            start = time.perf_counter()
            subprocess.run(call, check=True, env=as_installed)
            seconds = time.perf_counter() - start
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            size = series.values.size * 4 / 2**20
            yield f"| {threads} threads | {seconds:.1f} | {peak:.0f} MB ({peak / size:.1f}×) | {size:.0f} MB |"


def shaken(n: int) -> np.ndarray:
    """A head that drifts and nods by about a millimetre and a degree: x, y, z in mm, then rotations in rad."""
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(0, 1, (n, 6)), axis=0) / np.sqrt(n)
    return walk * np.r_[[0.5] * 3, [np.deg2rad(0.4)] * 3]


def main() -> None:
    peers = Path(os.environ.get("PERSPECT_PEERS", "peers-are-absent"))
    wanted = set(sys.argv[1:]) or {"accuracy", "pace", "t1", "errors", "speed", "exam"}
    THREADS.set(1)
    for name, rows in (
        ("accuracy", lambda: accuracy(peers)),
        ("pace", pace),
        ("t1", t1),
        ("errors", errors),
        ("speed", lambda: speed(peers)),
        ("exam", exam),
    ):
        if name in wanted:
            print(f"\n### {name}\n")
            for line in rows():
                print(line, flush=True)


if __name__ == "__main__":
    main()
