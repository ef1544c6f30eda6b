"""Virtual patients for tests: a coarse standard head, so that one takes two seconds."""

import numpy as np

from perspect.phantom import SCENARIOS, Patient, Scenario
from perspect.vocabulary import Grid, Template


def coarser(template: Template, times: int) -> Template:
    """A template of every second, third ... voxel."""
    cut = (slice(None, None, times),) * 3
    maps = (np.asarray(one[cut], order="F") for one in (template.t1, template.grey, template.white, template.brain))
    affine = template.grid.affine @ np.diag([times, times, times, 1.0])
    return Template(*maps, Grid(template.brain[cut].shape, affine), template.name)


def scenario(name: str) -> Scenario:
    return next(one for one in SCENARIOS if one.name == name)


def dense(parts, grid, *compartments) -> np.ndarray:
    """The fractions of some compartments, or of all, as a volume."""
    total = np.zeros(int(np.prod(grid.shape)))
    for part in parts:
        if not compartments or part.compartment in compartments:
            total[part.inside] += part.fraction
    return total.reshape(grid.shape, order="F")


def same(a: Patient, b: Patient) -> bool:
    """Whether two patients are the same in every voxel."""
    pairs = zip(a.parts, b.parts, strict=False)
    return len(a.parts) == len(b.parts) and all(
        p.compartment == q.compartment and np.array_equal(p.inside, q.inside)
        and np.array_equal(p.fraction, q.fraction) and np.array_equal(p.level, q.level)
        for p, q in pairs
    ) and np.array_equal(a.field_offset, b.field_offset)  # fmt: skip
