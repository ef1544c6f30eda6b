"""Figures of where things are: brain, tissues, sides and normal white matter, in virtual heads and in a real one."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import ndimage

from drawn.style import GREEN, INK, ORANGE, PURPLE, SKY
from perspect import io
from perspect.anatomy import align, normal, resample
from perspect.anatomy.brain_in_head import brain, to_standard
from perspect.anatomy.mirror import Plane, mirror
from perspect.anatomy.tissue import tissues
from perspect.app.anatomy import seen
from perspect.app.head import working_grid as working
from perspect.numerics import axes, rigid
from perspect.phantom import SCENARIOS, Compartment, protocols
from perspect.phantom.sequence import Acquired
from perspect.phantom.study import Simulation
from perspect.vocabulary import Anatomy, Grid, Region

SEED: Final = 11
ROOM: Final = 6
"""Voxels of 2 mm that are left around a head."""

CLASSES: Final = ListedColormap(["black", "#2f5fa8", "#9a9a9a", "#f2efe6", "#c44f86"])
"""Nothing, fluid, grey matter, white matter, lesion."""

LESION: Final = "#ff4fa8"
GLIOMA: Final = Path(__file__).resolve().parents[5] / "shared" / "data" / "tumour_tcga_du_7294"
"""A real patient, who is no part of this project: TCGA-DU-7294 of TCGA-LGG (CC BY 3.0)."""


def brains() -> Figure:
    """The outline of the brain that was found in three contrasts of one whole head, and the true one."""
    figure = Figure(figsize=(10.4, 7.6), dpi=90)
    panels = figure.subplots(2, 3)
    for column, (name, title) in enumerate((("t1w", "T1w"), ("t1c", "T1w after agent"), ("flair", "FLAIR"))):
        scan = _scan(0, name)
        image, grid = _image(scan)
        standard = to_standard(image, grid, _template())
        found = brain({name: image}, grid, _template(), standard.matrix).region
        true = resample.onto(scan.regions["brain"].mask, scan.grid, grid)
        lesion = resample.onto(scan.regions["lesion"].mask, scan.grid, grid)
        at, view = _middle(lesion), View(grid, (image > 0.15 * np.percentile(image, 99)).astype(np.uint8))
        for panel, axis in zip(panels[:, column], (2, 1), strict=True):
            _grey(panel, view.plane(image, axis, at[axis]))
            _outline(panel, view.plane(true, axis, at[axis]), "white", 0.8, "dotted")
            _outline(panel, view.plane(found.mask, axis, at[axis]), GREEN, 1.4)
        panels[0, column].set_title(title)
    _legend(figure, (("found, without a mask of the lesion", GREEN, "solid"), ("true", "#999999", "dotted")))
    return figure


def classes() -> Figure:
    """A shaded image, the gain that was found, the tissues that were found, and the true ones."""
    scan = _scan(0, "t1w")
    image, grid = _image(scan)
    shade = _shade(grid)
    lesion = Region(resample.onto(scan.regions["lesion"].mask, scan.grid, grid), grid, "lesion")
    inside = Region(resample.onto(scan.regions["brain"].mask, scan.grid, grid), grid, "brain")
    standard = to_standard(image * shade, grid, _template(), lesion)
    found = tissues({"T1w": image * shade}, inside, _template(), standard.matrix, lesion)
    true = _true_labels(scan, grid)
    gain = np.where(inside.mask & ~lesion.mask, found.gain[..., 0], np.nan)
    figure = Figure(figsize=(10.4, 5.7), dpi=100)
    panels = figure.subplots(2, 4)
    at, view = _middle(lesion.mask), View(grid, inside.mask.astype(np.uint8))
    for row, axis in enumerate((2, 1)):
        _grey(panels[row, 0], view.plane(image * shade, axis, at[axis]))
        drawn = panels[row, 1].imshow(view.plane(gain, axis, at[axis]), cmap="viridis", vmin=0.75, vmax=1.25)
        panels[row, 1].set_facecolor("black")
        _plain(panels[row, 1])
        for panel, labels in zip(panels[row, 2:], (found.labels, true), strict=True):
            panel.imshow(view.plane(labels, axis, at[axis]), cmap=CLASSES, vmin=-0.5, vmax=4.5, interpolation="nearest")
            _plain(panel)
    bar = panels[1, 1].inset_axes((0.1, 0.12, 0.8, 0.03))
    figure.colorbar(drawn, cax=bar, orientation="horizontal")
    bar.tick_params(labelsize=8, labelcolor="white", color="white")
    for panel, title in zip(panels[0], ("shaded image", "gain found", "tissues found", "true tissues"), strict=True):
        panel.set_title(title)
    return figure


def _true_labels(scan: Acquired, grid: Grid) -> np.ndarray:
    """What each voxel truly is mostly: fluid, grey or white matter, or something of the lesion."""
    _, patient = _patient(0)
    shares = np.zeros((4, int(np.prod(patient.grid.shape))), np.float32)
    kinds = {Compartment.CSF: 0, Compartment.GREY: 1, Compartment.WHITE: 2}
    outside = (Compartment.AIR, Compartment.SCALP, Compartment.FAT, Compartment.BONE)
    for part in patient.parts:
        if part.compartment not in outside:
            shares[kinds.get(part.compartment, 3), part.inside] += part.fraction
    there = [resample.onto(one.reshape(patient.grid.shape, order="F"), patient.grid, grid) for one in shares]
    inside = resample.onto(scan.regions["brain"].mask, scan.grid, grid)
    return np.where(inside, 1 + np.argmax(np.nan_to_num(there), axis=0), 0)


def sides() -> Figure:
    """Lesion, mirror and plane in an anatomical image; and three places of normal white matter in a DSC series."""
    scan, series = _scan(0, "t1w"), _scan(0, "dsc")
    image = Anatomy(scan.images[0].values.astype(np.float32), scan.grid, "t1w", "T1w")
    mean = series.images[0].values.mean(axis=3, dtype=np.float32)
    found = seen(mean, series.grid, {"t1w": image}, scan.regions["lesion"])
    figure = Figure(figsize=(10.4, 4.1), dpi=110)
    panels = figure.subplots(1, 4)
    shown, grid = _image(scan)
    lesion = Region(resample.onto(scan.regions["lesion"].mask, scan.grid, grid), grid, "lesion")
    z, view = _middle(lesion.mask)[2], View(grid, found.tissues.brain.mask.astype(np.uint8))
    _grey(panels[0], view.plane(shown, 2, z))
    _sided(panels[0], found.mirror.plane, view, z)
    _outline(panels[0], view.plane(lesion.mask, 2, z), LESION)
    _outline(panels[0], view.plane(found.mirror.mirrored(lesion).mask, 2, z), LESION, 1.2, "dashed")
    panels[0].set_title("T1w: plane, mirror")
    on_series = View(series.grid, series.regions["brain"].mask.astype(np.uint8))
    _on_slices(panels[1:], mean, on_series, found.candidates, found.lesion, (-6, -3, 0))
    panels[1].set_title("DSC: places of reference")
    _legend(
        figure, (*PLACES, ("lesion", LESION, "solid"), ("its mirror image", LESION, "dashed"), ("plane", SKY, "solid"))
    )
    return figure


def glioma() -> Figure | None:
    """The same in a real patient: an image that was moved and found again, tissues, sides, and normal white matter.

    None where the images are not at hand.
    """
    if not GLIOMA.is_dir():
        return None
    (t1w, t1c, flair), grid = _real()
    drawn = io.read_region(GLIOMA / "fusion" / "mav.nii.gz", "lesion")
    lesion = Region(resample.onto(drawn.mask, drawn.grid, grid), grid, "lesion")
    moved = rigid.rigid(np.array([*np.deg2rad([7.0, -5.0, 9.0]), 6.0, -8.0, 5.0]))
    away = np.nan_to_num(resample.onto(flair, grid, grid, matrix=np.linalg.inv(moved)))
    placed = align.rigid(t1c, grid, away, grid)
    back = resample.onto(away, grid, grid, matrix=placed.matrix)
    standard = to_standard(t1w, grid, _template(), lesion)
    head = brain({"T1w": t1w}, grid, _template(), standard.matrix, lesion)
    found = tissues({"T1w": t1w, "FLAIR": flair}, head.region, _template(), standard.matrix, lesion)
    halves = mirror(t1w / found.gain[..., 0], head.region, lesion, standard.matrix)
    places = normal.candidates(found, None, halves, standard.matrix)
    figure = Figure(figsize=(10.4, 6.9), dpi=100)
    panels = figure.subplots(2, 4)
    z, view = _middle(lesion.mask)[2], View(grid, head.region.mask.astype(np.uint8))
    edges = view.plane(head.region.mask, 2, z)
    for panel, image, title in ((panels[0, 0], away, "FLAIR, moved"), (panels[0, 1], back, "FLAIR, found again")):
        _grey(panel, view.plane(_chequered(t1c, image), 2, z))
        _outline(panel, edges, GREEN, 0.8)
        panel.set_title(title)
    _grey(panels[0, 2], view.plane(flair, 2, z))
    _outline(panels[0, 2], view.plane(lesion.mask, 2, z), LESION)
    panels[0, 2].set_title("FLAIR, lesion")
    panels[0, 3].imshow(view.plane(found.labels, 2, z), cmap=CLASSES, vmin=-0.5, vmax=4.5, interpolation="nearest")
    _plain(panels[0, 3])
    panels[0, 3].set_title("tissues")
    _grey(panels[1, 0], view.plane(t1w, 2, z))
    _sided(panels[1, 0], halves.plane, view, z)
    _outline(panels[1, 0], view.plane(lesion.mask, 2, z), LESION)
    _outline(panels[1, 0], view.plane(halves.mirrored(lesion).mask, 2, z), LESION, 1.2, "dashed")
    panels[1, 0].set_title("T1w: plane, mirror")
    _on_slices(panels[1, 1:], t1w, view, places, lesion, (-16, -7, -4))
    panels[1, 1].set_title("places of reference")
    _legend(
        figure,
        (*PLACES, ("lesion", LESION, "solid"), ("its mirror image", LESION, "dashed"), ("plane", SKY, "solid"),
         ("brain of T1w", GREEN, "solid")),
    )  # fmt: skip
    judged = normal.choose(places, {"T1w": t1w / found.gain[..., 0], "FLAIR": flair / found.gain[..., 1]})
    print(
        f"glioma: FLAIR found to {_apart(placed.matrix @ np.linalg.inv(moved), head.region):.2f} mm of the motion, "
        f"sides correlate by {halves.likeness:.2f}, plane leans {halves.plane.tilt:.1f} degrees, midline "
        f"{halves.shift:+.1f} mm, places differ by "
        f"{', '.join(f'{value:.1%} on {name}' for name, value in judged.differences.items())}; "
        f"{[flag.code for flag in (*head.flags, *found.flags, *halves.flags, *judged.flags)]}",
        file=sys.stderr,
    )
    return figure


@dataclass(frozen=True, eq=False)
class View:
    """How planes of a volume are shown: the patient's right on the left, front or top above, around what is `shown`."""

    grid: Grid
    shown: np.ndarray

    def plane(self, volume: np.ndarray, axis: int, index: int) -> np.ndarray:
        """One plane, by its index along an axis of the volume; the axes run along the patient's but for their sense."""
        x, y, z = (slice(max(one.start - ROOM, 0), one.stop + ROOM) for one in ndimage.find_objects(self.shown)[0])
        cut = [x, y, z]
        cut[axis] = slice(index, index + 1)
        turned = np.take(axes.upright(volume[tuple(cut)], self.grid.affine)[0], 0, axis=axis)
        return turned[::-1, ::-1].T


