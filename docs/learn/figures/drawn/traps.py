"""Figures of traps: what an image shows of each, and what a spectroscopy voxel samples."""

from dataclasses import replace
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perspect.io.templates import icbm_2009a
from perspect.phantom import INSERTS, SCENARIOS, protocols, truth, virtual_patient
from perspect.phantom.patient import Patient
from perspect.phantom.sequence import Acquired, Slab, brain_centre
from perspect.phantom.study import Simulation
from perspect.pitfalls.voxel import LINES, Voxel
from perspect.vocabulary import Grid, Template

SEED: Final = 5
BOX: Final = 18.0
"""mm of the edge of the spectroscopy voxel that is drawn."""


def traps() -> Figure:
    """A lesion at rest and at the peak of the bolus: clean, bled, beside more air; and the curves of a vessel."""
    figure = Figure(figsize=(10.4, 6.2), dpi=96)
    panels = figure.subplots(2, 4)
    simulation = Simulation(next(one for one in SCENARIOS if one.name == "low-grade-glioma"), SEED)
    patient = simulation.patient(_template())
    names = {"": "clean", "haemorrhage": "blood", "strong-air": "lost signal", "vessel-in-lesion": "large vessel"}
    level = None
    for column, (name, title) in enumerate(names.items()):
        insert = next((one for one in INSERTS if one.name == name), None)
        changed = patient if insert is None else insert.into(patient, np.random.default_rng(SEED))
        low = name == "strong-air"
        scan = simulation.scanned(changed, replace(protocols.DSC, slab=_slab(patient, low=low), n_frames=60))
        rest = scan.images[0].values[..., 5:28].mean(axis=3, dtype=float)
        level = level or float(np.median(rest[scan.regions["white"].mask]))
        k = _slice(scan)
        _picture(panels[0, column], rest[:, :, k] / level, scan, k, f"{title}\nsignal at rest", 1.6)
        drop = -np.log(np.clip(scan.images[0].values[..., 30:42].min(axis=3) / np.maximum(rest, 1), 1e-3, 1)) / 0.03
        _picture(
            panels[1, column], np.where(rest > 0.15 * level, drop, 0)[:, :, k], scan, k, "peak of ΔR2* (1/s)", 22.0
        )
    return figure


def displaced() -> Figure:
    """The boxes of choline, NAA and lipid of one spectroscopy voxel, with a narrow and a wide pulse."""
    figure = Figure(figsize=(8.6, 4.4), dpi=96)
    scenario = next(one for one in SCENARIOS if one.name == "high-grade-glioma")
    patient = virtual_patient(scenario, _template(), SEED)
    grid, core = patient.grid, patient.regions["core"].mask
    centre = np.argwhere(core).mean(axis=0)
    affine = np.diag([BOX, BOX, BOX, 1.0])
    affine[:3, 3] = (grid.affine @ [*centre, 1.0])[:3] + np.array([6.0, -6.0, 0.0])
    k = round(float(centre[2]))
    image = truth(patient, "t2", grid)[:, :, k]
    parts = {"whole": patient.regions["lesion"], "solid part": patient.regions["core"]}
    for axes, bandwidth in zip(figure.subplots(1, 2), (600.0, 2500.0), strict=True):
        voxel = Voxel(grid, Grid((1, 1, 1), affine), parts, core, core, 123.2e6, (), bandwidth=bandwidth)
        axes.imshow(np.nan_to_num(image).T, origin="lower", cmap="gray", vmax=0.25, interpolation="nearest")
        axes.contour(core[:, :, k].T, levels=[0.5], colors="#e0b000", linewidths=1.2)
        for (name, ppm), colour in zip(
            {one: LINES[one] for one in ("choline", "NAA", "lactate and lipid")}.items(),
            ("#2f9e44", "#1c7ed6", "#e03131"),
            strict=True,
        ):
            box = voxel.displaced(ppm)[0]
            _outline(axes, box, grid, colour, f"{name}, {ppm:g} ppm: {voxel.share(core, box):.0%} in the lesion")
        axes.set(
            xlim=(centre[0] - 22, centre[0] + 22), ylim=(centre[1] - 22, centre[1] + 22), xticks=[], yticks=[],
            title=f"pulses of {bandwidth:g} Hz at 3 T",
        )  # fmt: skip
        axes.legend(loc="lower center", fontsize=7, frameon=True)
    return figure


def _template() -> Template:
    """A standard head of 2 mm."""
    whole = icbm_2009a()
    cut = (slice(None, None, 2),) * 3
    maps = (np.asarray(one[cut], order="F") for one in (whole.t1, whole.grey, whole.white, whole.brain))
    return Template(*maps, Grid(whole.brain[cut].shape, whole.grid.affine @ np.diag([2.0, 2.0, 2.0, 1.0])), whole.name)


def _slab(patient: Patient, *, low: bool) -> Slab:
    """Seven slices about the lesion; or about the base of the brain, where the air is."""
    core = patient.regions["core"]
    height = float((core.grid.affine @ [*np.argwhere(core.mask).mean(axis=0), 1.0])[2])
    return Slab((88, 104, 7), (2.0, 2.0, 5.0), up=-32.0 if low else height - float(brain_centre(patient)[2]))


def _slice(scan: Acquired) -> int:
    """Where the lesion is largest; the middle where there is none of it."""
    mask = scan.regions["core"].mask if "core" in scan.regions else np.zeros(scan.grid.shape, bool)
    return int(mask.sum(axis=(0, 1)).argmax()) if mask.any() else scan.grid.shape[2] // 2


def _picture(axes: Axes, image: np.ndarray, scan: Acquired, k: int, title: str, top: float) -> None:
    axes.imshow(image.T, origin="lower", cmap="gray" if top < 5 else "magma", vmin=0, vmax=top, interpolation="nearest")
    if "core" in scan.regions and scan.regions["core"].mask[:, :, k].any():
        axes.contour(scan.regions["core"].mask[:, :, k].T, levels=[0.5], colors="#35c2c2", linewidths=0.9)
    axes.set(title=title, xticks=[], yticks=[])


def _outline(axes: Axes, box: Grid, grid: Grid, colour: str, label: str) -> None:
    corners = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0], [-0.5, -0.5, 0]])
    at = np.linalg.inv(grid.affine) @ box.affine @ np.column_stack([corners, np.ones(5)]).T
    axes.plot(at[0], at[1], color=colour, lw=1.6, label=label)
