"""Flow and transit time: one delay by the equation of the consensus, several by what every transit time explains."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int, Int16

from perspect.asl.expect import Expected, expected_of_neighbours, uniform
from perspect.asl.plan import Plan
from perspect.asl.readouts import Train
from perspect.asl.transit import USUAL_ATT as USUAL_ATT
from perspect.fit.posterior import Posterior, posterior
from perspect.models import (
    ArterialPasl,
    ArterialPcasl,
    ArterialReadOftenPasl,
    ArterialReadOftenPcasl,
    LabelInTissue,
    Pasl,
    Pcasl,
    ReadOftenPasl,
    ReadOftenPcasl,
    Tissue,
)  # fmt: skip
from perspect.vocabulary import FAILED_FROM, Around, Problem, Region, Status

SPACING: Final = 0.05
"""s between nodes of the transit time: noise leaves it open by 0.1 s and more, and where not a closer look is taken."""

BEFORE_LAST: Final = 0.2
"""s: blood that comes later than this before the last readout is not told from none (as FSL's BASIL has it)."""

T1_STEPS: Final = 0.05
"""Relative step of the T1 of tissue for which models are made: it moves flow by less than 3 %. [our default]"""

COARSE, COARSE_LEAD = 0.1, 0.15
"""s between nodes of the transit time, and of how far arteries are ahead of it, of the model with arteries."""

EARLIEST: Final = 0.2
"""s before which no label is in the brain, in the model with arteries. [our default]"""

LEAD: Final = (0.3, 0.3)
"""s by which label is in the arteries of a voxel before it is in its tissue, mean and standard deviation (mean as FSL's
BASIL has it)."""

LOOKED_AT: Final = 600
"""Voxels by which it is decided whether most of the brain asks for arteries."""

CLEAR, FEWEST_CLEAR = 20.0, 50
"""χ² that tissue must explain in a voxel for it to be asked, and how many such voxels there must be."""

EXPLAINS: Final = 2.0
"""χ² that arteries explain in the middle of these voxels from which on most of the brain holds them. [our default:
without arteries it is 0.6 to 1.5 in simulations, up to 1.8 where label decays otherwise than modelled; with them 2.3 to
4.5]"""

ARTERIES_SEEN_TO: Final = 1.0
"""s of delay after labelling up to which arteries may still hold label: at least one sample must lie below."""

FEWEST_SAMPLES: Final = 5
"""Samples from which on four parameters are looked for."""

RARE: Final = 0.05
"""Share of voxels that are expected to hold arteries: BIC is weighed with these odds. [our default]"""

SURE: Final = 3.0
"""Standard errors that an arterial volume must have above 0: a better fit may come from elsewhere."""

COSTS: Final = 3.0
"""By how much the error of flow may grow with arteries in the model: else they explain noise at the price of flow.
[our default]"""

SUSPICIOUS: Final = 6.0
"""χ² that tissue alone leaves beyond what noise does, from which on arteries are tried: a gate below BIC's, to save
time."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What all models of a series share: kind, efficiency, T1 of blood, partition coefficient.

    `train` are the readouts of a Look-Locker series; None: each delay has a labelling of its own.
    """

    kind: str
    efficiency: float
    blood_t1: float
    partition: float
    train: Train | None = None

    def model(
        self,
        delays: Float[np.ndarray, " samples"],
        durations: Float[np.ndarray, " samples"],
        tissue_t1: float | None,
        has_arteries: bool = False,
    ) -> LabelInTissue:
        """The model of some samples; a `tissue_t1` of None is that of blood."""
        tissue = Tissue(self.blood_t1, tissue_t1, self.partition)
        if self.train is not None:
            pulses, angles = self.train.of(delays), self.train.angles
            if self.kind == "pasl":
                often = ArterialReadOftenPasl if has_arteries else ReadOftenPasl
                return often(delays, durations, self.efficiency, tissue, pulses, angles)
            longer = ArterialReadOftenPcasl if has_arteries else ReadOftenPcasl
            return longer(delays, durations, self.efficiency, tissue, pulses, angles)
        continuous, pulsed = (ArterialPcasl, ArterialPasl) if has_arteries else (Pcasl, Pasl)
        of = pulsed if self.kind == "pasl" else continuous
        return of(delays, durations, self.efficiency, tissue)


@dataclass(frozen=True, eq=False)
class Samples:
    """ΔM/M0 of every voxel and sample with its noise, and when each was read; `later` is the delay of its slice in s.

    `t1` is that of tissue in s, `None` where label decays as in blood. `n_pairs` are all the pairs behind them.
    """

    values: Float[np.ndarray, "voxels samples"]
    noise: Float[np.ndarray, "voxels samples"]
    delays: Float[np.ndarray, " samples"]
    durations: Float[np.ndarray, " samples"]
    later: Float[np.ndarray, " voxels"]
    t1: Float[np.ndarray, " voxels"] | None
    n_pairs: int

    def groups(self) -> Iterator[tuple[Int[np.ndarray, " some"], Float[np.ndarray, " samples"], float | None]]:
        """Voxels that share a model: their places, delays and T1."""
        times, slices = np.unique(self.later, return_inverse=True)
        steps = np.zeros(self.later.size, int)
        if self.t1 is not None:
            steps = np.round(np.log(self.t1) / T1_STEPS).astype(int)
        # One number for both, because pairs are slow to sort.
        keys, member = np.unique(steps * times.size + slices, return_inverse=True)
        for at, key in enumerate(keys):
            step, early = divmod(int(key), times.size)
            t1 = None if self.t1 is None else float(np.exp(step * T1_STEPS))
            yield np.flatnonzero(member == at), self.delays + times[early], t1


@dataclass(frozen=True, eq=False)
class Kinetics:
    """Values, standard errors and statuses per voxel, by key (cbf in 1/s, att and abat in s, abv in mL/mL).

    `correlation` is that of flow and transit time within each voxel's error. `misfit` is χ² over its degrees of
    freedom. `has_arteries` marks voxels in which arteries were found, or all of them where most of the brain asks for
    them (`arteries_everywhere`).
    """

    values: dict[str, Float[np.ndarray, " voxels"]]
    std: dict[str, Float[np.ndarray, " voxels"]]
    status: dict[str, Int16[np.ndarray, " voxels"]]
    correlation: Float[np.ndarray, " voxels"] | None
    misfit: Float[np.ndarray, " voxels"] | None
    has_arteries: Bool[np.ndarray, " voxels"] | None
    drawn: Float[np.ndarray, " voxels"] | None = None
    arteries_everywhere: bool = False


def relative(fitted: Kinetics) -> Kinetics:
    """The same over the mean flow of the brain."""
    ok = fitted.status["cbf"] < FAILED_FROM
    mean = float(fitted.values["cbf"][ok].mean())
    if not mean > 0:
        raise Problem(
            "The mean difference of label and control is not positive.",
            "Relative flow is divided by its mean over the brain.",
            "Check the order of label and control (--order).",
        )
    values, std = dict(fitted.values), dict(fitted.std)
    values["cbf"], std["cbf"] = values["cbf"] / mean, std["cbf"] / mean
    for key in ("abv", "abat"):
        values.pop(key, None)
        std.pop(key, None)
    return replace(fitted, values=values, std=std)


def single(
    samples: Samples, setting: Setting, att: Float[np.ndarray, " voxels"], tissue: Bool[np.ndarray, " voxels"]
) -> Kinetics:
    """Flow from one delay, with a transit time that is assumed (s)."""
    unit = np.empty(att.size)
    for rows, delays, t1 in samples.groups():
        model = setting.model(delays, samples.durations, t1)
        unit[rows] = model.atoms(att[rows, None])[:, 0, 0]
    usable = tissue & (unit > 1e-9) & np.isfinite(samples.values[:, 0])
    safe = np.where(usable, unit, np.nan)
    has_values = np.isfinite(samples.values[:, 0]) | ~tissue
    failed = np.where(has_values, np.int16(Status.NO_SIGNAL), np.int16(Status.NOT_FINITE))
    status = np.where(usable, np.int16(Status.OK), failed)
    value, std = samples.values[:, 0] / safe, samples.noise[:, 0] / safe
    return Kinetics({"cbf": value}, {"cbf": std}, {"cbf": status}, None, None, None)


def several(
    samples: Samples,
    setting: Setting,
    plan: Plan,
    brain: Region,
    tissue: Bool[np.ndarray, " voxels"],
    around: Around,
    may_have_arteries: bool,
) -> Kinetics:
    """Flow and transit time from several delays: first each voxel alone, then with what its neighbours let expect.

    Label in arteries is part of the model of every voxel where most of the brain asks for it, else of those that do.
    """
    lasts = samples.durations if setting.kind != "pasl" else 0.0
    latest = float((samples.delays + lasts).max()) + float(samples.later.max())
    nodes = np.arange(0.0, latest - BEFORE_LAST, SPACING)
    usual = plan.att if plan.att is not None else USUAL_ATT[setting.kind]
    before = uniform(nodes, usual, plan.att_spread, brain.n_voxels)
    found = _everywhere(samples, setting, before, tissue, has_arteries=False)
    in_most = may_have_arteries and most_have_arteries(samples, setting, found, before, tissue)
    if in_most:
        found = _everywhere(samples, setting, before, tissue, has_arteries=True)
    drawn = None
    if plan.neighbours:
        before, drawn = expected_of_neighbours(found, before, brain, around)
        found = _everywhere(samples, setting, before, tissue, has_arteries=in_most)
        # What the neighbours are of what is known in the end, not of what was expected.
        with np.errstate(invalid="ignore"):
            drawn = drawn * np.clip(found.covariance[:, 1, 1] / before.std**2, 0.0, 1.0)
    if may_have_arteries and not in_most:
        found = _with_some_arteries(samples, setting, found, before, tissue)
    return replace(_kinetics(samples, found, drawn), arteries_everywhere=in_most)


@dataclass(frozen=True, eq=False)
class Everywhere:
    """Posteriors of all voxels: means of flow, transit time and (None: not in the model) arterial volume and arrival.

    `covariance` is that of flow and transit time; `has_arteries` says where the two others are.
    """

    cbf: Float[np.ndarray, " voxels"]
    att: Float[np.ndarray, " voxels"]
    covariance: Float[np.ndarray, "voxels 2 2"]
    status: Int16[np.ndarray, " voxels"]
    is_expected: Bool[np.ndarray, " voxels"]
    explained: Float[np.ndarray, " voxels"]
    abv: Float[np.ndarray, " voxels"]
    abv_std: Float[np.ndarray, " voxels"]
    abat: Float[np.ndarray, " voxels"]
    abat_std: Float[np.ndarray, " voxels"]
    has_arteries: Bool[np.ndarray, " voxels"] | None = None

    @staticmethod
    def nothing(n: int, has_arteries: bool) -> "Everywhere":
        """Of n voxels nothing is known yet."""
        cbf, att, explained, abv, abv_std, abat, abat_std = (np.full(n, np.nan) for _ in range(7))
        return Everywhere(
            cbf, att, np.full((n, 2, 2), np.nan), np.full(n, Status.NO_SIGNAL, np.int16), np.zeros(n, bool), explained,
            abv, abv_std, abat, abat_std, np.zeros(n, bool) if has_arteries else None,
        )  # fmt: skip

    def put(self, rows: Int[np.ndarray, " some"], own: Posterior, some: Int[np.ndarray, " few"]) -> None:
        """Puts voxels `some` of a posterior at `rows`."""
        keys = [quantity.key for quantity in own.model.parameters]
        both = np.array([keys.index("cbf"), keys.index("att")])
        self.cbf[rows], self.att[rows] = own.values["cbf"][some], own.values["att"][some]
        self.covariance[rows] = own.covariance[np.ix_(some, both, both)]
        self.status[rows], self.explained[rows] = own.status[some], own.explained[some]
        self.is_expected[rows] = own.is_expected["att"][some]
        if "abv" in keys and self.has_arteries is not None:
            self.abv[rows], self.abv_std[rows] = own.values["abv"][some], own.std["abv"][some]
            self.abat[rows], self.abat_std[rows] = own.values["abat"][some], own.std["abat"][some]
            self.has_arteries[rows] = True


def _everywhere(
    samples: Samples, setting: Setting, before: Expected, tissue: Bool[np.ndarray, " voxels"], *, has_arteries: bool
) -> Everywhere:
    out = Everywhere.nothing(tissue.size, has_arteries)
    for rows, delays, t1 in samples.groups():
        rows = rows[tissue[rows]]
        if rows.size:
            own = _posterior(samples, setting, before, rows, delays, t1, has_arteries)
            out.put(rows, own, np.arange(rows.size))
    return out


def _posterior(
    samples: Samples, setting: Setting, before: Expected, rows: Int[np.ndarray, " some"],
    delays: Float[np.ndarray, " samples"], t1: float | None, has_arteries: bool,
) -> Posterior:  # fmt: skip
    """The posterior of some voxels that share a model."""
    model = setting.model(delays, samples.durations, t1, has_arteries)
    curves, noise = samples.values[rows], samples.noise[rows]
    if not has_arteries:
        return posterior(model, curves, noise, before.nodes[:, None], before.of(rows))
    both = times_of_both(before.nodes[-1])
    ahead = -0.5 * ((both[:, 0] - both[:, 1] - LEAD[0]) / LEAD[1]) ** 2

    def prior(piece: slice) -> Float[np.ndarray, "some nodes"]:
        return np.asarray(before.at(rows[piece], both[:, 0]) + ahead)

    return posterior(model, curves, noise, both, prior)


def times_of_both(latest: float) -> Float[np.ndarray, "nodes 2"]:
    """Nodes of transit time and arterial arrival in s: arteries come first, by no more than is likely."""
    atts = np.arange(EARLIEST, latest, COARSE)
    leads = np.arange(0.0, LEAD[0] + 3.0 * LEAD[1], COARSE_LEAD)
    return np.array([(att, att - lead) for att in atts for lead in leads if att - lead >= EARLIEST])


def allows_arteries(samples: Samples, kind: str, is_crushed: bool | None) -> bool:
    """Whether the delays can tell label in arteries from label in tissue."""
    passed = samples.delays - (samples.durations if kind == "pasl" else 0.0)
    return not is_crushed and samples.delays.size >= FEWEST_SAMPLES and float(passed.min()) < ARTERIES_SEEN_TO


def most_have_arteries(
    samples: Samples, setting: Setting, found: Everywhere, before: Expected, tissue: Bool[np.ndarray, " voxels"]
) -> bool:
    """Whether arteries explain more than noise lets them, in the middle of voxels with clear flow, evenly chosen.

    A single voxel hardly tells a little label in arteries from tissue that is reached early. Thousands together do.
    """
    chosen = np.zeros(tissue.size, bool)
    places = np.flatnonzero(tissue & (found.status < FAILED_FROM) & (found.explained > CLEAR))
    if places.size < FEWEST_CLEAR:
        return False
    chosen[places[:: max(1, places.size // LOOKED_AT)]] = True
    gains = []
    for rows, delays, t1 in samples.groups():
        rows = rows[chosen[rows]]
        if rows.size:
            own = _posterior(samples, setting, before, rows, delays, t1, has_arteries=True)
            gains.append(own.explained - found.explained[rows])
    return bool(gains) and float(np.nanmedian(np.concatenate(gains))) > EXPLAINS


def _with_some_arteries(
    samples: Samples, setting: Setting, found: Everywhere, before: Expected, tissue: Bool[np.ndarray, " voxels"]
) -> Everywhere:
    """With arteries in the voxels whose data ask for them (BIC).

    Two more parameters must explain 2 ln(n) more, n being the pairs (Schwarz 1978, doi:10.1214/aos/1176344136), and
    as much beyond that as outweighs that few voxels hold arteries.
    """
    total = ((samples.values / samples.noise) ** 2).sum(axis=1)
    left = total - found.explained - (samples.delays.size - 2)
    candidates = tissue & (found.status < FAILED_FROM) & (left > SUSPICIOUS)
    least = 2.0 * np.log(samples.n_pairs) + 2.0 * np.log(1.0 / RARE - 1.0)
    failed = found.status >= FAILED_FROM
    # Where no artery is asked for none is seen: 0, with the error of the volume that the first sample would tell.
    out = replace(
        found, abv=np.where(failed, np.nan, 0.0), abv_std=np.where(failed, np.nan, _smallest_artery(samples, setting)),
        has_arteries=np.zeros(failed.size, bool),
    )  # fmt: skip
    for rows, delays, t1 in samples.groups():
        rows = rows[candidates[rows]]
        if not rows.size:
            continue
        own = _posterior(samples, setting, before, rows, delays, t1, has_arteries=True)
        is_better = own.explained - found.explained[rows] > least
        is_told = own.values["abv"] > SURE * own.std["abv"]
        is_told &= own.std["cbf"] < COSTS * np.sqrt(found.covariance[rows, 0, 0])
        some = np.flatnonzero(is_better & is_told & (own.status < FAILED_FROM))
        out.put(rows[some], own, some)
    return out


def _kinetics(samples: Samples, found: Everywhere, drawn: np.ndarray | None) -> Kinetics:
    std = np.sqrt(np.maximum(np.einsum("vkk->kv", found.covariance), 0.0))
    is_open = found.is_expected & (found.status < FAILED_FROM)
    values, stds = {"cbf": found.cbf, "att": found.att}, {"cbf": std[0], "att": std[1]}
    status = {"cbf": found.status, "att": np.where(is_open, np.int16(Status.EXPECTED), found.status)}
    n_free = np.full(found.cbf.size, samples.delays.size - 2.0)
    if found.has_arteries is not None:
        n_free[found.has_arteries] -= 2.0
        values |= {"abv": found.abv, "abat": found.abat}
        stds |= {"abv": found.abv_std, "abat": found.abat_std}
        status["abv"] = found.status
        none = (found.status < FAILED_FROM) & ~found.has_arteries
        status["abat"] = np.where(none, np.int16(Status.NOT_DETERMINED), found.status)
    total = ((samples.values / samples.noise) ** 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        misfit = np.where(n_free > 0, (total - found.explained) / n_free, np.nan)
        correlation = found.covariance[:, 0, 1] / (std[0] * std[1])
    return Kinetics(values, stds, status, correlation, misfit, found.has_arteries, drawn)


def _smallest_artery(samples: Samples, setting: Setting) -> Float[np.ndarray, " voxels"]:
    """Volume of arterial blood whose label would be as large as the noise of the first sample, in mL/mL."""
    first = int(samples.delays.argmin())
    model = setting.model(samples.delays, samples.durations, None, has_arteries=True)
    seen = float(np.asarray(model.atoms(np.array([1.3, 0.7])))[1].max())
    return np.asarray(samples.noise[:, first] / max(seen, 1e-6))
