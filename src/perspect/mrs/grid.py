"""A spectroscopic image to maps: the same fit in every voxel, with a reason where there is no number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Complex

from perspect.anatomy.mirror import Plane
from perspect.mrs import eddy
from perspect.mrs.alike import TOGETHER, all_decomposed
from perspect.mrs.amounts import DENOMINATOR, weights
from perspect.mrs.band import Band, band_of, noise_of
from perspect.mrs.compare import FEWEST_NORMAL, cho_naa_index, over_other_side
from perspect.mrs.decompose import Decomposition, baseline_of, decomposed, signals_on
from perspect.mrs.kspace import PointSpread, filtered
from perspect.mrs.nuisance import without_lipid
from perspect.mrs.plan import Plan
from perspect.mrs.profile import LONG_TE, SUMS, TURNED
from perspect.mrs.quality import HOPELESS_SNR, SWAMPED, WIDEST, Quality, quality
from perspect.mrs.signals import known_by, with_broad, with_turned
from perspect.mrs.start import begun
from perspect.mrs.water import offset_of_water, width_of_water, without_water
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import (
    Basis,
    Flag,
    Map,
    Measured,
    Problem,
    Quantity,
    Recipe,
    Region,
    Severity,
    Spectra,
    Status,
    Step,
    lexicon,
)  # fmt: skip
from perspect.vocabulary.progress import Progress, silent

AMOUNTS: Final = (
    lexicon.TNAA, lexicon.TCR, lexicon.TCHO, lexicon.INS, lexicon.GLX, lexicon.LAC, lexicon.LIP13,
)  # fmt: skip

WINDOWS: Final = "Pohmann and von Kienlin 2001, doi:10.1002/mrm.1107"

LONGEST: Final = 0.3
"""Seconds of the signals that are fitted: a line of 4 Hz has then lost all but 5e-4 of what it can tell, and lines of a
spectroscopic image are wider [our default]."""

BRAIN: Final = 0.4
"""Share of the typical water signal above which a voxel is brain [our default]."""

STANDING: Final = (2.85, 3.4)
"""ppm in which creatine and choline stand out in brain and lesion, far from fat and from water."""

BAD_FIT: Final = 12.0
"""Residual variance over that of the noise above which a voxel is not used [our default]."""


@dataclass(frozen=True)
class Voxel:
    """What was found in one voxel: amounts with errors by quantity, ratio, width and offset in Hz, or why not."""

    values: Mapping[str, tuple[float, float]]
    ratio: tuple[float, float]
    width: float
    offset: float
    status: Status
    reason: str


@dataclass(frozen=True, eq=False)
class Ready:
    """The signal of a voxel ready to be fitted; by how many Hz its water was off and has been moved (0 without water);
    or why it is not used.
    """

    values: Complex[np.ndarray, " points"]
    offset: float
    failure: Voxel | None


def quantify_grid(
    spectra: Spectra,
    basis: Basis,
    plan: Plan | None = None,
    *,
    water: Spectra | None = None,
    mask: Region | None = None,
    plane: Plane | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Maps of amounts with standard errors and status, of choline over NAA, of the choline-to-NAA index, of line width
    and of the frequency of water; where the `plane` between the sides is given, also of choline over NAA relative to
    the voxel opposite.

    `water` is the unsuppressed image on the same grid: it gives the brain, the frequency and phase of every voxel.
    Lipid of the scalp is held back by what it looks like there. One bad voxel never stops the rest: it is NaN with a
    status, and a flag counts the reasons.
    """
    plan, tell = plan or Plan(), progress or silent
    check(spectra, water, mask)
    spread = PointSpread(_matrix(spectra), plan.window)
    if plan.window != "none":
        spectra, water = filtered(spectra, plan.window)[0], None if water is None else filtered(water, plan.window)[0]
    brain = mask.mask if mask is not None else brain_of(spectra, water)
    tell("lipid", 0.0)
    signals, n_scalp = without_lipid(spectra, brain)
    cleaned = replace(spectra, values=signals)
    full = with_broad(known_by(basis), lipids=True, macromolecules=(spectra.te or 0.0) < LONG_TE)
    band = band_of(spectra, (plan.low, plan.high), LONGEST)
    places = [tuple(int(k) for k in place) for place in np.argwhere(brain)]
    ready = dict(zip(places, each(lambda place: prepared(cleaned, water, place, plan), places), strict=True))
    if water is None:
        ready = aligned(ready, cleaned, band, full)
    like = typical(cleaned, ready, band, full, plan)
    tell("voxels", 0.0)
    found = fitted(cleaned, ready, band, with_turned(full), plan, like, is_referenced=water is not None)
    maps = {quantity.key: _map(quantity, spectra, found) for quantity in AMOUNTS}
    maps[lexicon.CHO_OVER_NAA.key] = _ratio_map(spectra, found)
    maps[lexicon.LINE_WIDTH.key] = _single(lexicon.LINE_WIDTH, spectra, found, lambda one: one.width)
    maps[lexicon.WATER_OFFSET.key] = _single(lexicon.WATER_OFFSET, spectra, found, lambda one: one.offset)
    index = cho_naa_index(maps["tCho"], maps["tNAA"])
    if index is not None:
        maps[lexicon.CNI.key] = index
    if plane is not None:
        maps[lexicon.CHO_NAA_SIDES.key] = over_other_side(maps[lexicon.CHO_OVER_NAA.key], plane)
    regions = {"brain": Region(brain, spectra.grid, "brain", "given" if mask is not None else "from the water signal")}
    n_usable = sum(not one.status.is_failure for one in found.values())
    recipe = _recipe(spectra, spread, n_scalp, water is not None, len(places))
    return Measured(
        maps, tuple(_flags(found, index is not None)), recipe,
        {**regions, **_unusable(spectra, found)}, {},
        {"voxels": len(places), "usable": n_usable, "te": spectra.te, "tr": spectra.tr, "has_water": water is not None},
    )  # fmt: skip


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
        size = np.abs(water.values[..., :4]).mean(axis=3)
    else:
        near = (spectra.ppm > STANDING[0]) & (spectra.ppm < STANDING[1])
        size = np.ptp(np.abs(np.fft.fft(np.nan_to_num(spectra.values), axis=3)[..., near]), axis=3)
    return np.asarray(size > BRAIN * np.quantile(np.nan_to_num(size), 0.9))


