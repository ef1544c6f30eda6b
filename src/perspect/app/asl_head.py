"""What is known of the head around an ASL series, on its grid: given by hand, else what conventional images show."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float, Float32

from perspect import io
from perspect.anatomy import align, resample
from perspect.anatomy.expected import expected_shares
from perspect.anatomy.tissue import explained
from perspect.app.anatomy import Seen, seen, seen_in
from perspect.app.asl_inputs import AslInputs
from perspect.app.given import demand_its_own, demand_read, map_on, read_images, share_on
from perspect.app.given_files import GivenAnatomy
from perspect.app.head import Head
from perspect.app.place import region_on, share_of_mask
from perspect.asl.audit import demand_times
from perspect.asl.inputs import find_brain
from perspect.asl.samples import differences
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import Around, Flag, Grid, Labelled, Region, Severity, Step
from perspect.vocabulary.progress import Progress

SHARES: Final = ("grey", "white", "fluid")
MAPS: Final = (*SHARES, "t1", "att")
"""Maps of shares, and of times."""

FAINT: Final = 0.02
"""Share of the variance of the differences that a standard head explains, below which noise hides whose tissues they
are. Heads with one noisy delay have 0.11 [our default]."""

EXTREMES: Final = (2.0, 98.0)
"""Per cent between which differences are compared with tissues: arteries and outliers are no tissue [our default]."""


@dataclass(frozen=True, eq=False)
class AslHead:
    """What is known of the head, on the grid of the series, with what must be said of how it got there."""

    around: Around
    flags: tuple[Flag, ...] = ()
    steps: tuple[Step, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    seen: Seen | None = None

    @property
    def has_tissues(self) -> bool:
        """Whether grey and white matter are known."""
        return self.around.grey is not None and self.around.white is not None


def head_of(
    inputs: AslInputs,
    anatomy: Mapping[str, Path],
    labelled: Labelled,
    tell: Progress,
    known: Head | None = None,
    *,
    has_positions: bool,
) -> AslHead:
    """Masks and maps on the grid of the series: given ones, else those that conventional images show.

    Raises `Problem` where what is given lies elsewhere, is of another head, or would be read by nobody.
    """
    told = told_of(inputs, labelled, has_positions=has_positions)
    given = GivenAnatomy(inputs.brain)
    why = "no conventional image is read" + (" beside tissues" if told.has_tissues else "")
    demand_read(given, bool(anatomy) and not told.has_tissues, why)
    if not anatomy or told.has_tissues:
        return told
    tell("anatomy", 0.0)
    found, flags = _seen(inputs, anatomy, labelled, given, known)
    files = [*given.files, *_files(anatomy)]
    return told if found is None else _with(told, found, flags, files, labelled.series.grid)


def told_of(inputs: AslInputs, labelled: Labelled, *, has_positions: bool) -> AslHead:
    """What was given by hand, on the grid of the series; its tissues are held against the series."""
    grid, flags, sources = labelled.series.grid, list[Flag](), dict[str, str]()
    regions: dict[str, Region] = {}
    for name, path in (("brain", inputs.mask), ("lesion", inputs.lesion)):
        if path is not None:
            regions[name], notes = region_on(path, name, grid, has_positions=has_positions)
            flags += notes
            sources[io.label(path)] = io.sha256(path)
    maps: dict[str, Float[np.ndarray, "x y z"]] = {}
    for name in MAPS:
        path = getattr(inputs, name)
        if path is not None:
            maps[name] = share_on(path, grid) if name in SHARES else _times_on(path, grid)
            sources[io.label(path)] = io.sha256(path)
    share = None if inputs.lesion is None else share_of_mask(inputs.lesion, grid, has_positions=has_positions)
    grey, white, fluid, t1, att = (maps.get(name) for name in MAPS)
    brain, lesion = regions.get("brain"), regions.get("lesion")
    around = Around(brain, lesion, grey, white, fluid, t1, att, lesion_share=share)
    return AslHead(around, (*flags, *tissue_flags(around, labelled)), (), sources)


@one_blas_thread()
def tissue_flags(around: Around, labelled: Labelled) -> tuple[Flag, ...]:
    """Nothing where the tissues that were given are those of the head that was scanned: what blood brings follows them
    more closely than it follows those of a standard head. A flag where that cannot be told.

    Raises `Problem` for tissues of another head, or one in the place of another.
    """
    if around.grey is None and around.white is None and around.fluid is None:
        return ()
    shares = shares_of(around)
    if shares is None:
        return _not_compared("one tissue alone does not show whose it is")
    grid, template = labelled.series.grid, io.icbm_2009a()
    brain = find_brain(labelled, around)
    known = brain.mask & (shares.sum(axis=-1) > 0)
    inside = Region(known if around.lesion is None else known & ~around.lesion.mask, grid, "brain outside the lesion")
    if not inside.n_voxels:
        return _not_compared("none of them lies in the brain")
    picture = np.where(brain.mask, background(labelled), np.float32(0))
    placed = align.affine(picture, grid, template.t1, template.grid)
    if not placed.is_found:
        return _not_compared("a standard head to compare them with could not be laid over the series")
    expected, values = expected_shares(template, placed.matrix, inside), brought(labelled, inside)
    if not explained(values, expected) > FAINT:
        return _not_compared("noise hides where there is more blood flow and where less")
    rows = np.stack([inside.taken(shares[..., k]) for k in range(3)], axis=1)
    name = labelled.series.name
    demand_its_own(f"of what blood brings in {name} within the brain", f"with {name}", values, rows, expected)
    return ()


def shares_of(around: Around) -> Float32[np.ndarray, "x y z 3"] | None:
    """Fluid, grey and white matter; fluid is what the others leave, where it is not known. None without those two."""
    if around.grey is None or around.white is None:
        return None
    grey, white = np.nan_to_num(around.grey), np.nan_to_num(around.white)
    fluid = np.clip(1.0 - grey - white, 0.0, 1.0) if around.fluid is None else np.nan_to_num(around.fluid)
    return np.stack([fluid, grey, white], axis=-1).astype(np.float32)


def brought(labelled: Labelled, inside: Region) -> Float[np.ndarray, " voxels"]:
    """Mean difference of control and label in the voxels of a region, or a map of flow, without its extremes."""
    labelling, curves = labelled.labelling, labelled.series.curves(inside.mask)
    flow = labelling.of("cbf")
    every = curves[:, flow] if flow.size else differences(labelling, curves, np.ones(curves.shape[1], bool)).values
    mean = every.mean(axis=1, dtype=np.float64)
    return np.asarray(np.clip(mean, *np.nanpercentile(mean, EXTREMES)))


def background(labelled: Labelled) -> Float32[np.ndarray, "x y z"]:
    """A picture to draw maps on: M0, or the mean of the series."""
    if labelled.m0 is not None:
        return np.nan_to_num(np.asarray(labelled.m0.values, np.float32))
    series = labelled.series
    mean = series.values.mean(axis=3, dtype=np.float32) * np.float32(series.slope) + np.float32(series.intercept)
    return np.nan_to_num(np.asarray(mean, np.float32))


def _seen(
    inputs: AslInputs, anatomy: Mapping[str, Path], labelled: Labelled, given: GivenAnatomy, known: Head | None
) -> tuple[Seen | None, tuple[Flag, ...]]:
    """What the conventional images show, and flags of how they were read."""
    series = io.find_asl(inputs.series).asl or inputs.series
    strangers = io.demand_one_patient([series, *anatomy.values(), *given.files])
    picture, grid = background(labelled), labelled.series.grid
    if known is not None:
        return seen_in(known, picture, grid), strangers
    images, notes = read_images(anatomy, given)
    lesion = None if inputs.lesion is None else io.read_region(inputs.lesion, "lesion")
    return seen(picture, grid, images, lesion), (*strangers, *notes)


def _with(told: AslHead, found: Seen, flags: tuple[Flag, ...], files: list[Path], grid: Grid) -> AslHead:
    """What was told, and what was seen where nothing was told; the lesion is where the anatomy says."""
    around, tissues = told.around, _tissues(found, grid)
    is_drawn_on_series = around.lesion is not None and around.lesion_share is None
    around = replace(
        around,
        lesion_share=None if is_drawn_on_series else found.lesion_share,
        reflection=found.reflection,
        grey=around.grey if around.grey is not None else tissues["grey"],
        white=around.white if around.white is not None else tissues["white"],
        fluid=around.fluid if around.fluid is not None else tissues["fluid"],
        lesion=found.lesion if found.lesion is not None else around.lesion,
    )
    sources = {**told.sources, **{io.label(path): io.sha256(path) for path in files}}
    return AslHead(around, (*told.flags, *flags, *found.flags), found.steps, sources, found)


def _tissues(found: Seen, grid: Grid) -> dict[str, Float32[np.ndarray, "x y z"]]:
    """Shares of the tissues on the grid of the series."""
    classes, place = found.tissues, found.series_to_anatomy.matrix
    every = {"grey": classes.grey, "white": classes.white, "fluid": classes.shares[..., 0]}
    return {
        name: np.nan_to_num(resample.onto(np.nan_to_num(one).astype(np.float32), classes.grid, grid, matrix=place))
        for name, one in every.items()
    }


def _times_on(path: Path, grid: Grid) -> Float[np.ndarray, "x y z"]:
    """A map of times on the grid of the series. Raises `Problem` where it lies elsewhere, or is not in s."""
    values, own = io.read_volume(path)
    demand_times(values, path.name)
    return values if own.matches(grid) else map_on(values, own, grid, path)


def _files(anatomy: Mapping[str, Path]) -> list[Path]:
    return [one for path in anatomy.values() for one in io.files_of_anatomy(path)]


def _not_compared(why: str) -> tuple[Flag, ...]:
    sentence = (
        f"Whether the tissues that were given are those of this head was not compared: {why}. Tissues of another head "
        "would give a mean of the wrong voxels."
    )
    return (Flag("tissues-not-compared", Severity.CAUTION, sentence, "cbf", source="reading"),)
