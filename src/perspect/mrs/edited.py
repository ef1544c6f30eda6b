"""Spectral editing: two signals that differ by what one pulse did to a coupling, and what their difference holds.

Everything that editing does not touch cancels, if the two stand at one frequency and phase: creatine at 3.0 ppm is ten
times as high as the GABA beneath it, and a shift of 1 Hz leaves a tenth of it. So the two are registered first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Complex

from perspect.mrs.amounts import amounts, as_ratio, both
from perspect.mrs.average import registered
from perspect.mrs.band import band_of, noise_of
from perspect.mrs.decompose import Decomposition, decomposed
from perspect.mrs.equations import PIVOT
from perspect.mrs.pipeline import check, fitted, refused, scale_of, step_of_scale, summary, taken_apart, voided
from perspect.mrs.plan import Plan
from perspect.mrs.prepare import Prepared, prepared
from perspect.mrs.quality import flags, quality, unheeded
from perspect.mrs.scale import RELATIVE, Scale
from perspect.mrs.signals import fitted_with, known_by
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import Amount, Basis, Flag, MeasuredSpectrum, Problem, Recipe, Severity, Spectra, Step
from perspect.vocabulary.spectra import Kind

UNTOUCHED: Final = (2.85, 3.35)
"""ppm by which the two are registered: methyls of creatine and choline, which no common editing pulse touches, and of
which one is there in any tissue that has a spectrum."""

MESCHER: Final = "Mescher et al. 1998, doi:10.1002/(SICI)1099-1492(199810)11:6<266::AID-NBM530>3.0.CO;2-J"

UNSEEN: Final = 0.02
"""A molecule whose difference is smaller than this share of its own signal is no part of the fit [our default]."""


@dataclass(frozen=True, eq=False)
class Edited:
    """Amounts of the difference, and those over total creatine of the unedited spectrum; the fits of both; by how many
    Hz and rad the edited signal was off.
    """

    amounts: dict[str, Amount]
    ratios: dict[str, Amount]
    unedited: Decomposition
    difference: Decomposition
    shift: float
    phase: float
    ready: Prepared
    scale: Scale
    recipe: Recipe


@one_blas_thread()
def measure_edited(
    off: Spectra,
    on: Spectra,
    basis_off: Basis,
    basis_on: Basis,
    plan: Plan | None = None,
    *,
    water: Spectra | None = None,
    fractions: Mapping[str, float] | None = None,
) -> Edited:
    """What editing shows: GABA, 2-hydroxyglutarate, lactate, whichever the pulse was made for.

    Each basis holds the molecules as its own sequence shows them (`models.spins.MegaPress` with and without its band).
    Amounts of both fits are in one unit, so that the ratio of GABA in the difference to creatine in the unedited
    spectrum is one of amounts. GABA at 3 T holds some macromolecules (GABA+), unless its editing avoids them. `water`
    and `fractions` are as in `measure`; `plan.reference` relative to a molecule means that of the unedited spectrum.

    Mescher et al. 1998, doi:10.1002/(SICI)1099-1492(199810)11:6<266::AID-NBM530>3.0.CO;2-J
    """
    plan = plan or Plan()
    check(off, water, basis_off)
    check(on, None, basis_on)
    _demand_alike(off, on, basis_off, basis_on)
    quiet = replace(plan, water="never")
    first, second = prepared(off, water, quiet), prepared(on, water, quiet)
    n = min(first.values.size, second.values.size)
    values, shift, phase = subtracted(off, first.values[:n], second.values[:n])
    ready = prepared(off, water, plan)
    whole = taken_apart(ready, off, fitted_with(basis_off, off.te, plan), plan)
    left = _difference(known_by(basis_off), known_by(basis_on))
    left = left.only(tuple(one for one in left.names if one not in plan.drop))
    found = _fitted(off, values, whole, left, plan)
    scale = scale_of(ready, off, replace(plan, reference="none") if plan.reference in RELATIVE else plan, fractions)
    relative = {name: _over(found, name, whole, RELATIVE.get(plan.reference, "tCr")) for name in found.names}
    recipe = Recipe((*ready.steps, *second.steps, _step_of(shift, phase), step_of_scale(scale)))
    return Edited(amounts(found, scale), relative, whole, found, shift, phase, ready, scale, recipe)


def _demand_alike(off: Spectra, on: Spectra, basis_off: Basis, basis_on: Basis) -> None:
    """Raises `Problem` for two signals, or two bases, that cannot be subtracted."""
    if off.dwell != on.dwell or basis_off.names != basis_on.names or basis_off.dwell != basis_on.dwell:
        raise Problem(
            f"{off.name} and {on.name} differ in their sampling, or their bases in their molecules.",
            "One is subtracted from the other point by point.",
            "Give both parts of one measurement, and two bases of the same molecules.",
        )


def _step_of(shift: float, phase: float) -> Step:
    """The subtraction in a sentence; the edited signal was off by so many Hz and rad."""
    sentence = (
        f"The edited signal was moved by {-shift:.2f} Hz and {-np.degrees(phase):.1f}° onto the unedited one "
        f"({UNTOUCHED[0]:g} to {UNTOUCHED[1]:g} ppm), subtracted, and the difference fitted with that of the bases."
    )
    return Step("editing", sentence, {"shift": -shift, "phase": -phase}, (MESCHER,))


def _over(difference: Decomposition, name: str, unedited: Decomposition, below: str) -> Amount:
    """What the difference holds of a molecule over a sum of the unedited spectrum. Their common noise is left out: that
    of the sum is a small part of the error.
    """
    (above, _), of_above = both(difference, name, name)
    (size, _), of_size = both(unedited, below, below)
    return as_ratio(f"{name}/{below}", float(above), float(size), np.diag([of_above[0, 0], of_size[0, 0]]))


def as_spectrum(found: Edited, off: Spectra, plan: Plan) -> MeasuredSpectrum:
    """The same as the result of one spectrum, whose picture is the difference and whose quality is of the unedited."""
    numbers = quality(found.unedited)
    refusal = refused(numbers, found.unedited)
    raised = [*found.ready.flags, *flags(numbers, found.unedited, 0.0, found.ready.is_cleaned, found.ready.bend)]
    if plan.reference in RELATIVE:
        sentence = (
            f"Amounts of a difference are not relative to what it lacks; ratios are, to {RELATIVE[plan.reference]}."
        )
        raised.append(Flag("edited-ratios", Severity.NOTE, sentence, source="editing"))
    for name in ("samples", "window"):
        if getattr(plan, name) != getattr(Plan(), name):
            raised.append(unheeded(name, "single spectra" if name == "samples" else "images of spectra"))
    amounts, ratios = found.amounts, found.ratios
    if refusal is not None:
        raised.insert(0, refusal)
        amounts, ratios = ({key: voided(one) for key, one in each.items()} for each in (amounts, ratios))
    words = summary(off, found.unedited, numbers, found.scale, found.ready, refusal)
    return MeasuredSpectrum(
        amounts, ratios, fitted(found.difference), replace(off, values=found.ready.values[None, None, None], axes=()),
        tuple(sorted(raised, key=lambda flag: -flag.severity)), found.recipe,
        {**words, "edited": True, "moved_hz": -found.shift, "turned_degrees": -float(np.degrees(found.phase))},
    )  # fmt: skip


def pair_of(spectra: Spectra) -> tuple[Spectra, Spectra]:
    """The unedited and the edited signal of a file that holds both along one axis, told by its header."""
    at = spectra.axes.index("edit")
    n = spectra.values.shape[4 + at]
    words = [
        [str(one).lower() for one in said["EditCondition"]]
        for key, said in spectra.header.items()
        if key.startswith("dim_") and isinstance(said, dict) and isinstance(said.get("EditCondition"), list)
    ]
    if n != 2 or not words or sorted(words[0]) != ["off", "on"]:
        raise Problem(
            f"{spectra.name} holds {n} conditions of editing"
            + (f" that are called {', '.join(words[0])}." if words else ", and does not say which they are."),
            "Which signal is the edited one decides the sign of everything.",
            "Give two files: the unedited spectrum, and the edited one with --edited.",
        )
    axes = tuple(one for one in spectra.axes if one != "edit")
    off, on = (
        replace(spectra, values=np.take(spectra.values, words[0].index(one), axis=4 + at), axes=axes)
        for one in ("off", "on")
    )
    return off, on


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
