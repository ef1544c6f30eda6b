"""One voxel from raw signals to amounts: reads from top to bottom as a methods section."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np

from perspect.mrs.amounts import RATIOS, amounts, probability_above, ratio
from perspect.mrs.band import band_of, noise_of
from perspect.mrs.decompose import Decomposition, decomposed
from perspect.mrs.ghost import ghosts, late_energy
from perspect.mrs.joint import Joint, joint
from perspect.mrs.plan import Plan
from perspect.mrs.prepare import Prepared, prepared
from perspect.mrs.quality import Quality, flags, quality, refuse, unheeded
from perspect.mrs.sampled import checked, sampled, step_of_samples
from perspect.mrs.scale import GASPAROVIC, OF_WATER, RELATIVE, Scale, scale_flags, timing_of, water_scale
from perspect.mrs.signals import fitted_with
from perspect.mrs.water import amplitude_at_start
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import (
    Amount,
    Basis,
    FittedSpectrum,
    Flag,
    MeasuredSpectrum,
    Problem,
    Recipe,
    Refusal,
    Severity,
    Spectra,
    Status,
    Step,
)  # fmt: skip
from perspect.vocabulary.progress import Progress, silent

REPEATS: Final = ("coil", "transient", "phase", "measurement")
"""Axes along which a signal is repeated, by another coil, at another time or under another cycle of phases."""

FEWEST_POINTS: Final = 128
"""A signal with fewer points has no lines."""


@one_blas_thread()
def measure(
    spectra: Spectra,
    basis: Basis,
    plan: Plan | None = None,
    *,
    water: Spectra | None = None,
    fractions: Mapping[str, float] | None = None,
    scale: Scale | None = None,
    others: Sequence[tuple[Spectra, Basis]] = (),
    progress: Progress | None = None,
) -> MeasuredSpectrum:
    """Amounts, ratios, fit, flags and recipe of a single voxel.

    `basis` holds the molecules at the echo time and field of the signal; lipids and macromolecules are added where it
    has none. `water` is the unsuppressed reference; `fractions` are the shares of the voxel in "grey", "white", "csf"
    and "lesion". `scale` replaces the water scaling by one of your own. `others` are signals of the same voxel at other
    echo times, each with its basis: then lactate, lipid and amino acids are also found from all of them together.

    Raises `Problem` where the input cannot be used. What must not be interpreted comes back without numbers, with a
    flag REFUSED that says why.
    """
    plan, tell = plan or Plan(), progress or silent
    check(spectra, water, basis)
    tell("preparing", 0.0)
    ready = prepared(spectra, water, plan)
    tell("fitting", 0.0)
    full = fitted_with(basis, spectra.te, plan)
    found = taken_apart(ready, spectra, full, plan)
    together = _together(spectra, found, others, plan, tell)
    tell("amounts", 0.0)
    used = scale or scale_of(ready, spectra, plan, fractions)
    one = _Fitted(spectra, ready, full, found, together, [other for other, _ in others], used)
    return _measured(one, plan, (fractions or {}).get("lesion", 0.0), tell)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """One spectrum and all that it was fitted with; `others` are those at other echo times, `together` what all say."""

    spectra: Spectra
    ready: Prepared
    full: Basis
    found: Decomposition
    together: Joint | None
    others: Sequence[Spectra]
    scale: Scale


def _together(
    spectra: Spectra, found: Decomposition, others: Sequence[tuple[Spectra, Basis]], plan: Plan, tell: Progress
) -> Joint | None:
    """What all echo times say; of one alone it is asked in a tumour only, and nothing where it is not known."""
    if spectra.te is None or not (others or found.profile.name == "tumour"):
        return None
    tell("echo times", 0.0)
    return all_echoes(spectra, found, others, plan)


def _measured(one: _Fitted, plan: Plan, lesion: float, tell: Progress) -> MeasuredSpectrum:
    """Numbers, flags and words of a fit; `lesion` is the share of the voxel that is lesion."""
    spectra, ready, found, used, together = one.spectra, one.ready, one.found, one.scale, one.together
    numbers = quality(found)
    refusal = refused(numbers, found)
    sums, ratios = _numbers(found, used, refusal)
    posterior, further = _checked(found, used, plan, tell) if refusal is None else ({}, ())
    steps = (*ready.steps, step_of(found, one.full, plan), *further, step_of_scale(used))
    of_scale = scale_flags(used.spread, used.terms, timing_of(spectra), has_lesion=lesion > 0)
    return MeasuredSpectrum(
        sums,
        ratios,
        fitted(found),
        replace(spectra, values=ready.values[None, None, None], axes=(), is_halved=ready.is_halved),
        _raised(ready, found, numbers, refusal, of_scale, plan),
        Recipe((*steps, *_step_of(together, len(one.others) + 1))),
        {
            **summary(spectra, found, numbers, used, ready, refusal),
            **_said_of(together, refusal, (spectra, *one.others)),
        },
        joint_amounts(together, used) if together is not None and one.others and refusal is None else {},
        posterior=posterior,
    )


def _numbers(found: Decomposition, scale: Scale, refusal: Flag | None) -> tuple[dict[str, Amount], dict[str, Amount]]:
    """Amounts and ratios; of a refused spectrum none has a value."""
    sums = amounts(found, scale)
    ratios = {f"{a}/{b}": ratio(found, a, b) for a, b in RATIOS if _has(sums, a, b)}
    if refusal is None:
        return sums, ratios
    return {key: voided(one) for key, one in sums.items()}, {key: voided(one) for key, one in ratios.items()}


def _checked(
    found: Decomposition, scale: Scale, plan: Plan, tell: Progress
) -> tuple[dict[str, Amount], tuple[Step, ...]]:
    """What samples of the posterior density say of the errors, where they were asked for."""
    if not plan.samples:
        return {}, ()
    tell("checking errors", 0.0)
    samples = sampled(found, plan.samples, plan.seed)
    return checked(found, samples, scale), (step_of_samples(samples, plan.samples),)


def _raised(
    ready: Prepared,
    found: Decomposition,
    numbers: Quality,
    refusal: Flag | None,
    of_scale: Sequence[Flag],
    plan: Plan,
) -> tuple[Flag, ...]:
    """What a reader must know, the gravest first."""
    of_fit = flags(numbers, found, ready.water_ratio, ready.is_cleaned, ready.bend)
    out = [*ready.flags, *ghosts(late_energy(ready.values)), *of_fit]
    if plan.window != "none":
        out.append(unheeded("window", "images of spectra"))
    out += of_scale if refusal is None else [refusal]
    return tuple(sorted(out, key=lambda flag: -flag.severity))


def taken_apart(ready: Prepared, spectra: Spectra, full: Basis, plan: Plan) -> Decomposition:
    """The fit of a prepared signal."""
    band = band_of(spectra, (plan.low, plan.high))
    sigma = float(noise_of(ready.values, spectra.ppm))
    if not sigma > 0:
        raise Problem(
            f"{spectra.name} has no noise outside the lines.",
            "Every standard error rests on it.",
            "Give the measured signal, not a filtered or simulated one; add noise to a simulation.",
        )
    cut = band.cut(ready.values, spectra.dwell, is_halved=ready.is_halved)
    return decomposed(band, cut, full, band.noise(sigma, spectra.dwell), plan)


def all_echoes(spectra: Spectra, found: Decomposition, others: Sequence[tuple[Spectra, Basis]], plan: Plan) -> Joint:
    """All echo times together, each fitted with the profile of the first."""
    same = replace(plan, profile=found.profile.name)
    fits, times = [found], [float(spectra.te or 0.0)]
    for other, basis in others:
        check(other, None, basis)
        if other.te is None:
            raise Problem(f"{other.name} has no echo time.", "It is what the joint fit is about.", "Give it.")
        full = fitted_with(basis, other.te, plan)
        fits.append(taken_apart(prepared(other, None, plan), other, full, same))
        times.append(other.te)
    return joint(fits, times)


def joint_amounts(found: Joint, scale: Scale) -> dict[str, Amount]:
    """What only several echo times tell apart."""
    wanted = {"Lac": ("Lac",), "Ala": ("Ala",), "AA": ("AA",), "Lip13": ("Lip13a", "Lip13b"), "Lip09": ("Lip09",)}
    return {key: found.amount(key, parts, scale) for key, parts in wanted.items() if set(parts) & set(found.names)}


def _step_of(found: Joint | None, n: int) -> list[Step]:
    if found is None or n == 1:
        return []
    constants = {"t2_molecule": found.t2_molecule, "t2_lipid": found.t2_lipid}
    sentence = f"{n} echo times were explained by one set of amounts, with a T2 for molecules and one for lipid."
    return [Step("echo times", sentence, constants)]


def _said_of(found: Joint | None, refusal: Flag | None, read: Sequence[Spectra]) -> dict[str, object]:
    """What all that was `read` says together of amino acids, and at which echo times (s) it was."""
    if found is None or refusal is not None:
        return {}
    answer = found.amino_acids
    return {
        "joint_te": [one.te for one in read],
        "amino_acids": answer.word,
        "amino_acids_sentence": answer.sentence,
        "amino_acids_evidence": answer.for_amino,
        "lipid_evidence": answer.for_lipid,
    }


def check(spectra: Spectra, water: Spectra | None, basis: Basis) -> None:
    """Raises `Problem` for what cannot be measured or does not belong together."""
    _demand_one_signal(spectra, water)
    _demand_basis(spectra, basis)
    if water is not None and (abs(water.dwell / spectra.dwell - 1) > 1e-3 or water.n_points < FEWEST_POINTS):
        raise Problem(
            f"The water reference {water.name} was sampled every {water.dwell * 1e6:g} µs, {spectra.name} every "
            f"{spectra.dwell * 1e6:g} µs.",
            "They do not belong together.",
            "Give the reference of the same voxel and receiver.",
        )


def _demand_one_signal(spectra: Spectra, water: Spectra | None) -> None:
    """Raises `Problem` for several voxels, for what must not be averaged, and for what is no proton signal."""
    if not spectra.is_single:
        raise Problem(
            f"{spectra.name} has {int(np.prod(spectra.values.shape[:3]))} voxels.",
            "This measures one.",
            "Use the grid analysis for spectroscopic images.",
        )
    for one in (spectra, *([] if water is None else [water])):
        apart = [axis for axis in one.axes if axis not in REPEATS]
        if apart:
            raise Problem(
                f"{one.name} has the axis {apart[0]} of {one.values.shape[4 + one.axes.index(apart[0])]}.",
                "Its signals are no repeats of one: averaged they would be neither.",
                "Give one of them; an edited pair is measured with --edit.",
            )
    if spectra.n_points < FEWEST_POINTS or not np.isfinite(spectra.values).all():
        raise Problem(
            f"{spectra.name} has {spectra.n_points} points"
            + ("." if np.isfinite(spectra.values).all() else ", some of them not finite."),
            "There is no spectrum in it.",
            "Export the signal again.",
        )
    if spectra.nucleus != "1H":
        raise Problem(
            f"{spectra.name} is of {spectra.nucleus}.", "Only protons are measured here.", "Give a proton spectrum."
        )


def _demand_basis(spectra: Spectra, basis: Basis) -> None:
    """Raises `Problem` for a basis of another field or echo time."""
    if abs(basis.frequency / spectra.frequency - 1) > 0.02:
        raise Problem(
            f"The basis is for {basis.frequency * 1e-6:.2f} MHz and {spectra.name} was taken at "
            f"{spectra.frequency * 1e-6:.2f} MHz.",
            "Coupled lines look different at another field.",
            "Simulate a basis for this field: perspect basis.",
        )
    if basis.te is not None and spectra.te is not None and abs(basis.te - spectra.te) > 2e-3:
        raise Problem(
            f"The basis is for an echo time of {basis.te * 1e3:g} ms and {spectra.name} has {spectra.te * 1e3:g} ms.",
            "Coupled lines turn with the echo time: lactate stands on its head at 144 ms.",
            "Simulate a basis for this echo time: perspect basis --te.",
        )


def scale_of(ready: Prepared, spectra: Spectra, plan: Plan, fractions: Mapping[str, float] | None) -> Scale:
    """What amounts are relative to."""
    if plan.reference in RELATIVE:
        below = RELATIVE[plan.reference]
        return Scale(1.0, f"per {below}", 0.0, f"relative to {below} of the same fit, with the errors of both", below)
    if plan.reference == "water" and ready.water is not None:
        amplitude, error = amplitude_at_start(ready.water, spectra.dwell)
        return water_scale(amplitude, error, timing_of(spectra), fractions, plan.unit)
    return Scale(1.0, "institutional units", 0.0, "without a reference: only ratios can be compared between scanners")


def refused(numbers: Quality, found: Decomposition) -> Flag | None:
    """The reason not to interpret, if there is one."""
    try:
        refuse(numbers, found.solution.has_converged)
    except Refusal as reason:
        return Flag("refused", Severity.REFUSED, str(reason), source="quality")
    return None


def voided(one: Amount) -> Amount:
    """An amount whose spectrum was refused."""
    nan = float("nan")
    return replace(one, value=nan, std=nan, lower=nan, upper=nan, status=Status.NOT_DETERMINED, is_detected=False)


def fitted(found: Decomposition) -> FittedSpectrum:
    """The spectrum, its fit and its parts, for a reader's eye."""
    parts = {name: found.part(name) for name in found.names if found.amplitudes[found.names.index(name)] != 0}
    return replace(found.drawn, parts=parts)