def prepared(spectra: Spectra, water: Spectra | None, place: tuple[int, ...], plan: Plan) -> Ready:
    """One voxel with the phase of its water and what water is left in it taken out, or why it is not used."""
    values = spectra.values[place]
    if not np.isfinite(values).all() or not np.abs(values).max() > 0:
        return Ready(values, 0.0, _failed(Status.NO_SIGNAL, "no signal"))
    offset = 0.0
    if water is not None:
        offset = offset_of_water(water.values[place], spectra.dwell)
        values = eddy.corrected(values, eddy.water_phase(water.values[place], spectra.dwell))
        if width_of_water(water.values[place], spectra.dwell) > WIDEST * spectra.frequency * 1e-6:
            return Ready(values, offset, _failed(Status.NOT_DETERMINED, "water too wide (shim)"))
    if plan.water != "never":
        always = plan.water == "always"
        values = without_water(
            values, spectra.dwell, spectra.frequency, always=always, is_halved=spectra.is_halved,
            most_points=round(LONGEST / spectra.dwell),
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

    found = [one for some in each(moved, spans(len(places), TOGETHER)) for one in some]
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
) -> dict[tuple[int, ...], Voxel]:
    """What was found in each voxel, or why nothing was."""
    places = [place for place, one in ready.items() if one.failure is None]
    out = {place: one.failure for place, one in ready.items() if one.failure is not None}
    if places and like is not None:
        values = np.array([ready[place].values for place in places])
        cut = band.cut(values, spectra.dwell, is_halved=spectra.is_halved)
        sigmas = band.noise(1.0, spectra.dwell) * noise_of(values, spectra.ppm)
        found = all_decomposed(band, cut, basis, sigmas, plan, like, is_referenced=is_referenced)
        out |= {place: voxel(ready[place], one) for place, one in zip(places, found, strict=True)}
    return {place: out[place] for place in ready}


def voxel(ready: Ready, found: Decomposition | None) -> Voxel:
    """The numbers of one voxel, or why they may not be used."""
    if found is None:
        return _failed(Status.SINGULAR, "no solution")
    numbers = quality(found)
    status, reason = usable(numbers)
    if status.is_failure:
        return _failed(status, reason)
    members = dict(SUMS)
    has_leak = any(name.endswith(TURNED) for name in found.names)
    out = {}
    for quantity in AMOUNTS:
        parts = members.get(quantity.key, (quantity.key,))
        # Lipid that leaked in is no amount of this place.
        is_here = quantity is not lexicon.LIP13 or not has_leak
        if set(parts) & set(found.names) and is_here:
            w = weights(found, parts)
            out[quantity.key] = (float(w @ found.amplitudes), float(np.sqrt(max(w @ found.covariance @ w, 0.0))))
    offset = ready.offset + float(found.solution.place.theta[2])
    return Voxel(out, _ratio(found), found.width, offset, status, reason)


