"""Spectral editing: two signals that differ by what one pulse did to a coupling, and what their difference holds.

Everything that editing does not touch cancels, if the two stand at one frequency and phase: creatine at 3.0 ppm is ten
times as high as the GABA beneath it, and a shift of 1 Hz leaves a tenth of it. So the two are registered first.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Complex

from perspect.mrs.amounts import amounts
from perspect.mrs.average import registered
from perspect.mrs.band import band_of, noise_of
from perspect.mrs.decompose import Decomposition, decomposed
from perspect.mrs.equations import PIVOT
from perspect.mrs.pipeline import check, taken_apart
from perspect.mrs.plan import Plan
from perspect.mrs.prepare import prepared
from perspect.mrs.profile import LONG_TE
from perspect.mrs.scale import Scale
from perspect.mrs.signals import known_by, with_broad
from perspect.vocabulary import Amount, Basis, Problem, Recipe, Spectra, Step
from perspect.vocabulary.spectra import Kind

UNTOUCHED: Final = (2.85, 3.35)
"""ppm by which the two are registered: methyls of creatine and choline, which no common editing pulse touches, and of
which one is there in any tissue that has a spectrum."""

MESCHER: Final = "Mescher et al. 1998, doi:10.1002/(SICI)1099-1492(199810)11:6<266::AID-NBM530>3.0.CO;2-J"

UNSEEN: Final = 0.02
"""A molecule whose difference is smaller than this share of its own signal is no part of the fit [our default]."""


@dataclass(frozen=True, eq=False)
class Edited:
    """Amounts of the difference, relative to nothing (per proton, in the units of the data); the unedited spectrum's
    fit and that of the difference; by how many Hz and rad the edited signal was off.
    """

    amounts: dict[str, Amount]
    unedited: Decomposition
    difference: Decomposition
    shift: float
    phase: float
    recipe: Recipe


def measure_edited(off: Spectra, on: Spectra, basis_off: Basis, basis_on: Basis, plan: Plan | None = None) -> Edited:
    """What editing shows: GABA, 2-hydroxyglutarate, lactate, whichever the pulse was made for.

    Each basis holds the molecules as its own sequence shows them (`models.spins.MegaPress` with and without its band).
    Amounts of both fits are in one unit, so that the ratio of GABA in the difference to creatine in the unedited
    spectrum is one of amounts. GABA at 3 T holds some macromolecules (GABA+), unless its editing avoids them.

    Mescher et al. 1998, doi:10.1002/(SICI)1099-1492(199810)11:6<266::AID-NBM530>3.0.CO;2-J
    """
    plan = plan or Plan()
    check(off, None, basis_off)
    check(on, None, basis_on)
    if off.dwell != on.dwell or basis_off.names != basis_on.names or basis_off.dwell != basis_on.dwell:
        raise Problem(
            f"{off.name} and {on.name} differ in their sampling, or their bases in their molecules.",
            "One is subtracted from the other point by point.",
            "Give both parts of one measurement, and two bases of the same molecules.",
        )
    quiet = replace(plan, water="never")
    first, second = prepared(off, None, quiet), prepared(on, None, quiet)
    n = min(first.values.size, second.values.size)
    values, shift, phase = subtracted(off, first.values[:n], second.values[:n])
    full = with_broad(known_by(basis_off), lipids=True, macromolecules=(off.te or 0.0) < LONG_TE)
    ready = prepared(off, None, plan)
    whole = taken_apart(ready, off, full, plan)
    found = _fitted(off, values, whole, _difference(known_by(basis_off), known_by(basis_on)), plan)
    scale = Scale(1.0, "institutional units", 0.0, "without a reference")
    sentence = (
        f"The edited signal was moved by {-shift:.2f} Hz and {-np.degrees(phase):.1f}° onto the unedited one "
        f"({UNTOUCHED[0]:g} to {UNTOUCHED[1]:g} ppm), subtracted, and the difference fitted with that of the bases."
    )
    step = Step("editing", sentence, {"shift": -shift, "phase": -phase}, (MESCHER,))
    return Edited(amounts(found, scale), whole, found, shift, phase, Recipe((*ready.steps, *second.steps, step)))


def subtracted(
    off: Spectra, unedited: Complex[np.ndarray, " points"], edited: Complex[np.ndarray, " points"]
) -> tuple[Complex[np.ndarray, " points"], float, float]:
    """The difference edited - unedited of one frequency and phase; the shift (Hz) and phase (rad) taken out."""
    band = band_of(off, UNTOUCHED)
    cut = band.cut(np.stack([edited, unedited]), off.dwell, is_halved=off.is_halved)
    shifts, phases = registered(cut[:1], cut[1], band.times)
    shift, phase = float(shifts[0]), float(phases[0])
    t = np.arange(edited.size) * off.dwell
    return edited * np.exp(-1j * (phase + 2 * np.pi * shift * t)) - unedited, shift, phase


def _difference(off: Basis, on: Basis) -> Basis:
    """What each molecule leaves in the difference; what cancels is left out."""
    values = on.values - off.values
    size = np.linalg.norm(values, axis=1) / np.maximum(np.linalg.norm(off.values, axis=1), 1e-300)
    metabolite: Kind = "metabolite"
    keep = [k for k in np.flatnonzero(size > UNSEEN) if off.kinds[k] == "metabolite"]
    return replace(
        off, names=tuple(off.names[k] for k in keep), values=values[keep], kinds=(metabolite,) * len(keep),
        origin="edited minus unedited",
    )  # fmt: skip


def _fitted(
    off: Spectra, values: Complex[np.ndarray, " points"], whole: Decomposition, basis: Basis, plan: Plan
) -> Decomposition:
    """The fit of a difference, whose phases and frequency the unedited spectrum knows."""
    theta = whole.solution.place.theta
    t = np.arange(values.size) * off.dwell
    turned = values * np.exp(1j * theta[0] - 2j * np.pi * theta[2] * t)
    band = band_of(off, (plan.low, plan.high))
    sigma = band.noise(float(noise_of(turned, off.ppm)), off.dwell)
    # The first-order phase turns about its pivot where the lines were before they were moved.
    slant = theta[1] * (band.axis - theta[2] / (off.frequency * 1e-6) - PIVOT)
    cut = band.turned(band.cut(turned, off.dwell, is_halved=off.is_halved), slant)
    alone = replace(plan, ratios="no", profile="tumour")
    return decomposed(band, cut, basis, sigma, alone, is_referenced=True)
