"""A spectroscopic image to maps: the same fit in every voxel, with a reason where there is no number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float

from perspect.anatomy.mirror import Plane
from perspect.mrs import eddy, watermap
from perspect.mrs.alike import all_decomposed
from perspect.mrs.band import Band, band_of, noise_of
from perspect.mrs.batch import AT_WORK
from perspect.mrs.common import common_flags, common_misfit
from perspect.mrs.compare import FEWEST_NORMAL, cho_naa_index, over_other_side
from perspect.mrs.decompose import Decomposition, baseline_of, decomposed, signals_on
from perspect.mrs.edge import large, water_in
from perspect.mrs.excited import Excited
from perspect.mrs.kspace import PointSpread, filtered
from perspect.mrs.nuisance import without_lipid
from perspect.mrs.plan import Plan
from perspect.mrs.profile import LONG_TE
from perspect.mrs.quality import WIDEST, unheeded
from perspect.mrs.scale import GASPAROVIC, OF_WATER, RELATIVE, timing_of
from perspect.mrs.signals import fitted_with, with_turned
from perspect.mrs.start import begun
from perspect.mrs.uneven import Unequal, left_out, readout_flags, step_of, unequal, unequal_flags
from perspect.mrs.voxel import Voxel, amount_maps, exact, failed, mapped, sizes_of, unusable, voxel
from perspect.mrs.water import offset_of_water, width_of_water, without_water
from perspect.mrs.watermap import INSTITUTIONAL, GridScale, grid_scale, unscaled
from perspect.numerics.parallel import each, one_blas_thread, spans
from perspect.vocabulary import (
    Basis,
    Flag,
    Map,
    Measured,
    Problem,
    Recipe,
    Region,
    Severity,
    Spectra,
    Status,
    Step,
    lexicon,
)
from perspect.vocabulary.progress import Progress, silent

WINDOWS: Final = "Pohmann and von Kienlin 2001, doi:10.1002/mrm.1107"

LONGEST: Final = 0.3
"""Seconds of the signals that are fitted: a line of 4 Hz has then lost all but 5e-4 of what it can tell, and lines of a
spectroscopic image are wider [our default]."""

N_COMPONENTS: Final = 16
"""Damped exponentials that the signal of a voxel is taken to be made of: in twenty images of two virtual heads amounts
come as near to the truth as with 24, in three quarters of the time [our default]."""

STANDING: Final = (2.85, 3.4)
"""ppm in which creatine and choline stand out in brain and lesion, far from fat and from water."""


@dataclass(frozen=True, eq=False)
class Ready:
    """The signal of a voxel ready to be fitted; by how many Hz its water was off and has been moved (0 without water);
    or why it is not used.
    """

    values: Complex[np.ndarray, " points"]
    offset: float
    failure: Voxel | None


@one_blas_thread()
def quantify_grid(
    spectra: Spectra,
    basis: Basis,
    plan: Plan | None = None,
    *,
    water: Spectra | None = None,
    mask: Region | None = None,
    plane: Plane | None = None,
    shares: Mapping[str, Float[np.ndarray, "fx fy fz"]] | None = None,
    excited: Excited | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Maps of amounts with standard errors and status, of choline over NAA, of the choline-to-NAA index, of line width
    and of the frequency of water; where the `plane` between the sides is given, also of choline over NAA relative to
    the voxel opposite.

    `water` is the unsuppressed image on the same grid: it gives the brain, and frequency, phase and scale of every
    voxel. `shares` are what places hold of "grey", "white", "csf" and "lesion", on the grid or on one finer by whole
    numbers. `excited` is what the pulses select, as far as it is known: where lines that are read together were not
    excited alike, voxels have no number.

    Lipid of the scalp is held back by what it looks like there. One bad voxel never stops the rest: it is NaN with a
    status, and a flag counts the reasons. `spectra` of what is returned are the fits, also of voxels that were refused
    after it.
    """
    plan, tell = plan or Plan(), progress or silent
    check(spectra, water, mask)
    spread = PointSpread(_matrix(spectra), plan.window)
    if plan.window != "none":
        spectra, water = filtered(spectra, plan.window)[0], None if water is None else filtered(water, plan.window)[0]
    brain = mask.mask if mask is not None else brain_of(spectra, water)
    tell("lipid", 0.0)
    signals, n_scalp = without_lipid(spectra, brain)
    tell("voxels", 0.0)
    below = _reference(plan, water)
    windows = watermap.WINDOWS if plan.window == "none" else (plan.window,)
    uneven = None if excited is None else unequal(excited, spectra.grid, windows, below)
    found, misfit = _voxels(replace(spectra, values=signals), water, brain, basis, plan, uneven)
    scale = _scale(spectra, water, brain, shares, spread, plan, sizes_of(found, brain.shape))
    maps = _maps(spectra, found, scale, plane, uneven)
    where = Region(brain, spectra.grid, "brain", "given" if mask is not None else "from the water signal")
    recipe = _recipe(spectra, spread, n_scalp, water is not None, len(found), scale)
    if excited is not None:
        recipe = Recipe((recipe.steps[0], step_of(excited, spectra.grid), *recipe.steps[1:]))
    regions = {"brain": where, **unusable(spectra, found), **_unscaled(spectra, scale)}
    raised, counts = _told(found, scale, misfit, plan, has_index=lexicon.CNI.key in maps)
    raised += (*unequal_flags(maps, below, len(found)), *(readout_flags(excited, spectra.grid) if excited else ()))
    summary = {
        **counts, "te": spectra.te, "tr": spectra.tr, "has_water": water is not None,
        "excitation": "known" if excited else "not known", "common_misfit": misfit[0],
    }  # fmt: skip
    fits = {place: one.fit for place, one in found.items() if one.fit is not None}
    return Measured(maps, raised, recipe, regions, {}, summary, spectra=fits)


