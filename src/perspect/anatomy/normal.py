"""Normal-appearing white matter: what a lesion's numbers are compared with, found in three ways that check each other.

White matter away from lesion and oedema, without the voxels at its edge: of the whole brain without what lies opposite
the lesion, opposite the lesion, and in the centrum semiovale of the other side. Where the three disagree on a map, the
reference is in doubt, and with it every ratio.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.anatomy import distance, resample
from perspect.anatomy.distance import grown, shrunk
from perspect.anatomy.mirror import Mirror
from perspect.anatomy.tissue import Tissues
from perspect.numerics import robust
from perspect.vocabulary import Flag, Grid, Region, Severity, Step

SOURCE: Final = "normal-appearing white matter"

WHITE: Final = 0.6
"""Share of white matter in a voxel of what is measured that counts [our default]. Shares come in quarters, and white
matter with a longer T1 than most is called three quarters white. Asked for more, the reference would be chosen by T1:
in virtual patients, where that goes with blood volume, its median was up to 7 % off. What is away from the edge is pure
anyhow: 95 in 100 of its voxels hold at least 98 % of white matter there."""

MOSTLY: Final = 0.5
"""Share from which a voxel of the tissues lies within white matter; asked for more, noise alone would make holes, and
every hole an edge [our default]."""

EDGE: Final = 2.5
"""mm of white matter that are taken off: cortex and fluid are near, and folds of a perfusion image wider [our default].
"""

MARGIN: Final = 10.0
"""mm around lesion and oedema that are left out: infiltration and pressure reach beyond what is seen [our default]."""

BESIDE: Final = 6.0
"""mm around what no tissue class explains that are left out: it may be a lesion that nobody masked [our default]."""

SPREAD_OUT: Final = 5.0
"""mm by which the place opposite a lesion is widened as long as it holds too little white matter [our default]."""

MOST_SPREAD: Final = 20.0

FEWEST: Final = 20
"""Voxels of the image that is measured; a median of fewer is too uncertain to divide by [our default]."""

SMALLEST: Final = 1.0
"""mL below which a candidate is not chosen while there is a larger one [our default]."""

CENTRUM: Final = ((25.0, -14.0, 36.0), (8.0, 24.0, 6.0))
"""mm in the standard head: middle and half axes of an ellipsoid in the centrum semiovale of the right side, in which
white matter has a share of 0.98 [our default, read off the ICBM 2009a maps]. The left one is its mirror image."""

UNEVEN: Final = 0.4
"""Robust standard deviation over median above which a candidate is not chosen while there is an evener one
[our default]."""

APART: Final = 0.2
"""Difference of two candidates' medians over their mean from which on the reference is in doubt [our default]."""


WHOLE: Final = "of the whole brain"
OPPOSITE: Final = "opposite the lesion"
CENTRAL: Final = "of the centrum semiovale"
"""What the candidates are called: normal-appearing white matter ..."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to a reference: its voxels on the grid of what is measured, and what maps hold there.

    `medians` and `spreads` (robust standard deviation over median) are by the name of the map.
    """

    region: Region
    volume: float
    medians: Mapping[str, float] = field(default_factory=dict)
    spreads: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_large(self) -> bool:
        """Whether its median is worth anything."""
        return self.region.n_voxels >= FEWEST and self.volume >= SMALLEST

    @property
    def is_even(self) -> bool:
        """Whether it looks like one tissue on every map."""
        return all(spread <= UNEVEN for spread in self.spreads.values())


@dataclass(frozen=True, eq=False)
class NormalWhiteMatter:
    """The region that was chosen (empty if none could be), the candidates by name, and how well they agree.

    `name` is that of the chosen one, empty if there is none. `differences` is the largest difference between candidates
    on each map, over their mean.
    """

    name: str
    region: Region
    candidates: Mapping[str, Candidate]
    differences: Mapping[str, float]
    flags: tuple[Flag, ...]
    step: Step