PLACES: Final = (
    ("white matter of the whole brain", GREEN, "solid"),
    ("opposite the lesion", ORANGE, "solid"),
    ("centrum semiovale", PURPLE, "solid"),
)


@cache
def _template():
    return io.icbm_2009a()


@cache
def _patient(scenario: int):
    simulation = Simulation(SCENARIOS[scenario], SEED)
    return simulation, simulation.patient(_template())


@cache
def _scan(scenario: int, name: str) -> Acquired:
    sequences = {"t1w": protocols.T1W, "t1c": protocols.T1C, "flair": protocols.FLAIR, "dsc": protocols.DSC}
    simulation, patient = _patient(scenario)
    return simulation.scanned(patient, sequences[name])


def _image(scan: Acquired) -> tuple[np.ndarray, Grid]:
    """The image of a scan in voxels of 2 mm."""
    grid = working(scan.grid)
    return np.nan_to_num(resample.onto(scan.images[0].values.astype(np.float32), scan.grid, grid)), grid


def _real() -> tuple[list[np.ndarray], Grid]:
    """T1w, T1w after agent, and FLAIR of the real patient in voxels of 2 mm."""
    names = ("t1", "t1c", "fla")
    images = [io.read_anatomy(GLIOMA / f"TCGA-DU-7294_{name}_bet.nii.gz", "t1w") for name in names]
    grid = working(images[0].grid)
    return [np.maximum(np.nan_to_num(resample.onto(one.values, one.grid, grid)), 0) for one in images], grid


