"""One voxel from raw signals to one that can be fitted: coils, transients, eddy currents, residual water."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Complex

from perspect.mrs import eddy
from perspect.mrs.average import Averaged, averaged
from perspect.mrs.coils import coil_weights
from perspect.mrs.convention import is_first_halved, turned_round
from perspect.mrs.plan import Plan
from perspect.mrs.water import Cleaned, without_water
from perspect.vocabulary import Flag, Spectra, Step


@dataclass(frozen=True, eq=False)
class Prepared:
    """One signal ready to be fitted, the water that belongs to it, and what was done."""

    values: Complex[np.ndarray, " points"]
    water: Complex[np.ndarray, " points"] | None
    is_halved: bool
    steps: tuple[Step, ...]
    flags: tuple[Flag, ...]
    water_ratio: float
    is_cleaned: bool
    bend: float


def prepared(spectra: Spectra, water: Spectra | None, plan: Plan) -> Prepared:
    """Coils combined, transients aligned and averaged, eddy currents and residual water taken out."""
    signal, reference, steps = _of_one_coil(_by_transient(spectra), None if water is None else _by_transient(water))
    mean, more = _mean(spectra, signal[:, 0])
    steps += more
    raised = turned_round(spectra, mean)
    if is_first_halved(mean) and not spectra.is_halved:
        spectra = replace(spectra, is_halved=True)
        steps.append(Step("first point", "The first point was found to be halved already, and was not halved again."))
    of_water = None if reference is None else reference[:, 0].mean(axis=1)
    bent = 0.0
    if of_water is not None:
        phase = eddy.water_phase(of_water, spectra.dwell)
        bent = eddy.bend(phase, spectra.dwell)
        if eddy.is_taken_out(bent, plan.eddy):
            mean, of_water = eddy.corrected(mean, phase), eddy.corrected(of_water, phase)
            steps.append(
                Step(
                    "eddy currents", "The phase of the water reference was taken out of the signal.",
                    {"bend_degrees": float(np.degrees(bent))}, ("Klose 1990, doi:10.1002/mrm.1910140104",),
                )
            )  # fmt: skip
    if plan.water == "never":
        return Prepared(mean, of_water, spectra.is_halved, tuple(steps), tuple(raised), 0.0, False, bent)
    always = plan.water == "always"
    cleaned = without_water(mean, spectra.dwell, spectra.frequency, always=always, is_halved=spectra.is_halved)
    steps += _step_of(cleaned)
    return Prepared(
        cleaned.values,
        of_water,
        spectra.is_halved,
        tuple(steps),
        tuple(raised),
        cleaned.ratio,
        cleaned.is_changed,
        bent,
    )


def _of_one_coil(
    signal: Complex[np.ndarray, "points coils transients"],
    reference: Complex[np.ndarray, "points coils repeats"] | None,
) -> tuple[
    Complex[np.ndarray, "points one transients"], Complex[np.ndarray, "points one repeats"] | None, list[Step]
]:  # fmt: skip
    """Signal and water of all coils combined, with the weights that water tells where it has the same coils."""
    if signal.shape[1] == 1:
        return signal, reference, []
    tells = signal if reference is None or reference.shape[1] != signal.shape[1] else reference
    weights = coil_weights(tells, signal)
    step = Step(
        "coils",
        f"Coils were combined by whitened singular value decomposition ({weights.share:.0%} in one shape).",
        {"share": weights.share}, ("Rodgers and Robson 2010, doi:10.1002/mrm.22230",),
    )  # fmt: skip
    combined = None if reference is None else weights.combined(reference)[:, None]
    return weights.combined(signal)[:, None], combined, [step]


def _step_of(cleaned: Cleaned) -> list[Step]:
    """What was done to residual water, in a sentence."""
    if not cleaned.is_changed:
        return []
    sentence = f"Residual water at {cleaned.place:.2f} ppm was modelled by damped exponentials and subtracted."
    reference = "Barkhuijsen et al. 1987, doi:10.1016/0022-2364(87)90023-0"
    return [Step("water", sentence, {"ratio": cleaned.ratio}, (reference,))]


def _by_transient(spectra: Spectra) -> Complex[np.ndarray, "points coils transients"]:
    """The signals of a voxel with coils second and all other axes together last."""
    values = spectra.values[0, 0, 0]
    axes = list(spectra.axes)
    values = np.moveaxis(values, 1 + axes.index("coil"), 1) if "coil" in axes else values[:, None]
    out: Complex[np.ndarray, "points coils transients"] = values.reshape(values.shape[0], values.shape[1], -1)
    return out


def _mean(
    spectra: Spectra, transients: Complex[np.ndarray, "points transients"]
) -> tuple[Complex[np.ndarray, " points"], list[Step]]:
    n = transients.shape[1]
    found: Averaged = averaged(spectra, transients)
    if n == 1:
        return found.values, []
    spread = float(np.ptp(found.shifts))
    said = (
        f"{n} transients were aligned in frequency (range {spread:.1f} Hz) and phase and averaged"
        + (f"; {n - int(found.kept.sum())} were left out." if not found.kept.all() else ".")
    )  # fmt: skip
    constants = {"transients": n, "kept": int(found.kept.sum()), "range_hz": spread}
    return found.values, [Step("transients", said, constants, ("Near et al. 2015, doi:10.1002/mrm.25094",))]
