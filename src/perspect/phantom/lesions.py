"""A lesion in a head: an irregular body of layers, and what swells or is infiltrated around it along white matter."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

from perspect.phantom.canvas import Box, Canvas, shared
from perspect.phantom.geometry import Point
from perspect.phantom.noise import smooth_noise
from perspect.phantom.patient import Compartment, Range
from perspect.phantom.rotation import rotation
from perspect.phantom.scenarios import Scenario, Shell

MIDLINE: Final = 3.0
"""How close a lesion comes to the midline of the standard head, in mm. [our default]"""

_ALONG_WHITE: Final = 0.55
_BINS: Final = 4096
_HOST: Final = (Compartment.GREY, Compartment.WHITE, Compartment.CSF)
Volume = Float32[np.ndarray, "x y z"]


@dataclass(frozen=True)
class Focus:
    """Where one lesion is in the standard head (mm), how large its core is (mL), and how it is drawn out and turned."""

    centre: Point
    volume: float
    axes: Point
    turned: Point

    @property
    def radius(self) -> float:
        """The radius of a ball as large as the core, in mm."""
        return float((3e3 * self.volume / (4.0 * np.pi)) ** (1.0 / 3.0))


def foci(scenario: Scenario, rng: np.random.Generator) -> tuple[Focus, ...]:
    """One or several lesions at different sites; the first is the largest."""
    n = int(rng.integers(scenario.foci[0], scenario.foci[1] + 1))
    sites = rng.permutation(len(scenario.sites))[:n]
    return tuple(_focus(scenario, scenario.sites[site], 0.4**i, rng) for i, site in enumerate(sites))


def _focus(scenario: Scenario, site: Point, smaller: float, rng: np.random.Generator) -> Focus:
    side = rng.choice([-1.0, 1.0])
    x, y, z = np.array(site) + rng.normal(0.0, 3.0, 3)
    long = rng.uniform(*scenario.elongation)
    axes = np.array([long, 1.0, 1.0 / long ** rng.uniform(0.0, 0.5)])
    axes /= np.prod(axes) ** (1.0 / 3.0)
    volume = rng.uniform(*scenario.volume) * smaller
    turned = rng.uniform(-np.pi, np.pi, 3)
    return Focus((float(side * x), float(y), float(z)), volume, _triple(axes), _triple(turned))


def pushed(
    places: Float32[np.ndarray, "axis voxels"],
    outside: Float32[np.ndarray, " voxels"],
    lesions: tuple[Focus, ...],
    mass_effect: float,
) -> Float32[np.ndarray, "axis voxels"]:
    """Where the tissue at some places was before the lesions grew: nearer to them, except beside the skull.

    The push is largest at the surface of the lesion and gone two to three radii away. Nothing folds over as long as
    `mass_effect` is below 1.
    """
    came_from = places.copy()
    room = np.clip(-outside / np.float32(12.0), 0.0, 1.0)
    for focus in lesions:
        away = places - np.array(focus.centre, np.float32)[:, None]
        reach = np.float32(1.5 * focus.radius)
        came_from -= away * (np.float32(mass_effect) * room * np.exp(-(away**2).sum(axis=0) / reach**2))
    return came_from


def pour_lesion(canvas: Canvas, scenario: Scenario, focus: Focus, outside: Volume, rng: np.random.Generator) -> None:
    """Put a lesion into the brain of a canvas.

    Each layer of the core ends where its volume is reached, whatever the brain around looks like. The core takes the
    place of brain and of the sulci within, but not of ventricles, cisterns and the other hemisphere.
    """
    reach = 3.4 * focus.radius * max(focus.axes)
    box = _around(canvas, focus.centre, reach)
    host = [canvas.of(one)[box] for one in _HOST]
    brain = host[0] + host[1]
    away = _distance(canvas, box, focus)
    beside = _beside_midline(canvas, box, focus)
    dense = np.clip(1.7 * ndimage.gaussian_filter(brain, 1.5 / canvas.voxel) - 0.1, 0.0, 1.0)
    core_room = np.minimum(np.maximum(brain, dense), brain + host[2]) * beside * (outside[box] < -1.0)
    surface = away * np.exp(scenario.roughness * smooth_noise(away.shape, 9.0 / canvas.voxel, rng))
    whole = _filled(canvas, surface, core_room, focus.volume)
    inner = np.zeros_like(brain)
    shares = _shares([shell.share for shell in scenario.core], rng)
    for shell, upto in zip(scenario.core, np.cumsum(shares), strict=True):
        outer = whole
        if upto < 1.0 - 1e-9:
            rough = surface * np.exp(0.6 * scenario.roughness * smooth_noise(away.shape, 6.0 / canvas.voxel, rng))
            outer = np.maximum(np.minimum(_filled(canvas, rough, core_room, upto * focus.volume), whole), inner)
        for compartment, amount in _layer(shell, (outer - inner) * core_room, canvas, box, focus, rng):
            _replace(canvas, box, compartment, amount)
        inner = outer
    _swell(canvas, scenario, focus, box, away, (inner, beside), rng)


def _swell(
    canvas: Canvas, scenario: Scenario, focus: Focus, box: Box, away: Volume, limits: tuple[Volume, Volume],
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """The layers outside the core: fingers along white matter; a little of the cortex is taken as well."""
    core, beside = limits
    tracts = ndimage.gaussian_filter(canvas.of(Compartment.WHITE)[box] + core, 2.5 / canvas.voxel)
    fingers = away / (1.0 - _ALONG_WHITE + _ALONG_WHITE * np.clip(tracts, 0.0, 1.0))
    fingers *= np.exp(0.15 * smooth_noise(away.shape, 6.0 / canvas.voxel, rng))
    fingers[core > 0.5] = 0.0
    body = core.copy()
    for shell in scenario.around:
        taken_grey = 0.5 if shell.compartment is Compartment.INFILTRATED else 0.1
        room = (canvas.of(Compartment.WHITE)[box] + taken_grey * canvas.of(Compartment.GREY)[box]) * beside
        wanted = rng.uniform(*shell.share) * focus.volume
        filled = _filled(canvas, fingers, room, min(wanted, 0.9 * _millilitres(canvas, room)))
        filled *= _connected(filled * (room > 0.2), body)
        body = np.maximum(body, filled * (room > 0.2))
        for host, share in ((Compartment.WHITE, 1.0), (Compartment.GREY, taken_grey)):
            amount = filled * share * beside * canvas.of(host)[box]
            canvas.of(host)[box] -= amount
            canvas.of(shell.compartment)[box] += amount


def _connected(filled: Volume, body: Volume) -> Bool[np.ndarray, "x y z"]:
    """Where what is filled hangs together with the lesion's body: nothing jumps over a fissure or the tentorium."""
    labels, _ = ndimage.label((filled > 0.2) | (body > 0.5))
    mine = np.unique(labels[body > 0.5])
    together = np.isin(labels, mine[mine > 0])
    return np.asarray(ndimage.binary_dilation(together))