def _told(
    found: Mapping[tuple[int, ...], Voxel],
    scale: GridScale,
    misfit: tuple[float, float],
    plan: Plan,
    *,
    has_index: bool,
) -> tuple[tuple[Flag, ...], dict[str, object]]:
    """What a reader must know of the voxels, and how many of them have numbers and amounts."""
    usable = [place for place, one in found.items() if not one.status.is_failure]
    without = [scale.reason(place) for place in usable if np.isnan(scale.factor[place])]
    raised = [*_flags(found, without, scale.unit, has_index), *common_flags(*misfit)]
    if plan.samples:
        raised.append(unheeded("samples", "single voxels"))
    scaled = len(usable) - len(without)
    return (*raised, *scale.flags), {"voxels": len(found), "usable": len(usable), "scaled": scaled, "unit": scale.unit}


def _voxels(
    spectra: Spectra,
    water: Spectra | None,
    brain: Bool[np.ndarray, "x y z"],
    basis: Basis,
    plan: Plan,
    uneven: Unequal | None,
) -> tuple[dict[tuple[int, ...], Voxel], tuple[float, float]]:
    """Every voxel of the brain prepared and fitted, and the misfit that all have in common. Of voxels that were not
    excited evenly nothing is fitted, lest they speak in the mean of all.
    """
    full = fitted_with(basis, spectra.te, plan)
    band = band_of(spectra, (plan.low, plan.high), LONGEST)
    places = [tuple(int(k) for k in place) for place in np.argwhere(brain)]
    ready = dict(zip(places, each(lambda place: _made(spectra, water, place, plan, uneven), places), strict=True))
    if water is None:
        ready = aligned(ready, spectra, band, full)
    like = typical(spectra, ready, band, full, plan)
    return fitted(spectra, ready, band, with_turned(full), plan, like, is_referenced=water is not None)


def _made(spectra: Spectra, water: Spectra | None, place: tuple[int, ...], plan: Plan, uneven: Unequal | None) -> Ready:
    """One voxel prepared, unless its lines were not excited alike."""
    reason = "" if uneven is None else uneven.reason(place)
    if reason:
        return Ready(spectra.values[place], 0.0, failed(Status.DISPLACED, reason))
    return prepared(spectra, water, place, plan)


def _reference(plan: Plan, water: Spectra | None) -> str:
    """What amounts are over: "water", the key of a sum, or nothing."""
    return RELATIVE.get(plan.reference, "water" if plan.reference == "water" and water is not None else "")