def _has(found: Mapping[str, Amount], *keys: str) -> bool:
    return all(key in found for key in keys)


def step_of(found: Decomposition, basis: Basis, plan: Plan) -> Step:
    """The fit in a sentence."""
    kinds = {
        "auto": f"a penalised spline with {found.solution.dimensions:.1f} effective dimensions (restricted maximum "
        "likelihood)",
        "stiff": "a straight baseline",
        "none": "no baseline",
    }
    return Step(
        "fit",
        f"The spectrum from {plan.low:g} to {plan.high:g} ppm was fitted with {len(found.names)} signals "
        f"({basis.origin}) and {kinds[plan.baseline]}, profile {found.profile.name} ({found.reason}).",
        {"signals": list(found.names), "dimensions": found.solution.dimensions, "steps": found.solution.n_steps},
        (
            "Provencher 1993, doi:10.1002/mrm.1910300604",
            "Golub and Pereyra 2003, doi:10.1088/0266-5611/19/2/201",
            "Wood 2011, doi:10.1111/j.1467-9868.2010.00749.x",
        ),
    )


def step_of_scale(scale: Scale) -> Step:
    """The scale in a sentence."""
    references = (GASPAROVIC,) if scale.unit in OF_WATER else ()
    return Step(
        "scale", f"Amounts are in {scale.unit}: {scale.sentence}.", {"spread": scale.spread, **scale.terms}, references
    )


def summary(
    spectra: Spectra, found: Decomposition, numbers: Quality, scale: Scale, ready: Prepared, refusal: Flag | None
) -> dict[str, object]:
    """The plain numbers of a run."""
    theta = found.solution.place.theta
    return {
        "refused": False if refusal is None else refusal.sentence,
        "profile": found.profile.name,
        "profile_reason": found.reason,
        "unit": scale.unit,
        "scale_spread": scale.spread,
        "scale_terms": dict(scale.terms),
        "te": spectra.te,
        "tr": spectra.tr,
        "frequency": spectra.frequency,
        "phase": float(theta[0]),
        "phase_slope": float(theta[1]),
        "shift": float(theta[2]),
        "baseline_dimensions": found.solution.dimensions,
        "water_ratio": ready.water_ratio,
        "bend": float(np.degrees(ready.bend)),
        "late": late_energy(ready.values),
        "choline_exceeds_naa": probability_above(found, "tCho", "tNAA"),
        **asdict(numbers),
    }
