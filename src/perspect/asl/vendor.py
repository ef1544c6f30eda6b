"""A map of flow that the scanner made: passed on as what it is, for nothing of how it was made can be checked."""

import numpy as np

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
    values = series.curves(brain.mask)[:, places].astype(np.float64)
    mean = values.mean(axis=1) / lexicon.FLOW.shown_factor
    scatter = values.std(axis=1, ddof=1) / np.sqrt(places.size) if places.size > 1 else np.abs(values[:, 0]) * 0.0
    std = scatter / lexicon.FLOW.shown_factor
    if places.size == 1:
        # One map has no scatter: the differences of neighbours, tissue and all, are an upper limit of its noise.
        apart = robust.second_differences(brain.spread(mean, np.nan))
        known = apart[np.isfinite(apart)]
        std = np.full(mean.size, float(robust.spread(known)) if known.size else np.nan)
    status = np.where(np.isfinite(mean), np.int16(Status.OK), np.int16(Status.NOT_FINITE))
    low = float((mean < 0).mean())
    sentence = (
        "The flow is the scanner's own map: its model, M0, labelling efficiency and scale cannot be checked here."
        + (" It holds no negative value: the scanner has set them to 0, and means are too high." if low == 0 else "")
    )
    flags: tuple[Flag, ...] = (Flag("vendor-flow", Severity.LIMITED, sentence, "cbf", source=SOURCE),)
    if labelled.m0 is not None and around.mask is None:
        sentence = f"{labelled.m0.name} shows where the brain is; the scanner's map is not divided by it."
        flags = (*flags, Flag("m0-for-brain", Severity.NOTE, sentence, "brain", source=SOURCE))
    recipe = Recipe((Step("vendor", "Flow was taken from the map that the scanner made."),))
    demand_flow(status)
    times = float(np.nanmean(mean)) / USUAL_FLOW
    is_absolute = LIKELY[0] <= times <= LIKELY[1]
    fitted = Kinetics({"cbf": mean}, {"cbf": std}, {"cbf": status}, None, None, None)
    if not is_absolute:
        fitted = relative(fitted)
        sentence = (
            f"The mean of the scanner's map is {times:.3g} times that of a usual brain: it is in another unit or scale "
            "than mL/100 g/min. So flow is relative."
        )
        flags = (*flags, Flag("scale-implausible", Severity.LIMITED, sentence, "relcbf", times, SOURCE))
    seen = quality(fitted, around, brain, float("nan"), is_absolute)
    lesion = read_out(fitted, around, brain, seed)
    flow = lexicon.FLOW if is_absolute else lexicon.RELATIVE_FLOW
    made = {flow.key: Map.of(flow, brain, fitted.values["cbf"], fitted.std["cbf"], status)}
    flags = tuple(sorted((*flags, *seen.flags, *lesion.flags), key=lambda flag: -flag.severity))
    regions = {"brain": brain, **({"lesion": around.lesion} if around.lesion is not None else {})}
    numbers = {"reliability": "limited", "n_volumes": int(places.size), **seen.numbers}
    if lesion.numbers:
        numbers |= of_lesion(lesion.numbers, is_absolute)
    return Measured(made, flags, recipe, regions | of_white(lesion), {}, numbers)