def candidates(
    tissues: Tissues,
    ill: Region | None = None,
    mirror: Mirror | None = None,
    to_template: Float[np.ndarray, "4 4"] | None = None,
    grid: Grid | None = None,
    matrix: Float[np.ndarray, "4 4"] | None = None,
) -> dict[str, Region]:
    """The three regions, on the `grid` of what is measured (else that of the tissues), in order of preference.

    `ill` is everything that is not normal: lesion, oedema, cavity, what was irradiated; on the grid of the tissues.
    What was masked as lesion when the tissues were found is left out as well, and less far around what no class
    explains. The whole brain comes first, without what lies opposite the lesion: its mean is the surest. `matrix`
    takes places of `grid` to those of the tissues, where they do not share a frame. What needs `mirror` or
    `to_template` is not there without it.
    """
    sick = tissues.lesion if ill is None else tissues.lesion | ill.mask
    box, own = distance.box(tissues.brain.mask | sick, tissues.grid)
    sick, white = sick[box], np.nan_to_num(tissues.white[box])
    normal = shrunk(white >= MOSTLY, EDGE, own) & ~grown(sick, MARGIN, own)
    normal &= ~grown(tissues.unexplained[box], BESIDE, own)
    found: dict[str, Bool[np.ndarray, "x y z"]] = {WHOLE: normal}
    if mirror is not None and sick.any():
        place = mirror.mirrored(Region(sick, own, "ill")).mask
        found = {WHOLE: normal & ~place, OPPOSITE: _widened(place, normal, own)}
    if to_template is not None:
        found[CENTRAL] = normal & _centrum(own, to_template, sick)
    target = tissues.grid if grid is None else grid
    pure = np.nan_to_num(resample.onto(white, own, target, matrix=matrix)) >= WHITE
    masks = {name: pure & resample.onto(mask, own, target, matrix=matrix) for name, mask in found.items()}
    return {name: Region(mask, target, name, "from the anatomy") for name, mask in masks.items()}


def choose(
    regions: Mapping[str, Region],
    maps: Mapping[str, Float[np.ndarray, "x y z"]] | None = None,
    used: str | None = None,
) -> NormalWhiteMatter:
    """The first of the candidates that is large and even, and whether the candidates agree on the maps.

    `regions` are those of `candidates`, in order of preference; another one, such as white matter that was found from
    the perfusion itself, can be added at the end. Where none is large, the largest is taken if it has `FEWEST` voxels.
    Where one was `used` before the maps were made, it stays chosen, and is judged with them.
    """
    held = {name: _candidate(region, maps or {}) for name, region in regions.items()}
    large = [name for name, one in held.items() if one.is_large]
    some = [name for name, one in held.items() if one.region.n_voxels >= FEWEST]
    even = [name for name in large if held[name].is_even]
    biggest = sorted(some, key=lambda name: -held[name].region.n_voxels)
    name = next(iter(even or large or biggest), "") if used is None else used
    differences = {key: _difference([held[one].medians[key] for one in some]) for key in maps or {}}
    flags = _flags(held, name, differences, some)
    if not name:
        grid = next(iter(regions.values())).grid
        empty = Region(np.zeros(grid.shape, bool), grid, SOURCE, "none could be found")
        step = Step(SOURCE, "No normal-appearing white matter was found.")
        return NormalWhiteMatter("", empty, held, differences, flags, step)
    chosen = held[name].region
    region = Region(chosen.mask, chosen.grid, SOURCE, name)
    sentence = (
        f"Normal-appearing white matter is that {name} ({region.n_voxels} voxels, {held[name].volume:.1f} mL): "
        f"at least {WHITE:.0%} white matter, {EDGE:g} mm from its edge, {MARGIN:g} mm from what was masked as ill."
    )
    constants = {"share": WHITE, "edge in mm": EDGE, "margin in mm": MARGIN}
    return NormalWhiteMatter(name, region, held, differences, flags, Step(SOURCE, sentence, constants))


