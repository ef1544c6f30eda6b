"""A map of flow that the scanner made: passed on as what it is, for nothing of how it was made can be checked."""

import numpy as np
from jaxtyping import Float

from perspect.asl.account import of_lesion
from perspect.asl.audit import LIKELY, USUAL_FLOW, demand_flow
from perspect.asl.kinetics import Kinetics, relative
from perspect.asl.quality import quality
from perspect.asl.tumour import of_white, read_out
from perspect.numerics import robust
from perspect.vocabulary import (
    Around,
    Flag,
    Labelled,
    Map,
    Measured,
    Problem,
    Recipe,
    Region,
    Severity,
    Status,
    Step,
    lexicon,
)  # fmt: skip

SOURCE = "vendor"


def made_by_scanner(labelled: Labelled, around: Around, brain: Region, seed: int) -> Measured:
    """The mean of the `cbf` volumes, taken as mL/100 g/min as BIDS has it, with all checks that a map allows.

    A map of another scale is relative. Raises Problem where there is no map, Refusal where no voxel has a value.
    """
    series, labelling = labelled.series, labelled.labelling
    places = labelling.of("cbf")
    if not places.size:
        raise Problem(
            f"{series.name} has no label, control, difference or flow.",
            "There is nothing to measure.",
            "Check its volume types (aslcontext).",
        )
    mean, std = _mean_and_error(series.curves(brain.mask)[:, places].astype(np.float64), brain)
    status = np.where(np.isfinite(mean), np.int16(Status.OK), np.int16(Status.NOT_FINITE))
    demand_flow(status)
    times = float(np.nanmean(mean)) / USUAL_FLOW
    is_absolute = LIKELY[0] <= times <= LIKELY[1]
    fitted = Kinetics({"cbf": mean}, {"cbf": std}, {"cbf": status}, None, None, None)
    fitted = fitted if is_absolute else relative(fitted)
    seen = quality(fitted, around, brain, float("nan"), is_absolute)
    lesion = read_out(fitted, around, brain, seed)
    flow = lexicon.FLOW if is_absolute else lexicon.RELATIVE_FLOW
    made = {flow.key: Map.of(flow, brain, fitted.values["cbf"], fitted.std["cbf"], status)}
    flags = (*_flags(labelled, around, mean), *(() if is_absolute else _scale_flags(times)), *seen.flags, *lesion.flags)
    recipe = Recipe((Step("vendor", "Flow was taken from the map that the scanner made."),))
    regions = {"brain": brain, **({"lesion": around.lesion} if around.lesion is not None else {})}
    numbers = {"reliability": "limited", "n_volumes": int(places.size), **seen.numbers}
    if lesion.numbers:
        numbers |= of_lesion(lesion.numbers, is_absolute)
    gravest_first = tuple(sorted(flags, key=lambda flag: -flag.severity))
    return Measured(made, gravest_first, recipe, regions | of_white(lesion), {}, numbers)


def _mean_and_error(
    values: Float[np.ndarray, "voxels maps"], brain: Region
) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]]:
    """The mean of the maps in 1/s, and its standard error from their scatter.

    One map has no scatter: the differences of neighbours, tissue and all, are an upper limit of its noise.
    """
    mean = values.mean(axis=1) / lexicon.FLOW.shown_factor
    n = values.shape[1]
    if n > 1:
        return mean, values.std(axis=1, ddof=1) / np.sqrt(n) / lexicon.FLOW.shown_factor
    apart = robust.second_differences(brain.spread(mean, np.nan))
    known = apart[np.isfinite(apart)]
    return mean, np.full(mean.size, float(robust.spread(known)) if known.size else np.nan)


def _flags(labelled: Labelled, around: Around, mean: Float[np.ndarray, " voxels"]) -> tuple[Flag, ...]:
    """What cannot be known of a map that the scanner made, and that M0 shows nothing but where the brain is."""
    clipped = " It holds no negative value: the scanner has set them to 0, and means are too high."
    clipped = "" if (mean < 0).any() else clipped
    sentence = (
        "The flow is the scanner's own map: its model, M0, labelling efficiency and scale cannot be checked "
        f"here.{clipped}"
    )
    vendor = Flag("vendor-flow", Severity.LIMITED, sentence, "cbf", source=SOURCE)
    if labelled.m0 is None or around.mask is not None:
        return (vendor,)
    sentence = f"{labelled.m0.name} shows where the brain is; the scanner's map is not divided by it."
    return (vendor, Flag("m0-for-brain", Severity.NOTE, sentence, "brain", source=SOURCE))


def _scale_flags(times: float) -> tuple[Flag, ...]:
    """That a map is in another scale: its mean is `times` that of a usual brain."""
    sentence = (
        f"The mean of the scanner's map is {times:.3g} times that of a usual brain: it is in another unit or scale "
        "than mL/100 g/min. So flow is relative."
    )
    return (Flag("scale-implausible", Severity.LIMITED, sentence, "relcbf", times, SOURCE),)
