"""The pictures of a page with the words that belong to them: the mosaic, the small maps, what became of the voxels."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.numerics.parallel import each
from perspect.report import words
from perspect.report.picture import ColourBar, Painter, Picture, colour_bar
from perspect.report.scene import OUTLINED, Scene
from perspect.vocabulary import Map, Quantity, Region, Status, lexicon

DSC_ORDER: Final = (
    "rcbv", "cbv", "srcbv", "cbf", "mtt", "tmax", "delay", "ttp", "psr", "lpsr", "ph", "k1", "k2", "kep",
)  # fmt: skip
DCE_ORDER: Final = (
    "ktrans", "ve", "vp", "rktrans", "rve", "kep", "fp", "ps", "delay", "rdelay", "model", "modelweight", "iaugc60",
    "iaugc90", "iaugc180", "iaugcbn60", "iaugcbn90", "iaugcbn180", "washin", "washout", "ttp", "enhancement",
    "maxenhancement", "deltar1", "deltat1", "T1map",
)  # fmt: skip
NOT_DRAWN: Final = tuple(one.key for one in lexicon.AICC.values())
"""Maps of which only differences between them mean anything: files, no pictures."""

ORDER: Final = (*dict.fromkeys((*DSC_ORDER, *DCE_ORDER)),)
"""The order of the small maps of a room, and of all; any other follows."""

COLOURS: Final = {
    Status.OK: "#6b7a8f",
    Status.NOT_CORRECTED: "#56b4e9",
    Status.AT_BOUND: "#e69f00",
    Status.AMBIGUOUS: "#cc79a7",
    Status.SATURATED: "#f0e442",
    Status.EXPECTED: "#009e73",
}
FAILED_COLOUR: Final = "#d55e00"
"""What became of a voxel, in colours that every kind of colour vision tells apart (Okabe and Ito)."""

NAMES: Final = {"reference": "reference tissue", "aif": "arterial input", "lesion": "lesion"}
"""Of regions that bear no other name than their key."""

ERROR_COLOURS: Final = "cividis"

MOST_BEYOND: Final = 0.2
"""Share of voxels beyond the window of a map from which on it is said [our default]."""

MOST_ABOVE: Final = 0.5
"""Share of voxels above the window of a map from which on the window is made wider: a brain of one colour shows nothing
[our default]."""

WIDER: Final = (2, 5, 10, 20, 50, 100)
"""By how much a window may be widened."""


READ_BESIDE: Final = {lexicon.FLOW.key: lexicon.ATT.key}
"""Label that comes late looks like low flow."""


@dataclass(frozen=True)
class Exhibit:
    """A picture with its title, its colour bar and what must be said of it."""

    picture: Picture
    symbol: str = ""
    name: str = ""
    bar: ColourBar | None = None
    note: str = ""


@dataclass(frozen=True)
class Share:
    """How much of the brain has a status."""

    sentence: str
    colour: str
    share: str
    is_failure: bool


def mosaic(scene: Scene) -> Exhibit:
    """The main map on all slices, with the borders of the regions and hatching where the signal was saturated."""
    return _map_exhibit(scene, scene.main, scene.painter(700_000, True, True), n_ticks=7)


def beside(scene: Scene) -> Exhibit | None:
    """The map that the main one cannot be read without, on all slices; None where it has none."""
    key = READ_BESIDE.get(scene.main.quantity.key)
    if key is None or key not in scene.maps:
        return None
    return _map_exhibit(scene, scene.maps[key], scene.painter(450_000, True), n_ticks=5)


def errors(scene: Scene) -> Exhibit:
    """The standard error of the main map on all slices."""
    return _error_exhibit(scene, scene.painter(250_000, True), n_ticks=6)


def fates(scene: Scene) -> Exhibit:
    """What became of the voxels of the main map, on all slices."""
    return _fate_exhibit(scene, scene.painter(250_000, False))


def panels(scene: Scene) -> tuple[Exhibit, ...]:
    """Every map on one slice, after the baseline image and what is behind the main map."""
    outlined, plain = scene.close_painter(True), scene.close_painter(False)
    nothing = np.full(scene.main.values.shape, np.nan, np.float32)
    baseline = outlined.paint(nothing, (0.0, 1.0), "gray", "Baseline image with the outlines of the regions.")
    order = [key for key in ORDER if key in scene.maps]
    order += [key for key in scene.maps if key not in (*ORDER, *NOT_DRAWN)]
    return (
        Exhibit(baseline, "Baseline", scene.baseline),
        _error_exhibit(scene, plain, n_ticks=2),
        _fate_exhibit(scene, plain),
        *each(lambda key: _map_exhibit(scene, scene.maps[key], plain, 2), order),
    )


def _map_exhibit(scene: Scene, one: Map, painter: Painter, n_ticks: int) -> Exhibit:
    quantity, shown = one.quantity, one.shown
    seen = shown[scene.brain & np.isfinite(one.values)]
    window = _window(quantity, seen)
    return Exhibit(
        painter.paint(shown, window, quantity.colours, _alt(one, shown, painter)),
        quantity.symbol,
        quantity.name,
        colour_bar(window, quantity.colours, words.unit(quantity), n_ticks),
        ". ".join(part for part in (_missing(scene, one), _beyond(quantity, seen, window)) if part),
    )


def _error_exhibit(scene: Scene, painter: Painter, n_ticks: int) -> Exhibit:
    """Standard errors, up to a quarter of the map's own window."""
    quantity = scene.main.quantity
    low, high = quantity.display
    limits = (0.0, 0.25 * (high - low))
    return Exhibit(
        painter.paint(scene.main.shown_std, limits, ERROR_COLOURS, f"Standard error of {quantity.name}."),
        f"SE({quantity.symbol})",
        f"standard error of {quantity.symbol}",
        colour_bar(limits, ERROR_COLOURS, words.unit(quantity), n_ticks),
    )


