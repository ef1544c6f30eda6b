"""Flow and transit time: one delay by the equation of the consensus, several by what every transit time explains."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int, Int16

from perspect.asl.expect import Expected, expected_of_neighbours, uniform
from perspect.asl.plan import Plan
from perspect.fit.posterior import Posterior, posterior
from perspect.models import ArterialPasl, ArterialPcasl, Pasl, Pcasl, Tissue
from perspect.vocabulary import FAILED_FROM, Around, Region, Status

SPACING: Final = 0.04
"""s between nodes of the transit time: noise leaves it open by 0.1 s and more, and where not a closer look is taken."""

BEFORE_LAST: Final = 0.2
"""s: blood that comes later than this before the last readout is not told from none (as FSL's BASIL has it)."""

USUAL_ATT: Final = {"pcasl": 1.3, "casl": 1.3, "pasl": 0.7}
"""Expected transit time in s (as FSL's BASIL has it)."""

T1_STEPS: Final = 0.05
"""Relative step of the T1 of tissue for which models are made: it moves flow by less than 3 %. [our default]"""

COARSE: Final = 0.1
"""s between nodes of both times of the model with arteries."""

ARRIVES: Final = (0.7, 0.4)
"""Expected arrival of label in the arteries of the brain in s, mean and standard deviation. [our default, from the
transit times of the middle cerebral artery]"""

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
    """What all models of a series share: kind, efficiency, T1 of blood, partition coefficient."""

    kind: str
    efficiency: float
    blood_t1: float
    partition: float

    def model(
        self,
        delays: Float[np.ndarray, " samples"],
        durations: Float[np.ndarray, " samples"],
        tissue_t1: float | None,
        has_arteries: bool = False,
    ) -> Pcasl | Pasl:
        """The model of some samples; a `tissue_t1` of None is that of blood."""
        tissue = Tissue(self.blood_t1, tissue_t1, self.partition)
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
        steps = np.zeros(self.later.size) if self.t1 is None else np.round(np.log(self.t1) / T1_STEPS)
        keys, member = np.unique(np.stack([self.later, steps]), axis=1, return_inverse=True)
        for at, (later, step) in enumerate(keys.T):
            t1 = None if self.t1 is None else float(np.exp(step * T1_STEPS))
            yield np.flatnonzero(member.reshape(-1) == at), self.delays + later, t1


@dataclass(frozen=True, eq=False)
class Kinetics:
    """Values, standard errors and statuses per voxel, by key (cbf in 1/s, att and abat in s, abv in mL/mL).

    `correlation` is that of flow and transit time within each voxel's error. `misfit` is χ² over its degrees of
    freedom. `has_arteries` marks voxels in which arteries were found.
    """

    values: dict[str, Float[np.ndarray, " voxels"]]
    std: dict[str, Float[np.ndarray, " voxels"]]
    status: dict[str, Int16[np.ndarray, " voxels"]]
    correlation: Float[np.ndarray, " voxels"] | None
    misfit: Float[np.ndarray, " voxels"] | None
    has_arteries: Bool[np.ndarray, " voxels"] | None
    drawn: Float[np.ndarray, " voxels"] | None = None


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


def single_att(samples: Samples, plan: Plan, kind: str, around: Around, brain: Region) -> Float[np.ndarray, " voxels"]:
    """The transit time to assume: of another scan, or the expected one, no later than all blood has come.

    The consensus supposes that all labelled blood has arrived: then flow does not depend on it.
    """
    usual = plan.att if plan.att is not None else USUAL_ATT[kind]
    latest = float((samples.delays - (samples.durations if kind == "pasl" else 0.0)).min())
    assumed = np.full(brain.n_voxels, min(usual, max(latest, 0.0)))
    if around.att is None:
        return assumed
    known = brain.taken(around.att).astype(np.float64)
    return np.where(np.isfinite(known), np.clip(known, 0.0, 6.0), assumed)


def several(
    samples: Samples,
    setting: Setting,
    plan: Plan,
    brain: Region,
    tissue: Bool[np.ndarray, " voxels"],
    around: Around,
    has_arteries: bool,
) -> Kinetics:
    """Flow and transit time from several delays: first each voxel alone, then with what its neighbours let expect."""
    lasts = samples.durations if setting.kind != "pasl" else 0.0
    latest = float((samples.delays + lasts).max()) + float(samples.later.max())
    nodes = np.arange(0.0, latest - BEFORE_LAST, SPACING)
    usual = plan.att if plan.att is not None else USUAL_ATT[setting.kind]
    before = uniform(nodes, usual, plan.att_spread, brain.n_voxels)
    found = _everywhere(samples, setting, nodes, before, tissue)
    drawn = None
    if plan.neighbours:
        before, drawn = expected_of_neighbours(found, before, brain, around)
        found = _everywhere(samples, setting, nodes, before, tissue)
    arteries = _with_arteries(samples, setting, found, before, tissue) if has_arteries else None
    return _kinetics(samples, found, arteries, drawn)


@dataclass(frozen=True, eq=False)
class Everywhere:
    """Posteriors of all groups together."""

    cbf: Float[np.ndarray, " voxels"]
    att: Float[np.ndarray, " voxels"]
    covariance: Float[np.ndarray, "voxels 2 2"]
    status: Int16[np.ndarray, " voxels"]
    is_expected: Bool[np.ndarray, " voxels"]
    explained: Float[np.ndarray, " voxels"]


def _everywhere(
    samples: Samples, setting: Setting, nodes: Float[np.ndarray, " nodes"], before: Expected, tissue: np.ndarray
) -> Everywhere:
    n = tissue.size
    out = Everywhere(
        np.full(n, np.nan), np.full(n, np.nan), np.full((n, 2, 2), np.nan),
        np.full(n, Status.NO_SIGNAL, np.int16), np.zeros(n, bool), np.full(n, np.nan),
    )  # fmt: skip
    for rows, delays, t1 in samples.groups():
        rows = rows[tissue[rows]]
        if not rows.size:
            continue
        model = setting.model(delays, samples.durations, t1)
        curves, noise = samples.values[rows], samples.noise[rows]
        own = posterior(model, curves, noise, nodes[:, None], before.of(rows))
        out.cbf[rows], out.att[rows] = own.values["cbf"], own.values["att"]
        out.covariance[rows], out.status[rows] = own.covariance, own.status
        out.is_expected[rows], out.explained[rows] = own.is_expected["att"], own.explained
    return out


def allows_arteries(samples: Samples, kind: str, is_crushed: bool | None) -> bool:
    """Whether the delays can tell label in arteries from label in tissue."""
    passed = samples.delays - (samples.durations if kind == "pasl" else 0.0)
    return not is_crushed and samples.delays.size >= FEWEST_SAMPLES and float(passed.min()) < ARTERIES_SEEN_TO


def _with_arteries(
    samples: Samples, setting: Setting, found: Everywhere, before: Expected, tissue: np.ndarray
) -> dict[int, Posterior]:
    """Posteriors of the model with arteries where the data ask for it (BIC); by place in the list of candidates.

    Two more parameters must explain 2 ln(n) more, n being the pairs (Schwarz 1978, doi:10.1214/aos/1176344136), and
    as much beyond that as outweighs that few voxels hold arteries.
    """
    total = ((samples.values / samples.noise) ** 2).sum(axis=1)
    left = total - found.explained - (samples.delays.size - 2)
    candidates = tissue & (found.status < FAILED_FROM) & (left > SUSPICIOUS)
    atts = np.arange(0.2, before.nodes[-1], COARSE)
    abats = np.arange(0.2, 2.0, COARSE)
    pairs = np.array([(att, abat) for att in atts for abat in abats if abat <= att])
    arrival = -0.5 * ((pairs[:, 1] - ARRIVES[0]) / ARRIVES[1]) ** 2
    least = 2.0 * np.log(samples.n_pairs) + 2.0 * np.log(1.0 / RARE - 1.0)
    accepted: dict[int, Posterior] = {}
    for rows, delays, t1 in samples.groups():
        rows = rows[candidates[rows]]
        if not rows.size:
            continue
        model = setting.model(delays, samples.durations, t1, has_arteries=True)
        log = before.at(rows, pairs[:, 0]) + arrival
        own = posterior(model, samples.values[rows], samples.noise[rows], pairs, log.__getitem__)
        is_better = own.explained - found.explained[rows] > least
        is_told = own.values["abv"] > SURE * own.std["abv"]
        is_told &= own.std["cbf"] < COSTS * np.sqrt(found.covariance[rows, 0, 0])
        for at in np.flatnonzero(is_better & is_told & (own.status < FAILED_FROM)):
            accepted[int(rows[at])] = _one(own, int(at))
    return accepted


def _one(own: Posterior, at: int) -> Posterior:
    """One voxel of a posterior."""
    return Posterior(
        own.model,
        {key: value[at : at + 1] for key, value in own.values.items()},
        {key: value[at : at + 1] for key, value in own.std.items()},
        own.covariance[at : at + 1],
        own.status[at : at + 1],
        {key: value[at : at + 1] for key, value in own.is_expected.items()},
        own.explained[at : at + 1],
    )


def _kinetics(
    samples: Samples, found: Everywhere, arteries: dict[int, Posterior] | None, drawn: np.ndarray | None
) -> Kinetics:
    variance = found.covariance[:, 0, 0], found.covariance[:, 1, 1]
    stds = [np.sqrt(np.maximum(one, 0.0)) for one in variance]
    mixed = found.covariance[:, 0, 1].copy()
    is_open = found.is_expected & (found.status < FAILED_FROM)
    status = {"cbf": found.status.copy(), "att": np.where(is_open, np.int16(Status.EXPECTED), found.status)}
    values, std = {"cbf": found.cbf.copy(), "att": found.att.copy()}, {"cbf": stds[0], "att": stds[1]}
    explained = found.explained.copy()
    has_arteries = None
    if arteries is not None:
        rows = np.array(sorted(arteries), np.int64)
        has_arteries = np.zeros(found.cbf.size, bool)
        has_arteries[rows] = True
        # Where no artery is asked for there is none to be seen: 0, with the error of a volume that one sample tells.
        failed = found.status >= FAILED_FROM
        values["abv"] = np.where(failed, np.nan, 0.0)
        std["abv"] = np.where(failed, np.nan, _smallest_artery(samples))
        values["abat"], std["abat"] = np.full(failed.size, np.nan), np.full(failed.size, np.nan)
        status["abv"] = found.status.copy()
        status["abat"] = np.where(failed, found.status, np.int16(Status.NOT_DETERMINED))
        for row in rows:
            own = arteries[int(row)]
            for key in ("cbf", "att", "abv", "abat"):
                values[key][row], std[key][row] = own.values[key][0], own.std[key][0]
                status[key][row] = Status.EXPECTED if own.is_expected.get(key, [False])[0] else Status.OK
            order = [quantity.key for quantity in own.model.parameters]
            mixed[row] = own.covariance[0, order.index("cbf"), order.index("att")]
            explained[row] = own.explained[0]
    total = ((samples.values / samples.noise) ** 2).sum(axis=1)
    n_free = np.full(total.size, samples.delays.size - 2.0)
    if has_arteries is not None:
        n_free[has_arteries] -= 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        misfit = np.where(n_free > 0, (total - explained) / n_free, np.nan)
        correlation = mixed / (std["cbf"] * std["att"])
    return Kinetics(values, std, status, correlation, misfit, has_arteries, drawn)


def _smallest_artery(samples: Samples) -> Float[np.ndarray, " voxels"]:
    """Volume of arterial blood that would be as large as the noise of the first sample, in mL/mL."""
    first = int(samples.delays.argmin())
    return np.asarray(samples.noise[:, first] / 1.0)
