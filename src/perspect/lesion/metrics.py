"""All that is told of a map in a part of a lesion, each with an interval, with and without trapped voxels."""

from collections.abc import Mapping, Sequence
from math import nan
from typing import Final

import numpy as np

from perspect.lesion.measure import MOST_TRAPPED, Sample, errors, number
from perspect.lesion.parts import FEWEST
from perspect.lesion.statistics import BURDEN, OF_EVERY_MAP, Statistic
from perspect.vocabulary import Flag, Histogram, Metric, Severity

Z95: Final = 1.959964
"""Standard deviations of an interval of 95 %."""

BINS: Final = 24
"""Classes of a histogram [our default]."""


def statistics_of(quantity: str) -> Mapping[str, Statistic]:
    """The statistics that are told of a quantity: the classes of burden are of rCBV alone."""
    return {**OF_EVERY_MAP, **BURDEN} if quantity == "rcbv" else OF_EVERY_MAP


def metrics(quantity: str, unit: str, sample: Sample) -> tuple[Metric, ...]:
    """Every statistic of a quantity in a part."""
    sample = sample.near
    here, free = sample.here, sample.free
    notes = _notes(sample)
    out = []
    for name, statistic in statistics_of(quantity).items():
        shown = "fraction" if name in BURDEN else unit
        held = number(statistic, sample.values, here) if here.sum() >= FEWEST else nan
        if notes:
            one = Metric(quantity, sample.part.name, name, shown, nan, nan, nan, int(free.sum()), held, nan, notes)
        else:
            value = number(statistic, sample.values, free)
            error = errors(statistic, sample, value)
            low, high = value - Z95 * error.total, value + Z95 * error.total
            if name in BURDEN:
                low, high = max(low, 0.0), min(high, 1.0)
            told = (_thin(sample),) if error.is_thin else ()
            one = Metric(quantity, sample.part.name, name, shown, value, low, high, int(free.sum()), held, value, told)
        out.append(one)
    return tuple(out)


def histogram(quantity: str, unit: str, sample: Sample, window: tuple[float, float]) -> Histogram:
    """How the values of a part are spread over a window."""
    edges = np.linspace(*window, BINS + 1)
    held, free = (
        tuple(int(n) for n in np.histogram(np.clip(sample.values[some], *window), edges)[0])
        for some in (sample.here, sample.free)
    )
    return Histogram(quantity, sample.part.name, unit, tuple(float(one) for one in edges), held, free)


def _notes(sample: Sample) -> tuple[Flag, ...]:
    """Why nothing is told of a part, if so."""
    name, n = sample.part.name, int(sample.here.sum())
    if n < FEWEST:
        sentence = f"The {name} has {n} usable voxels on this image."
        return (Flag("part-too-small", Severity.LIMITED, sentence, name, source="lesion"),)
    if sample.free.sum() < FEWEST or sample.share_trapped > MOST_TRAPPED:
        sentence = f"{sample.share_trapped:.0%} of the {name} is spoilt by traps."
        return (Flag("part-trapped", Severity.LIMITED, sentence, name, sample.share_trapped, "lesion"),)
    return ()


def _thin(sample: Sample) -> Flag:
    sentence = f"A mask of the {sample.part.name} that is one voxel narrower holds next to nothing."
    return Flag("part-thin", Severity.CAUTION, sentence, sample.part.name, source="lesion")


def table(some: Sequence[Metric]) -> str:
    """Metrics as tab-separated text: a row each, n/a for what is not known."""
    head = ("quantity", "region", "statistic", "value", "low95", "high95", "unit", "n", "with_traps", "without_traps")
    lines = ["\t".join(head)]
    for one in some:
        numbers = (one.value, one.low, one.high)
        cells = [one.quantity, one.region, one.statistic, *(_cell(x) for x in numbers), one.unit, str(one.n)]
        lines.append("\t".join([*cells, _cell(one.with_traps), _cell(one.without_traps)]))
    return "\n".join(lines) + "\n"


def _cell(value: float) -> str:
    return f"{value:.6g}" if np.isfinite(value) else "n/a"