def _maps(
    spectra: Spectra,
    found: Mapping[tuple[int, ...], Voxel],
    scale: GridScale,
    plane: Plane | None,
    uneven: Unequal | None,
) -> dict[str, Map]:
    """All maps of what was found."""
    maps = amount_maps(spectra, found, scale)
    if uneven is not None:
        maps |= {key: left_out(maps[key], where) for key, where in uneven.amounts.items() if key in maps}
    maps[lexicon.CHO_OVER_NAA.key] = mapped(spectra, found, lexicon.CHO_OVER_NAA, lambda _, one: one.ratio)
    maps[lexicon.LINE_WIDTH.key] = exact(spectra, found, lexicon.LINE_WIDTH, lambda one: one.width)
    maps[lexicon.WATER_OFFSET.key] = exact(spectra, found, lexicon.WATER_OFFSET, lambda one: one.offset)
    # A scale that is wrong moves a voxel along the line through nothing, which is nearly that of the index.
    noisy = amount_maps(spectra, found, scale.everywhere, is_scale_in_error=False)
    index = cho_naa_index(noisy["tCho"], noisy["tNAA"])
    if index is not None:
        maps[lexicon.CNI.key] = index
    if plane is not None:
        maps[lexicon.CHO_NAA_SIDES.key] = over_other_side(maps[lexicon.CHO_OVER_NAA.key], plane)
    return maps


def _scale(
    spectra: Spectra,
    water: Spectra | None,
    brain: Bool[np.ndarray, "x y z"],
    shares: Mapping[str, Float[np.ndarray, "fx fy fz"]] | None,
    spread: PointSpread,
    plan: Plan,
    sizes: Float[np.ndarray, "x y z"],
) -> GridScale:
    """What amounts are relative to."""
    if plan.reference in RELATIVE:
        return unscaled(brain.shape, f"per {RELATIVE[plan.reference]}", f"relative to {RELATIVE[plan.reference]}")
    if plan.reference == "water" and water is not None:
        return grid_scale(water, brain, shares, spread, timing_of(spectra), plan.unit, sizes)
    return unscaled(brain.shape, INSTITUTIONAL, "without a reference: only ratios can be compared between scanners")


def _unscaled(spectra: Spectra, scale: GridScale) -> dict[str, Region]:
    """The voxels that have no scale, by reason."""
    return {
        f"no amounts: {reason}": Region(where, spectra.grid, reason, "the image of water")
        for reason, where in scale.reasons.items()
    }


def _matrix(spectra: Spectra) -> tuple[int, int, int]:
    x, y, z = spectra.values.shape[:3]
    return x, y, z


def check(spectra: Spectra, water: Spectra | None, mask: Region | None) -> None:
    """Raises `Problem` for what is no image, or not of one grid."""
    if spectra.axes or spectra.is_single:
        raise Problem(
            f"{spectra.name} has {spectra.values.shape[:3]} voxels and the axes {spectra.axes or 'none'}.",
            "A spectroscopic image has several voxels, and coils and averages already combined.",
            "Use `measure` for a single voxel; combine coils first.",
        )
    others = [] if water is None else [(water.name, water.values.shape[:3])]
    others += [] if mask is None else [(mask.name, mask.mask.shape)]
    for name, shape in others:
        if shape != spectra.values.shape[:3]:
            raise Problem(
                f"{name} has {shape} voxels and {spectra.name} {spectra.values.shape[:3]}.",
                "They must be the same voxels.",
                "Resample, or give the images of one measurement.",
            )
    if water is not None:
        _alike(spectra, water)


def _alike(spectra: Spectra, water: Spectra) -> None:
    """Raises `Problem` where an image of water was sampled otherwise: its phase would be that of other times."""
    if abs(water.dwell / spectra.dwell - 1) > 1e-3 or water.n_points != spectra.n_points:
        raise Problem(
            f"{water.name} has {water.n_points} points every {water.dwell * 1e6:g} µs, {spectra.name} "
            f"{spectra.n_points} every {spectra.dwell * 1e6:g} µs.",
            "The phase of water is taken out point by point.",
            "Give the water image of the same measurement, or none.",
        )


