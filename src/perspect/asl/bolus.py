"""How long the bolus of pulsed labelling lasts where nothing cuts it off: as given, as several inversion times tell, or
assumed, and then flow is relative.

While label comes in, its slope tells flow, whatever the bolus; when the last of it has come, the level tells flow times
duration. So images before and after that moment tell both. A single voxel hardly does; all of them share one bolus.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.asl.kinetics import Samples, Setting
from perspect.asl.plan import Plan
from perspect.asl.samples import Differences
from perspect.vocabulary import Flag, Labelled, Labelling, Severity

UNCUT: Final = 1.0
"""Duration in s that a bolus of pulsed labelling is taken to have where it was not cut off and none is given; flow is
then relative. [our default]"""

SHORTEST, LONGEST, STEP = 0.3, 2.0, 0.05
"""s between which the end of a bolus is sought, and how closely [our defaults]: FAIR of a thick slab lasts 1 to 1.5."""

FEWEST: Final = 4
"""Inversion times without which flow, arrival and duration are not told apart."""

VOXELS: Final = 1000
"""From which the duration is read."""

NODES, ROUNDS = 0.05, 20
"""s between the transit times that are looked at, and how often their distribution is found anew. [our defaults]"""

CLOSE: Final = 0.1
"""Relative standard error of the duration up to which flow is absolute with it: it is that of flow. [our default]"""

SURE: Final = 9.0
"""χ² by which both ends of what is sought must fit worse."""

SOURCE: Final = "labelling"


@dataclass(frozen=True)
class Told:
    """Duration of the bolus in s with its standard error."""

    duration: float
    error: float


def is_uncut(labelling: Labelling) -> Bool[np.ndarray, " volumes"]:
    """Volumes whose bolus has no known end."""
    needed = np.isin(labelling.volumes, ("control", "label", "deltam", "encoded"))
    return np.asarray(needed & ~np.isfinite(labelling.durations))


def with_bolus(labelled: Labelled, plan: Plan) -> Labelling:
    """The labelling with a duration for every bolus; where it was not cut off, one that is given or assumed."""
    labelling = labelled.labelling
    return replace(labelling, durations=np.where(is_uncut(labelling), plan.bolus or UNCUT, labelling.durations))


def bolus_flags(labelled: Labelled, plan: Plan, told: Told | None) -> tuple[Flag, ...]:
    """What to say of a bolus that was not cut off."""
    unknown = is_uncut(labelled.labelling)
    if not unknown.any():
        return ()
    if plan.bolus is not None:
        sentence = f"The bolus was not cut off; it is taken to last {plan.bolus:g} s, as given."
        return (Flag("bolus-given", Severity.CAUTION, sentence, "cbf", source=SOURCE),)
    if told is not None:
        sentence = (
            f"The bolus was not cut off; the inversion times tell that it lasts {told.duration:.2f} ± {told.error:.2f} "
            f"s, if it ends sharply. All flow shares that error ({told.error / told.duration:.0%})."
        )
        return (Flag("bolus-told", Severity.CAUTION, sentence, "cbf", told.error / told.duration, SOURCE),)
    sentence = (
        f"How long the bolus lasts is not known (it was not cut off, or labelling duration is missing): {UNCUT:g} s "
        "are taken and flow is relative. Give asl.bolus or --tau."
    )
    flags = [Flag("bolus-unknown", Severity.LIMITED, sentence, "relcbf", source=SOURCE)]
    if np.unique(labelled.labelling.delays[unknown]).size > 1:
        sentence = (
            f"Transit times rest on a bolus of {UNCUT:g} s that is only assumed: when the last of it comes tells "
            "as much of them as when the first does; they are off by some tenths of a second where it is another."
        )
        flags.append(Flag("bolus-unknown", Severity.LIMITED, sentence, "att", source=SOURCE))
    return tuple(flags)


def plain_means(
    found: Differences, later: Float[np.ndarray, " voxels"], t1: Float[np.ndarray, " voxels"] | None
) -> Samples:
    """Means of the differences with one noise for each voxel, by the scatter of repeats; NaN without repeats."""
    n = np.bincount(found.sample, minlength=found.n_samples)
    means = np.stack([found.values[:, found.sample == one].mean(axis=1) for one in range(found.n_samples)], axis=1)
    spare = found.sample.size - found.n_samples
    noise = np.full(means.shape[0], np.nan)
    if spare > 0:
        squares = ((found.values - means[:, found.sample]) ** 2).sum(axis=1) / spare
        noise = np.sqrt(squares * (1.0 / n).mean())
    noise = np.repeat(np.maximum(noise, 1e-9)[:, None], means.shape[1], axis=1)
    return Samples(means, noise, found.delays, found.durations, later, t1, len(found.parts))


def told_by(samples: Samples, setting: Setting, usable: Bool[np.ndarray, " voxels"]) -> Told | None:
    """The duration of the bolus that several inversion times tell; None where they do not.

    How likely the samples of a voxel are with a duration, whatever its flow and its transit time, is added up over
    voxels. The best fit of each would favour durations with which a bend of the curve can follow noise.
    """
    if setting.kind != "pasl" or samples.delays.size < FEWEST or np.ptp(samples.durations) > 0:
        return None
    some = _chosen(samples, usable)
    if not some.any():
        return None
    durations = np.arange(SHORTEST, LONGEST + STEP / 2, STEP)
    both = np.array([_likelihood(samples, setting, some, one) for one in durations])
    at = int(both[:, 0].argmax())
    if at in (0, durations.size - 1):
        return None
    # What is left beyond noise widens the error of what the voxels share.
    misfit = max(1.0, both[at, 1] / (some.sum() * (samples.delays.size - 2)))
    chi2 = 2.0 * (both[at, 0] - both[:, 0]) / misfit
    before, after = chi2[at - 1], chi2[at + 1]
    if not min(chi2[0], chi2[-1]) > SURE or not before + after > 0:
        return None
    duration = float(durations[at] + 0.5 * STEP * (before - after) / (before + after))
    error = float(STEP * np.sqrt(2.0 / (before + after)))
    return Told(duration, error) if error <= CLOSE * duration else None


def _chosen(samples: Samples, usable: Bool[np.ndarray, " voxels"]) -> Bool[np.ndarray, " voxels"]:
    """Voxels whose noise is known, evenly chosen: the brightest would be those whose noise is high."""
    known = usable & np.isfinite(samples.values).all(axis=1) & np.isfinite(samples.noise).all(axis=1)
    places = np.flatnonzero(known)
    some = np.zeros(known.size, bool)
    some[places[:: max(1, places.size // VOXELS)]] = True
    return some


def _likelihood(
    samples: Samples, setting: Setting, some: Bool[np.ndarray, " voxels"], duration: float
) -> tuple[float, float]:
    """Logarithm of the likelihood of a duration over signal and transit time, and χ² of the best fits.

    What is expected of transit times is how they are distributed over these voxels, and of signal nothing: what was
    expected of flow would move the duration, of which flow is the inverse.
    """
    logs, left = [], 0.0
    nodes = np.arange(0.0, float(samples.delays.max()), NODES)
    for rows, delays, t1 in samples.groups():
        mine = rows[some[rows]]
        if not mine.size:
            continue
        own = (samples.values[mine] / samples.noise[mine]).astype(np.float64)
        columns = setting.model(delays, np.full(delays.size, duration), t1).atoms(nodes[:, None])[:, 0]
        size = np.linalg.norm(columns, axis=1)
        columns = columns / np.maximum(size, 1e-12)[:, None]
        explained = np.where(size > 1e-6 * size.max(), (own @ columns.T) ** 2, 0.0)
        logs.append(0.5 * explained)
        left += float(((own**2).sum(axis=1) - explained.max(axis=1)).sum())
    every = np.concatenate(logs)
    top = every.max(axis=1, keepdims=True)
    ratio = np.exp(every - top)
    share = np.full(nodes.size, 1.0 / nodes.size)
    for _ in range(ROUNDS):
        both = ratio * share
        share = (both / both.sum(axis=1, keepdims=True)).mean(axis=0)
    return float((np.log(ratio @ share) + top[:, 0]).sum()), left
