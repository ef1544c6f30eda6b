"""Other people's software on the same virtual objects: how far from the truth, how fast. Prints tables; gates nothing.

PERSPECT_PEERS names a folder with their repositories (see README.md); what is not there is printed as absent.
No line of theirs is here. Run:  PERSPECT_PEERS=DIR python benchmarks/peers.py
"""

import contextlib
import importlib
import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from perspect.phantom import (
    DeconvolutionDesign,
    DeconvolutionObject,
    LeakageDesign,
    LeakageObject,
    deconvolution_object,
    leakage_object,
)

OSIPY = "osipy"
COLLECTION = "DCE-DSC-MRI_CodeCollection"
DELAYS = (-3.0, 0.0, 3.0, 5.0)
PROTOCOLS = (  # flip angle in degrees, preload, TE in s
    (60, True, 0.030),
    (60, True, 0.045),
    (60, False, 0.030),
    (60, False, 0.045),
    (30, False, 0.025),
    (30, False, 0.045),
    (90, False, 0.025),
)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a method gave for the voxels it was given, and how long it took in s."""

    values: np.ndarray
    seconds: float

    @property
    def speed(self) -> float:
        """Voxels per second."""
        return self.values.size / self.seconds


def concordance(a: np.ndarray, b: np.ndarray) -> float:
    """Lin's concordance correlation coefficient (1989, doi:10.2307/2532051): 1 only where a equals b."""
    both = 2.0 * np.mean((a - a.mean()) * (b - b.mean()))
    return float(both / (a.var() + b.var() + (a.mean() - b.mean()) ** 2))


def change(signal: np.ndarray, rest: slice, te: float) -> np.ndarray:
    """ΔR2* of every voxel, in 1/s: the same curves are given to every method."""
    return -np.log(signal / signal[:, rest].mean(axis=1, keepdims=True)) / te


def flow_errors(made: DeconvolutionObject, cbf: np.ndarray) -> tuple[float, float]:
    """Median absolute relative error of flow; largest over smallest median of found over true flow among delays."""
    ratio = cbf / made.cbf
    medians = [np.nanmedian(ratio[made.delay == delay]) for delay in np.unique(made.delay)]
    return float(np.nanmedian(np.abs(ratio - 1.0))), float(max(medians) / min(medians))


def volume_errors(made: LeakageObject, areas: np.ndarray) -> tuple[float, float]:
    """Concordance of the rCBV of tumour with its truth, and the bias of its mean; `areas` are those of its curves."""
    found, true = (areas / areas[made.white].mean())[made.tumour], made.rcbv[made.tumour]
    return concordance(found, true), float(found.mean() / true.mean() - 1.0)


def dual_echo_change(made: LeakageObject, estimate: Callable[..., np.ndarray]) -> float:
    """RMSE of ΔR2* in tumour, in 1/s; `estimate` takes two signals, [first, last of rest] and two TE of one voxel."""
    at_rest = [made.rest.start, made.rest.stop - 1]
    pairs = zip(*(one[made.tumour].astype(float) for one in made.signals), strict=True)
    found = np.array([estimate(first, second, at_rest, *made.te) for first, second in pairs])
    return float(np.sqrt(np.mean((found - made.delta_r2star[made.tumour]) ** 2)))


def peer_osvd(osipy: ModuleType, made: DeconvolutionObject, method: str = "oSVD", repeats: int = 3) -> Outcome:
    """Flow (1/s) by osipy's deconvolution of name `method` with its own defaults."""
    deconvolver = osipy.get_deconvolver(method)
    curves = np.ascontiguousarray(change(made.signal, made.rest, made.te), dtype=float)
    arterial = made.arterial_delta_r2star_measured
    result, seconds = _timed(lambda: deconvolver.deconvolve(curves, arterial, made.times), repeats)
    return Outcome(np.asarray(result.cbf), seconds)


def peer_bsw(osipy: ModuleType, made: LeakageObject, method: str = "bsw", repeats: int = 3) -> Outcome:
    """Areas under osipy's corrected curves; it is given the true arterial curve and the true non-enhancing voxels."""
    corrector = osipy.get_leakage_corrector(method)
    curves = np.ascontiguousarray(change(made.signal, made.rest, made.te[0]), dtype=float)
    told = {"reference_tissue": "custom", "custom_reference_mask": made.normal}
    mask = np.ones(made.vp.size, bool)
    result, seconds = _timed(lambda: corrector.correct(curves, made.arterial, made.times, mask, **told), repeats)
    return Outcome(np.trapezoid(result.corrected_delta_r2, made.times, axis=1), seconds)