def _layer(
    shell: Shell, amount: Volume, canvas: Canvas, box: Box, focus: Focus, rng: np.random.Generator
) -> Iterator[tuple[Compartment, Volume]]:
    """A layer, with its islands or the gap in its ring."""
    if shell.open > 0.0:
        gap = amount * _gap(canvas, box, focus, shell.open)
        yield shell.instead, gap
        amount = amount - gap
    if shell.patches is not None:
        pattern = -smooth_noise(amount.shape, 5.0 / canvas.voxel, rng)
        pattern -= pattern.min()
        wanted = rng.uniform(*shell.patched) * _millilitres(canvas, amount)
        islands = amount * _filled(canvas, np.float32(4.0) * pattern, amount, wanted)
        yield shell.patches, islands
        amount = amount - islands
    yield shell.compartment, amount


def _replace(canvas: Canvas, box: Box, compartment: Compartment, amount: Volume) -> None:
    """Take an amount from brain and fluid in proportion, and give it to a compartment."""
    host = [canvas.of(one)[box] for one in _HOST]
    there = host[0] + host[1] + host[2]
    amount = np.minimum(amount, there)
    left = 1.0 - amount / np.where(there > 0, there, 1.0)
    for one in _HOST:
        canvas.of(one)[box] *= left
    canvas.of(compartment)[box] += amount


