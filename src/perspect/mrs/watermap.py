"""The scale of every voxel of a spectroscopic image: its own water, and the tissue that it has seen.

The profile of the coil, the field of the pulses and the gain are in water as they are in molecules, and leave with it.
What does not is how much of the water is seen (relaxation, by tissue), and that the box that pulses select lies
elsewhere for water than for a molecule: at its edge a voxel may hold less of one than of the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from numpy.lib.stride_tricks import sliding_window_view

from perspect.mrs import edge
from perspect.mrs.kspace import PointSpread, Window
from perspect.mrs.scale import (
    ASSUMED_IN_GRID,
    LEAST_TISSUE,
    WATER_CONTENT,
    Timing,
    Unit,
    factor_and_variances,
    scale_flags,
    spoken,
    tissue_of_water,
    water_seen,
)
from perspect.mrs.water import amplitudes_at_start
from perspect.numerics import robust
from perspect.vocabulary import Flag, Problem, Spectra

INSTITUTIONAL: Final = "a.u."

NO_LINE: Final = 0.05
"""Relative standard error of the amplitude of water above which its signal is not one line: fat beats with it, or there
is hardly any [our default]."""

KNOWN: Final = 0.5
"""Share of what a voxel has seen whose tissue must be known [our default]."""

AROUND: Final = 2
"""Voxels in either direction that are the surroundings of one."""

UNLIKE: Final = 0.7
"""Logarithm of water over that of its surroundings, tissue allowed for, beyond which it is no scale (half, or twice):
the edge of what was selected, or fluid that nobody has segmented [our default]."""


STEPS: Final = 20
"""In which weights of a fit that is to ignore what lies apart have settled."""

WINDOWS: Final[tuple[Window, ...]] = ("none", "hamming")
"""What the scanner may have put over k-space."""

CLEAR: Final = 0.8
"""Ratio of what two point spreads leave unexplained of water below which one of them is it [our default]."""


@dataclass(frozen=True, eq=False)
class GridScale:
    """What turns amplitudes per proton into amounts, voxel by voxel: `factor` times them, in `unit`, with a relative
    standard error `spread`. Where there is none (NaN), `reasons` says why. `flags` are what must be known of it.
    """

    factor: Float[np.ndarray, "x y z"]
    spread: Float[np.ndarray, "x y z"]
    unit: str
    sentence: str
    reasons: Mapping[str, Bool[np.ndarray, "x y z"]]
    flags: tuple[Flag, ...] = ()

    @property
    def everywhere(self) -> "GridScale":
        """The same with the typical factor where there is none: for what a wrong scale hardly changes."""
        known = np.isfinite(self.factor)
        typical = float(np.median(self.factor[known])) if known.any() else 1.0
        return replace(self, factor=np.where(known, self.factor, typical), spread=np.where(known, self.spread, 0.0))

    def reason(self, place: tuple[int, ...]) -> str:
        """Why a voxel has no scale; nothing where it has one."""
        return next((reason for reason, where in self.reasons.items() if where[place]), "")


def unscaled(shape: tuple[int, ...], unit: str, sentence: str) -> GridScale:
    """Amplitudes as they are."""
    return GridScale(np.ones(shape), np.zeros(shape), unit, sentence, {})


def grid_scale(
    water: Spectra,
    brain: Bool[np.ndarray, "x y z"],
    shares: Mapping[str, Float[np.ndarray, "fx fy fz"]] | None,
    spread: PointSpread,
    timing: Timing,
    unit: Unit,
    sizes: Float[np.ndarray, "x y z"] | None = None,
) -> GridScale:
    """The scale of the voxels of a brain by their own water (`water_scale` for each), or by that of all of them.

    `shares` are what tissues hold of each place ("grey", "white", "csf", "lesion"), on the grid or on one finer by
    whole numbers; a voxel has seen them through its point spread. Without them `ASSUMED_IN_GRID` is assumed, and water
    is that of the image (`plane`): with its own, a voxel of much water would seem to have little of everything.

    The error of a voxel holds that of its water, of its shares, of what tissues hold of water and how they relax, how
    much its water differs from that of its surroundings once its tissue is allowed for, and, where the unscaled `sizes`
    of what was found in the voxels are given, what steep water is seen to do to amounts (`edge.displacement`).
    """
    amplitude, error = (np.full(brain.shape, np.nan) for _ in range(2))
    amplitude[brain], error[brain] = amplitudes_at_start(water.values[brain], water.dwell)
    no_line = ~(error < NO_LINE * amplitude)
    lines = np.where(brain & ~no_line, amplitude, np.nan)
    looked = Looked() if shares is None else looked_at(lines, shares, spread, timing)
    scale, of_scale = (plane(lines), 0.0) if shares is None else (amplitude, error / amplitude)
    factor, variances = factor_and_variances(looked.seen, timing, unit, looked.doubt, ASSUMED_IN_GRID)
    apart = unlike(lines / looked.expected(timing))
    reasons = _reasons(brain, no_line, apart, looked, timing, None if shares is not None else edge.water_in(water))
    bad = ~brain | np.logical_or.reduce(list(reasons.values()))
    factor = np.where(bad, np.nan, np.broadcast_to(factor, brain.shape) / scale)
    even = edge.size_of(water) / (looked.expected(timing) if shares is not None else scale)
    steep = 0.0 if sizes is None else _doubt_of_steep(even, sizes * factor, factor)
    variances |= {"signal of water": np.asarray(of_scale**2), "water beside its surroundings": apart**2 + steep**2}
    relative = np.where(bad, np.nan, np.sqrt(sum(variances.values())))
    how = "by the water of the whole image" if shares is None else "voxel by voxel"
    sentence = f"water-scaled {how}, {looked.sentence}, relaxation at {timing.nearest:g} T"
    told = {key: where for key, where in reasons.items() if where.any()}
    known, flags = _known(relative, variances, looked, timing)
    return GridScale(factor, relative, unit, sentence + known, told, flags)


def _known(
    relative: Float[np.ndarray, "x y z"], variances: Mapping[str, np.ndarray], looked: "Looked", timing: Timing
) -> tuple[str, tuple[Flag, ...]]:
    """What the errors are made of in the median voxel, of the lesion where one was told, and what is to be remarked."""
    scaled = np.isfinite(relative)
    of_lesion = np.zeros(scaled.shape) if looked.seen is None else looked.seen.get("lesion", np.zeros(scaled.shape))
    lesion = scaled & (of_lesion > KNOWN)
    at = lesion if lesion.any() else scaled
    if not at.any():
        return "", ()
    terms = {key: float(np.sqrt(np.median(np.broadcast_to(one, at.shape)[at]))) for key, one in variances.items()}
    spread, where = float(np.median(relative[at])), "of the lesion " if lesion.any() else ""
    flags = scale_flags(spread, terms, timing, has_lesion=bool(lesion.any()))
    return f", in the median voxel {where}{spoken(spread, terms)}", tuple(flags)


def _reasons(
    brain: Bool[np.ndarray, "x y z"],
    no_line: Bool[np.ndarray, "x y z"],
    apart: Float[np.ndarray, "x y z"],
    looked: "Looked",
    timing: Timing,
    has_water: Bool[np.ndarray, "x y z"] | None,
) -> dict[str, Bool[np.ndarray, "x y z"]]:
    """Where voxels have no scale, by why; where nobody has told their tissue, `has_water` says where water ends."""
    is_line = brain & ~no_line
    known = is_line & np.isfinite(looked.expected(timing))
    tissue = known & looked.is_tissue
    # How much of a voxel at the edge is in the box or in the head is known from its tissue alone.
    ends = np.zeros(brain.shape, bool) if has_water is None else tissue & edge.at_edge(has_water)
    return {
        "water is not one line (fat, or none)": brain & no_line,
        "its tissue is not known": is_line & ~known,
        "fluid": known & ~tissue,
        "at the edge of the water": ends,
        "water unlike its surroundings (edge of the box, fluid)": tissue & ~ends & (apart > UNLIKE),
    }


def _doubt_of_steep(
    even: Float[np.ndarray, "x y z"], amounts: Float[np.ndarray, "x y z"], factor: Float[np.ndarray, "x y z"]
) -> Float[np.ndarray, "x y z"]:
    """The relative error of a scale where water that tissue was allowed for is not `even`."""
    scaled = np.isfinite(factor)
    steep = edge.steepness(even, float(np.median(even[scaled])) if scaled.any() else 1.0)
    return np.asarray(edge.displacement(amounts, steep) * steep)


@dataclass(frozen=True, eq=False)
class Looked:
    """What voxels have seen of each tissue, what that may be off by beside the error of a segmentation, and in words
    how it is known; nothing where nobody has segmented them.
    """

    seen: Mapping[str, Float[np.ndarray, "x y z"]] | None = None
    doubt: Mapping[str, Float[np.ndarray, "x y z"]] | None = None
    sentence: str = "45 % grey, 45 % white matter and 10 % fluid assumed"

    def expected(self, timing: Timing) -> Float[np.ndarray, "*voxels"]:
        """The signal of water that this tissue should give; NaN where tissue is not known."""
        if self.seen is None:
            return np.ones(())
        return np.where(np.asarray(sum(self.seen.values())) > KNOWN, water_seen(self.seen, timing), np.nan)

    @property
    def is_tissue(self) -> Bool[np.ndarray, "*voxels"]:
        """Where there is more than fluid."""
        return np.ones((), bool) if self.seen is None else np.asarray(tissue_of_water(self.seen) > LEAST_TISSUE)


def looked_at(
    water: Float[np.ndarray, "x y z"],
    shares: Mapping[str, Float[np.ndarray, "fx fy fz"]],
    spread: PointSpread,
    timing: Timing,
) -> Looked:
    """What voxels have seen of their tissue, through the point spread that their water speaks for.

    No file says whether the scanner put a window over k-space. With the right point spread water is what its tissue
    should give, up to a coil's smooth profile; with the wrong one bright fluid is missing or too much beside ventricles
    and sulci. Where neither is clearly better the difference is an error of the shares.
    """
    ways = [PointSpread(spread.matrix, window) for window in WINDOWS] if spread.window == "none" else [spread]
    looks = [Looked(seen_shares(shares, one)) for one in ways]
    apart = [float(np.nanmedian(unlike(water / one.expected(timing)))) for one in looks]
    best = int(np.argmin(apart))
    words = "tissue of each voxel through its point spread"
    if len(ways) == 1:
        return replace(looks[0], sentence=words)
    is_clear = apart[best] < CLEAR * apart[1 - best]
    word = {"none": "no window", "hamming": "a Hamming window"}[ways[best].window]
    said = f"{words} (of its water {'that with' if is_clear else 'not clearly that with'} {word})"
    a, b = (one.seen or {} for one in looks)
    return Looked(looks[best].seen, None if is_clear else {kind: np.abs(a[kind] - b[kind]) for kind in a}, said)


def seen_shares(
    shares: Mapping[str, Float[np.ndarray, "fx fy fz"]], spread: PointSpread
) -> dict[str, Float[np.ndarray, "x y z"]]:
    """What voxels have seen of each tissue, as shares of a whole voxel; below zero where it rings, as its water is."""
    sizes = {kind: one.shape for kind, one in shares.items()}
    if len(set(sizes.values())) != 1 or set(shares) - set(WATER_CONTENT):
        raise Problem(
            f"The maps of tissue are {sizes}.",
            "They are shares of the same places in known tissues.",
            f"Give maps of one shape, of {', '.join(WATER_CONTENT)}.",
        )
    return {kind: spread.of_boxes(np.nan_to_num(one)) for kind, one in shares.items()}


def plane(water: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
    """Water without what tissue makes of it: a plane through its logarithm (what a coil makes of it, roughly), which
    voxels of much fluid hardly move; its median where there are few voxels.
    """
    known = np.isfinite(water) & (water > 0)
    size = np.log(water[known])
    at = np.indices(water.shape)[[n > 1 for n in water.shape]].reshape(-1, *water.shape)
    columns = np.stack([np.ones(water.shape), *at])
    if size.size < 2 * len(columns):
        return np.full(water.shape, np.exp(np.median(size)) if size.size else np.nan)
    here, weight = columns[:, known].T, np.ones(size.size)
    for _ in range(STEPS):
        root = np.sqrt(weight)[:, None]
        slope = np.linalg.lstsq(here * root, size * root[:, 0], rcond=None)[0]
        left = np.abs(size - here @ slope)
        weight = 1 / np.maximum(1, left / max(float(robust.spread(left)), 1e-6))
    return np.asarray(np.exp(np.tensordot(slope, columns, axes=1)))


def unlike(water: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
    """How far the logarithm of each voxel's water is from the median of its surroundings; NaN where it is not known.

    >>> flat = np.ones((5, 5, 1)); flat[2, 2] = 2.0
    >>> float(unlike(flat)[2, 2, 0].round(2)), float(unlike(flat)[0, 0, 0])
    (0.69, 0.0)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.log(water)
    reach = [AROUND if n > 1 else 0 for n in size.shape]
    padded = np.pad(size, [(one, one) for one in reach], constant_values=np.nan)
    near = sliding_window_view(padded, [2 * one + 1 for one in reach], axis=(0, 1, 2)).reshape(*size.shape, -1)
    out = np.full(size.shape, np.nan)
    known = np.isfinite(size)
    out[known] = np.abs(size[known] - np.nanmedian(near[known], axis=1))
    return out