def peer_volterra(solve: Callable[..., tuple], made: DeconvolutionObject, n: int = 24) -> tuple[Outcome, np.ndarray]:
    """Flow (1/s) by the collection's Volterra matrix and L-curve in `n` voxels, and which; NaN where it stops."""
    chosen = np.random.default_rng(0).choice(made.cbf.size, n, replace=False)
    curves = change(made.signal[chosen], made.rest, made.te).astype(float)
    arterial, tr = made.arterial_delta_r2star_measured, float(made.times[1] - made.times[0])

    def flows() -> np.ndarray:
        found = np.full(n, np.nan)
        for i, curve in enumerate(curves):
            # Its search ends without a value where the curvature never turns.
            with contextlib.suppress(UnboundLocalError):
                found[i] = solve(arterial, curve, tr)[0].max()
        return found

    found, seconds = _timed(flows, 1)
    return Outcome(found, seconds), chosen


def peer_collection_bsw(correct: Callable[..., np.ndarray], made: LeakageObject) -> Outcome:
    """Areas under the curves that the collection's BSW corrects; it is given the true non-enhancing voxels."""
    curves = change(made.signal, made.rest, made.te[0]).astype(float)
    normal = made.normal.astype(float)
    with contextlib.redirect_stdout(io.StringIO()):
        corrected, seconds = _timed(lambda: correct(curves[:, None, None, :], normal[:, None, None]), 1)
    return Outcome(np.trapezoid(corrected[:, 0, 0, :], made.times, axis=1), seconds)


def uncorrected(made: LeakageObject) -> Outcome:
    """Areas under the curves as they are."""
    areas, seconds = _timed(lambda: np.trapezoid(change(made.signal, made.rest, made.te[0]), made.times, axis=1), 3)
    return Outcome(areas, seconds)


def deconvolution_objects(repeats: int = 10) -> Iterator[tuple[str, DeconvolutionObject]]:
    """The objects of the table: four residue shapes, grey and white matter, delays of -3 to +5 s, SNR 60."""
    for tr in (1.0, 1.2, 1.5, 1.8, 2.0):
        yield (
            f"TR {tr:g} s",
            deconvolution_object(DeconvolutionDesign(tr=tr, n_frames=round(90.0 / tr), delays=DELAYS, repeats=repeats)),
        )


def leakage_objects(n_white: int = 400, n_tumour: int = 600) -> Iterator[tuple[str, LeakageObject]]:
    """The objects of the table: seven protocols."""
    for degrees, has_preload, te in PROTOCOLS:
        name = f"FA {degrees}°, {'preload' if has_preload else 'no preload'}, TE {1000 * te:.0f} ms"
        yield (
            name,
            leakage_object(
                LeakageDesign(
                    flip_angle=float(np.deg2rad(degrees)),
                    has_preload=has_preload,
                    te=te,
                    n_white=n_white,
                    n_tumour=n_tumour,
                )
            ),
        )


def many_for_deconvolution() -> DeconvolutionObject:
    """50,176 voxels of 60 frames, for timing: a brain's worth, larger than the caches."""
    return deconvolution_object(DeconvolutionDesign(tr=1.5, n_frames=60, delays=DELAYS, repeats=224))


def many_for_leakage(times: int = 50) -> LeakageObject:
    """50,000 voxels of 80 frames, for timing: the same thousand again and again."""
    made = leakage_object(LeakageDesign(n_white=400, n_tumour=600))
    tiled = {name: np.tile(getattr(made, name), times) for name in ("white", "grey", "tumour", "vp", "rcbv")}
    return replace(made, signals=(np.tile(made.signal, (times, 1)),), **tiled)


def osipy_at(peers: Path) -> ModuleType | None:
    """osipy's DSC functions, or None where its repository is absent."""
    if not (peers / OSIPY / "osipy").is_dir():
        return None
    sys.path.insert(0, str(peers / OSIPY))
    parts = ("osipy.dsc.deconvolution", "osipy.dsc.leakage")
    together = ModuleType("osipy_dsc")
    for part in parts:
        vars(together).update(vars(importlib.import_module(part)))
    return together


def collection_at(peers: Path) -> dict[str, Callable[..., object]] | None:
    """The collection's DSC functions by name, or None where its repository is absent."""
    source = peers / COLLECTION / "src" / "original"
    if not source.is_dir():
        return None
    sys.path.insert(0, str(source))
    phoenix = "SR_TBG_BNIPhoenix_USA"
    return {
        "deconvolution": importlib.import_module(f"{phoenix}.AIFDeconvolution.AIF_deconvolution").AIFdeconvolution,
        "bsw": importlib.import_module(f"{phoenix}.LeakageCorrection.bsw_leakagecorr").BSWleakagecorr,
        "dual echo": importlib.import_module("LCB_BNI_USA.dsc").estimate_delta_R2s_dual_echo,
    }


