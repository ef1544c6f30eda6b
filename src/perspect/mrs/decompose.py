"""One spectrum taken apart: start, a stiff first fit with everything, profile, fit, baseline, and the fit again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from jaxtyping import Complex, Float

from perspect.models.spins.broad import BROAD
from perspect.mrs.band import Band, basis_on
from perspect.mrs.combine import (
    Place,
    Solution,
    Task,
    again,
    baseline_and_noise,
    shadow_of,
    solution,
    stand,
    stiffness,
    with_noise,
)  # fmt: skip
from perspect.mrs.descend import ROUGHLY, descended
from perspect.mrs.equations import Priors
from perspect.mrs.plan import Plan
from perspect.mrs.profile import (
    NORMAL,
    OF_BROAD,
    OF_NORMAL_BRAIN,
    OF_TUMOURS,
    TOTAL,
    TUMOUR,
    TURNED,
    USUAL,
    Profile,
    members,
)
from perspect.mrs.signals import MEASURED
from perspect.mrs.start import ALIKE, begun, first_theta
from perspect.numerics.spline import PenalisedSpline, penalised_spline
from perspect.vocabulary import Basis, FittedSpectrum

SHIFT_PRIOR: Final = 0.004
"""Standard deviation in ppm of a molecule's own shift (pH, temperature, susceptibility; Provencher 1993)."""

WIDTH_PRIOR: Final = 0.4
"""Standard deviation in 1/s, at 85.15 MHz and as the root of the field, of a molecule's own width (Provencher)."""

BROAD_SHIFT: Final = 0.02
"""Of a broad signal of a given basis, in ppm [our default]; those of `BROAD` have their own."""

LEAST_SHIFT: Final = 0.01
"""Of any broad signal, in ppm: what holds for the normal brain of one centre does not for all [our default]."""

MEASURED_SHIFT: Final = 0.05
"""Of measured macromolecules, whose reference was set by somebody else, in ppm [our default]."""

BROAD_WIDTH: Final = 0.026
"""Of the width of a broad signal, in ppm (10/s at 3 T) [our default]; Provencher has 0.01 for macromolecules at 2.0 ppm
and 0.035 for lipid."""

PHASE_PRIOR: Final = np.deg2rad(3.0)
"""Standard deviation of the first-order phase, in rad/ppm: some 70 µs between excitation and first point at 3 T."""

KNOTS: Final = 15.0
"""Splines of the baseline for each ppm."""

PLACED_PHASE: Final = np.deg2rad(5.0)
"""Standard deviation of the phase where it was taken from water, in rad [our default]."""

PLACED_SHIFT: Final = 0.01
"""The same of the frequency, in ppm: water moves by this much for a degree of temperature [our default]."""

FIRST_DIMENSIONS: Final = 1.1
"""Effective dimensions of the baseline per ppm in the first fit [our default]."""

FIRST_STEPS: Final = 8
"""Of the first fit, which only has to tell what kind of spectrum it is."""

FLIP: Final = 2.5
"""Below this ratio of total NAA to total choline, in amounts, a spectrum is not of normal brain.

Normal grey and white matter have 4 to 9 (Govindaraju et al. 2000); [our default] is well below."""

MUCH_LACTATE: Final = 0.5
"""Lactate over total creatine above which a spectrum is not of normal brain [our default]; normal is below 0.15."""

MUCH_LIPID: Final = 1.0
"""The same for mobile lipid at 1.3 ppm, in methylene groups [our default]."""

LEAST_BROAD: Final = 0.02
"""Of the largest amplitude: broad signals of which a first fit found none are taken to be this large, so that a soft
ratio to them never becomes a hard zero [our default]."""

N_LOOKS: Final = 2
"""At amplitudes before the fit: what soft ratios are relative to is not known before they hold [our default]."""

