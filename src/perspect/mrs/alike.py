"""Spectra that are like one another (the voxels of a grid), taken apart together by what was found in their mean.

As in `decompose`: a first look with everything, profile, fit, baseline, and the fit again. Each begins where the mean
came to rest, and keeps the small shifts and widths of their own that its signals have there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from perspect.mrs import batch
from perspect.mrs.band import Band
from perspect.mrs.batch import Batch, Places
from perspect.mrs.combine import Place, Task, shadow_at, solution
from perspect.mrs.decompose import (
    FIRST_DIMENSIONS,
    MUCH_LIPID,
    Decomposition,
    baseline_of,
    chosen,
    kept,
    only,
    placed,
    signals_on,
    task_of,
    ties,
    upright,
)  # fmt: skip
from perspect.mrs.descend import ROUGHLY
from perspect.mrs.equations import N_COMMON, times
from perspect.mrs.plan import Plan
from perspect.mrs.profile import TURNED, Profile
from perspect.numerics.nonnegative import nonnegative_each, restricted, solved_among
from perspect.numerics.parallel import each, spans
from perspect.numerics.spline import PenalisedSpline
from perspect.vocabulary import Basis

TOGETHER: Final = 64
"""Spectra of one kind that are fitted by one thread (`batch.AT_WORK` of them at once)."""

ENOUGH_OF_MANY: Final = 5e-4
"""What ends the fit of a spectrum that begins with a similar one: a sixth of what a parameter gains by chance."""

SLACK: Final = 0.3
"""Of upright lipid, what may look turned while the phase is not exactly known (17°) [our default]."""

N_PLACED: Final = 3
"""Phases and shift: those of a voxel are not those of a similar one."""


@dataclass(frozen=True, eq=False)
class Kind:
    """What spectra that are fitted together share: signals that are kept, by index and as a task, and the profile."""

    task: Task
    keep: Int[np.ndarray, " kept"]
    profile: Profile

    @property
    def free(self) -> Bool[np.ndarray, " kept"]:
        """Which signals may be negative."""
        return self.task.priors.free


def kind_of(
    task: Task, basis: Basis, profile: Profile, *, has_lipid: bool, has_leak: bool, asked: tuple[str, ...] = ()
) -> Kind:
    """What is kept of everything. Lipid that leaks in from the scalp has any phase and sign: it passed through side
    lobes, and was excited elsewhere in the field.
    """
    lipids = np.array([kind == "lipid" for kind in basis.kinds])
    turned = np.array([name.endswith(TURNED) for name in basis.names])
    keep = kept(basis, profile, has_lipid or has_leak, asked)
    keep = keep if has_leak else keep[~turned[keep]]
    task = replace(task, priors=replace(task.priors, free=lipids & has_leak))
    return Kind(only(task, keep), keep, profile)


def is_leaking(names: tuple[str, ...], found: Float[np.ndarray, " signals"]) -> bool:
    """Whether lipid has a phase or a sign that it cannot have where it is."""
    amounts = dict(zip(names, found, strict=True))

    def total(*keys: str) -> float:
        return float(sum(amounts.get(key, 0.0) for key in keys))

    straight, across = total("Lip13a", "Lip13b"), total("Lip13a" + TURNED, "Lip13b" + TURNED)
    usual = max(total("Cr", "PCr"), total("NAA", "NAAG") / 2)
    return max(abs(across) - SLACK * abs(straight), -straight) > MUCH_LIPID * usual


def all_decomposed(
    band: Band,
    values: Complex[np.ndarray, "spectra band"],
    basis: Basis,
    sigmas: Float[np.ndarray, " spectra"],
    plan: Plan,
    like: Decomposition,
    *,
    is_referenced: bool,
) -> list[Decomposition | None]:
    """Signals in a band, of which phase and frequency are nearly known, as `decomposed` does it for one; exactly, where
    they are those of water (`is_referenced`). `None` stands for one that has no solution.
    """
    start = FIRST_DIMENSIONS * (band.window[1] - band.window[0])
    task = task_of(band, values[0], _as_in(like, band, basis), basis, baseline_of(band), float(sigmas[0]))
    task = placed(task) if is_referenced else task
    task = replace(task, priors=replace(task.priors, free=np.array([kind == "lipid" for kind in basis.kinds])))
    spectra = band.spectrum(values)
    first = _glanced(task, spectra, start, like)
    kinds, reasons = _by_kind(task, basis, first, plan)
    work = [(kind, np.array(at[one])) for kind, at in kinds for one in spans(len(at), TOGETHER)]

    def done(piece: tuple[Kind, Int[np.ndarray, " some"]]) -> Sequence[Decomposition | None]:
        kind, at = piece
        why, begin = [reasons[k] for k in at], first[at][:, kind.keep]
        begin = np.where(kind.free, begin, np.maximum(begin, 0.0))
        try:
            return _settled(kind, basis, values[at], spectra[at], begin, sigmas[at], why, plan, like)
        except np.linalg.LinAlgError:
            # One of them: it must not take the others with it.
            return [None] if len(at) == 1 else [done((kind, at[k : k + 1]))[0] for k in range(len(at))]

    out: dict[int, Decomposition | None] = {}
    for (_, at), found in zip(work, each(done, work), strict=True):
        out |= dict(zip(at.tolist(), found, strict=True))
    return [out[k] for k in range(len(values))]


def _by_kind(
    task: Task, basis: Basis, first: Float[np.ndarray, "spectra signals"], plan: Plan
) -> tuple[list[tuple[Kind, list[int]]], list[str]]:
    """Which spectra are of one kind by the amplitudes of a first look, and why each is of its kind."""
    kinds: dict[tuple[str, bool, bool], tuple[Kind, list[int]]] = {}
    reasons = []
    for k, amplitudes in enumerate(first):
        profile, why, has_lipid = chosen(basis.names, amplitudes, plan, "")
        reasons.append(why)
        which = (profile.name, has_lipid, is_leaking(basis.names, amplitudes))
        if which not in kinds:
            kind = kind_of(task, basis, profile, has_lipid=has_lipid, has_leak=which[2], asked=plan.keep)
            kinds[which] = (kind, [])
        kinds[which][1].append(k)
    return list(kinds.values()), reasons


@lru_cache(maxsize=4)
def _as_in(like: Decomposition, band: Band, basis: Basis) -> Complex[np.ndarray, "signals band"]:
    """The signals of a basis with the shifts and widths of their own that something similar has."""
    at = [like.names.index(name) if name in like.names else -1 for name in map(upright, basis.names)]
    own = like.solution.place.theta[N_COMMON:].reshape(2, -1)
    d, width = np.where(np.array(at) >= 0, own[:, at], 0.0)
    return np.asarray(signals_on(band, basis) * band.decays(2j * np.pi * d - width))


def _begin(n: int, like: Decomposition) -> Float[np.ndarray, "spectra common"]:
    theta = np.zeros((n, N_COMMON))
    theta[:, N_PLACED:] = like.solution.place.theta[N_PLACED:N_COMMON]
    return theta


def _batch(task: Task, spectra: Complex[np.ndarray, "spectra bins"], sigmas: Float[np.ndarray, " spectra"]) -> Batch:
    """Without soft ratios, and with a baseline that keeps nothing."""
    n_shapes = 0 if task.spline is None else len(task.spline.shapes)
    products = np.zeros((len(spectra), task.n_signals, task.n_signals))
    share = np.zeros((len(spectra), n_shapes))
    return Batch(task.band, spectra, task.signals, task.spline, task.priors, products, sigmas, share)


def _share(spline: PenalisedSpline | None, dimensions: Float[np.ndarray, " spectra"]) -> np.ndarray:
    """How much of each shape a penalised fit keeps at so many effective dimensions."""
    if spline is None:
        return np.zeros((len(dimensions), 0))
    weights = np.array([shadow_at(spline, float(one))[0] for one in dimensions])
    return np.asarray(1 / (1 + weights[:, None] * spline.stiffnesses))


def _glanced(
    task: Task, spectra: Complex[np.ndarray, "spectra bins"], dimensions: float, like: Decomposition
) -> Float[np.ndarray, "spectra signals"]:
    """Amplitudes of everything where the mean came to rest: they tell what kind of spectrum each is."""
    one = replace(_batch(task, spectra[:1], np.ones(1)), share=_share(task.spline, np.array([dimensions])))
    place = batch.stand(one, _begin(1, like), np.ones((1, task.n_signals), bool))
    data = spectra.real
    held = place.shaded[0] * one.share
    projections = data @ place.columns[0].T - (data @ one.shapes.T) @ held.T
    grams = np.broadcast_to(place.gram, (len(spectra), *place.gram.shape[1:]))
    return nonnegative_each(grams, projections, task.priors.free, np.ones(projections.shape, bool))


def _settled(
    kind: Kind,
    basis: Basis,
    values: Complex[np.ndarray, "spectra band"],
    spectra: Complex[np.ndarray, "spectra bins"],
    first: Float[np.ndarray, "spectra signals"],
    sigmas: Float[np.ndarray, " spectra"],
    reasons: Sequence[str],
    plan: Plan,
    like: Decomposition,
) -> list[Decomposition]:
    """The fits of spectra of one kind, each as that of a single spectrum (`decompose._settled`)."""
    task = replace(kind.task, spline=None) if plan.baseline == "none" else kind.task
    names = tuple(basis.names[k] for k in kind.keep)
    at_first = np.full(len(spectra), _at_first(task.band, plan))
    some = replace(_batch(task, spectra, sigmas), share=_share(task.spline, at_first))
    some, _ = _tied(some, names, first, kind.profile, plan)
    begin = batch.stand(some, _begin(len(spectra), like), first > 0)
    some, rows = _tied(some, names, begin.amplitudes, kind.profile, plan)
    descent, dimensions = _at_rest(some, batch.again(some, begin), at_first, kind.profile, plan)
    kinds = tuple(basis.kinds[k] for k in kind.keep)
    out = []
    for k in range(len(spectra)):
        one = replace(task, spectrum=spectra[k], values=values[k], sigma=float(sigmas[k]), ties=rows[k])
        place, n_steps = _place(one, descent.places, k), int(descent.n_steps[k])
        solved = solution(one, place, float(dimensions[k]), n_steps, bool(descent.has_converged[k]))
        out.append(Decomposition(one, solved, names, kinds, kind.profile, reasons[k]))
    return out


def _at_first(band: Band, plan: Plan) -> float:
    """Effective dimensions of the baseline before the data have told theirs."""
    size = FIRST_DIMENSIONS * (band.window[1] - band.window[0])
    return {"auto": max(size, 2.01), "stiff": 2.01, "none": 0.0}[plan.baseline]


def _tied(
    some: Batch, names: tuple[str, ...], found: Float[np.ndarray, "spectra signals"], profile: Profile, plan: Plan
) -> tuple[Batch, list[Float[np.ndarray, "ties signals"]]]:
    """The same spectra with the soft ratios that each has by the amplitudes `found`, and their rows."""
    rows = [ties(names, one, profile, plan) for one in found]
    return replace(some, ties=np.array([one.T @ one for one in rows])), rows


def _at_rest(
    some: Batch, begin: Places, at_first: Float[np.ndarray, " spectra"], profile: Profile, plan: Plan
) -> tuple[batch.Descent, Float[np.ndarray, " spectra"]]:
    """Where the fits come to rest with a baseline of our choice, of dimensions `at_first`, and with the one that each
    then asks for; and the effective dimensions of that.
    """
    some = replace(some, sigma=batch.noise(some, begin, some.sigma))
    descent = batch.descended(some, begin, ROUGHLY if plan.baseline == "auto" else ENOUGH_OF_MANY)
    if plan.baseline != "auto":
        return descent, at_first
    some = replace(some, sigma=batch.noise(some, descent.places, some.sigma))
    span = some.band.window[1] - some.band.window[0]
    dimensions = stiffness(some, descent.places, [max(one * span, 2.01) for one in profile.dimensions])
    some = replace(some, share=_share(some.spline, dimensions))
    further = batch.descended(some, descent.places, ENOUGH_OF_MANY)
    return replace(further, n_steps=descent.n_steps + further.n_steps), dimensions


def stiffness(some: Batch, places: Places, choices: Sequence[float]) -> Float[np.ndarray, " spectra"]:
    """The effective dimensions of the baseline that each spectrum favours (`combine.stiffness`). The signals that were
    found remain the ones that are found.
    """
    p, spline, variance = places, some.spline, some.sigma[:, None] ** 2
    assert spline is not None
    held = np.maximum([shadow_at(spline, one)[0] * spline.stiffnesses for one in choices], 1e-300)
    products = p.columns @ p.columns.mT + variance[..., None] * some.ties
    projection = times(p.columns, p.data)
    power, used = (p.data**2).sum(axis=1), p.amplitudes != 0
    scores = []
    for share, weight in zip(1 / (1 + held), held, strict=True):
        reduced = products - (p.shaded * share) @ p.shaded.mT
        wanted = projection - times(p.shaded, share * p.shaded_data)
        fixed = _fixed(reduced, wanted, used, variance[:, 0])
        misfit = (power - (p.shaded_data**2) @ share) / variance[:, 0]
        scores.append(misfit + fixed + np.log1p(1 / weight[spline.null :]).sum())
    out: Float[np.ndarray, " spectra"] = np.array(choices)[np.argmin(scores, axis=0)]
    return out


def _fixed(
    systems: Float[np.ndarray, "spectra signals signals"],
    wanted: Float[np.ndarray, "spectra signals"],
    used: Bool[np.ndarray, "spectra signals"],
    variance: Float[np.ndarray, " spectra"],
) -> Float[np.ndarray, " spectra"]:
    """What amplitudes that were found cost, less what they explain; infinite where they cannot be told apart."""
    n = used.shape[1]
    systems = systems.copy()
    systems[:, np.arange(n), np.arange(n)] *= 1 + 1e-9
    explained = (wanted * solved_among(systems, wanted[..., None], used)[..., 0]).sum(axis=1)
    sign, size = np.linalg.slogdet(restricted(systems, used, variance[:, None]))
    return np.where(sign > 0, size - n * np.log(variance) - explained / variance, np.inf)


def _place(task: Task, places: Places, k: int) -> Place:
    """One of the places, as that of a single spectrum whose own shifts and widths are where it began."""
    theta = np.concatenate([places.theta[k], np.zeros(2 * task.n_signals)])
    decayed = batch.decayed(task.band, places.theta[k : k + 1], task.priors, task.signals)[0]
    return Place(theta, places.amplitudes[k], places.columns[k], places.data[k], float(places.cost[k]), decayed)