def _filled(canvas: Canvas, level: Volume, room: Volume, volume: float) -> Volume:
    """How full each voxel is when what has the lowest `level` (mm) is filled until `volume` (mL) is reached."""
    flat, weight = level.ravel(), room.ravel()
    low, high = float(flat.min()), float(flat.max())
    bins = ((flat - low) * (_BINS / max(high - low, 1e-6))).astype(np.int32)  # to sort one bin is to sort them all
    total = np.cumsum(np.bincount(bins, weight, _BINS + 1))
    wanted = min(1e3 * volume / canvas.voxel**3, total[-1])
    last = int(np.searchsorted(total, wanted))
    here = np.flatnonzero(bins == last)
    order = here[np.argsort(flat[here])]
    below = total[last - 1] if last else 0.0
    at = min(int(np.searchsorted(np.cumsum(weight[order], dtype=np.float64), wanted - below)), order.size - 1)
    return shared(flat[order[at]] - level, canvas.voxel)


def _millilitres(canvas: Canvas, amount: Volume) -> float:
    return 1e-3 * canvas.voxel**3 * float(amount.sum(dtype=np.float64))


def _shares(ranges: list[Range], rng: np.random.Generator) -> Float[np.ndarray, " shells"]:
    drawn = np.array([rng.uniform(*one) for one in ranges])
    return np.asarray(drawn / drawn.sum())


def _distance(canvas: Canvas, box: Box, focus: Focus) -> Volume:
    """How far voxels are from the centre, in mm, measured longer across the body than along it."""
    away = np.stack([axis[box] - np.float32(c) for axis, c in zip(canvas.places, focus.centre, strict=True)])
    turned = (rotation(np.array(focus.turned)) / np.array(focus.axes)[:, None]).astype(np.float32)
    along = np.tensordot(turned, away, axes=1)
    return np.asarray(np.sqrt((along**2).sum(axis=0)))


def _beside_midline(canvas: Canvas, box: Box, focus: Focus) -> Volume:
    side = np.float32(np.sign(focus.centre[0]))
    deep = side * canvas.places[0][box] - np.float32(MIDLINE - 0.5)
    return np.asarray(np.clip(deep, np.float32(0.0), np.float32(1.0)))


def _gap(canvas: Canvas, box: Box, focus: Focus, open_share: float) -> Volume:
    """1 in the part of the ring that looks outwards, to the cortex: a cap of the given share of the sphere."""
    away = np.stack([axis[box] - np.float32(c) for axis, c in zip(canvas.places, focus.centre, strict=True)])
    outwards = np.array([np.sign(focus.centre[0]), 0.3 * np.sign(focus.centre[1] + 20.0), 0.5])
    outwards /= np.linalg.norm(outwards)
    cosine = np.tensordot(outwards, away, axes=1) / np.maximum(np.sqrt((away**2).sum(axis=0)), 1.0)
    return np.asarray(np.clip(0.5 + 4.0 * (cosine - (1.0 - 2.0 * open_share)), 0.0, 1.0), np.float32)


def _around(canvas: Canvas, centre: Point, reach: float) -> Box:
    low, high = (tuple(c + sign * reach for c in centre) for sign in (-1.0, 1.0))
    return canvas.box((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def _triple(values: Float[np.ndarray, " 3"]) -> Point:
    return float(values[0]), float(values[1]), float(values[2])
