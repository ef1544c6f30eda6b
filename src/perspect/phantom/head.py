"""A virtual head with a ring-enhancing tumour, imaged during a bolus: a series, and what is true in every voxel."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int, Num

from perspect.phantom.arterial import ArterialInput
from perspect.phantom.geometry import LESION, Coordinates, Tissue, mixture, texture
from perspect.phantom.rotation import rotation
from perspect.phantom.tissues import LEVELS, TISSUES, Scan, perfusion, signals
from perspect.vocabulary.data import Acquisition, Grid, Region, Series

_FIELD_OF_VIEW: Final = (220.0, 220.0, 124.0)


@dataclass(frozen=True, eq=False)
class Head:
    """One series per echo, and the truth: maps in inside units over the grid, before any motion.

    NaN is where no blood is, and for flow, MTT and delay also wherever a large vessel is: they mean nothing there.

    `truth` has cbv (mL/mL; what the agent fills, haematocrit factor 1), rcbv (over `regions["white"]`), cbf (1/s), mtt,
    delay (s, counted from the arteries). ΔR2* of pure arterial blood is `arterial_scale` times what as much blood in
    capillaries would show; a CBV by the ratio of areas is therefore 1/`arterial_scale` too large unless corrected.
    `motion` holds x, y, z in mm and rotations about x, y, z in rad for every frame.
    """

    series: tuple[Series, ...]
    truth: Mapping[str, Float[np.ndarray, "x y z"]]
    labels: Int[np.ndarray, "x y z"]
    regions: Mapping[str, Region]
    arterial: ArterialInput
    arterial_scale: float
    motion: Float[np.ndarray, "time 6"] | None


@dataclass(frozen=True, eq=False)
class HeadDesign:
    """How a head is imaged: times in s, `flip_angle` in rad, `field` in T.

    `onset` is when the bolus comes to the arteries. After `dummies` unrecorded pulses (0: none) the first frames still
    show their approach to the steady state. SNR is that of white matter at rest in the first echo; infinity is no
    noise. `motion` gives x, y, z (mm) and rotations about x, y, z (rad) of the head in every frame.
    `arterial_relaxivity` is the R2* of agent in a large vessel at 3 T, 1/s/mM; in capillaries it is 80.
    """

    shape: tuple[int, int, int] = (128, 128, 24)
    n_frames: int = 120
    tr: float = 1.5
    te: float | tuple[float, ...] = 0.03
    flip_angle: float = np.pi / 3
    field: float = 3.0
    has_preload: bool = True
    onset: float = 45.0
    dummies: int = 0
    snr: float = 60.0
    rounded: bool = True
    motion: Float[np.ndarray, "time 6"] | None = None
    arterial_relaxivity: float = 5.0
    seed: int = 0

    @property
    def comes(self) -> ArterialInput:
        """What arteries bring; the preload comes five minutes earlier."""
        return ArterialInput(onset=self.onset, preload=300.0 if self.has_preload else None)

    @property
    def scan(self) -> Scan:
        """What the tissues are asked with."""
        echoes = (self.te,) if isinstance(self.te, float) else self.te
        times = np.arange(self.n_frames) * self.tr
        return Scan(times, self.tr, echoes, self.flip_angle, self.field, self.dummies, self.arterial_relaxivity)

    def acquisition(self, te: float) -> Acquisition:
        """What a sidecar would say of one echo."""
        return Acquisition(te, self.tr, self.flip_angle, self.field, self.has_preload, agent="virtual", dose=0.1)


def head_object(design: HeadDesign | None = None) -> Head:
    """The head as a scanner would deliver it: T1 and T2* effects, approach to the steady state, Rician noise, rounding.

    The magnetisation is followed from pulse to pulse. Where the head moves the shapes themselves are moved, nothing is
    interpolated.
    """
    made = HeadDesign() if design is None else design
    grid, scan = _grid(made.shape), made.scan
    images = _images(made, grid, signals(made.comes, scan))
    truth, labels, regions = _truth(grid, _parts(_positions(grid), grid.spacing))
    return Head(
        tuple(
            Series(
                image.reshape(made.n_frames, *made.shape[::-1]).T, grid, scan.times, made.acquisition(te), name="head"
            )
            for image, te in zip(images, scan.te, strict=True)
        ),
        truth, labels, regions, made.comes, scan.arterial_scale, made.motion,
    )  # fmt: skip


def _images(
    made: HeadDesign, grid: Grid, tissues: Mapping[Tissue, list[Float[np.ndarray, "levels time"]]]
) -> list[Num[np.ndarray, "time voxels"]]:
    """Every frame of every echo, with the head where it was."""
    rng = np.random.default_rng(made.seed)
    last_at_rest = max(int(np.searchsorted(made.scan.times, made.onset)) - 1, 0)
    white = tissues[Tissue.WHITE]
    scale = 1000.0 / white[0][:, last_at_rest].mean()
    still = _positions(grid)
    coil = (scale * (1.0 - 0.15 * (still[1] / 100.0) ** 2 + 0.1 * still[0] / 100.0)).astype(np.float32)
    parts = _parts(still, grid.spacing)
    images = [np.empty((made.n_frames, coil.size), np.int16 if made.rounded else np.float32) for _ in white]
    moved = made.motion
    for frame in range(made.n_frames):
        if moved is not None and (frame == 0 or np.any(moved[frame] != moved[frame - 1])):
            parts = _parts(_moved_back(still, moved[frame]), grid.spacing)
        for echo, image in enumerate(images):
            pure = np.zeros(coil.size, np.float32)
            for part in parts:
                if part.tissue in tissues:
                    pure[part.inside] += part.fraction * tissues[part.tissue][echo][part.level, frame]
            image[frame] = _received(pure * coil, 1000.0 / made.snr, rng, made.rounded)
    return images


@dataclass(frozen=True, eq=False)
class _Part:
    """Where a tissue is, how much of each voxel it fills, and which of its levels of perfusion it has there."""

    tissue: Tissue
    inside: Int[np.ndarray, " inside"]
    fraction: Float[np.ndarray, " inside"]
    level: Int[np.ndarray, " inside"]


def _grid(shape: tuple[int, int, int]) -> Grid:
    spacing = np.divide(_FIELD_OF_VIEW, shape)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -0.5 * (np.array(shape) - 1.0) * spacing
    return Grid(shape, affine)


def _positions(grid: Grid) -> Coordinates:
    """Scanner coordinates of all voxels, x fastest as in memory, in mm."""
    x, y, z = (grid.affine[i, 3] + grid.affine[i, i] * np.arange(n) for i, n in enumerate(grid.shape))
    zs, ys, xs = np.meshgrid(z, y, x, indexing="ij")
    return xs.ravel().astype(np.float32), ys.ravel().astype(np.float32), zs.ravel().astype(np.float32)


def _moved_back(x: Coordinates, moved: Float[np.ndarray, " 6"]) -> Coordinates:
    """Where in the resting head the points lie once it has been turned (about x, then y, then z) and shifted."""
    turned = rotation(moved[3:]).astype(np.float32)
    a, b, c = (one - np.float32(shift) for one, shift in zip(x, moved[:3], strict=True))
    back = [turned[0, i] * a + turned[1, i] * b + turned[2, i] * c for i in range(3)]
    return back[0], back[1], back[2]


def _parts(x: Coordinates, spacing: tuple[float, float, float]) -> list[_Part]:
    """What the voxels at these places of the resting head are made of."""
    level = np.minimum(texture(x, 55.0, 0.4) * LEVELS, LEVELS - 1).astype(np.int8)
    return [_Part(tissue, inside, fraction, level[inside]) for tissue, inside, fraction in mixture(x, spacing)]


def _received(
    signal: Float[np.ndarray, " voxels"], sigma: float, rng: np.random.Generator, rounded: bool
) -> Num[np.ndarray, " voxels"]:
    """One image with Rician noise; integers if `rounded`."""
    if sigma > 0.0:
        noise = rng.standard_normal((2, signal.size), dtype=np.float32) * np.float32(sigma)
        signal = np.sqrt((signal + noise[0]) ** 2 + noise[1] ** 2)
    return np.rint(signal).astype(np.int16) if rounded else signal


def _truth(
    grid: Grid, parts: list[_Part]
) -> tuple[dict[str, Float[np.ndarray, "x y z"]], Int[np.ndarray, "x y z"], dict[str, Region]]:
    """Maps, labels and regions of the head at rest."""
    n = int(np.prod(grid.shape))
    volume, flow, late, most = np.zeros((4, n))
    labels = np.zeros(n, np.int8)
    pure = {tissue: np.zeros(n, bool) for tissue in Tissue}
    for part in parts:
        tissue, inside, fraction = part.tissue, part.inside, part.fraction
        largest = fraction > most[inside]
        labels[inside[largest]] = tissue
        most[inside[largest]] = fraction[largest]
        pure[tissue][inside[fraction > 0.99]] = True
        if tissue in TISSUES:
            has = perfusion(tissue)
            volume[inside] += fraction * has.vp[part.level]
            flow[inside] += fraction * (has.vp / has.mtt)[part.level]
            late[inside] += fraction * (has.vp / has.mtt * has.delay)[part.level]
        elif tissue is not Tissue.AIR:
            volume[inside] += fraction
            flow[inside] = np.nan
    x, y, z = (axis.reshape(grid.shape, order="F") for axis in _positions(grid))
    volume[volume == 0.0] = np.nan
    flow[flow == 0.0] = np.nan
    cbv, cbf, delay = (one.reshape(grid.shape, order="F") for one in (volume, flow, late / flow))
    at = labels.reshape(grid.shape, order="F")
    away = (x < -5.0) & (np.abs(z - LESION[2]) < 60.0) & (np.abs(y - LESION[1]) < 80.0)
    masks = {tissue.name.lower(): one.reshape(grid.shape, order="F") for tissue, one in pure.items()}
    masks["white"] = masks["white"] & away
    masks["brain"] = (at >= Tissue.CSF) & (at <= Tissue.ARTERY)
    regions = {name: Region(mask, grid, name, "phantom") for name, mask in masks.items()}
    truth = {
        "cbv": cbv, "rcbv": cbv / np.nanmean(cbv[masks["white"]]),
        "cbf": cbf, "mtt": cbv / cbf, "delay": delay,
    }  # fmt: skip
    return truth, at, regions