def _widened(
    place: Bool[np.ndarray, "x y z"], normal: Bool[np.ndarray, "x y z"], grid: Grid
) -> Bool[np.ndarray, "x y z"]:
    """Normal white matter in a place, which is widened until there is enough of it."""
    enough = SMALLEST * 1e3 / np.prod(grid.spacing)
    away = -distance.depth(place, grid)
    inside = normal & place
    for by in np.arange(SPREAD_OUT, MOST_SPREAD + SPREAD_OUT, SPREAD_OUT):
        if inside.sum() >= enough:
            break
        inside = np.asarray(normal & (away <= by))
    return np.asarray(inside)


def _centrum(
    grid: Grid, to_template: Float[np.ndarray, "4 4"], sick: Bool[np.ndarray, "x y z"]
) -> Bool[np.ndarray, "x y z"]:
    """The centrum semiovale by the standard head: of the side without the lesion, of both if it lies in the middle."""
    middle, axes = (np.array(one).reshape(3, 1, 1, 1) for one in CENTRUM)
    at = to_template @ grid.affine
    place = np.tensordot(at[:3, :3], np.indices(grid.shape), 1) + at[:3, 3].reshape(3, 1, 1, 1)
    x = place[0].copy()
    place[0] = np.abs(x)
    inside = np.asarray((((place - middle) / axes) ** 2).sum(axis=0) <= 1)
    share_right = float((x[sick] > 0).mean()) if sick.any() else 0.5
    if share_right > 0.9:
        inside &= x < 0
    elif share_right < 0.1:
        inside &= x > 0
    return inside


def _candidate(region: Region, maps: Mapping[str, Float[np.ndarray, "x y z"]]) -> Candidate:
    medians, spreads = {}, {}
    for key, values in maps.items():
        inside = values[region.mask].astype(np.float64)
        inside = inside[np.isfinite(inside)]
        median = float(np.median(inside)) if inside.size else float("nan")
        medians[key] = median
        spreads[key] = float(robust.spread(inside - median) / abs(median)) if inside.size else float("nan")
    return Candidate(region, float(region.n_voxels * np.prod(region.grid.spacing) / 1e3), medians, spreads)


def _difference(medians: list[float]) -> float:
    """The largest difference of two, over their mean; NaN if there are no two."""
    pairs = [2 * abs(one - other) / abs(one + other) for one, other in combinations(medians, 2) if one + other]
    return float(np.max(pairs)) if pairs else float("nan")


def _flags(
    held: Mapping[str, Candidate], name: str, differences: Mapping[str, float], some: list[str]
) -> tuple[Flag, ...]:
    """What must be known of the reference `name`, and of the `some` candidates that have voxels enough beside it."""
    if not name:
        sentence = "No normal-appearing white matter could be found away from lesion and oedema. Give a mask."
        return (Flag("no-normal-white-matter", Severity.LIMITED, sentence, "brain", source=SOURCE),)
    found = []
    if not held[name].is_large:
        sentence = (
            f"Only {held[name].volume:.1f} mL of normal-appearing white matter were found; their median is uncertain, "
            "and every ratio to it."
        )
        found.append(Flag("small-normal-white-matter", Severity.CAUTION, sentence, "reference", source=SOURCE))
    for key, spread in held[name].spreads.items():
        if spread > UNEVEN:
            sentence = f"{key} varies by {spread:.0%} inside normal-appearing white matter: it holds more than that."
            found.append(Flag("uneven-normal-white-matter", Severity.CAUTION, sentence, "reference", source=SOURCE))
    for key, difference in differences.items():
        if difference > APART:
            values = ", ".join(f"{one} {held[one].medians[key]:.3g}" for one in some)
            sentence = (
                f"White matter that should be alike differs by {difference:.0%} on {key} ({values}): ratios depend on "
                "which of them is the reference."
            )
            found.append(Flag("references-differ", Severity.CAUTION, sentence, "reference", difference, SOURCE))
    return tuple(found)
