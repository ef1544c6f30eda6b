"""Results of spectroscopy out: a table of amounts, the spectrum with its fit as NIfTI-MRS, a summary and the page."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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
from perspect.vocabulary import WATER, Amount, FittedSpectrum, MeasuredSpectrum, Spectra, Status
from perspect.vocabulary.spectra import shift

SCHEMA: Final = "perspect-mrs-summary-1"

COLUMNS: Final = ("key", "kind", "value", "std", "lower95", "upper95", "unit", "detected", "status", "parts")
"""Of the table of amounts. Limits are one-sided; n/a is: not determined."""

ROWS: Final = ("data", "fit", "baseline", "residual")
"""What lies along the fifth axis of the NIfTI-MRS file."""


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
        "ProcessingApplied": [
            {"Program": "perspect", "Version": results.version, "Method": step.name, "Details": step.sentence}
            for step in results.measured.recipe.steps
        ],
    }
    return nifti_mrs(values, signal, more, ("DIM_USER_0",))


def in_time(
    ppm: Float[np.ndarray, " bins"], spectrum: Float[np.ndarray, " bins"], like: Spectra
) -> Complex[np.ndarray, " points"]:
    """The causal signal whose zero-filled spectrum has this real part in the window, and none elsewhere.

    The steps of the fit need not be those of the file (it may use fewer points): the sum over its own frequencies is
    taken, as far as that sum is causal, which is half of its period.
    """
    hertz = (WATER - ppm) * like.frequency * 1e-6
    step = float(np.abs(np.diff(hertz)).mean())
    times = np.arange(like.n_points) * like.dwell
    signal: Complex[np.ndarray, " points"] = 2.0 * step * (np.exp(2j * np.pi * np.outer(times, hertz)) @ spectrum)
    signal[times >= 0.5 / step - 1e-6 * like.dwell] = 0.0
    return signal


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
    halved = signals.copy()
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
