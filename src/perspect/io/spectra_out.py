"""Results of spectroscopy out: a table of amounts, the spectrum with its fit as NIfTI-MRS, a summary and the page."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from jaxtyping import Complex, Float

from perspect.io import reuse
from perspect.io.bids import Name
from perspect.io.canonical import canonical, plain
from perspect.io.derivatives import Destination, Written, write_files
from perspect.io.nifti_mrs import nifti_mrs
from perspect.vocabulary import WATER, Amount, FittedSpectrum, MeasuredSpectrum, Region, Spectra, Status, Step
from perspect.vocabulary.spectra import shift

SCHEMA: Final = "perspect-mrs-summary-1"

COLUMNS: Final = ("key", "kind", "value", "std", "lower95", "upper95", "unit", "detected", "status", "parts")
"""Of the table of amounts. Limits are one-sided; n/a is: not determined."""

ROWS: Final = ("data", "fit", "baseline", "residual")
"""What lies along the fifth axis of the NIfTI-MRS file."""

FITTED, NOISE, OFF, REFUSED = "FittedVoxels", "FitNoise", "FitShift", "RefusedVoxels"
"""What the header of an image's fits says: places that were fitted (from 0); in the same order the noise of a bin and
how many ppm lines were found below where they belong; and by their reason places without numbers."""

ROOM: Final = 1.05
"""Times the highest frequency of a window that the signal of an image's fits can hold."""

STEPS: Final = 32
"""To a standard deviation of a residual in time, in which the fits of an image are written: their rounding is below 1 %
of the noise, and the file less than half as large [our default]."""

FINEST: Final = 1e-6
"""Of the largest sample: smaller residuals are none of single precision."""


@dataclass(frozen=True, eq=False)
class SpectrumResults:
    """What is to be written of one spectrum, and where it came from."""

    measured: MeasuredSpectrum
    page: str
    plan: Mapping[str, Mapping[str, Any]]
    sources: Mapping[str, str]
    version: str
    root: Path | None = None


def spectrum_destination(out: Path, name: Name) -> Destination:
    """Where results of a spectrum go: `sub-01/mrs/sub-01_desc-fit_amounts.tsv`."""
    return Destination(out, name, "fit", "mrs", "mrs")


def existing_spectrum(destination: Destination) -> list[Path]:
    """Results of the same spectrum that are already there."""
    folder = destination.out / destination.folder
    page = destination.out / destination.page
    return sorted([*folder.glob(destination.file("*").name), *([page] if page.exists() else [])])


def write_spectrum(destination: Destination, results: SpectrumResults, *, overwrite: bool = False) -> Written:
    """Writes everything or nothing. Raises `Problem` where a result is already there, or the disk refuses."""
    reuse.demand_free(destination.out, existing_spectrum(destination), overwrite)
    measured = results.measured
    made: dict[PurePosixPath, Callable[[], bytes]] = {
        destination.file("amounts.tsv"): lambda: amounts_table(measured).encode(),
        destination.file("amounts.json"): lambda: canonical(_columns()).encode(),
        destination.page: results.page.encode,
    }
    if measured.fitted is not None:
        fitted = measured.fitted
        made[destination.file("mrs.nii.gz")] = lambda: fit_file(fitted, measured.signal, results)
    files = sorted(str(path) for path in [*made, destination.summary])
    made[destination.summary] = lambda: canonical(_summary(results, files)).encode()
    return write_files(destination, made, results.version, results.root)


def amounts_table(measured: MeasuredSpectrum) -> str:
    """Every amount and every ratio, one a row."""
    rows = ["\t".join(COLUMNS)]
    rows += _rows(measured.amounts.values(), lambda one: "sum" if len(one.parts) > 1 else "molecule")
    rows += _rows(measured.ratios.values(), lambda _: "ratio")
    rows += _rows(measured.joint.values(), lambda _: "joint")
    rows += _rows(measured.contralateral.values(), lambda _: "contralateral")
    rows += _rows(measured.posterior.values(), lambda _: "posterior")
    return "\n".join(rows) + "\n"


def _rows(amounts: Iterable[Amount], kind: Callable[[Amount], str]) -> list[str]:
    out = []
    for one in amounts:
        numbers = [f"{value:.6g}" if isfinite(value) else "n/a" for value in (one.value, one.std, one.lower, one.upper)]
        status = one.status.name.lower()
        seen = "yes" if one.is_detected else "no"
        out.append("\t".join([one.key, kind(one), *numbers, one.unit, seen, status, " ".join(one.parts) or "n/a"]))
    return out


def _columns() -> dict[str, Any]:
    """What the columns mean."""
    return {
        "value": {"Description": "estimate in `unit`"},
        "std": {"Description": "standard error: Cramér-Rao bound with everything fitted, and the error of the scale"},
        "lower95": {"Description": "one-sided lower limit, 95 %"},
        "upper95": {"Description": "one-sided upper limit, 95 %; n/a: there is none"},
        "detected": {"Description": "more than three standard errors above zero"},
        "status": {"Levels": {one.name.lower(): one.sentence for one in Status}},
        "parts": {"Description": "what a sum is made of"},
    }


def fit_file(fitted: FittedSpectrum, signal: Spectra, results: SpectrumResults) -> bytes:
    """Data, fit, baseline and residual as signals in time, phased, in the fitted window."""
    rows = (fitted.data, fitted.fit, fitted.baseline, fitted.residual)
    values = np.stack([in_time(fitted.ppm, row, signal) for row in rows], axis=1)[None, None, None]
    more = {
        "dim_5_info": "spectrum and its parts",
        "dim_5_header": {"Row": list(ROWS)},
        "ProcessingApplied": _applied(results.measured.recipe.steps, results.version),
    }
    return nifti_mrs(values, signal, more, ("DIM_USER_0",))


