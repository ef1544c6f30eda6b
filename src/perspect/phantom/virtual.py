"""From a scenario and a seed to a patient."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float32

from perspect.phantom.arterial import ArterialInput
from perspect.phantom.biology import HEALTHY
from perspect.phantom.brain import pour_brain
from perspect.phantom.canvas import Canvas, blank
from perspect.phantom.deformation import standard_positions
from perspect.phantom.field import field_offset
from perspect.phantom.inserts import Insert
from perspect.phantom.lesions import foci, pour_lesion, pushed
from perspect.phantom.lookup import looked_up
from perspect.phantom.noise import uniform
from perspect.phantom.patient import LEVELS, Biology, Compartment, Part, Patient
from perspect.phantom.regions import true_regions
from perspect.phantom.scenarios import Scenario
from perspect.phantom.skull import cover, pour_head
from perspect.phantom.vessels import pour_vessels
from perspect.vocabulary import Template

LEAST: Final = 1e-4
"""Fractions of a voxel below this are left out and given to what fills most of it."""

_TEXTURE: Final = ((9.0, 0.8), (4.0, 0.6))


def virtual_patient(scenario: Scenario, template: Template, seed: int, traps: tuple[Insert, ...] = ()) -> Patient:
    """A patient on the template's grid: the head depends on the seed, the lesion on scenario and seed.

    The same seed gives the same patient, voxel for voxel on the same template; `traps` are put in afterwards, in their
    order.
    """
    of_head, of_skull, of_veins, of_texture = _streams(seed, count=4)
    of_lesion, of_traps = _streams(seed, *scenario.name.encode(), count=2)
    grid = template.grid
    canvas = blank(grid, standard_positions(grid, of_head))
    covering = cover(template)
    flat = canvas.places.transpose(0, 3, 2, 1).reshape(3, -1)
    outside = looked_up(*covering, flat).reshape(grid.shape, order="F")
    lesions = foci(scenario, of_lesion)
    pour_head(canvas, outside, of_skull)
    brain = pour_brain(
        canvas, template, outside, lambda places, beyond: pushed(places, beyond, lesions, scenario.mass_effect)
    )
    for focus in lesions:
        pour_lesion(canvas, scenario, focus, outside, of_lesion)
    pour_vessels(canvas, covering, of_veins)
    coarse, fine = (np.float32(weight) * canvas.noise(detail, of_texture) for detail, weight in _TEXTURE)
    texture = uniform(coarse + fine)
    parts = _parts(canvas, texture)
    biology = _biology(scenario, of_lesion)
    patient = Patient(
        scenario.name, seed, grid, parts, biology, ArterialInput(), true_regions(parts, grid, brain, canvas.places),
        field_offset(parts, biology, grid, brain), texture,
    )  # fmt: skip
    for trap in traps:
        patient = trap(patient, of_traps)
    return patient


def _streams(*entropy: int, count: int) -> list[np.random.Generator]:
    """Independent sources of randomness: a change in one piece of a patient leaves the others as they were."""
    return [np.random.default_rng(one) for one in np.random.SeedSequence(entropy).spawn(count)]


def _parts(canvas: Canvas, texture: Float32[np.ndarray, "x y z"]) -> tuple[Part, ...]:
    """The fractions as parts that add up to one in every voxel."""
    flat = {one: fraction.reshape(-1, order="F") for one, fraction in canvas.fractions.items()}
    total = np.zeros(texture.size, np.float32)
    for fraction in flat.values():
        fraction[fraction < LEAST] = 0.0
        total += fraction
    level = np.minimum(texture.reshape(-1, order="F") * LEVELS, LEVELS - 1).astype(np.int8)
    parts = []
    for one in sorted(flat):
        inside = np.flatnonzero(flat[one])
        parts.append(Part(one, inside, flat[one][inside] / total[inside], level[inside]))
    return tuple(parts)


def _biology(scenario: Scenario, rng: np.random.Generator) -> Mapping[Compartment, Biology]:
    """Healthy tissue, and the lesion with the vascularity that this patient's has."""
    hallmark = scenario.biology[scenario.hallmark]
    factor = rng.uniform(*scenario.vascularity)
    vascular = replace(hallmark, vp=(factor * hallmark.vp[0], factor * hallmark.vp[1]))
    return {**HEALTHY, **scenario.biology, scenario.hallmark: vascular}
