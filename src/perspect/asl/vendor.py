"""A map of flow that the scanner made: passed on as what it is, for nothing of how it was made can be checked."""

import numpy as np

from perspect.numerics import robust
from perspect.vocabulary import (
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


def made_by_scanner(labelled: Labelled, brain: Region) -> Measured:
    """The mean of the `cbf` volumes, taken as mL/100 g/min as BIDS has it. Raises Problem where there is none."""
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
    flags = (Flag("vendor-flow", Severity.LIMITED, sentence, "cbf", source=SOURCE),)
    recipe = Recipe((Step("vendor", "Flow was taken from the map that the scanner made."),))
    made = {"cbf": Map.of(lexicon.FLOW, brain, mean, std, status)}
    return Measured(
        made, flags, recipe, {"brain": brain}, {}, {"reliability": "limited", "n_volumes": int(places.size)}
    )
