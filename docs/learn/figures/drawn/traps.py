"""Figures of traps: what an image shows of each, and what a spectroscopy voxel samples."""

from dataclasses import replace
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perspect import mrs
from perspect.io.templates import icbm_2009a
from perspect.models.spins import Press
from perspect.mrs.profile import OF_TUMOURS, USUAL
from perspect.mrs.signals import cached_basis
from perspect.phantom import SCENARIOS, protocols, truth, virtual_patient
from perspect.phantom.artefacts import TRAPS
from perspect.phantom.localised import CARRIER
from perspect.phantom.patient import Patient
from perspect.phantom.protocols import MRSI_SMALL_BOX
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
    inserts = {trap.name: trap.insert for trap in TRAPS}
    names = {"": "clean", "haemorrhage": "blood", "sinus-drop-out": "lost signal", "vessel-in-lesion": "large vessel"}
    level = None
    for column, (name, title) in enumerate(names.items()):
        changed = inserts[name](patient, np.random.default_rng(SEED)) if name else patient
        low = name == "sinus-drop-out"
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


def edge() -> Figure:
    """Choline over NAA of an image in a box with narrow pulses: as it is, as it is measured, with the edge left out."""
    figure = Figure(figsize=(8.6, 3.4), dpi=96)
    scenario = next(one for one in SCENARIOS if one.name == "high-grade-glioma")
    patient = virtual_patient(scenario, _template(), SEED)
    scan = replace(MRSI_SMALL_BOX, off=(5.0, 20.0))
    image, water = (one.spectra for one in scan.acquire(patient, np.random.default_rng(SEED)).signals)
    sequence = Press(scan.te1, scan.te - scan.te1)
    basis = cached_basis(
        tuple(dict.fromkeys((*USUAL, *OF_TUMOURS))), sequence, image.frequency, image.dwell, image.n_points
    )
    excited = mrs.Excited(scan.selected(patient), (scan.bandwidth,) * 3, CARRIER, image.frequency)
    plain, marked = (mrs.quantify_grid(image, basis, water=water, excited=one) for one in (None, excited))
    seen = replace(scan, bandwidth=1e9).seen(patient)
    shown = np.isfinite(plain.maps["tChoOvertNAA"].values)
    true = np.where(shown, seen["tcho"] / np.where(seen["tnaa"] > 0, seen["tnaa"], np.nan), np.nan)
    panels = {
        "true, were all excited alike": true, "measured": plain.maps["tChoOvertNAA"].values,
        "without what was not excited alike": marked.maps["tChoOvertNAA"].values,
    }  # fmt: skip
    for axes, (title, values) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        drawn = axes.imshow(values[..., 0].T, origin="lower", cmap="inferno", vmin=0, vmax=1.0, interpolation="nearest")
        for name, ppm, colour in (("choline", 3.21, "#f0a020"), ("NAA", 2.01, "#1c7ed6")):
            _outline(axes, Grid((1, 1, 1), excited.selected(ppm)), image.grid, colour, f"where {name} is excited")
        at = np.argwhere(shown[..., 0])
        (left, low), (right, high) = at.min(axis=0) - 1.5, at.max(axis=0) + 1.5
        axes.set(xlim=(left, right), ylim=(low, high), xticks=[], yticks=[], facecolor="#888")
        axes.set_title(title, fontsize=9)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="lower center", ncols=2, fontsize=8, frameon=False)
    figure.colorbar(drawn, ax=figure.axes, label="choline over NAA", shrink=0.8)
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
    """A slice, with the patient's right on the left, and the lesion's outline."""
    axes.imshow(
        image[::-1].T, origin="lower", cmap="gray" if top < 5 else "magma", vmin=0, vmax=top, interpolation="nearest"
    )
    if "core" in scan.regions and scan.regions["core"].mask[:, :, k].any():
        axes.contour(scan.regions["core"].mask[::-1, :, k].T, levels=[0.5], colors="#35c2c2", linewidths=0.9)
    axes.set(title=title, xticks=[], yticks=[])


def _outline(axes: Axes, box: Grid, grid: Grid, colour: str, label: str) -> None:
    corners = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0], [-0.5, -0.5, 0]])
    at = np.linalg.inv(grid.affine) @ box.affine @ np.column_stack([corners, np.ones(5)]).T
    axes.plot(at[0], at[1], color=colour, lw=1.6, label=label)