def usable(q: Quality) -> tuple[Status, str]:
    """Whether the numbers of a voxel mean anything, and the reason where they do not."""
    if not q.snr > HOPELESS_SNR:
        return Status.NO_SIGNAL, "no line above the noise"
    if q.fwhm_ppm > WIDEST:
        return Status.NOT_DETERMINED, "lines too wide (shim)"
    if q.lipid > SWAMPED:
        return Status.NOT_DETERMINED, "swamped by lipid"
    if q.misfit > BAD_FIT:
        return Status.NOT_DETERMINED, "residual is no noise"
    return Status.OK, ""


def _failed(status: Status, reason: str) -> Voxel:
    return Voxel({}, (np.nan, np.nan), np.nan, np.nan, status, reason)


def _ratio(found: Decomposition) -> tuple[float, float]:
    """Choline over NAA with its error; NaN where NAA may be zero."""
    members = dict(SUMS)
    w = np.stack([weights(found, members[key]) for key in ("tCho", "tNAA")])
    a, b = w @ found.amplitudes
    covariance = w @ found.covariance @ w.T
    if b <= DENOMINATOR * np.sqrt(covariance[1, 1]):
        return np.nan, np.nan
    slope = np.array([1 / b, -a / b**2])
    return float(a / b), float(np.sqrt(max(slope @ covariance @ slope, 0.0)))


def _spread(
    spectra: Spectra,
    found: Mapping[tuple[int, ...], Voxel],
    quantity: Quantity,
    pick: Callable[[Voxel], tuple[float, float]],
) -> Map:
    shape = spectra.values.shape[:3]
    values, std = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    status = np.full(shape, int(Status.OUTSIDE), np.int16)
    for place, one in found.items():
        value, error = pick(one)
        is_known = np.isfinite(value) and np.isfinite(error)
        status[place] = one.status if one.status.is_failure or is_known else Status.NOT_DETERMINED
        if is_known and not one.status.is_failure:
            values[place], std[place] = value, error
    return Map(quantity, values, std, status, spectra.grid)


def _map(quantity: Quantity, spectra: Spectra, found: Mapping[tuple[int, ...], Voxel]) -> Map:
    return _spread(spectra, found, quantity, lambda one: one.values.get(quantity.key, (np.nan, np.nan)))


def _ratio_map(spectra: Spectra, found: Mapping[tuple[int, ...], Voxel]) -> Map:
    return _spread(spectra, found, lexicon.CHO_OVER_NAA, lambda one: one.ratio)


def _single(
    quantity: Quantity,
    spectra: Spectra,
    found: Mapping[tuple[int, ...], Voxel],
    pick: Callable[[Voxel], float],
) -> Map:
    """A map of what has no error of its own."""
    return _spread(spectra, found, quantity, lambda one: (pick(one), 0.0 if np.isfinite(pick(one)) else np.nan))


def _unusable(spectra: Spectra, found: Mapping[tuple[int, ...], Voxel]) -> dict[str, Region]:
    """The voxels without a number, by reason."""
    out = {}
    for reason in dict.fromkeys(one.reason for one in found.values() if one.status.is_failure):
        where = np.zeros(spectra.values.shape[:3], bool)
        where[tuple(np.transpose([place for place, one in found.items() if one.reason == reason]))] = True
        out[f"unusable: {reason}"] = Region(where, spectra.grid, reason, "quality of the voxel")
    return out


def _flags(found: Mapping[tuple[int, ...], Voxel], has_index: bool) -> list[Flag]:
    """How many voxels are not usable, and why."""
    out = []
    reasons = [one.reason for one in found.values() if one.status.is_failure]
    for reason in dict.fromkeys(reasons):
        share = reasons.count(reason) / max(len(found), 1)
        sentence = f"{reasons.count(reason)} of {len(found)} voxels have no number: {reason}."
        severity = Severity.LIMITED if share > 0.5 else Severity.CAUTION
        out.append(Flag("unusable-voxels", severity, sentence, where=reason, fraction=share, source="grid"))
    if not has_index:
        sentence = f"No choline-to-NAA index: fewer than {FEWEST_NORMAL} voxels are usable and alike."
        out.append(Flag("no-index", Severity.NOTE, sentence, source="grid"))
    return out


def _recipe(spectra: Spectra, spread: PointSpread, n_scalp: int, has_water: bool, n: int) -> Recipe:
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
    return Recipe(tuple(steps))