def brain_of(spectra: Spectra, water: Spectra | None) -> Bool[np.ndarray, "x y z"]:
    """Voxels with water; without a water image those where creatine and choline stand out: fat of the scalp is the
    largest signal of such an image, and has only a slope there.
    """
    if water is not None:
        return water_in(water)
    near = (spectra.ppm > STANDING[0]) & (spectra.ppm < STANDING[1])
    return large(np.ptp(np.abs(np.fft.fft(np.nan_to_num(spectra.values), axis=3)[..., near]), axis=3))


def prepared(spectra: Spectra, water: Spectra | None, place: tuple[int, ...], plan: Plan) -> Ready:
    """One voxel with the phase of its water and what water is left in it taken out, or why it is not used."""
    values = spectra.values[place]
    if not np.isfinite(values).all() or not np.abs(values).max() > 0:
        return Ready(values, 0.0, failed(Status.NO_SIGNAL, "no signal"))
    offset = 0.0
    if water is not None:
        offset = offset_of_water(water.values[place], spectra.dwell)
        phase = eddy.water_phase(water.values[place], spectra.dwell)
        is_bent = eddy.is_taken_out(eddy.bend(phase, spectra.dwell), plan.eddy)
        values = eddy.corrected(values, phase if is_bent else eddy.straight(phase, spectra.dwell))
        if width_of_water(water.values[place], spectra.dwell) > WIDEST * spectra.frequency * 1e-6:
            return Ready(values, offset, failed(Status.NOT_DETERMINED, "water too wide (shim)"))
    if plan.water != "never":
        always = plan.water == "always"
        values = without_water(
            values, spectra.dwell, spectra.frequency, always=always, is_halved=spectra.is_halved,
            most_points=round(LONGEST / spectra.dwell), n_components=N_COMPONENTS,
        ).values  # fmt: skip
    return Ready(values, offset, None)


def aligned(
    ready: Mapping[tuple[int, ...], Ready], spectra: Spectra, band: Band, basis: Basis
) -> dict[tuple[int, ...], Ready]:
    """Voxels whose water nobody has seen, moved to where their lines fit best, all lines looked for at once."""
    places = [place for place, one in ready.items() if one.failure is None]
    signals, t = signals_on(band, basis), spectra.dwell * np.arange(spectra.n_points)

    def moved(some: slice) -> list[Ready]:
        values = np.array([ready[place].values for place in places[some]])
        cut = band.cut(values, spectra.dwell, is_halved=spectra.is_halved)
        starts = begun(band, cut, signals, basis.names, baseline_of(band), 1)
        turns = [(np.exp(1j * (phase - 2 * np.pi * shift * t)), shift) for ((_, phase, shift),) in starts]
        return [Ready(one * turn, shift, None) for one, (turn, shift) in zip(values, turns, strict=True)]

    found = [one for some in each(moved, spans(len(places), AT_WORK)) for one in some]
    return {**ready, **dict(zip(places, found, strict=True))}


def typical(
    spectra: Spectra, ready: Mapping[tuple[int, ...], Ready], band: Band, basis: Basis, plan: Plan
) -> Decomposition | None:
    """The fit of the mean of all voxels, with which the fit of each begins: no voxel depends on its neighbours."""
    usable = [one for one in ready.values() if one.failure is None]
    if not usable:
        return None
    values = np.array([one.values for one in usable])
    mean = values.mean(axis=0)
    sigma = float(np.sqrt(np.mean(noise_of(values, spectra.ppm) ** 2) / len(usable)))
    cut = band.cut(mean, spectra.dwell, is_halved=spectra.is_halved)
    return decomposed(band, cut, basis, band.noise(sigma, spectra.dwell), plan, is_referenced=True)