def _fate_exhibit(scene: Scene, painter: Painter) -> Exhibit:
    status, symbol = scene.main.status, scene.main.quantity.symbol
    classes = np.zeros(status.shape, np.uint8)
    for place, code in enumerate(COLOURS, start=1):
        classes[status == code] = place
    classes[status > Status.OUTSIDE] = len(COLOURS) + 1
    picture = painter.classes(classes, (*COLOURS.values(), FAILED_COLOUR), f"What became of the voxels of {symbol}.")
    return Exhibit(picture, f"Status of {symbol}", "colours as below")


def _alt(one: Map, shown: Float[np.ndarray, "x y z"], painter: Painter) -> str:
    n_slices, at = len(painter.layout.slices), painter.layout.view
    values = shown[np.isfinite(one.values)]
    if not values.size:
        return f"Baseline image; {one.quantity.name} has no voxel with a number."
    middle, high = (words.number(float(value)) for value in np.percentile(values, [50, 95]))
    hung = f"{at.edges[0]} on the left" if at.is_placed else "sides not known"
    return (
        f"{one.quantity.name} over the baseline image, {n_slices} {at.plane} slice{'s' if n_slices > 1 else ''}, "
        f"{hung}. Of all voxels: median {middle}, 95th percentile {high} {one.quantity.shown_unit}."
    )


def _window(quantity: Quantity, values: Float[np.ndarray, " voxels"]) -> tuple[float, float]:
    """The map's own window, or one with a higher end where most of the map lies above it and would be one colour."""
    low, high = quantity.display
    if not values.size or low < 0 or not (values > high).mean() > MOST_ABOVE:
        return low, high
    return low, next((high * k for k in WIDER if np.quantile(values, 0.95) <= high * k), high * WIDER[-1])


