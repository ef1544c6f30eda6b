"""A fitted spectrum from its file: drawn again, with the amounts that the summary holds."""

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from perspect.app.view.studies import Kept
from perspect.app.view.unseen import Unseen
from perspect.app.view.voxel import Row, Voxel
from perspect.io.nifti_mrs import read_nifti_mrs
from perspect.io.spectra_out import FITTED, NOISE, OFF, REFUSED, ROWS, in_window
from perspect.report.spectrum import spectrum_drawing
from perspect.vocabulary import FittedSpectrum, Spectra, Status

KINDS: Final = ("amounts", "ratios")

IMAGES_HELD: Final = 4
"""Files of spectra kept in memory; that of a large image takes a hundred megabytes."""


def fitted_spectrum(study: Kept) -> FittedSpectrum:
    """Data, fit and baseline in the window that was fitted. The parts of the fit are not on disk.

    The noise follows from the residual and the misfit of the summary, which is the ratio of their variances.
    """
    signal = _fits(study)
    if not signal.is_single:
        raise Unseen("The study has many spectra: choose a voxel.")
    ppm, (data, fit, baseline, _) = in_window(signal.values[0, 0, 0].T, signal, *_window(study))
    said = study.said.get("summary", {})
    misfit, shift = said.get("misfit"), said.get("shift")
    off = float(shift) / (signal.frequency * 1e-6) if isinstance(shift, int | float) else 0.0
    noise = float(np.std(data - fit)) / (float(misfit) ** 0.5 if misfit else 1.0)
    return FittedSpectrum(ppm, data, fit, baseline, {}, noise, off)


def spectrum_at(study: Kept, voxel: Voxel) -> FittedSpectrum:
    """The same of a voxel of an image. Raises `Unseen` where nothing was fitted."""
    signal = _fits(study)
    if not all(place < size for place, size in zip(voxel, signal.values.shape, strict=False)):
        raise Unseen(f"{signal.name} has no voxel {voxel}.")
    places = signal.header.get(FITTED, [])
    if list(voxel) not in places:
        raise Unseen(f"Nothing was fitted here: {refused_because(study, voxel) or 'outside of the brain'}.")
    at = places.index(list(voxel))
    ppm, (data, fit, baseline, _) = in_window(signal.values[voxel].T, signal, *_window(study))
    noise, off = (float(signal.header[key][at]) for key in (NOISE, OFF))
    return FittedSpectrum(ppm, data, fit, baseline, {}, noise, off)


def refused_because(study: Kept, voxel: Voxel) -> str:
    """Why the numbers of a voxel of an image may not be used; empty where they may, and outside of the brain."""
    reasons = _fits(study).header.get(REFUSED, {})
    return next((one for one, places in reasons.items() if list(voxel) in places), "")


def _fits(study: Kept) -> Spectra:
    """What is on disk of the spectra of a study: the rows of one voxel, or of many."""
    if study.fit is None:
        raise Unseen("No fitted spectrum of this study is on disk.")
    signal = _held(study.fit, study.fit.stat().st_mtime_ns)
    if signal.values.shape[3:] != (signal.n_points, len(ROWS)):
        raise Unseen(f"{study.fit.name} does not hold {', '.join(ROWS)} of its voxels.")
    return signal


@lru_cache(maxsize=IMAGES_HELD)
def _held(path: Path, _: int) -> Spectra:
    return read_nifti_mrs(path)


def _window(study: Kept) -> tuple[float, float]:
    """The fitted window in ppm, as the run's plan has it."""
    plan = study.said.get("plan", {}).get("mrs", {})
    low, high = plan.get("low"), plan.get("high")
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        raise Unseen("The plan in the summary does not say which window of the spectrum was fitted.")
    return float(low), float(high)


def spectrum_svg(study: Kept) -> str:
    """The spectrum with fit, baseline and residual."""
    return spectrum_drawing(fitted_spectrum(study))


def amounts(study: Kept) -> tuple[Row, ...]:
    """Amounts and ratios of the summary, each with its standard error, unit and status."""
    return tuple(_row(one) for kind in KINDS for _, one in sorted(study.said.get(kind, {}).items()))


def _row(one: dict[str, object]) -> Row:
    status = next((code for code in Status if code.name.lower() == one.get("status")), None)
    numbers = [value if isinstance(value := one.get(key), int | float) else None for key in ("value", "std")]
    said = f"unknown status {one.get('status')}" if status is None else status.sentence
    if status is Status.OK and not one.get("is_detected", True):
        upper = one.get("upper")
        said = "not detected" + (f": below {upper:.3g} (95 %)" if isinstance(upper, int | float) else "")
    key = str(one.get("key"))
    sound = status is Status.OK and numbers[0] is not None and bool(one.get("is_detected", True))
    return Row(key, key, numbers[0], numbers[1], str(one.get("unit", "")), said, is_sound=sound)