FAR: Final = 5.0
"""Standard deviations above a soft ratio from which on it is dropped [our default]."""


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A fit and what it means: names and kinds of the signals, the profile and why it was chosen."""

    task: Task
    solution: Solution
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    profile: Profile
    reason: str

    @property
    def amplitudes(self) -> Float[np.ndarray, " signals"]:
        """Of the signals, in units of the data per proton."""
        return self.solution.place.amplitudes

    @cached_property
    def covariance(self) -> Float[np.ndarray, "signals signals"]:
        """Of the amplitudes, everything else fitted too."""
        n = len(self.names)
        out: Float[np.ndarray, "signals signals"] = self.solution.covariance[:n, :n]
        return out

    def part(self, name: str) -> Float[np.ndarray, " bins"]:
        """A signal as it was fitted."""
        at = self.names.index(name)
        out: Float[np.ndarray, " bins"] = self.amplitudes[at] * self.solution.place.columns[at]
        return out

    @property
    def drawn(self) -> FittedSpectrum:
        """The spectrum, its fit and its baseline, without its parts."""
        place, baseline, band = self.solution.place, self.solution.baseline, self.task.band
        off = float(place.theta[2]) / (band.frequency * 1e-6)
        fit = place.amplitudes @ place.columns + baseline
        return FittedSpectrum(band.ppm, place.data, fit, baseline, {}, self.task.sigma, off)

    @property
    def width(self) -> float:
        """Full width at half maximum of a narrow line in Hz, from its Lorentzian and Gaussian part (Olivero and
        Longbothum 1977, doi:10.1016/0022-4073(77)90161-3); the width that the basis had is not in it.
        """
        lorentz = self.solution.place.theta[3] / np.pi
        gauss = 2 * np.sqrt(self.solution.place.theta[4] * np.log(2)) / np.pi
        return float(0.5346 * lorentz + np.sqrt(0.2166 * lorentz**2 + gauss**2))


@lru_cache(maxsize=8)
def baseline_of(band: Band) -> PenalisedSpline:
    """The splines of a band."""
    return penalised_spline(-band.ppm, KNOTS)


@lru_cache(maxsize=8)
def signals_on(band: Band, basis: Basis) -> Complex[np.ndarray, "signals band"]:
    """The signals of a basis in a band, in single precision; the same for all voxels of a grid."""
    return basis_on(band, basis).astype(np.complex64)


def decomposed(
    band: Band,
    values: Complex[np.ndarray, " band"],
    basis: Basis,
    sigma: float,
    plan: Plan,
    *,
    is_referenced: bool = False,
) -> Decomposition:
    """The spectrum of a signal in a band as a sum of the signals of a basis. `sigma` is the noise of a bin.

    `is_referenced` says that phase and frequency are already those of water, so that no start has to be looked for.
    """
    everything = task_of(band, values, signals_on(band, basis), basis, baseline_of(band), sigma)
    if is_referenced:
        everything = placed(everything)
    span = band.window[1] - band.window[0]
    start = FIRST_DIMENSIONS * span
    first, reason = _first(everything, basis, start, is_referenced)
    profile, why, has_lipid = chosen(basis.names, first.amplitudes, plan, reason)
    keep = kept(basis, profile, has_lipid, plan.keep)
    task = only(everything, keep)
    names = tuple(basis.names[k] for k in keep)
    kinds = tuple(basis.kinds[k] for k in keep)
    begin = first.only(keep)
    for _ in range(N_LOOKS):
        task = replace(task, ties=ties(names, begin.amplitudes, profile, plan))
        begin = again(task, begin, shadow_of(task, start))
    solved = _settled(task, begin, profile, plan, start, sigma)
    return Decomposition(with_noise(task, sigma), solved, names, kinds, profile, why)


def _settled(task: Task, begin: Place, profile: Profile, plan: Plan, start: float, sigma: float) -> Solution:
    """The fit, the baseline that it then asks for, and the fit with that."""
    span = task.band.window[1] - task.band.window[0]
    if plan.baseline == "none":
        task = replace(task, spline=None)
    dimensions = {"auto": max(start, 2.01), "stiff": 2.01, "none": 0.0}[plan.baseline]
    shadow = shadow_of(task, dimensions)
    begin = again(task, begin, shadow)
    task = with_noise(task, baseline_and_noise(task, begin, dimensions)[1])
    place, n_steps, has_converged = descended(task, begin, shadow)
    task = with_noise(task, baseline_and_noise(task, place, dimensions)[1])
    if plan.baseline == "auto":
        favoured = stiffness(task, place, [max(one * span, 2.01) for one in profile.dimensions])
        if favoured != dimensions:
            dimensions = favoured
            place, more, has_converged = descended(task, place, shadow_of(task, dimensions))
            n_steps += more
    return solution(with_noise(task, sigma), place, dimensions, n_steps, has_converged)


def task_of(
    band: Band,
    values: Complex[np.ndarray, " band"],
    signals: Complex[np.ndarray, "signals band"],
    basis: Basis,
    spline: PenalisedSpline,
    sigma: float,
) -> Task:
    """A signal in a band to be explained by the signals of a basis; `sigma` is the noise of a bin."""
    hz = band.frequency * 1e-6
    broad = np.array([kind != "metabolite" for kind in basis.kinds])
    measured = np.array([name in MEASURED for name in basis.names])
    spreads = [BROAD[one].spread if one in BROAD else BROAD_SHIFT for one in map(upright, basis.names)]
    known = np.maximum(spreads, LEAST_SHIFT)
    shift = np.where(measured, MEASURED_SHIFT, np.where(broad, known, SHIFT_PRIOR)) * hz
    width = np.where(broad, np.pi * BROAD_WIDTH * hz, WIDTH_PRIOR * np.sqrt(hz / 85.15))
    priors = Priors(shift, width, PHASE_PRIOR, np.zeros(broad.size, bool), broad)
    single = signals.astype(np.complex64, copy=False)
    return Task(
        band,
        band.spectrum(values),
        single,
        spline,
        priors,
        sigma,
        np.zeros((0, broad.size)),
        values,
    )


def upright(name: str) -> str:
    """The name of a signal, whatever its phase."""
    return name.removesuffix(TURNED)


def placed(task: Task) -> Task:
    """The same task where phase and frequency were taken from water."""
    place = (PLACED_PHASE, PLACED_SHIFT * task.band.frequency * 1e-6)
    return replace(task, priors=replace(task.priors, place=place))


def _first(task: Task, basis: Basis, dimensions: float, is_referenced: bool) -> tuple[Place, str]:
    """A stiff fit from the best start, and from the second where it is nearly as good."""
    assert task.spline is not None
    starts = [(0.0, 0.0, 0.0)]
    if not is_referenced:
        starts = begun(task.band, task.values[None], task.signals, basis.names, task.spline)[0]
    tried = [one for one in starts if one[0] <= ALIKE * starts[0][0]]
    wandering = [k for k, name in enumerate(basis.names) if name in MEASURED]
    shadow = shadow_of(task, dimensions)
    places = []
    for _, phase, shift in tried:
        theta = first_theta(task, phase, shift, wandering, shadow)
        # What the start does not explain counts as noise, or it would be pressed into shifts and widths.
        place = stand(task, theta, shadow, None)
        noise = baseline_and_noise(task, place, dimensions)[1]
        places.append(descended(with_noise(task, noise), place, shadow, FIRST_STEPS, ROUGHLY)[0])
    best = min(places, key=lambda place: place.cost)
    others = [place for place in places if place is not best]
    is_doubtful = bool(others) and others[0].cost < 1.02 * best.cost and abs(others[0].theta[2] - best.theta[2]) > 4.0
    return best, "two alignments fit equally well" if is_doubtful else ""


def chosen(
    names: tuple[str, ...], found: Float[np.ndarray, " signals"], plan: Plan, doubt: str
) -> tuple[Profile, str, bool]:
    """The profile that was asked for, or that the first fit speaks for, the reason in words, and whether lipids are
    fitted: in a lesion always, in normal brain where there is much (contamination from the scalp).
    """
    amounts = dict(zip(names, found, strict=True))

    def total(*keys: str) -> float:
        return float(sum(amounts.get(key, 0.0) for key in keys))

    naa, creatine, choline = total("NAA", "NAAG"), total("Cr", "PCr"), total("GPC", "PCho", "Cho")
    lipid, lactate = total("Lip13a", "Lip13b"), total("Lac")
    signs = []
    if naa <= FLIP * choline:
        signs.append(f"total NAA is below {FLIP:g} times total choline")
    if lactate > MUCH_LACTATE * max(creatine, naa / 2) and naa <= 2 * FLIP * choline:
        signs.append("lactate is high beside little NAA")
    is_fat = lipid > MUCH_LIPID * max(creatine, naa / 2)
    if creatine <= 0:
        signs.append("no creatine was found")
    if doubt:
        signs.append(doubt)
    if plan.profile != "auto":
        return (NORMAL, "as chosen", is_fat) if plan.profile == "normal" else (TUMOUR, "as chosen", True)
    if signs:
        return TUMOUR, " and ".join([*signs, *(["lipid is high"] if is_fat else [])]), True
    if is_fat:
        return NORMAL, "NAA, choline and lactate are in the range of normal brain; lipid is high and was fitted", True
    return NORMAL, "NAA, choline, lactate and lipid are in the range of normal brain", False


def kept(basis: Basis, profile: Profile, has_lipid: bool, asked: tuple[str, ...] = ()) -> np.ndarray:
    """Which signals the fit keeps: a simulated basis is cut to the profile and what is asked for, a given one is kept
    whole.
    """
    simulated = "simulated" in basis.origin
    wanted = USUAL if profile.name == "normal" else OF_TUMOURS
    keep = [
        (kind == "metabolite" and (not simulated or name in wanted))
        or kind == "macromolecule"
        or (kind == "lipid" and has_lipid)
        or upright(name) in asked
        for name, kind in zip(basis.names, basis.kinds, strict=True)
    ]
    return np.flatnonzero(keep)


def ties(
    names: tuple[str, ...],
    amplitudes: Float[np.ndarray, " signals"],
    profile: Profile,
    plan: Plan,
) -> Float[np.ndarray, "ties signals"]:
    """Soft ratios as rows that are zero with a standard deviation of one."""
    at = {name: k for k, name in enumerate(names)}
    rows = []
    if plan.ratios == "yes" or (plan.ratios == "auto" and profile.has_ratios):
        total = np.zeros(len(names))
        for name, weight in TOTAL:
            if name in at:
                total[at[name]] = weight
        size = float(total @ amplitudes)
        for name, ratio, deviation in OF_NORMAL_BRAIN:
            # What a first fit finds far above the range of normal brain is not held down by it.
            is_usual = name in at and size > 0 and amplitudes[at[name]] < (ratio + FAR * deviation) * size
            if is_usual:
                row = -ratio * total
                row[at[name]] += 1.0
                rows.append(row / (deviation * size))
    least = max(LEAST_BROAD * float(amplitudes.max()), 1e-300)
    for name, other, ratio, deviation in OF_BROAD:
        size = max(_size_of(other, at, amplitudes), least)
        for turn in ("", TURNED):
            others = [at[one + turn] for one in members(other) if one + turn in at]
            if name + turn in at and others:
                row = np.zeros(len(names))
                row[others] = -ratio
                row[at[name + turn]] = 1.0
                rows.append(row / (deviation * size))
    return np.array(rows).reshape(-1, len(names))


def _size_of(other: str, at: Mapping[str, int], amplitudes: Float[np.ndarray, " signals"]) -> float:
    """How large that is which others have a ratio to, from all of them: alone it may be lost in its neighbour, as
    macromolecules at 0.9 ppm are in lipid.
    """
    family = {other: 1.0} | {name: ratio for name, whose, ratio, _ in OF_BROAD if whose == other}
    found = {
        name: [abs(amplitudes[at[one + turn]]) for one in members(name) for turn in ("", TURNED) if one + turn in at]
        for name in family
    }
    expected = sum(ratio for name, ratio in family.items() if found[name])
    return float(sum(map(sum, found.values())) / expected) if expected else 0.0


def only(task: Task, keep: np.ndarray) -> Task:
    """The task with some of its signals."""
    p = task.priors
    priors = Priors(p.shift[keep], p.width[keep], p.phase, p.free[keep], p.broad[keep], p.place)
    return replace(task, signals=task.signals[keep], priors=priors, ties=task.ties[:, keep])