def _shade(grid: Grid) -> np.ndarray:
    """What a coil beside the head would see: brighter to the front and the right."""
    x, y, z = (np.linspace(-1, 1, n) for n in grid.shape)
    return np.asarray(1 + 0.18 * x[:, None, None] + 0.16 * y[:, None] - 0.12 * (y[:, None] * z), np.float32)


def _chequered(one: np.ndarray, other: np.ndarray, size: int = 12) -> np.ndarray:
    """Squares of two images in turn, each as bright as the other."""
    i, j = (np.arange(n) // size for n in one.shape[:2])
    first = ((i[:, None] + j) % 2 == 0)[..., None]
    top = [max(float(np.nanpercentile(image, 99.5)), 1e-6) for image in (one, other)]
    return np.where(first, one / top[0], np.nan_to_num(other) / top[1])


def _apart(matrix: np.ndarray, region: Region) -> float:
    """mm by which a matrix moves a region, on average."""
    at = region.grid.affine[:3, :3] @ np.argwhere(region.mask).T + region.grid.affine[:3, 3:]
    return float(np.linalg.norm(matrix[:3, :3] @ at + matrix[:3, 3:] - at, axis=0).mean())


def _middle(mask: np.ndarray) -> np.ndarray:
    return np.rint(np.argwhere(mask).mean(axis=0)).astype(int)


def _grey(panel: Axes, plane: np.ndarray) -> None:
    seen = plane[np.isfinite(plane) & (plane > 0)]
    panel.imshow(plane, cmap="gray", vmin=0, vmax=np.percentile(seen, 99.3) if seen.size else 1)
    _plain(panel)


def _outline(panel: Axes, plane: np.ndarray, colour: str, width: float = 1.2, style: Any = "solid") -> None:
    if plane.any():
        panel.contour(plane.astype(float), [0.5], colors=[colour], linewidths=width, linestyles=style)


def _sided(panel: Axes, plane: Plane, view: View, index: int) -> None:
    panel.contour(view.plane(plane.side(view.grid), 2, index), [0], colors=[SKY], linewidths=1.0)


def _on_slices(
    panels: Sequence[Axes],
    image: np.ndarray,
    view: View,
    places: Mapping[str, Region],
    lesion: Region,
    steps: Sequence[int],
) -> None:
    """Slices at some steps from the middle of the lesion, with the places of normal white matter painted in."""
    middle = _middle(lesion.mask)[2]
    for panel, step in zip(panels, steps, strict=True):
        z = int(np.clip(middle + step, 0, view.grid.shape[2] - 1))
        _grey(panel, view.plane(image, 2, z))
        for name, colour in ((normal.WHOLE, GREEN), (normal.OPPOSITE, ORANGE), (normal.CENTRAL, PURPLE)):
            inside = view.plane(places[name].mask, 2, z)
            panel.imshow(np.where(inside, 1.0, np.nan), cmap=ListedColormap([colour]), alpha=0.75)
        _outline(panel, view.plane(lesion.mask, 2, z), LESION)


def _plain(panel: Axes) -> None:
    panel.set(xticks=[], yticks=[])
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)


def _legend(figure: Figure, entries: Iterable[tuple[str, str, str]]) -> None:
    lines = [Line2D([], [], color=colour, linestyle=style, label=word) for word, colour, style in entries]
    figure.legend(handles=lines, loc="outside lower center", ncols=4, fontsize=9, labelcolor=INK)
