"""Whether the numbers can be what the files say: the order of label and control, the scale, and whether any blood was
labelled at all. A wrong answer to any of these gives maps that look right.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float, Int16

from perspect.asl.pattern import Pattern, pattern
from perspect.asl.plan import Plan
from perspect.asl.samples import Differences
from perspect.vocabulary import (
    FAILED_FROM,
    Around,
    Flag,
    Labelling,
    Problem,
    Refusal,
    Region,
    Severity,
    Status,
)  # fmt: skip

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

SMALL: Final = 0.1
"""Mean flow of a brain over the usual one, below which there is as good as no label. [our default]"""

LONGEST: Final = 10.0
"""s: no T1 of tissue and no transit time is longer; what is, was written in milliseconds."""

SOURCE: Final = "audit"


@dataclass(frozen=True, eq=False)
class Audited:
    """The differences in the right order and scale, and what was found. `is_scale_known` is whether flow can be
    absolute; `halves` is how alike the maps of odd and even pairs (or delays) are, NaN of one difference.
    """

    differences: Differences
    factor: float
    is_scale_known: bool
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
    inside: Region,
) -> Audited:
    """The checks one after the other. `level` is the signal of the control images (or M0), `unit` ΔM/M0 of the mean
    sample for a flow of 1/s, `inside` are the voxels.

    Raises Refusal where no label can be seen, Problem where the order cannot be found and is not stated.
    """
    flags: list[Flag] = []
    relative = found.values / np.where(m0 > 0, m0, np.nan)[:, None].astype(np.float32)
    per_pair = np.nanmean(relative, axis=0)
    mean, error = _mean_and_error(per_pair, found)
    # Over the signal itself: a drift of the whole image is a pattern of the image, and no pattern of its shares.
    shares = replace(found, values=found.values / np.where(level > 0, level, np.nan)[:, None])
    seen = pattern(shares, inside, LIKELY[0] * USUAL_FLOW * unit)
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
    is_small = is_absolute and abs(mean) < SMALL * USUAL_FLOW * unit
    flags += label_flags(seen, mean, error, is_small=is_small, is_alone=bool(np.ptp(level) == 0))
    factor, is_scale_known = 1.0, is_absolute
    if is_absolute:
        factor, note = _scale(mean, unit, labelling, plan)
        flags += note
        is_scale_known = all(flag.code != "scale-implausible" for flag in note)
        found = found.times(1.0 / factor) if factor != 1.0 else found
    positive = float(np.mean(np.nanmean(relative, axis=1) > 0))
    return Audited(found, factor, is_scale_known, seen.voxels, positive, tuple(flags))


def demand_seconds(around: Around, brain: Region) -> None:
    """Raises Problem where a map of T1 or of transit times cannot be in seconds within the brain."""
    for what, values in (("T1", around.t1), ("transit times", around.att)):
        if values is not None:
            demand_times(brain.taken(values), f"the map of {what}, in the brain,")


def demand_times(values: Float[np.ndarray, "..."], what: str) -> None:
    """Raises Problem for T1 or transit times that are none in s: their middle lies below 10 and above a tenth.

    `what` says whose they are, at the door as in the room.
    """
    known = values[np.isfinite(values) & (values > 0)]
    middle = float(np.median(known)) if known.size else float("nan")
    if 1.0 / LONGEST < middle <= LONGEST:
        return
    if not known.size:
        raise Problem(f"{_capital(what)} holds no time above 0.", "No voxel would have a value.", "Give a map in s.")
    looks = "milliseconds" if middle > LONGEST else "rates or something else"
    raise Problem(
        f"The middle value of {what} is {middle:g}, which looks like {looks}.",
        "T1 and transit times are read in s: flow would be wrong, or missing, everywhere.",
        "Give the map in s" + (f" (divided by 1000: {middle / 1000:g})." if middle > LONGEST else "."),
    )


def _capital(words: str) -> str:
    return words[0].upper() + words[1:] if words.startswith("the ") else words


def demand_flow(status: Int16[np.ndarray, " voxels"]) -> None:
    """Raises Refusal where no voxel has a flow: nothing was measured, which must not look like a result."""
    if (status < FAILED_FROM).any():
        return
    reasons = [f"{int((status == one).sum())} voxels: {Status(int(one)).sentence}" for one in np.unique(status)]
    raise Refusal(
        f"No voxel has a flow ({'; '.join(reasons)}).",
        "There is nothing to read, and an empty map must not look like a result.",
        "Check the delays, M0, the mask, and the maps of T1 and transit times that were given.",
    )


def _mean_and_error(per_pair: Float[np.ndarray, " differences"], found: Differences) -> tuple[float, float]:
    """Mean difference of the brain over samples, and its standard error from the scatter of the pairs within them."""
    n = np.bincount(found.sample, minlength=found.n_samples)
    means = np.bincount(found.sample, per_pair, found.n_samples) / n
    spare = per_pair.size - found.n_samples
    if spare < 1:
        return float(means.mean()), float("nan")
    variance = float(((per_pair - means[found.sample]) ** 2).sum() / spare)
    return float(means.mean()), float(np.sqrt(variance * (1.0 / n).sum()) / found.n_samples)


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


def label_flags(seen: Pattern, mean: float, error: float, *, is_small: bool, is_alone: bool) -> list[Flag]:
    """What is to be said of how sure it is that blood was labelled. `is_alone`: there is no image to divide by.

    Raises Refusal for a phantom, or a series in which nothing was labelled: where no pattern is seen that flow of a
    brain would show, or neither pattern nor mean.
    """
    about = f"the mean difference is {mean:.3%}" + (f" ± {error:.3%}" if np.isfinite(error) else "") + " of the signal"
    alike = f"maps of {seen.looks} have a correlation of {seen.smoothed:.2f} once smoothed"
    is_mean_seen = abs(mean) > SURE * error if np.isfinite(error) else not is_small
    if not seen.is_seen and (seen.would_be_seen or not is_mean_seen or is_small):
        raise Refusal(
            f"No labelled blood is seen: {about}, and {alike}, where flow of a brain would make {seen.expected:.2f}.",
            "A phantom, a failed labelling, or volumes that are no label and control look like this.",
            "Check the labelling of this scan; nothing was measured.",
        )
    if is_alone:
        sentence = (
            "Whether blood was labelled cannot be told: there is no image, of M0 or of control, to divide by, and "
            "without them a drift of a phantom has the pattern of its image."
        )
        return [Flag("label-not-shown", Severity.LIMITED, sentence, "series", source=SOURCE)]
    if not seen.is_seen:
        sentence = (
            f"Whether blood was labelled is not shown: {about}, but {alike}, and so much noise would hide the pattern "
            f"of flow (it would make {seen.expected:.2f}). A drift between label and control would look the same."
        )
        return [Flag("label-not-shown", Severity.LIMITED, sentence, "series", source=SOURCE)]
    if not seen.comes_again:
        sentence = (
            "There is one difference only: that its pattern is blood could not be seen by its coming again. An "
            "artefact that is smooth over the image would look the same."
        )
        return [Flag("label-seen-once", Severity.CAUTION, sentence, "series", source=SOURCE)]
    return []


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
            "normal. So flow is relative."
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
