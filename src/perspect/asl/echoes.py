"""Several echoes of every readout, made one: with the weights that tell most of the label, in the unit of the first.

Label and tissue do not decay alike: label that is still in blood keeps its signal longer than tissue does after a spin
echo. So what tissue lets expect is not enough. How much more slowly (or faster) label decays is read from the
differences themselves, over the whole brain, for it is a matter of how much label has left the vessels; and what the
combination makes of a difference is undone with that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect.asl.samples import SAME, Differences, differences
from perspect.vocabulary import Flag, Labelled, Labelling, Region, Series, Severity, Step

SHORTEST, LONGEST = 0.005, 2.0
"""s: decay of tissue between these can be; beyond them it was not told by the echoes."""

RATES: Final = np.arange(-60.0, 120.5, 0.5)
"""1/s by which label may decay faster than tissue (or at all, where no tissue is seen): the places that are tried."""

TOLD: Final = 10.0
"""1/s: standard error of that up to which it is used; else label is taken to decay as tissue does. [our default: at
echoes of 10 and 30 ms it moves flow by 5 %]"""

FAINT: Final = 0.05
"""Of the brightest percentile: signal below that is air, whose decay is not asked. [our default]"""

LITTLE: Final = 0.2
"""Mean difference of a delay over that of the delay with most, below which it tells no decay of label: what is
left of tissue by motion and decoding decays too, and in every voxel. [our default]"""

SOURCE: Final = "echoes"
REFERENCES: Final = (
    "Posse et al. 1999, doi:10.1002/(SICI)1522-2594(199907)42:1<87::AID-MRM13>3.0.CO;2-O",
    "Wells et al. 2013, doi:10.1038/jcbfm.2012.156",
)


@dataclass(frozen=True, eq=False)
class Decay:
    """By how much faster label decays than tissue in 1/s, of all delays together and of each, with standard errors.

    `tissue` is the rate of tissue in each voxel of the brain; 0 where no tissue is seen (differences alone were
    stored): `rate` is then that of the label itself.
    """

    tissue: Float[np.ndarray, " voxels"]
    rate: float
    std: float
    delays: Float[np.ndarray, " samples"]
    rates: Float[np.ndarray, " samples"]
    stds: Float[np.ndarray, " samples"]

    @property
    def is_told(self) -> bool:
        """Whether the differences say how label decays."""
        return bool(np.isfinite(self.std) and self.std < TOLD)

    def of_label(self, delay: float) -> float:
        """What is known of one delay: its own, drawn to that of all as far as it is no surer than they differ."""
        if not self.is_told:
            return 0.0
        k = int(np.abs(self.delays - delay).argmin())
        if abs(self.delays[k] - delay) > SAME or not np.isfinite(self.stds[k]):
            return self.rate
        known = np.isfinite(self.stds)
        apart = float(np.var(self.rates[known]) - np.mean(self.stds[known] ** 2)) if known.sum() > 2 else 0.0
        share = max(apart, 0.0) / (max(apart, 0.0) + self.stds[k] ** 2)
        return float(self.rate + share * (self.rates[k] - self.rate))


@dataclass(frozen=True, eq=False)
class Combined:
    """A series of one echo, what the combination makes of still tissue being what the first echo shows.

    `decay` is None where there was but one echo, or the others were not wanted or of no use.
    """

    series: Series
    te: tuple[float, ...] = ()
    decay: Decay | None = None
    step: Step | None = None
    flags: tuple[Flag, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def undone(self, found: Differences) -> Differences:
        """Differences as the first echo shows them, for label that decays otherwise than tissue."""
        if self.decay is None:
            return found
        te, tissue = np.array(self.te), self.decay.tissue
        weights = _weights(te, tissue, self.decay.rate if self.decay.is_told else 0.0)
        later = te - te[0]
        made = np.empty((tissue.size, found.n_samples))
        for k, delay in enumerate(found.delays):
            label = np.exp(-later * np.maximum(tissue + self.decay.of_label(float(delay)), 0.0)[:, None])
            made[:, k] = (weights * label).sum(axis=1)
        return replace(found, values=np.asfortranarray(found.values / made[:, found.sample], np.float32))


def combined(labelled: Labelled, brain: Region, *, is_wanted: bool) -> Combined:
    """The series of a run: its only echo, its first, or all of them combined.

    The weights are those of least noise for label, w ∝ exp(-TE·(R + δ)), R being that of the tissue of the voxel and δ
    what label decays faster. They are the same for label and control, and add up to 1 for tissue. Where neither R nor δ
    is told nothing says what a later echo is worth in the unit of the first, which is then used alone.
    """
    first = labelled.series
    if not labelled.echoes:
        return Combined(first)
    every = (first, *labelled.echoes)
    te = tuple(float(one.acquisition.te or np.nan) for one in every)
    words = ", ".join(f"{1e3 * one:.1f}" for one in te)
    if not is_wanted:
        return Combined(first, te, None, Step("echoes", f"Of {len(te)} echoes ({words} ms) the first was used."))
    places = labelled.labelling.of("control", "label", "deltam", "encoded")
    some = _of(labelled.labelling, places)
    tissue = tissue_rate(labelled, np.array(te), places)
    inside = brain.taken(tissue)
    decay = label_decay(labelled, some, brain, np.array(te), inside, places)
    if not decay.is_told and not inside.any():
        return _first_alone(first, te, words, decay)
    used = decay.rate if decay.is_told else 0.0
    weights = _weights(np.array(te), tissue.ravel(order="F"), used).reshape(*tissue.shape, len(te), order="F")
    values = np.empty((first.n_times, *first.grid.shape[::-1]), np.float32).T
    for at in range(first.n_times):
        values[..., at] = first.values[..., at] * np.float32(first.slope) + np.float32(first.intercept)
    for into, at in enumerate(places):
        total = weights[..., 0] * values[..., at]
        for weight, one in zip(np.moveaxis(weights, 3, 0)[1:], labelled.echoes, strict=True):
            total += weight * (one.values[..., into] * np.float32(one.slope) + np.float32(one.intercept))
        values[..., at] = total
    series = replace(first, values=values, slope=1.0, intercept=0.0)
    return Combined(series, te, decay, _step(words, decay), _flags(decay), _numbers(te, decay))


def _first_alone(first: Series, te: tuple[float, ...], words: str, decay: Decay) -> Combined:
    step = Step("echoes", f"Of {len(te)} echoes ({words} ms) the first was used: how they decay was not told.")
    sentence = (
        f"The echoes at {words} ms were not combined: no tissue is seen in them (differences alone were stored, or "
        "nothing bright), and how label decays could not be told. The first was used alone, with its own noise."
    )
    flag = Flag("echoes-not-combined", Severity.NOTE, sentence, "cbf", source=SOURCE)
    return Combined(first, te, None, step, (flag,), _numbers(te, decay))


def tissue_rate(labelled: Labelled, te: Float[np.ndarray, " echoes"], places: np.ndarray) -> Float[np.ndarray, "x y z"]:
    """How fast the control images (or encodings) decay from echo to echo, in 1/s; their median where that is not told.

    A line through the logarithms, each weighed by its signal, whose noise is alike. 0 where there is no control.
    """
    labelling = labelled.labelling
    still = labelling.of("control") if labelling.of("control").size else labelling.of("encoded")
    if not still.size:
        return np.zeros(labelled.series.grid.shape)
    into = np.searchsorted(places, still)
    signals = np.stack(
        [_mean(labelled.series, still), *(_mean(one, into) for one in labelled.echoes)], axis=-1
    )  # fmt: skip
    bright = signals[..., 0] > FAINT * np.nanpercentile(signals[..., 0], 99)
    usable = bright & (signals > 0).all(axis=-1) & np.isfinite(signals).all(axis=-1)
    safe = np.where(usable[..., None], signals, 1.0)
    weight, log = safe**2, np.log(safe)
    total = weight.sum(axis=-1)
    middle = (weight * te).sum(axis=-1) / total
    away = te - middle[..., None]
    rate = -(weight * away * log).sum(axis=-1) / (weight * away**2).sum(axis=-1)
    usable &= (rate > 1.0 / LONGEST) & (rate < 1.0 / SHORTEST)
    usual = float(np.median(rate[usable])) if usable.any() else 0.0
    return np.where(usable, rate, usual)


def label_decay(
    labelled: Labelled,
    labelling: Labelling,
    brain: Region,
    te: Float[np.ndarray, " echoes"],
    tissue: Float[np.ndarray, " voxels"],
    places: np.ndarray,
) -> Decay:
    """By how much faster label decays than the tissue of its voxel: what the differences of all voxels say together.

    Each voxel has a difference of its own at each delay (solved for), all share δ. A delay with next to no label tells
    none of its own (NaN).
    """
    usable = np.ones(places.size, bool)
    means = []
    for at, one in enumerate((labelled.series, *labelled.echoes)):
        curves = one.curves(brain.mask)[:, places] if at == 0 else one.curves(brain.mask)
        found = differences(labelling, curves, usable)
        share = np.equal.outer(found.sample, np.arange(found.n_samples)).astype(np.float64)
        means.append(found.values @ (share / share.sum(axis=0)))
        delays = found.delays
    every = np.stack(means, axis=-1)
    finite = np.isfinite(every).all(axis=(1, 2))
    every, rates = every[finite], tissue[finite]
    label = np.maximum(every[:, :, 0].mean(axis=0), 0.0)
    is_label = label >= LITTLE * label.max()
    each = [
        _rate(every[:, k], rates, te) if is_there else (float("nan"), np.inf) for k, is_there in enumerate(is_label)
    ]
    both = _rate(every.reshape(-1, te.size), np.repeat(rates, delays.size), te)
    return Decay(tissue, *both, delays, np.array([one for one, _ in each]), np.array([std for _, std in each]))


def _rate(
    signal: Float[np.ndarray, "many echoes"], tissue: Float[np.ndarray, " many"], te: Float[np.ndarray, " echoes"]
) -> tuple[float, float]:
    """The δ that explains most of many curves, and its standard error (infinite: none is better than the others).

    The error is that of the scatter from voxel to voxel, in which they may differ by more than noise (White 1982,
    doi:10.2307/1912526): vessels are not tissue.
    """
    still = np.exp(-te * tissue[:, None])
    ours = signal * still

    def explained(rate: float) -> Float[np.ndarray, " many"]:
        faster = np.exp(-te * rate)
        return np.asarray((ours @ faster) ** 2 / (still**2 @ faster**2))

    # One by one, for the table of all of them would be large.
    total = np.array([explained(rate).sum() for rate in RATES])
    best, step = int(total.argmax()), float(RATES[1] - RATES[0])
    if best in (0, RATES.size - 1):
        return float(RATES[best]), np.inf
    low, middle, high = total[best - 1 : best + 2]
    bend = (low - 2.0 * middle + high) / step**2
    found = float(RATES[best] + 0.5 * step * (low - high) / (low - 2.0 * middle + high))
    slope = (explained(found + step) - explained(found - step)) / (2.0 * step)
    return found, float(np.sqrt((slope**2).sum()) / abs(bend))


def _weights(
    te: Float[np.ndarray, " echoes"], tissue: Float[np.ndarray, " voxels"], faster: float
) -> Float[np.ndarray, "voxels echoes"]:
    """Weights of the echoes that leave still tissue what it is at the first."""
    later = te - te[0]
    weight = np.exp(-later * np.maximum(tissue + faster, 0.0)[:, None])
    return np.asarray(weight / (weight * np.exp(-later * tissue[:, None])).sum(axis=1, keepdims=True))


def _mean(series: Series, places: np.ndarray) -> Float[np.ndarray, "x y z"]:
    mean = series.values[..., places].mean(axis=-1, dtype=np.float64)
    return np.asarray(mean * series.slope + series.intercept)


def _of(labelling: Labelling, places: np.ndarray) -> Labelling:
    """The labelling of some volumes."""
    return replace(
        labelling, volumes=tuple(labelling.volumes[at] for at in places), delays=labelling.delays[places],
        durations=labelling.durations[places],
        flip_angles=None if labelling.flip_angles is None else labelling.flip_angles[places],
    )  # fmt: skip


def _step(words: str, decay: Decay) -> Step:
    usual = float(np.median(decay.tissue))
    seen = f" (tissue decays in {1e3 / usual:.0f} ms on the median)" if usual > 0 else ""
    how = "label was taken to decay as tissue does"
    if decay.is_told:
        how = f"label decays by {decay.rate:+.1f} ± {decay.std:.1f} /s faster than tissue, as its differences say"
        if usual <= 0:
            how = f"label decays at {decay.rate:.1f} ± {decay.std:.1f} /s, as its differences say"
    sentence = (
        f"The echoes at {words} ms were combined voxel by voxel, weighed for least noise of label{seen}; {how}. "
        "Differences are in the unit of the first echo."
    )
    return Step("echoes", sentence, {"faster": decay.rate, "faster_std": decay.std}, REFERENCES)


def _flags(decay: Decay) -> tuple[Flag, ...]:
    if decay.is_told:
        return ()
    sentence = (
        "How label decays from echo to echo could not be told: it was taken to decay as tissue does. Label that is "
        "still in blood does not, and flow may be off by some per cent; with asl.echoes=first it is not."
    )
    return (Flag("label-decay-open", Severity.CAUTION, sentence, "cbf", source=SOURCE),)


def _numbers(te: tuple[float, ...], decay: Decay) -> dict[str, Any]:
    """For the summary; decay times in s."""
    usual = float(np.median(decay.tissue))
    out: dict[str, Any] = {"echo_times": list(te), "label_decay_told": decay.is_told}
    if usual > 0:
        out["tissue_decay"] = 1.0 / usual
    if decay.is_told:
        rates = usual + decay.rates
        told = (decay.stds < TOLD) & (rates > 0)
        out["label_faster"] = [decay.rate, decay.std]
        out["label_faster_per_delay"] = [
            [float(r), float(s)] if np.isfinite(s) else None for r, s in zip(decay.rates, decay.stds, strict=True)
        ]
        out["label_decay_per_delay"] = [float(1.0 / r) if ok else None for r, ok in zip(rates, told, strict=True)]
    return out
