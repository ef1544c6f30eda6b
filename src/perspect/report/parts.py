"""The parts of a lesion in numbers: how large each is, what every map says of it, and how its values are spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import Final

from perspect.report.dossier import Extent
from perspect.report.viewer import CLASS_COLOURS, CLASS_NAMES
from perspect.vocabulary import Histogram, Metric, Size, lexicon

NAMES: Final[Mapping[str, str]] = {
    **{one.key: one.symbol for one in lexicon.ALL},
    "rcbf": "Relative blood flow (ASL)",
}
"""What a map is called here, by the key of its quantity."""

PLAIN: Final = ("ratio", "1", "fraction")
"""Units that are not written beside a number."""

SHARES: Final = ("share below 1.0", "share from 1.0 to 1.75", "share above 1.75")
"""Statistics that are the classes of fractional tumour burden."""

WITH_TUMOUR: Final = ("solid part", "rim of 5 mm")
"""Parts in which a burden of tumour means anything."""

WIDTH, HEIGHT, FLOOR = 132.0, 34.0, 25.0
"""Of a small plot, and where its axis lies, in points."""

NOTED: Final = 0.01
"""Relative difference from which on the number with trapped voxels is written beside that without [our default]."""


@dataclass(frozen=True)
class Number:
    """A number in words: the value, its 95 % interval, and what it is with trapped voxels where that differs."""

    value: str
    interval: str = ""
    with_traps: str = ""


@dataclass(frozen=True)
class PartRow:
    """One part on one map. `plot` and `burden` are SVG; `why` is said where nothing is told."""

    part: str
    voxels: int
    plot: str
    median: Number
    mean: Number
    span: str
    hot: Number
    burden: str
    why: str


@dataclass(frozen=True)
class MapTable:
    """All parts on one map, with its unit."""

    name: str
    unit: str
    rows: tuple[PartRow, ...]


@dataclass(frozen=True)
class PartSize:
    """How large a part is, in words."""

    part: str
    volume: str
    between: str
    diameters: str
    product: str
    voxels: int
    origin: str


def map_tables(metrics: Sequence[Metric], histograms: Sequence[Histogram]) -> tuple[MapTable, ...]:
    """A table for each map, with a row for each part, in the order in which they were measured; why something of a part
    is not told, or with doubt, is said at the first map of which that holds.
    """
    spread = {(one.quantity, one.region): one for one in histograms}
    found: dict[str, dict[str, dict[str, Metric]]] = {}
    for one in metrics:
        found.setdefault(one.quantity, {}).setdefault(one.region, {})[one.statistic] = one
    said: set[str] = set()
    return tuple(
        MapTable(
            NAMES.get(key, key),
            _unit(parts),
            tuple(_row(told, spread.get((key, part)), said) for part, told in parts.items()),
        )
        for key, parts in found.items()
    )


def sizes(regions: Sequence[Extent], measured: Sequence[Size]) -> tuple[PartSize, ...]:
    """A row for each part; diameters where they were measured. What enhances is named once where it is all that is
    solid.
    """
    known = {one.region: one for one in measured}
    solid = next((one.n_voxels for one in regions if one.name == "solid part"), None)
    told = [one for one in regions if one.name != "enhancing" or one.n_voxels != solid]
    return tuple(_size(one, known.get(one.name)) for one in told)


def _size(one: Extent, size: Size | None) -> PartSize:
    between = diameters = product = ""
    if size is not None:
        between = f"{size.low:.1f} to {size.high:.1f}"
        diameters = f"{size.longest:.0f} × {size.across:.0f}"
        product = f"{size.product / 100:.1f}"
    return PartSize(one.name, f"{one.volume:.1f}", between, diameters, product, one.n_voxels, one.origin)


def _unit(parts: Mapping[str, Mapping[str, Metric]]) -> str:
    """The unit of the map: that of its mean, since shares have their own."""
    units = (told["mean"].unit for told in parts.values() if "mean" in told)
    return next((unit for unit in units if unit not in PLAIN), "")


def _row(told: Mapping[str, Metric], histogram: Histogram | None, said: set[str]) -> PartRow:
    """A row; `said` are the reasons that other rows have, to which it adds its own."""
    first = next(iter(told.values()))
    low, high = (told.get(name) for name in ("5th percentile", "95th percentile"))
    is_spread = low is not None and high is not None and isfinite(low.value) and isfinite(high.value)
    whys = [why for why in dict.fromkeys(f.sentence for m in told.values() for f in m.flags) if why not in said]
    said.update(whys)
    return PartRow(
        part=first.region,
        voxels=first.n,
        plot="" if histogram is None else histogram_plot(histogram),
        median=_number(told.get("median")),
        mean=_number(told.get("mean")),
        span=f"{digits(low.value)} to {digits(high.value)}" if is_spread and low and high else "–",
        hot=_number(told.get("top cluster")),
        burden=burden_bar([told[name] for name in SHARES if name in told]) if first.region in WITH_TUMOUR else "",
        why=" ".join(whys),
    )


def _number(one: Metric | None) -> Number:
    """The value that counts; where traps left none, what it would be with them, said to be so."""
    if one is None:
        return Number("–")
    held = digits(one.with_traps) if isfinite(one.with_traps) else ""
    if not isfinite(one.value):
        return Number("–", "", held)
    low, high = (digits(end) if isfinite(end) else "" for end in (one.low, one.high))
    # An interval without width is one whose error is not known, as that of a map without errors.
    interval = f"{low} to {high}" if low and high and low != high else ""
    differs = isfinite(one.with_traps) and abs(one.with_traps - one.value) > NOTED * abs(one.value)
    return Number(digits(one.value), interval, held if differs else "")


def digits(value: float) -> str:
    """Three digits or so, the same for neighbours of a table, with a true minus sign."""
    size = abs(value)
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or size == 0 else 3
    text = f"{value:.{places}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{places}f}"


def histogram_plot(one: Histogram) -> str:
    """How many voxels have which value: filled what counts, as a line what there is with trapped voxels.

    The window is that of the map and not of the part, so that parts and patients can be compared.
    """
    most = max((*one.with_traps, *one.without_traps, 1))
    low, high = one.edges[0], one.edges[-1]
    step = WIDTH / len(one.with_traps)

    def stairs(counts: Sequence[int]) -> str:
        tops = (FLOOR - (FLOOR - 2) * n / most for n in counts)
        return f"M0 {FLOOR:g}" + "".join(f"V{top:.1f}h{step:.2f}" for top in tops) + f"V{FLOOR:g}"

    said = f"{one.quantity} in the {one.region}: {sum(one.without_traps)} voxels from {low:g} to {high:g} {one.unit}"
    return (
        f'<svg class="spread" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img"><title>{escape(said)}</title>'
        f'<path d="{stairs(one.without_traps)}z" fill="#6b8cae"/>'
        f'<path d="{stairs(one.with_traps)}" fill="none" stroke="#ff3b6b" stroke-width="0.8"/>'
        f'<path d="M0 {FLOOR:g}H{WIDTH:g}" stroke="var(--soft)" stroke-width="0.7"/>'
        f'<text x="0" y="{HEIGHT - 1:g}" font-size="8" fill="var(--soft)">{low:g}</text>'
        f'<text x="{WIDTH:g}" y="{HEIGHT - 1:g}" font-size="8" fill="var(--soft)" text-anchor="end">{high:g}</text>'
        "</svg>"
    )


def burden_bar(shares: Sequence[Metric]) -> str:
    """Fractional tumour burden as one bar of three classes, with their shares in words; empty where it is not known."""
    if len(shares) != len(SHARES) or not all(isfinite(one.value) for one in shares):
        return ""
    said = "; ".join(
        f"rCBV {name}: {one.value:.0%} ({one.low:.0%} to {one.high:.0%})"
        for name, one in zip(CLASS_NAMES, shares, strict=True)
    )
    drawn, start = [], 0.0
    for one, colour, ink in zip(shares, CLASS_COLOURS, ("#fff", "#000", "#fff"), strict=True):
        wide = 300.0 * one.value
        drawn.append(f'<rect x="{start:.1f}" width="{wide:.1f}" height="14" fill="{colour}"/>')
        if one.value > 0.09:
            at = f'x="{start + wide / 2:.1f}" y="10.5" font-size="9" text-anchor="middle"'
            drawn.append(f'<text {at} fill="{ink}">{one.value:.0%}</text>')
        start += wide
    return (
        f'<svg class="burden" viewBox="0 0 300 14" role="img"><title>{escape(said)}</title>{"".join(drawn)}</svg>'
        f'<span class="why">{escape(said)}</span>'
    )