def _beyond(quantity: Quantity, values: Float[np.ndarray, " voxels"], window: tuple[float, float]) -> str:
    """That its own window cannot show a map, where it cannot; nothing where most of it is inside."""
    low, high = quantity.display
    share = float(((values < low) | (values > high)).mean()) if values.size else 0.0
    if window != (low, high):
        usual = f"{words.number(low)} to {words.number(high)}"
        # Ratios and times may truly lie there; volumes and flows of most of a brain do not.
        unsound = ", no sound absolute number" if "mL" in quantity.shown_unit else ""
        return f"LIMITED: {words.percent(share)} lie beyond the usual {usual}: a longer bar{unsound}"
    return f"{words.percent(share)} of the voxels lie beyond the ends of the bar" if share > MOST_BEYOND else ""


def _missing(scene: Scene, one: Map) -> str:
    """What a reader must know of voxels without a number; nothing where they are hardly more than in the main map."""
    has_number = np.isfinite(one.values[scene.brain])
    if not has_number.any():
        codes, counts = np.unique(one.status[scene.brain], return_counts=True)
        why = Status(int(codes[np.argmax(counts)])).sentence if codes.size else "the brain is empty"
        return f"No voxel has a number: {why}."
    n_fewer = int(np.isfinite(scene.main.values[scene.brain]).sum()) - int(has_number.sum())
    return f"{words.percent(has_number.mean())} of the brain has a number" if n_fewer > 0.05 * has_number.size else ""


def shares(scene: Scene) -> tuple[Share, ...]:
    """How much of the brain has which status; those that do not occur are left out."""
    inside = scene.main.status[scene.brain]
    counts = {status: int((inside == status).sum()) for status in Status}
    # Beside voxels whose value is the uncorrected one, which were measured too, a plain "measured" would deny that.
    sentences = {Status.OK: f"{Status.OK.sentence} and corrected for leakage"} if counts[Status.NOT_CORRECTED] else {}
    return tuple(
        Share(
            sentences.get(status, status.sentence),
            COLOURS.get(status, FAILED_COLOUR),
            words.percent(n / inside.size),
            status.is_failure,
        )
        for status, n in counts.items()
        if n
    )


def legend(scene: Scene) -> tuple[tuple[str, str], ...]:
    """What is drawn on the mosaic: the style in page.css, and its meaning."""
    entries = [(key, _said(key, scene.regions[key])) for key in OUTLINED if key in scene.regions]
    n_saturated = int((scene.main.status[scene.brain] == Status.SATURATED).sum())
    if n_saturated:
        entries.append(("saturated", f"{Status.SATURATED.sentence} ({n_saturated} voxels)"))
    return (*entries, ("none", "no value: the baseline image shows through"))


def _said(key: str, region: Region) -> str:
    origin = f", {region.origin}" if region.origin else ""
    return (
        f"{NAMES.get(key, key) if region.name == key else region.name} ({words.said(region.n_voxels)} voxels{origin})"
    )


def caption(scene: Scene) -> str:
    """From where the slices are seen, which they are, and what they do not show."""
    tiles, at = scene.tiles, scene.tiles.view
    n_filled, n_shown = int(at.pictures(scene.brain).any(axis=(1, 2)).sum()), len(tiles.slices)
    side = {"R": "right", "A": "front"}[at.edges[0]]
    which = f"{n_shown} of {n_filled} slices, evenly chosen" if n_shown < n_filled else words.counted(n_shown, "slice")
    placed = (
        f"{at.plane.capitalize()}, {which}; {at.edges[0]} is the patient's {side}.",
        "Each slice has its number as stored (from 1) and its place in mm.",
    )
    unplaced = (
        f"{which.capitalize()}, as stored: the file does not say which side is which, nor how large a voxel is.",
        "Each slice has its number (from 1).",
    )
    sentences = [
        *(placed if at.is_placed else unplaced),
        "Values beyond the ends of the bar have its end colours.",
    ]
    if at.tilt > 5:
        sentences.append(f"The slices are tilted by {at.tilt:.0f}° against the directions named.")
    if "aif" in scene.regions and n_shown < n_filled:
        on_slice = at.pictures(scene.regions["aif"].mask).sum(axis=(1, 2))
        n_seen = int(on_slice[list(tiles.slices)].sum())
        sentences.append(f"{n_seen} of {int(on_slice.sum())} arterial voxels lie on the slices shown.")
    return " ".join(sentences)
