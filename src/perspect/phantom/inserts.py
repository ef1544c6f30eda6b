"""Traps of anatomy that can be put into a patient: bleeding, calcium, a vessel in the lesion, air beside the brain.

Each leaves everything elsewhere as it was.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from perspect.phantom.field import field_offset
from perspect.phantom.geometry import Tube
from perspect.phantom.noise import smooth_noise
from perspect.phantom.patient import LEVELS, Compartment, Part, Patient, Range
from perspect.phantom.regions import CORE, renewed

CLOT_SHARE: Final = (0.10, 0.20)
"""How much of the core of a lesion has bled. [our default]"""

CALCIUM_SHARE: Final = (0.03, 0.08)
"""How much of it is calcified. [our default]"""

VESSEL_RADIUS: Final = 1.8
"""Radius of a large vessel through the lesion, in mm: as wide as the middle cerebral artery. [our default]"""

AIR_REACH: Final = 6.0
"""How far the air of the skull base grows into bone, in mm. [our default]"""

_SOFT: Final = tuple(one for one in Compartment if one not in (Compartment.AIR, Compartment.BONE, Compartment.ARTERY))
Volume = Float32[np.ndarray, "x y z"]


Insert = Callable[[Patient, np.random.Generator], Patient]
"""A trap of anatomy: how it comes into a patient. What a person calls it stands in `phantom.artefacts`."""


def bled(patient: Patient, rng: np.random.Generator) -> Patient:
    """The patient with a clot in the core of the lesion: paramagnetic, dark in T2*, without blood that flows."""
    return _clumps(patient, Compartment.BLOOD_CLOT, CLOT_SHARE, 9.0, rng)


def calcified(patient: Patient, rng: np.random.Generator) -> Patient:
    """The patient with calcium in small clumps in the core: diamagnetic, almost without signal."""
    return _clumps(patient, Compartment.CALCIUM, CALCIUM_SHARE, 3.5, rng)


def vessel_crossed(patient: Patient, rng: np.random.Generator) -> Patient:
    """The patient with a large artery through the middle of the lesion."""
    core = patient.regions["core"].mask
    at = np.argwhere(core)
    ends = zip(at.min(axis=0), at.max(axis=0), core.shape, strict=True)
    box = tuple(slice(max(int(a) - 4, 0), min(int(b) + 5, n)) for a, b, n in ends)
    centre = at[np.argmin(((at - at.mean(axis=0)) ** 2).sum(axis=1))]
    direction = rng.normal(size=3)
    reach = 1.1 * (3.0 * len(at) / (4.0 * np.pi)) ** (1.0 / 3.0) * direction / np.linalg.norm(direction)
    a, b = centre - reach, centre + reach
    tube = Tube(
        (float(a[0]), float(a[1]), float(a[2])), (float(b[0]), float(b[1]), float(b[2])), VESSEL_RADIUS / _edge(patient)
    )
    x, y, z = (one.astype(np.float32) for one in np.mgrid[box])
    amount = np.zeros(core.shape[::-1], np.float32).T
    amount[box] = np.clip(0.5 + tube.depth((x, y, z)), 0.0, 1.0)
    return _with(patient, Compartment.ARTERY, amount, _SOFT)


def aired(patient: Patient, _: np.random.Generator) -> Patient:
    """The patient with sinuses and air cells of the skull base that reach further into bone: the field is worse."""
    air = _dense(patient, (Compartment.AIR,))
    labels, _n = ndimage.label(air > 0.5)
    around = np.unique(np.concatenate([labels[0].ravel(), labels[-1].ravel(), labels[:, -1].ravel(), [0]]))
    pockets = ~np.isin(labels, around)
    reach = AIR_REACH / _edge(patient)
    box = _box(pockets, int(reach) + 2)
    amount = np.zeros_like(air)
    amount[box] = np.clip(reach + 0.5 - ndimage.distance_transform_edt(~pockets[box]), 0.0, 1.0)
    return _with(patient, Compartment.AIR, amount, (Compartment.BONE,))


def _clumps(
    patient: Patient, compartment: Compartment, share: Range, detail: float, rng: np.random.Generator
) -> Patient:
    """Let a compartment fill a share of the core where a random pattern is highest."""
    core = _dense(patient, CORE)
    box = _box(core > 0.5, 2)
    pattern = smooth_noise(core[box].shape, detail / _edge(patient), rng)
    pattern = np.where(core[box] > 0.5, pattern, -np.inf)
    threshold = np.quantile(pattern[core[box] > 0.5], 1.0 - rng.uniform(*share))
    amount = np.zeros_like(core)
    amount[box] = np.clip(0.5 + 0.6 * detail / _edge(patient) * (pattern - threshold), 0.0, 1.0)
    return _with(patient, compartment, amount, CORE)


def _with(patient: Patient, compartment: Compartment, amount: Volume, hosts: tuple[Compartment, ...]) -> Patient:
    """A patient in whom a compartment has taken the place of others, with regions and field as they now are.

    The outlines of lesion and core stay as they were drawn; their parts, and what is normal, are found anew.
    """
    flat = np.minimum(amount, _dense(patient, hosts)).reshape(-1, order="F")
    left = 1.0 - flat / np.maximum(_dense(patient, hosts).reshape(-1, order="F"), 1e-6)
    parts = [_thinned(part, left) if part.compartment in hosts else part for part in patient.parts]
    same = [part for part in parts if part.compartment is compartment]
    for part in same:
        flat[part.inside] += part.fraction
    inside = np.flatnonzero(flat)
    level = np.minimum(patient.texture.reshape(-1, order="F")[inside] * LEVELS, LEVELS - 1).astype(np.int8)
    others = [part for part in parts if part.compartment is not compartment and part.inside.size]
    added = Part(compartment, inside, flat[inside], level)
    everything = tuple(sorted([*others, added], key=lambda one: one.compartment))
    return replace(
        patient, parts=everything, regions=renewed(patient.regions, everything, patient.grid),
        field_offset=field_offset(everything, patient.biology, patient.grid, patient.regions["brain"].mask),
    )  # fmt: skip


def _thinned(part: Part, left: Float32[np.ndarray, " voxels"]) -> Part:
    fraction = part.fraction * left[part.inside]
    some = fraction > 0.0
    return Part(part.compartment, part.inside[some], fraction[some], part.level[some])


def _dense(patient: Patient, these: tuple[Compartment, ...]) -> Volume:
    """The fractions of some compartments together."""
    total = np.zeros(int(np.prod(patient.grid.shape)), np.float32)
    for part in patient.parts:
        if part.compartment in these:
            total[part.inside] += part.fraction
    return total.reshape(patient.grid.shape, order="F")


def _edge(patient: Patient) -> float:
    """Edge length of a voxel of the fine grid, in mm."""
    return float(np.mean(patient.grid.spacing))


def _box(mask: Bool[np.ndarray, "x y z"], margin: int) -> tuple[slice, ...]:
    """The smallest box that holds a mask, and a margin."""
    found = ndimage.find_objects(mask.astype(np.int8))[0]
    return tuple(slice(max(one.start - margin, 0), one.stop + margin) for one in found)
