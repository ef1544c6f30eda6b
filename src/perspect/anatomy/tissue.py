"""How much fluid, grey and white matter a voxel holds, from one or several images and a standard head."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Num

from perspect.anatomy import appearance as looks
from perspect.anatomy import distance
from perspect.anatomy.distance import Box
from perspect.anatomy.expected import expected_shares
from perspect.vocabulary import Flag, Grid, Problem, Region, Severity, Step, Template

SOURCE: Final = "tissue classes"

FEWEST: Final = 2_000
"""Voxels of brain outside the lesion from which classes are estimated at least [our default]."""

WEAK: Final = 2.5
"""Standard deviations between white and grey matter below which they are not told apart [our default]: one class that
is split in two by the standard head alone seems to have 1.7."""

MANY: Final = 0.05
"""Share of the brain that no class explains, from which on something is there that nobody masked [our default]."""

PLAUSIBLE: Final = (0.8, 2.5)
"""Grey over white matter by volume [our default]: 1.2 to 1.8 in healthy adults, less exactly so beside a mass."""

REFERENCES: Final = (
    "Van Leemput et al. 1999, doi:10.1109/42.811270",
    "Van Leemput et al. 2003, doi:10.1109/TMI.2002.806587",
    "Fonov et al. 2011, doi:10.1016/j.neuroimage.2010.07.033",
)


class Tissue(IntEnum):
    """What a voxel mostly is."""

    NONE = 0
    CSF = 1
    GREY = 2
    WHITE = 3
    LESION = 4


@dataclass(frozen=True, eq=False)
class Tissues:
    """Shares of fluid, grey and white matter (in this order): they add up to 1 in the brain and are 0 outside.

    NaN in the lesion, and where an image has no value. `means` and `spreads` are those of the classes in each image
    (NaN where the classes were given), at the mean of its `gain`. `contrast` is the distance of white from grey matter
    in standard deviations, over all images. `unexplained` says where no class fits.
    """

    shares: Float[np.ndarray, "x y z 3"]
    brain: Region
    lesion: Bool[np.ndarray, "x y z"]
    names: tuple[str, ...]
    means: Float[np.ndarray, "3 images"]
    spreads: Float[np.ndarray, "3 images"]
    gain: Float[np.ndarray, "x y z images"]
    unexplained: Bool[np.ndarray, "x y z"]
    contrast: float
    flags: tuple[Flag, ...]
    step: Step

    @property
    def grid(self) -> Grid:
        """Where the voxels are."""
        return self.brain.grid

    @property
    def csf(self) -> Float[np.ndarray, "x y z"]:
        """The share of cerebrospinal fluid."""
        return self.shares[..., 0]

    @property
    def grey(self) -> Float[np.ndarray, "x y z"]:
        """The share of grey matter."""
        return self.shares[..., 1]

    @property
    def white(self) -> Float[np.ndarray, "x y z"]:
        """The share of white matter."""
        return self.shares[..., 2]

    @cached_property
    def labels(self) -> Int[np.ndarray, "x y z"]:
        """What each voxel mostly is, as `Tissue`."""
        is_known = self.brain.mask & np.isfinite(self.shares[..., 0])
        mostly = np.where(is_known, 1 + np.argmax(np.nan_to_num(self.shares), axis=-1), Tissue.NONE)
        return np.where(self.lesion, Tissue.LESION, mostly).astype(np.int16)

    @property
    def volumes(self) -> Float[np.ndarray, " 3"]:
        """ML of fluid, grey and white matter; the lesion is not counted."""
        whole = np.nansum(self.shares, axis=(0, 1, 2), dtype=np.float64)
        return np.asarray(whole * np.prod(self.grid.spacing) / 1e3)


def tissues(
    images: Mapping[str, Float[np.ndarray, "x y z"]],
    brain: Region,
    template: Template,
    to_template: Float[np.ndarray, "4 4"],
    lesion: Region | None = None,
) -> Tissues:
    """The tissues of a brain, from images of any contrast on its grid by their name (`{"T1w": ..., "FLAIR": ...}`).

    `to_template` takes places of the patient (mm, RAS+) to those of the template: `align.affine(image, ..., template)`.
    A `lesion` is left out. Raises `Problem` where there is too little brain to estimate from.
    """
    names, volumes = tuple(images), [np.asarray(one, np.float32) for one in images.values()]
    ill = np.zeros(brain.grid.shape, bool) if lesion is None else lesion.mask & brain.mask
    usable = _usable(volumes, names, brain.mask & ~ill)
    box, within = distance.box(usable, brain.grid)
    region = Region(usable[box], within, "brain outside the lesion")
    values = np.stack([region.taken(one[box]) for one in volumes], axis=1)
    expected = expected_shares(template, to_template, region)
    found = looks.appearance(values, expected, region)
    gain = looks.gain(found, region)
    shares, is_odd = looks.classified(values / gain, expected, found, region)

    unknown = np.where(brain.mask, np.float32(np.nan), np.float32(0))[..., None]
    unexplained = np.zeros(brain.grid.shape, bool)
    unexplained[box] = region.spread(is_odd, False)
    odd = float(is_odd.mean())
    return Tissues(
        shares=_filled(np.repeat(unknown, 3, axis=-1), box, region, shares),
        brain=brain,
        lesion=ill,
        names=names,
        means=found.materials.means * found.scale,
        spreads=np.sqrt(np.einsum("kii->ki", found.materials.covariances)) * found.scale,
        gain=_filled(np.ones((*brain.grid.shape, len(names)), np.float32), box, region, gain),
        unexplained=unexplained,
        contrast=found.contrast,
        flags=_flags(names, found.contrast, shares.sum(axis=0, dtype=np.float64), odd),
        step=_step(names, found, odd, bool(ill.any())),
    )


def given(
    shares: Float[np.ndarray, "x y z 3"], brain: Region, lesion: Region | None = None, name: str = "given"
) -> Tissues:
    """Tissues that somebody else found: shares of fluid, grey and white matter, scaled to add up to 1 in the brain.

    They take the place of our own, and nothing is estimated. Voxels of the brain without any share are NaN.
    """
    ill = np.zeros(brain.grid.shape, bool) if lesion is None else lesion.mask & brain.mask
    held = np.where((brain.mask & ~ill)[..., None], np.maximum(shares, 0), 0).astype(np.float32)
    total = held.sum(axis=-1, keepdims=True)
    missing = np.where(brain.mask, np.float32(np.nan), np.float32(0))[..., None]
    return Tissues(
        shares=np.where(total > 0, held / np.where(total > 0, total, 1), missing),
        brain=brain,
        lesion=ill,
        names=(name,),
        means=np.full((3, 1), np.nan),
        spreads=np.full((3, 1), np.nan),
        gain=np.ones((*brain.grid.shape, 1), np.float32),
        unexplained=np.zeros(brain.grid.shape, bool),
        contrast=float("nan"),
        flags=(),
        step=Step(SOURCE, f"Fluid, grey and white matter were taken from {name}."),
    )


def explained(values: Num[np.ndarray, " voxels"], shares: Float[np.ndarray, "voxels 3"]) -> float:
    """How much of an image's variance shares of fluid, grey and white matter explain, each with a signal of its own.

    Of the head of the image itself they explain nearly all but noise and shading; those of another head less than the
    mean of many does, for folds that lie elsewhere are worse than none.
    """
    known = np.isfinite(values) & (shares.sum(axis=1) > 0)
    rows = shares[known].astype(np.float64)
    rows /= rows.sum(axis=1, keepdims=True)
    seen = values[known].astype(np.float64)
    signals = np.linalg.lstsq(rows, seen, rcond=None)[0]
    return float(1.0 - ((seen - rows @ signals) ** 2).sum() / max(((seen - seen.mean()) ** 2).sum(), 1e-30))


def _usable(
    volumes: list[Float32[np.ndarray, "x y z"]], names: tuple[str, ...], healthy: Bool[np.ndarray, "x y z"]
) -> Bool[np.ndarray, "x y z"]:
    """Where all images have a value; raises `Problem` where that is too little to estimate classes from."""
    usable: Bool[np.ndarray, "x y z"] = healthy & np.logical_and.reduce([np.isfinite(one) for one in volumes])
    if usable.sum() < FEWEST:
        raise Problem(
            f"Only {usable.sum()} voxels of the brain have a value in {', '.join(names)} and are no lesion.",
            f"Tissue classes are estimated from {FEWEST} at least.",
            "Check that masks and images lie on each other, or give the tissue classes.",
        )
    return usable


def _filled(
    whole: Float32[np.ndarray, "x y z columns"],
    box: Box,
    region: Region,
    rows: Float32[np.ndarray, "voxels columns"],
) -> Float32[np.ndarray, "x y z columns"]:
    """`whole` with the rows of a region of its box written in; it is ours, made for this."""
    for k, column in enumerate(rows.T):
        inner = whole[box][..., k]
        inner[region.mask] = region.spread(column, 0.0)[region.mask]
    return whole


def _flags(names: tuple[str, ...], contrast: float, amounts: Float[np.ndarray, " 3"], odd: float) -> tuple[Flag, ...]:
    flags = []
    if not contrast > WEAK:
        flags.append(
            Flag(
                "weak-tissue-contrast",
                Severity.LIMITED,
                f"White and grey matter are {contrast:.1f} standard deviations apart in {', '.join(names)}: where one "
                "ends and the other begins is mostly the standard head's word. Add an image with more contrast.",
                "brain",
                source=SOURCE,
            )
        )
    if odd > MANY:
        flags.append(
            Flag(
                "unexplained-tissue",
                Severity.CAUTION,
                f"{odd:.0%} of the brain looks like none of fluid, grey and white matter: there may be a lesion "
                "that is not masked, or something that is not brain. Look at the outline; give the lesion's mask.",
                "brain",
                odd,
                SOURCE,
            )
        )
    ratio = amounts[1] / max(amounts[2], 1e-9)
    if not PLAUSIBLE[0] < ratio < PLAUSIBLE[1]:
        flags.append(
            Flag(
                "implausible-tissue",
                Severity.LIMITED,
                f"There is {ratio:.1f} times as much grey as white matter, where 1.2 to 1.8 is usual: the classes are "
                "not what they are called. Check brain mask and alignment to the standard head.",
                "brain",
                source=SOURCE,
            )
        )
    return tuple(flags)


def _step(names: tuple[str, ...], found: looks.Appearance, odd: float, has_lesion: bool) -> Step:
    sentence = (
        f"Fluid, grey and white matter were estimated from {', '.join(names)} as normal classes, pure or mixed in "
        "quarters, under a smooth gain, with what the ICBM 2009a head leads one to expect and a pull of the six "
        f"neighbours{', without the lesion' if has_lesion else ''}; {odd:.1%} of the brain fits no class, and white is "
        f"{found.contrast:.1f} standard deviations from grey matter."
    )
    constants = {"mixtures": len(looks.KINDS), "iterations": looks.ITERATIONS, "surprise": looks.SURPRISE}
    return Step(SOURCE, sentence, constants, REFERENCES)
