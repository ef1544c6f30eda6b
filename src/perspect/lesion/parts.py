"""The parts of a lesion: what enhances, what is cavity, what lies around it within 5 mm, and what is solid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.anatomy.distance import grown
from perspect.lesion.labels import CORE, ENHANCING, NECROSIS, OEDEMA, WHOLE
from perspect.numerics import robust
from perspect.vocabulary import Flag, Grid, Region, Severity

RIM: Final = 5.0
"""mm around what enhances and its cavity that are read as its surroundings (Romano et al. 2022,
doi:10.1007/s11547-022-01480-x)."""

SMALLEST: Final = 1.0
"""mL below which a part is too small to be judged by its hot spot (three of ten irradiated metastases in Kerkhof et
al. 2018, doi:10.1007/s11060-018-2779-7) [our default]."""

FEWEST: Final = 10
"""Voxels of the perfusion image below which a part is not measured [our default]."""

ENHANCES: Final = 4.0
"""Robust standard deviations of what white matter does between T1w and T1c beyond which a voxel enhances
[our default]."""

LEAST_GAIN: Final = 0.15
"""Rise of the signal, relative to that of white matter, without which nothing enhances however quiet the images are
[our default]."""


BRIGHTEST: Final = 95.0
"""Percentile of the rise of the signal in a lesion that stands for its brightest part."""

ENOUGH: Final = 0.45
"""Share of the rise of the brightest part that a voxel must reach to count as enhancing [our default]."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Regions of one lesion on one grid, by name: `whole`, `solid part`, `cavity`, `enhancing`, `oedema`,
    `rim of 5 mm`.

    A part that the lesion does not have is not there. `solid part` is what enhances, or all but cavity and oedema
    where nothing does.
    """

    regions: Mapping[str, Region]
    flags: tuple[Flag, ...] = ()

    def __getitem__(self, name: str) -> Region:
        return self.regions[name]

    def __contains__(self, name: object) -> bool:
        return name in self.regions

    @property
    def is_enhancing(self) -> bool:
        """Whether any part enhances."""
        return "enhancing" in self.regions


def volume(region: Region) -> float:
    """The volume of a region in mL."""
    return region.n_voxels * abs(float(np.linalg.det(region.grid.affine[:3, :3]))) / 1000.0


def enhancing(
    before: Float[np.ndarray, "x y z"],
    after: Float[np.ndarray, "x y z"],
    white: Bool[np.ndarray, "x y z"],
    inside: Bool[np.ndarray, "x y z"],
    like: Bool[np.ndarray, "x y z"] | None = None,
) -> Bool[np.ndarray, "x y z"]:
    """Where `inside` a lesion agent raised a T1-weighted signal: `after` is first brought to the scale of `before` by
    white matter.

    What is bright on both (blood, fat, protein) does not count: the difference is read, never the image after agent
    alone. Agent also seeps into necrosis and a little into what infiltrates, so that a voxel must enhance about half as
    much as the brightest part does: that of `like`, where what enhances is sought beside a lesion.
    """
    normal = white & np.isfinite(before) & np.isfinite(after)
    level = float(np.median(before[normal]))
    scaled = after * (level / float(np.median(after[normal])))
    gain = (scaled - before) / level
    typical = gain[normal]
    spread = float(robust.spread(typical - np.median(typical)))
    gain = np.nan_to_num(gain, nan=0.0)
    of = inside if like is None else like
    brightest = float(np.percentile(gain[of], BRIGHTEST)) if of.any() else 0.0
    gain = np.where(inside, gain, 0.0)
    out: Bool[np.ndarray, "x y z"] = gain > max(ENHANCES * spread, LEAST_GAIN, ENOUGH * brightest)
    return out


def parts(
    masks: Mapping[str, Bool[np.ndarray, "x y z"]],
    grid: Grid,
    brain: Bool[np.ndarray, "x y z"],
    enhances: Bool[np.ndarray, "x y z"] | None = None,
) -> Parts:
    """The parts of a lesion from the masks that there are (`lesion`; `necrosis`, `oedema`, `enhancing`; or `core` and
    `oedema`).

    `brain` is what the rim may hold: cortex and fluid left out, where they are known. `enhances` says where agent
    raised the signal (`enhancing`); it parts a plain mask into what enhances and the cavity that this encloses. Without
    it a plain mask is solid as a whole, which a flag says.
    """
    named, flags = _told_apart(masks, grid, enhances)
    lit, cavity, swollen = (named.get(name, np.zeros(grid.shape, bool)) for name in (ENHANCING, NECROSIS, OEDEMA))
    whole = named.get(WHOLE, lit | cavity | swollen)
    is_lit = bool(lit.sum() >= FEWEST)
    solid = lit if is_lit else whole & ~cavity & ~swollen
    core = lit | cavity if is_lit else solid | cavity
    around = grown(core, RIM, grid) & ~core & brain
    found = {"whole": whole, "solid part": solid, "cavity": cavity, "oedema": swollen, "rim of 5 mm": around}
    if is_lit:
        found["enhancing"] = lit
    regions = {name: Region(mask, grid, name) for name, mask in found.items() if mask.any()}
    return Parts(regions, (*flags, *_small(regions)))


def _told_apart(
    masks: Mapping[str, Bool[np.ndarray, "x y z"]], grid: Grid, enhances: Bool[np.ndarray, "x y z"] | None
) -> tuple[dict[str, Bool[np.ndarray, "x y z"]], tuple[Flag, ...]]:
    """Masks of what enhances, of necrosis and of oedema, from those that there are, and what must be said of them."""
    named = dict(masks)
    if ENHANCING not in named and WHOLE in named:
        return _of_plain(named, enhances)
    if ENHANCING not in named and CORE in named:
        named[WHOLE] = named[CORE] | named.get(OEDEMA, np.zeros(grid.shape, bool))
        sentence = "By its segmentation no part of the lesion enhances: its core is read as solid."
        return named, (_flag("nothing-enhances", Severity.CAUTION, sentence),)
    return named, ()


def _of_plain(
    named: dict[str, Bool[np.ndarray, "x y z"]], enhances: Bool[np.ndarray, "x y z"] | None
) -> tuple[dict[str, Bool[np.ndarray, "x y z"]], tuple[Flag, ...]]:
    """A plain mask with what of it enhances and the cavity that this encloses, where that can be told."""
    inside = named[WHOLE]
    if enhances is None:
        sentence = (
            "The lesion is measured as one piece: without T1w and T1c images, or a segmentation, it is not known what "
            "of it enhances and what is cavity."
        )
        return named, (_flag("parts-unknown", Severity.LIMITED, sentence),)
    lit = _pieces(enhances & inside)
    if lit.any():
        return {**named, ENHANCING: lit, NECROSIS: enclosed(lit, inside)}, ()
    sentence = (
        "No part of the lesion enhances, so that the whole mask is read as solid: oedema that it holds is read with it."
    )
    return {**named, ENHANCING: lit, NECROSIS: lit}, (_flag("nothing-enhances", Severity.CAUTION, sentence),)


def _small(regions: Mapping[str, Region]) -> tuple[Flag, ...]:
    solid = regions.get("solid part")
    if solid is None or not volume(solid) < SMALLEST:
        return ()
    sentence = f"The solid part of the lesion has {volume(solid):.2g} mL: too little to tell from its surroundings."
    return (_flag("lesion-small", Severity.LIMITED, sentence),)


def _flag(code: str, severity: Severity, sentence: str) -> Flag:
    return Flag(code, severity, sentence, "lesion", source="lesion")


def _pieces(mask: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """A mask without pieces of fewer than `FEWEST` voxels: single voxels enhance by noise."""
    label, _ = ndimage.label(mask)
    large = np.bincount(label.ravel()) >= FEWEST
    large[0] = False
    out: Bool[np.ndarray, "x y z"] = large[label]
    return out


def enclosed(lit: Bool[np.ndarray, "x y z"], inside: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """What of a lesion is shut in by what enhances, slice by slice (a ring need not be closed above and below)."""
    closed = ndimage.binary_closing(np.pad(lit, 2), iterations=2)[2:-2, 2:-2, 2:-2] | lit
    filled = np.stack([ndimage.binary_fill_holes(closed[..., k]) for k in range(closed.shape[2])], axis=2)
    out: Bool[np.ndarray, "x y z"] = filled & inside & ~lit
    return out