def grid_file(
    fits: Mapping[tuple[int, ...], FittedSpectrum],
    refused: Mapping[str, Region],
    like: Spectra,
    version: str,
    steps: Iterable[Step],
) -> bytes:
    """The same of every voxel of an image that was fitted, NaN in all others, with as few points as hold the window.

    The header says the noise of a bin and how far lines were off (`fits` in order of their place), and of voxels that
    were `refused` why.
    """
    places = sorted(fits)
    ppm = fits[places[0]].ppm
    rows = np.stack([[getattr(fits[place], row) for row in ROWS] for place in places])
    few = sparse(ppm, like)
    signals = _rounded(in_time(ppm, rows, few))
    values = np.full((*like.values.shape[:3], few.n_points, len(ROWS)), np.nan, np.complex64)
    values[tuple(np.transpose(places))] = signals.transpose(0, 2, 1)
    more = {
        "dim_5_info": "spectra and their parts",
        "dim_5_header": {"Row": list(ROWS)},
        FITTED: [list(place) for place in places],
        NOISE: [float(f"{fits[place].noise:.5g}") for place in places],
        OFF: [round(fits[place].off, 5) for place in places],
        REFUSED: {region.name: np.argwhere(region.mask).tolist() for region in refused.values()},
        "ProcessingApplied": _applied(steps, version),
    }
    return nifti_mrs(values, few, more, ("DIM_USER_0",))


def _rounded(signals: Complex[np.ndarray, "voxels rows points"]) -> Complex[np.ndarray, "voxels rows points"]:
    """The signals of each voxel in steps far below the noise of its residual (the last row): so they pack well."""
    least = FINEST * np.abs(signals).max(axis=(1, 2))
    spread = np.maximum(signals[:, -1].real.std(axis=-1), least)
    step = 2.0 ** np.floor(np.log2(spread / STEPS))[:, None, None]
    near: Complex[np.ndarray, "voxels rows points"] = np.round(signals / step) * step
    return near


def _applied(steps: Iterable[Step], version: str) -> list[dict[str, str]]:
    return [
        {"Program": "perspect", "Version": version, "Method": step.name, "Details": step.sentence} for step in steps
    ]


def sparse(ppm: Float[np.ndarray, " bins"], like: Spectra) -> Spectra:
    """An empty signal of one voxel on the clock of `like`, made slower as far as the window allows, and as long as its
    bins can tell.
    """
    hertz = (WATER - ppm) * like.frequency * 1e-6
    slower = max(1, int(1 / (ROOM * 2 * np.abs(hertz).max() * like.dwell)))
    dwell = slower * like.dwell
    n = max(2, int(np.ceil(0.5 / float(np.abs(np.diff(hertz)).mean()) / dwell - 1e-6)))
    return replace(like, values=np.zeros((1, 1, 1, n), np.complex64), dwell=dwell)


def in_time(
    ppm: Float[np.ndarray, " bins"], spectra: Float[np.ndarray, "*rows bins"], like: Spectra
) -> Complex[np.ndarray, "*rows points"]:
    """The causal signals whose zero-filled spectra have this real part in the window, and none elsewhere.

    The steps of the fit need not be those of the file (it may use fewer points): the sum over its own frequencies is
    taken, as far as that sum is causal, which is half of its period.
    """
    hertz = (WATER - ppm) * like.frequency * 1e-6
    step = float(np.abs(np.diff(hertz)).mean())
    times = np.arange(like.n_points) * like.dwell
    waves = 2.0 * step * np.exp(2j * np.pi * np.outer(hertz, times))
    # As pairs of real numbers, for spectra are real: half the work.
    signals: Complex[np.ndarray, "*rows points"] = (spectra @ waves.view(float)).view(complex)
    signals[..., times >= 0.5 / step - 1e-6 * like.dwell] = 0.0
    return signals


def in_window(
    signals: Complex[np.ndarray, "rows points"], like: Spectra, low: float, high: float
) -> tuple[Float[np.ndarray, " bins"], Float[np.ndarray, "rows bins"]]:
    """The inverse of `in_time`: shifts in ppm from `high` down to `low`, and the real part of each spectrum there.

    Signals are filled with zeros to twice their length; the first point counts half, as a causal signal demands.
    """
    n = 2 * signals.shape[1]
    ppm = shift(np.fft.fftfreq(n, like.dwell), like.frequency)
    inside = np.flatnonzero((ppm >= low) & (ppm <= high))
    order = inside[np.argsort(-ppm[inside])]
    halved = signals.astype(complex)
    halved[:, 0] /= 2.0
    spectra: Float[np.ndarray, "rows bins"] = np.fft.fft(halved, n, axis=1).real[:, order] * like.dwell
    return ppm[order], spectra


def _summary(results: SpectrumResults, files: list[str]) -> dict[str, Any]:
    measured = results.measured
    return {
        "schema": SCHEMA,
        "software": {"name": "perspect", "version": results.version},
        "sources": results.sources,
        "plan": results.plan,
        "flags": [plain(flag) for flag in measured.flags],
        "summary": measured.summary,
        "amounts": {key: plain(one) for key, one in measured.amounts.items()},
        "ratios": {key: plain(one) for key, one in measured.ratios.items()},
        "joint": {key: plain(one) for key, one in measured.joint.items()},
        "contralateral": {key: plain(one) for key, one in measured.contralateral.items()},
        "posterior": {key: plain(one) for key, one in measured.posterior.items()},
        "methods": measured.recipe.methods,
        "steps": [plain(step) for step in measured.recipe.steps],
        "references": measured.recipe.references,
        "files": files,
    }
