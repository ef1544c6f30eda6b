"""Whether the numbers can be what the files say: the order of label and control, the scale, and whether any blood was
labelled at all. A wrong answer to any of these gives maps that look right.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.asl.plan import Plan
from perspect.asl.samples import Differences
from perspect.vocabulary import Flag, Labelling, Problem, Refusal, Severity

SURE: Final = 3.0
"""Standard errors of the mean over the pairs, from which on the sign of the label is believed. [our default]"""

MOST: Final = 0.6
"""Share of the voxels that must have the sign of the mean, for that to be believed: real brains have 0.75 to 0.97
[our default]."""

LIKELY: Final = (0.2, 5.0)
"""Mean flow of a brain over the usual one (40 mL/100 g/min) that can be: 8 to 200 mL/100 g/min. [our default]"""

CLOSE: Final = (0.5, 2.0)
"""The same that is not even unusual: another scale with which flow is so is as good. [our default]"""

USUAL_FLOW: Final = 40.0 / 6000.0
"""Mean flow of a brain in 1/s. [our default]"""

ALIKE: Final = 0.1
"""Correlation of the maps of odd and even pairs below which no pattern of flow is seen. [our default; a phantom has
0 ± 0.02, brains 0.3 to 0.95]"""

FEWEST_PAIRS: Final = 4
"""Pairs from which on their halves are compared."""

SOURCE: Final = "audit"


@dataclass(frozen=True, eq=False)
class Audited:
    """The differences in the right order and scale, and what was found."""

    differences: Differences
    factor: float
    halves: float
    share_positive: float
    flags: tuple[Flag, ...]


def audited(
    found: Differences,
    m0: Float[np.ndarray, " voxels"],
    level: Float[np.ndarray, " voxels"],
    is_absolute: bool,
    unit: float,
    labelling: Labelling,
    plan: Plan,
) -> Audited:
    """The checks one after the other. `level` is the signal of the control images (or M0), `unit` ΔM/M0 of the mean
    sample for a flow of 1/s.

    Raises Refusal where no label can be seen, Problem where the order cannot be found and is not stated.
    """
    flags: list[Flag] = []
    relative = found.values / np.where(m0 > 0, m0, np.nan)[:, None].astype(np.float32)
    per_pair = np.nanmean(relative, axis=0)
    mean, error = _mean_and_error(per_pair, found)
    # Over the signal itself: a drift of the whole image is a pattern of the image, and no pattern of its shares.
    halves = alike_halves(replace(found, values=found.values / np.where(level > 0, level, np.nan)[:, None]))
    per_voxel = np.nanmean(relative, axis=1)
    agreeing = float(np.mean(per_voxel * np.sign(mean) > 0))
    is_seen = agreeing > MOST and (abs(mean) > SURE * error or not np.isfinite(error))
    if labelling.volumes and mean < 0 and is_seen:
        flags.append(_turned(labelling, plan, mean, error))
        found, relative, mean = found.times(-1.0), -relative, -mean
    elif not labelling.is_order_known:
        if not is_seen:
            raise Problem(
                "The order of label and control is not recorded, and the images do not tell it "
                f"(mean difference {mean:.2%} ± {error:.2%} of M0).",
                "Taken the wrong way round, flow would be negative.",
                "Give --order control-label or label-control, or an aslcontext table.",
            )
        sentence = f"The order of label and control was found from the images (control is higher by {mean:.2%} of M0)."
        flags.append(Flag("order-found", Severity.NOTE, sentence, "series", source=SOURCE))
    _refuse_nothing(found, halves, mean, error, unit, is_absolute)
    factor = 1.0
    if is_absolute:
        factor, note = _scale(mean, unit, labelling, plan)
        flags += note
        found = found.times(1.0 / factor) if factor != 1.0 else found
    positive = float(np.mean(np.nanmean(relative, axis=1) > 0))
    return Audited(found, factor, halves, positive, tuple(flags))


def _mean_and_error(per_pair: Float[np.ndarray, " differences"], found: Differences) -> tuple[float, float]:
    """Mean difference of the brain over samples, and its standard error from the scatter of the pairs within them."""
    n = np.bincount(found.sample, minlength=found.n_samples)
    means = np.bincount(found.sample, per_pair, found.n_samples) / n
    spare = per_pair.size - found.n_samples
    if spare < 1:
        return float(means.mean()), float("nan")
    variance = float(((per_pair - means[found.sample]) ** 2).sum() / spare)
    return float(means.mean()), float(np.sqrt(variance * (1.0 / n).sum()) / found.n_samples)


def alike_halves(found: Differences) -> float:
    """Correlation over voxels of the means of odd and even pairs; NaN with too few pairs.

    Label makes a pattern that comes again; noise does not. It is a mean over samples, so that none weighs more.
    """
    even, odd = [], []
    for sample in range(found.n_samples):
        own = np.flatnonzero(found.sample == sample)
        if own.size >= 2:
            even.append(found.values[:, own[::2]].mean(axis=1))
            odd.append(found.values[:, own[1::2]].mean(axis=1))
    if found.sample.size < FEWEST_PAIRS or not even:
        return float("nan")
    one, other = np.mean(even, axis=0), np.mean(odd, axis=0)
    known = np.isfinite(one) & np.isfinite(other)
    # Ranks are not led by a few bright vessels or moving edges.
    return float(np.corrcoef(_ranks(one[known]), _ranks(other[known]))[0, 1])


def _ranks(values: Float[np.ndarray, " some"]) -> Float[np.ndarray, " some"]:
    out = np.empty(values.size)
    out[np.argsort(values)] = np.arange(values.size)
    return out


def _turned(labelling: Labelling, plan: Plan, mean: float, error: float) -> Flag:
    """The flag for label and control that are the other way round; Problem where that is not to be changed."""
    seen = f"{-mean:.2%} ± {error:.2%}" if np.isfinite(error) else f"{-mean:.2%}"
    if labelling.is_order_known and plan.order == "stated":
        raise Problem(
            f"Label is higher than control by {seen} of M0: flow would be negative all over the brain.",
            "Label and control are the other way round than stated, or suppression turned their sign.",
            "Correct the volume types, or use asl.order=auto, which turns them about and says so.",
        )
    if not labelling.is_order_known:
        sentence = f"The order of label and control was found from the images (control is higher by {seen} of M0)."
        return Flag("order-found", Severity.NOTE, sentence, "series", source=SOURCE)
    sentence = (
        f"Label and control are stated the other way round than the images show them (the stated control is lower by "
        f"{seen} of M0): they were turned about. If that is wrong, every flow has the wrong sign."
    )
    return Flag("order-turned", Severity.LIMITED, sentence, "series", source=SOURCE)


def _refuse_nothing(
    found: Differences, halves: float, mean: float, error: float, unit: float, is_absolute: bool
) -> None:
    """Raises Refusal for a phantom, or a series in which nothing was labelled."""
    too_small = is_absolute and abs(mean) < 0.1 * USUAL_FLOW * unit
    not_seen = np.isfinite(error) and abs(mean) < SURE * error
    # A drift between label and control can have any mean; but it has no pattern that comes again.
    if (np.isfinite(halves) and halves < ALIKE) or (not np.isfinite(halves) and not_seen and too_small):
        raise Refusal(
            f"No labelled blood is seen: the mean difference is {mean:.3%} ± {error:.3%} of the signal, and maps of "
            f"odd and even pairs have a correlation of {halves:.2f} (brains: above 0.3).",
            "A phantom, a failed labelling, or volumes that are no label and control look like this.",
            "Check the labelling of this scan; nothing was measured.",
        )
    if not np.isfinite(found.values).any():
        raise Refusal("No difference of the series is finite.", "Nothing can be measured.", "Convert the series again.")


def _scale(mean: float, unit: float, labelling: Labelling, plan: Plan) -> tuple[float, list[Flag]]:
    """A vendor's factor to be undone, with its flag; a flag too where no known factor explains an odd scale.

    Of several factors that would explain it the one is taken after which flow is nearest to the usual; the others are
    named.
    """
    times = mean / (USUAL_FLOW * unit)
    stored = ("The scale as it is stored", 1.0)
    known = [(_slopes_by(labelling.slopes), labelling.slopes)] if labelling.slopes is not None else []
    if not _is_likely(times):
        known += _known_factors(labelling)
    seen = f"The mean difference is {mean:.2%} of M0, which is {times:.3g} times that of a usual brain."
    able = [one for one in (stored, *known) if _is_likely(times / one[1])]
    able.sort(key=lambda one: abs(np.log(times / one[1])))
    if not able or (plan.scale == "stored" and not _is_likely(times)):
        sentence = (
            f"{seen} Either M0, the labelled images or both are in another scale than stated, or flow is far from "
            "normal. Absolute flow must not be read; ratios to normal tissue can be."
        )
        return 1.0, [Flag("scale-implausible", Severity.LIMITED, sentence, "cbf", times, SOURCE)]
    name, factor = able[0] if plan.scale == "auto" else stored
    rivals = [(other, by) for other, by in able if by != factor]
    others = "".join(f" {other} would explain it too: flow would be {factor / by:.3g} times." for other, by in rivals)
    if factor != 1.0:
        sentence = f"{seen} {name} explains it and was undone. If it is wrong, all of flow is, by that factor.{others}"
        is_close = any(CLOSE[0] <= times / by <= CLOSE[1] for _, by in rivals)
        severity = Severity.LIMITED if is_close else Severity.CAUTION
        return factor, [Flag("scale-undone", severity, sentence, "cbf", factor, SOURCE)]
    if not rivals:
        return 1.0, []
    sentence = f"{seen} It was left as it is stored.{others} Give a series and M0 of which that was undone."
    return 1.0, [Flag("scale-open", Severity.LIMITED, sentence, "cbf", rivals[0][1], SOURCE)]


def _slopes_by(times: float) -> str:
    return f"The quotient of Philips' slopes (series over M0, {times:.4g})"


def _is_likely(times: float) -> bool:
    return LIKELY[0] <= times <= LIKELY[1]


def _known_factors(labelling: Labelling) -> list[tuple[str, float]]:
    """Factors by which a vendor multiplies differences against M0."""
    vendor, n = labelling.vendor.lower(), labelling.n_averages
    if vendor.startswith("ge"):
        with_averages = [(f"GE's factor of 32 times {n} averages", 32.0 * n)] if n > 1 else []
        return [*with_averages, ("GE's factor of 32", 32.0)]
    if vendor.startswith("siemens"):
        return [("Siemens' M0 of a tenth", 10.0)]
    return []