def fitted(
    spectra: Spectra,
    ready: Mapping[tuple[int, ...], Ready],
    band: Band,
    basis: Basis,
    plan: Plan,
    like: Decomposition | None,
    *,
    is_referenced: bool,
) -> tuple[dict[tuple[int, ...], Voxel], tuple[float, float]]:
    """What was found in each voxel, or why nothing was; and the misfit that all have in common (`common_misfit`)."""
    places = [place for place, one in ready.items() if one.failure is None]
    out = {place: one.failure for place, one in ready.items() if one.failure is not None}
    misfit = (0.0, 0.0)
    if places and like is not None:
        values = np.array([ready[place].values for place in places])
        cut = band.cut(values, spectra.dwell, is_halved=spectra.is_halved)
        sigmas = band.noise(1.0, spectra.dwell) * noise_of(values, spectra.ppm)
        found = all_decomposed(band, cut, basis, sigmas, plan, like, is_referenced=is_referenced)
        misfit = common_misfit(found)
        below = RELATIVE.get(plan.reference, "")
        late = (spectra.te or 0.0) >= LONG_TE
        pairs = zip(places, found, strict=True)
        made = each(lambda pair: voxel(ready[pair[0]].offset, pair[1], below, is_late=late), pairs)
        out |= dict(zip(places, made, strict=True))
    return {place: out[place] for place in ready}, misfit


def _flags(found: Mapping[tuple[int, ...], Voxel], without: Sequence[str], unit: str, has_index: bool) -> list[Flag]:
    """How many voxels are not usable, or only in ratios, and why; and what the unit means."""
    out = []
    reasons = [one.reason for one in found.values() if one.status.is_failure]
    for reason in dict.fromkeys(reasons):
        share = reasons.count(reason) / max(len(found), 1)
        sentence = f"{reasons.count(reason)} of {len(found)} voxels have no number: {reason}."
        severity = Severity.LIMITED if share > 0.5 else Severity.CAUTION
        out.append(Flag("unusable-voxels", severity, sentence, where=reason, fraction=share, source="grid"))
    for reason in dict.fromkeys(without):
        share = without.count(reason) / max(len(found), 1)
        sentence = f"{without.count(reason)} of {len(found)} voxels have ratios and no amounts: {reason}."
        out.append(Flag("unscaled-voxels", Severity.CAUTION, sentence, where=reason, fraction=share, source="grid"))
    if unit == INSTITUTIONAL:
        sentence = "Amounts are in institutional units: the coil's profile is in them, and only ratios can be compared."
        out.append(Flag("no-scale", Severity.NOTE, sentence, source="grid"))
    if not has_index:
        sentence = f"No choline-to-NAA index: fewer than {FEWEST_NORMAL} voxels are usable and alike."
        out.append(Flag("no-index", Severity.NOTE, sentence, source="grid"))
    return out


def _recipe(spectra: Spectra, spread: PointSpread, n_scalp: int, has_water: bool, n: int, scale: GridScale) -> Recipe:
    wide = " x ".join(f"{one:.2f}" for one in spread.widths)
    sentence = (
        f"With {'no window' if spread.window == 'none' else 'a Hamming window'} over k-space after reconstruction, the "
        f"point spread is {wide} nominal voxels wide at half maximum, unless the scanner filtered before."
    )
    steps = [Step("grid", sentence, {"window": spread.window, "volume": spread.volume}, (WINDOWS,))]
    if n_scalp:
        sentence = f"Lipid of the scalp was held back by its appearance in {n_scalp} voxels outside the brain."
        steps.append(Step("lipid", sentence, {"voxels": n_scalp}, ("Bilgic et al. 2014, doi:10.1002/jmri.24399",)))
    if has_water:
        sentence = "Frequency, phase and eddy currents of every voxel were taken from its water."
        steps.append(Step("water", sentence, {}, ("Klose 1990, doi:10.1002/mrm.1910140104",)))
    sentence = (
        f"{n} voxels were fitted as single spectra are (TE {(spectra.te or 0.0) * 1e3:g} ms), each from the fit of "
        "their mean on; lipid of a phase or sign that it cannot have at its place was fitted as leaking in."
    )
    steps.append(Step("voxels", sentence, {}, ("Provencher 1993, doi:10.1002/mrm.1910300604",)))
    references = (GASPAROVIC,) if scale.unit in OF_WATER else ()
    steps.append(Step("scale", f"Amounts are in {scale.unit}: {scale.sentence}.", {}, references))
    return Recipe(tuple(steps))
