"""Figures of virtual patients: what fills the head, what ten lesions look like, and what is true of one."""

from functools import cache
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from perspect.io.templates import icbm_2009a
from perspect.phantom import SCENARIOS, Compartment, Patient, truth, virtual_patient

SEED: Final = 11
C = Compartment

COLOURS: Final[dict[Compartment, tuple[str, str]]] = {
    C.AIR: ("air", "#000000"), C.SCALP: ("skin, muscle", "#9a6a5f"), C.FAT: ("fat", "#ccb672"),
    C.BONE: ("bone", "#d9d9cc"), C.CSF: ("fluid", "#1b3570"), C.GREY: ("grey matter", "#808080"),
    C.WHITE: ("white matter", "#cccccc"), C.CHOROID: ("choroid plexus", "#1ab380"), C.ARTERY: ("artery", "#e61a1a"),
    C.VEIN: ("vein", "#4d4dff"), C.OEDEMA: ("oedema", "#8cbff2"), C.INFILTRATED: ("infiltrated", "#f2cc4d"),
    C.SOLID: ("solid, no enhancement", "#f28c33"), C.ENHANCING: ("enhancing", "#f2335a"),
    C.TREATED: ("enhancing, treated", "#a15ec4"), C.NECROSIS: ("necrosis", "#401a26"), C.PUS: ("pus", "#bfd933"),
    C.CAPSULE: ("capsule", "#f24d99"), C.BLOOD_CLOT: ("clot", "#660000"), C.CALCIUM: ("calcium", "#ffffff"),
}  # fmt: skip


def scenarios() -> Figure:
    """Every scenario through the middle of its lesion, axial and coronal."""
    figure = Figure(figsize=(10.4, 10.9), dpi=84)
    panels = figure.subplots(4, 5)
    for i, scenario in enumerate(SCENARIOS):
        patient = virtual_patient(scenario, _template(), SEED)
        at = _middle(patient)
        _show(panels[2 * (i // 5), i % 5], _colours(patient, 2, at[2]), scenario.name)
        _show(panels[2 * (i // 5) + 1, i % 5], _colours(patient, 1, at[1]), "")
    shown = [Patch(facecolor=colour, edgecolor="#777777", label=word) for word, colour in COLOURS.values()]
    figure.legend(handles=shown[1:18] + shown[19:], loc="outside lower center", ncols=6, fontsize=9)
    return figure


def patient() -> Figure:
    """One patient: tissue in three planes, then blood volume, flow, diffusion and the field."""
    one = virtual_patient(SCENARIOS[0], _template(), SEED)
    at = _middle(one)
    figure = Figure(figsize=(10.4, 6.4), dpi=110)
    panels = figure.subplots(2, 4)
    for panel, axis, title in zip(panels[0], (2, 1, 0), ("axial", "coronal", "sagittal"), strict=False):
        _show(panel, _colours(one, axis, at[axis]), title)
    _show(panels[0, 3], _colours(one, 0, one.grid.shape[0] // 2), "near the midline")
    z = at[2]
    maps = (
        (truth(one, "rcbv")[:, :, z], "true rCBV", "magma", (0.0, 5.0)),
        (6000.0 * truth(one, "cbf")[:, :, z], "true flow, mL/100 mL/min", "magma", (0.0, 80.0)),
        (1e3 * truth(one, "adc")[:, :, z], "true ADC, 10⁻³ mm²/s", "viridis", (0.0, 3.0)),
        (np.where(_head(one), one.field_offset, np.nan)[at[0]], "off-resonance, ppm", "RdBu_r", (-1.5, 1.5)),
    )
    for panel, (image, title, colours, (low, high)) in zip(panels[1], maps, strict=True):
        drawn = panel.imshow(image[::-1].T, origin="lower", cmap=colours, vmin=low, vmax=high)
        panel.set_facecolor("black")
        _plain(panel, title)
        figure.colorbar(drawn, ax=panel, orientation="horizontal", shrink=0.8, pad=0.02)
    return figure


@cache
def _template():
    return icbm_2009a()


def _middle(one: Patient) -> np.ndarray:
    return np.rint(np.argwhere(one.regions["core"].mask).mean(axis=0)).astype(int)


def _head(one: Patient) -> np.ndarray:
    air = np.zeros(int(np.prod(one.grid.shape)), np.float32)
    for part in one.parts:
        if part.compartment is Compartment.AIR:
            air[part.inside] = part.fraction
    return (air < 0.5).reshape(one.grid.shape, order="F")


def _colours(one: Patient, axis: int, index: int) -> np.ndarray:
    """A plane in which every voxel has the mixed colour of what fills it."""
    total = np.zeros((*np.delete(one.grid.shape, axis), 3), np.float32)
    for part in one.parts:
        at = np.unravel_index(part.inside, one.grid.shape, order="F")
        here = at[axis] == index
        place = tuple(np.delete(np.stack([a[here] for a in at]), axis, axis=0))
        colour = COLOURS[part.compartment][1]
        total[place] += part.fraction[here, None] * np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.clip(total, 0.0, 1.0)


def _show(panel: Axes, plane: np.ndarray, title: str) -> None:
    """A plane as radiologists see it: the patient's right, or the front, on the left."""
    panel.imshow(np.swapaxes(plane[-9:7:-1], 0, 1), origin="lower")
    _plain(panel, title)


def _plain(panel: Axes, title: str) -> None:
    panel.set_title(title, fontsize=10)
    panel.set(xticks=[], yticks=[])
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
