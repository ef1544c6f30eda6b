"""Blood and calcium on a T2*-weighted image: where signal is gone, and which of the two it is by the field around it.

Blood that has broken down is drawn into the main field and calcium pushed out of it, so that the phase around them is
turned opposite ways. Which way is which depends on the scanner's sign of the phase; the air around and within the head
tells it, whose field is known.

Schweser et al. 2010, doi:10.1118/1.3481505; Chen et al. 2014, doi:10.1148/radiol.13122640.
"""

from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.anatomy.resample import box
from perspect.numerics import dipole
from perspect.pitfalls.darkened import Darkened
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, SURROUNDINGS, Trap, grade
from perspect.vocabulary import Region, Severity

DARK: Final = threshold("blood-or-calcium", "dark")
"""Signal over that of the brain around the lesion below which a voxel is dark."""

FEWEST: Final = threshold("blood-or-calcium", "fewest")
"""mm³ below which a dark clump is a vein or noise."""

LIKE: Final = threshold("blood-or-calcium", "like")
"""Correlation of phase and predicted field from which on its sign is believed."""

AROUND: Final = 15.0
"""mm around the lesion whose brain is what a voxel is dark against [our default]."""

NEAR: Final = 8.0
"""mm around a clump in which its field is sought: it falls off with the third power of the distance [our default]."""

JOINED: Final = 3.0
"""mm between clumps that are taken as one [our default]."""

AIR: Final = 0.1
"""Signal over that of brain below which air or bone is, outside of the brain [our default]."""

COARSE: Final = 2.0
"""mm in which the field of the air is worked out."""

Source = Literal["blood", "calcium", ""]


def look(one: Darkened) -> Trap | None:
    """Dark clumps of the lesion's solid part, cavity or rim."""
    solid, around = one.part("solid part"), one.part(SURROUNDINGS)
    lesion = solid | one.part("cavity") | around
    void = dark(one, lesion)
    if not void.any():
        return None
    share, beside = (float(void[part].mean()) if part.any() else NOWHERE for part in (solid, around))
    volume = float(void.sum() * np.prod(one.grid.spacing)) / 1000.0
    shares = {"the solid part": share, "the 5 mm around it": beside}
    known = {name: part for name, part in shares.items() if np.isfinite(part)}
    said = ", ".join(f"{part:.0%} of {name}" for name, part in known.items())
    sentence = (
        f"{volume:.1f} mL of the lesion are dark on the T2*-weighted image ({said}): "
        f"{_which(sources(one, void))}. Blood volume means nothing there."
    )
    gravest = max(map(grade, known.values()), default=Severity.NOTE)
    mask = Region(void, one.grid, "blood-or-calcium")
    return Trap("blood-or-calcium", gravest, sentence, mask, share, ("dsc",), beside)


def dark(one: Darkened, lesion: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Clumps of a lesion without signal."""
    if not lesion.any():
        return lesion
    around = _grown(lesion, one, AROUND) & one.brain & ~lesion
    if not around.any():
        return np.zeros(lesion.shape, bool)
    level = float(np.median(one.magnitude[around]))
    labels, _ = ndimage.label(lesion & (one.magnitude < DARK * level))
    sizes = np.bincount(labels.ravel()) * np.prod(one.grid.spacing)
    large = sizes >= FEWEST
    large[0] = False
    return np.asarray(large[labels], bool)


def sources(one: Darkened, void: Bool[np.ndarray, "x y z"]) -> dict[Source, float]:
    """What the clumps are, with their share of the dark voxels; the empty name is that of what cannot be told."""
    found: dict[Source, float] = {}
    turn = sign_of_phase(one)
    labels, n = ndimage.label(_grown(void, one, JOINED / 2))
    for k in range(1, n + 1):
        clump = void & (labels == k)
        name = "" if turn is None or one.phase is None else _source(one, one.phase, clump, turn)
        found[name] = found.get(name, 0.0) + float(clump.sum() / void.sum())
    return found


def sign_of_phase(one: Darkened) -> int | None:
    """1 where the phase grows with the field, -1 where it falls, None where the air of the head does not tell."""
    if one.phase is None:
        return None
    times = tuple(max(1, round(COARSE / size)) for size in one.grid.spacing)
    level = float(np.median(one.magnitude[one.brain])) if one.brain.any() else 0.0
    air = (one.magnitude < AIR * level) & ~one.brain
    signal = _means(one.magnitude * np.exp(1j * one.phase).astype(np.complex64), times)
    inside = _means(one.brain.astype(np.float32), times) > 0.9
    spacing = np.array(one.grid.spacing) * times
    field = dipole.field_of(_means(air.astype(np.float32), times), spacing, _main(one))
    return _sign(dipole.shown(signal, field, inside, order=3).likeness)


def _source(one: Darkened, phase: Float[np.ndarray, "x y z"], clump: Bool[np.ndarray, "x y z"], turn: int) -> Source:
    """Blood or calcium, by the field around one clump."""
    i, j, k = (int(np.ceil((NEAR + 4.0) / size)) for size in one.grid.spacing)
    at = box(clump, (i, j, k))
    here, magnitude = clump[at], one.magnitude[at]
    distance = ndimage.distance_transform_edt(~here, one.grid.spacing)
    level = float(np.median(one.magnitude[one.brain]))
    where = (distance > 0) & (distance <= NEAR) & one.brain[at] & (magnitude > DARK * level)
    field = dipole.field_of(here.astype(np.float32), np.array(one.grid.spacing), _main(one))
    sign = _sign(dipole.shown(magnitude * np.exp(1j * phase[at]), field, where, order=2).likeness)
    return "" if sign is None else "blood" if sign == turn else "calcium"


def _sign(likeness: float) -> int | None:
    return None if not abs(likeness) >= LIKE else 1 if likeness > 0 else -1


def _which(found: dict[Source, float]) -> str:
    """In words."""
    said = {
        "blood": "like blood that has broken down (drawn into the field)",
        "calcium": "like calcium (pushed out of the field)",
        "": "blood or calcium, which cannot be told",
    }
    order = sorted(found.items(), key=lambda one: -one[1])
    if len(order) == 1:
        return said[order[0][0]]
    return " and ".join(f"{share:.0%} {said[name]}" for name, share in order)


def _main(one: Darkened) -> Float[np.ndarray, " 3"]:
    """The direction of the main field (z of the scanner) in the axes of the array."""
    axes = one.grid.affine[:3, :3] / one.grid.spacing
    return np.asarray(axes.T @ np.array([0.0, 0.0, 1.0]))


def _grown(mask: Bool[np.ndarray, "x y z"], one: Darkened, by: float) -> Bool[np.ndarray, "x y z"]:
    """A mask grown by some mm."""
    return np.asarray(ndimage.distance_transform_edt(~mask, one.grid.spacing) <= by, bool)


def _means(volume: np.ndarray, times: tuple[int, ...]) -> np.ndarray:
    """Means over blocks; what does not fill a block is left out."""
    cut = volume[tuple(slice(0, n // by * by) for n, by in zip(volume.shape, times, strict=True))]
    (a, b, c), (i, j, k) = (n // by for n, by in zip(cut.shape, times, strict=True)), times
    return np.asarray(cut.reshape(a, i, b, j, c, k).mean(axis=(1, 3, 5)))