def deconvolution_table(osipy: ModuleType | None, collection: dict[str, Callable] | None) -> Iterator[str]:
    """Rows: object, method, median absolute relative error of flow, ratio over delays, voxels a second."""
    yield "| object (SNR 60, delays -3 to +5 s) | method | median error of CBF | max/min over delays | voxels/s |"
    yield "|---|---|---|---|---|"
    for name, made in deconvolution_objects():
        if osipy:
            for method in ("sSVD", "cSVD", "oSVD"):
                got = peer_osvd(osipy, made, method)
                yield _flow_row(name, f"osipy {method}", made, got.values, got.speed)
        else:
            yield f"| {name} | osipy | absent | | |"
        if collection is None:
            yield f"| {name} | CodeCollection SR_TBG | absent | | |"
    if osipy:
        many = many_for_deconvolution()
        for method in ("sSVD", "cSVD", "oSVD"):
            got = peer_osvd(osipy, many, method)
            yield _flow_row(f"TR 1.5 s, {many.cbf.size} voxels", f"osipy {method}", many, got.values, got.speed)
    if collection:
        made = deconvolution_object(DeconvolutionDesign(tr=1.5, delays=(0.0,), repeats=10))
        got, chosen = peer_volterra(collection["deconvolution"], made)
        error = np.nanmedian(np.abs(got.values / made.cbf[chosen] - 1.0))
        stopped = int(np.isnan(got.values).sum())
        yield (
            f"| TR 1.5 s, no delay, {chosen.size} voxels | CodeCollection SR_TBG ({stopped} without a value) "
            f"| {100 * error:.1f} % | | {got.speed:.2g} |"
        )


def leakage_table(osipy: ModuleType | None, collection: dict[str, Callable] | None) -> Iterator[str]:
    """Rows: protocol, method, concordance, bias, voxels a second."""
    yield "| protocol | method | CCC with true rCBV (tumour) | bias of the mean | voxels/s |"
    yield "|---|---|---|---|---|"
    for name, made in leakage_objects():
        methods = {"no correction": lambda made=made: uncorrected(made)}
        if osipy:
            methods |= {f"osipy {m}": lambda made=made, m=m: peer_bsw(osipy, made, m) for m in ("bsw", "bidirectional")}
        if collection:
            methods["CodeCollection SR_TBG BSW"] = lambda made=made: peer_collection_bsw(collection["bsw"], made)
        for method, run in methods.items():
            got = run()
            agreement, bias = volume_errors(made, got.values)
            yield f"| {name} | {method} | {agreement:.2f} | {100 * bias:+.0f} % | {got.speed:.2g} |"
        for peer, present in (("osipy", osipy), ("CodeCollection SR_TBG BSW", collection)):
            if not present:
                yield f"| {name} | {peer} | absent | | |"
    if osipy:
        speed = peer_bsw(osipy, many_for_leakage()).speed
        yield f"| 50000 voxels of 80 frames | osipy bsw | | | {speed:.2g} |"


def dual_echo_table(collection: dict[str, Callable] | None) -> Iterator[str]:
    """One row: the error of ΔR2* in tumour from two echoes."""
    yield "| object | method | RMSE of ΔR2* in tumour, 1/s |"
    yield "|---|---|---|"
    name = "TE 8.6 and 34.6 ms, FA 70°, no preload, SNR 100"
    if collection is None:
        yield f"| {name} | CodeCollection LCB | absent |"
        return
    made = leakage_object(LeakageDesign(te=(0.0086, 0.0346), flip_angle=float(np.deg2rad(70)), has_preload=False))
    yield f"| {name} | CodeCollection LCB | {dual_echo_change(made, collection['dual echo']):.2f} |"


def _flow_row(name: str, method: str, made: DeconvolutionObject, cbf: np.ndarray, speed: float) -> str:
    error, ratio = flow_errors(made, cbf)
    return f"| {name} | {method} | {100 * error:.1f} % | {ratio:.2f} | {speed:.2g} |"


def _timed(work: Callable[[], Any], repeats: int) -> tuple[Any, float]:
    """What the work gives, and the shortest of its times."""
    took = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        took.append(time.perf_counter() - start)
    return result, min(took)


def main() -> None:
    """Print the tables."""
    place = os.environ.get("PERSPECT_PEERS", "")
    peers = Path(place) if place else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        osipy = osipy_at(peers) if peers else None
        collection = collection_at(peers) if peers else None
        for table in (
            deconvolution_table(osipy, collection), leakage_table(osipy, collection), dual_echo_table(collection),
        ):  # fmt: skip
            for row in table:
                print(row, flush=True)
            print()


if __name__ == "__main__":
    main()
