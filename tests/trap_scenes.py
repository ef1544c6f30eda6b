"""Scenes for the tests of traps: one of each kind with nothing wrong, and what makes each trap of it, or nearly."""

from dataclasses import replace

import numpy as np

from perspect.numerics.dipole import field_of
from perspect.pitfalls import (
    ArterialInput,
    Darkened,
    Expected,
    Line,
    Passage,
    Record,
    Scene,
    Shown,
    Voxel,
    VoxelMap,
    acids,
    apart,
    arterial,
    content,
    cortex,
    creatine,
    displacement,
    distortion,
    dropout,
    leakage,
    motion,
    passage,
    plausible,
    reference,
    registration,
    sanity,
    scalp,
    shine,
    small,
    spectrum,
    spurious,
    susceptible,
    transit,
    treatment,
    vessel,
    void,
)
from perspect.vocabulary import Grid, Region

GRID = Grid((40, 40, 12), np.diag([2.0, 2.0, 4.0, 1.0]))
FINE = Grid((50, 50, 50), np.diag([2.0, 2.0, 2.0, 1.0]))


def ball(centre, radius, grid=GRID):
    at = np.indices(grid.shape) * np.array(grid.spacing).reshape(3, 1, 1, 1)
    return np.sqrt(((at - np.array(centre).reshape(3, 1, 1, 1)) ** 2).sum(axis=0)) <= radius


BRAIN = ball((40, 40, 24), 36)
SOLID = ball((40, 56, 24), 9)
RIM = ball((40, 56, 24), 14) & ~SOLID
WHITE = ball((40, 24, 24), 9)
EDGE = BRAIN & ~ball((40, 40, 24), 32)
CORE = SOLID & ball((40, 56, 24), 4)


def scene():
    """A brain with a lesion twice as vascular as white matter, well measured, and nothing wrong with it."""
    rng = np.random.default_rng(0)
    noise = 1 + 0.03 * rng.standard_normal(GRID.shape)
    rcbv = np.where(SOLID, 2.5, 1.0) * noise
    maps = {
        "rcbv": rcbv,
        "ph": 8 * rcbv,
        "ttp": 10 + 0.3 * rng.standard_normal(GRID.shape),
        "k2": np.zeros(GRID.shape),
        "k2_std": np.full(GRID.shape, 0.01),
        "cbf": 0.01 * rcbv,
    }
    parts = {name: Region(mask, GRID, name) for name, mask in (("solid part", SOLID), ("rim of 5 mm", RIM))}
    parts["enhancing"] = Region(SOLID, GRID, "enhancing")
    grey = np.where(SOLID, np.nan, 0.0)
    return Scene(
        GRID, 100 * noise * BRAIN, maps, BRAIN, WHITE, parts, grey, grey.copy(), anatomy=BRAIN, reference_spread=0.2,
        passage=Passage(20, 1.5, 80.0, 12.0, 9.0), arterial=ArterialInput(0.1, 6.0, 6.0), bolus_motion=0.1,
        alignment_error=0.3, unevenness=0.3, expected=(Expected("rCBV of white matter", 1.0, 0.7, 1.4),),
    )  # fmt: skip


def changed(key, mask, value, one=None):
    one = one or scene()
    values = one.maps[key].copy()
    values[mask] = value
    return replace(one, maps={**one.maps, key: values})


def rested(mask, value):
    one = scene()
    at_rest = one.at_rest.copy()
    at_rest[mask] = value
    return replace(one, at_rest=at_rest)


def with_vessel(height=60.0, time=7.0):
    tube = SOLID & ball((40, 56, 24), 3)
    one = changed("rcbv", tube, 20.0, changed("ttp", tube, time))
    return changed("ph", tube, height, one)


def at_the_edge(level):
    lesion = ball((40, 70, 24), 8) & BRAIN
    one = rested(lesion & EDGE, level)
    return replace(one, parts={"solid part": Region(lesion, GRID, "solid part")})


def with_cortex(grey):
    one = scene()
    share = one.grey.copy()
    share[RIM & ball((40, 68, 24), 6)] = grey
    return replace(one, grey=share)


def without_brain(depth):
    return replace(scene(), brain=BRAIN & ~(ball((40, 72, 24), depth)))


def of_size(radius):
    part = Region(ball((40, 56, 24), radius), GRID, "solid part")
    return replace(scene(), parts={**scene().parts, "solid part": part, "enhancing": part})


def slid(voxels):
    return replace(scene(), anatomy=np.roll(BRAIN, voxels, axis=0))


def shown(before=100.0, after=160.0):
    """T1w and T1c at 2 mm: a lesion that enhances; in its core the levels that are said."""
    rng = np.random.default_rng(1)
    dark, lit = (100 + 2 * rng.standard_normal(GRID.shape) for _ in range(2))
    lit[SOLID] = 160.0
    dark[CORE], lit[CORE] = before, after
    return Shown(GRID, dark, 3 * lit, WHITE, scene().parts)


HEAD = ball((50, 50, 50), 36, FINE)
LESION = ball((50, 60, 50), 18, FINE)
FAT = ball((50, 50, 50), 48, FINE) & ~ball((50, 50, 50), 44, FINE)
GOOD = Line(snr=40.0, width=0.04, misfit=1.1, unexplained=0.05, water=0.5, bend=3.0, late=1.4, creatine=6.0)


def voxel(at=(50.0, 60.0, 50.0), side=16.0, line=None, **changes):
    """A voxel in the middle of a lesion, at two echo times."""
    affine = np.diag([side, side, side, 1.0])
    affine[:3, 3] = at
    parts = {"solid part": Region(LESION, FINE, "solid part"), "whole": Region(LESION, FINE, "whole")}
    one = Voxel(
        FINE, Grid((1, 1, 1), affine), parts, HEAD, FAT, 123.2e6, ("cho_naa", "cho_cr"), (0.03, 0.144),
        line=line or GOOD, bandwidth=2500.0,
    )  # fmt: skip
    return replace(one, **changes)


CLUMP = LESION & ball((50, 60, 50), 7, FINE)
SKULL = ball((50, 50, 50), 42, FINE)


def darkened(level=100.0, chi=None, turn=1.0, air=9.4):
    """A gradient echo of a head in air, in whose lesion a clump has the signal that is said; with a susceptibility
    (ppm) a phase too, which a scanner of the other sign turns the other way.
    """
    rng = np.random.default_rng(4)
    magnitude = (100 + 3 * rng.standard_normal(FINE.shape)) * SKULL + 1.0
    magnitude[CLUMP] = level
    parts = {"solid part": Region(LESION, FINE, "solid part")}
    phase = None
    if chi is not None:
        map_of_chi = np.where(SKULL, 0.0, air) + np.where(CLUMP, chi, 0.0)
        field = field_of(map_of_chi.astype(np.float32), np.array(FINE.spacing), np.array([0.0, 0.0, 1.0]))
        turned = turn * 2 * np.pi * 123.2 * 0.02 * field + 0.05 * rng.standard_normal(FINE.shape)
        phase = np.angle(np.exp(1j * turned))
    return Darkened(FINE, magnitude.astype(np.float32), HEAD, parts, phase)


def lined(**changes):
    return voxel(line=replace(GOOD, **changes))


def map_of(value=3.0, held=4, apart=0.0):
    """A spectroscopic map with a lesion of some voxels that touch; the first has the value that is said. NAA is excited
    where there is less of it, `apart` of a voxel.
    """
    grid = Grid((8, 8, 1), np.diag([10.0, 10.0, 10.0, 1.0]))
    values = np.full(grid.shape, 1.0)
    share = np.zeros(grid.shape)
    places = [(3, 3), (3, 4), (4, 3), (4, 4)][:held]
    for i, j in places:
        share[i, j, 0], values[i, j, 0] = 0.9, 3.0
    values[3, 3, 0] = value
    by_line = {"choline": share, "NAA": np.maximum(share - apart, 0.0)}
    return VoxelMap(grid, values, np.full(grid.shape, 0.2), share, np.ones(grid.shape, bool), by_line)


UNTREATED = Record({"treated": False, "steroids": False, "gadolinium_before_mrs": False}, has_mrs=True)
TREATED = Record({"treated": True, "antiangiogenic": False, "steroids": False, "radiotherapy_days": 200.0})

CLEAN = (scene(), shown(), darkened(), UNTREATED, TREATED, voxel(), map_of())

HAS = {
    void: (rested(CORE, 20.0), rested(CORE, 60.0)),
    vessel: (with_vessel(), changed("ttp", SOLID & ball((40, 56, 24), 3), 7.0)),
    cortex: (with_cortex(0.8), with_cortex(0.1)),
    dropout: (at_the_edge(50.0), at_the_edge(90.0)),
    distortion: (without_brain(18), without_brain(5)),
    leakage: (changed("k2", SOLID, 0.2), changed("k2", CORE, 0.2)),
    reference: (replace(scene(), references={"elsewhere": 1.3}), replace(scene(), references={"elsewhere": 1.1})),
    passage: (replace(scene(), passage=Passage(3, 1.5, 80.0, 12.0)), replace(scene(), passage=Passage(10, 1.5, 60, 5))),
    motion: (replace(scene(), bolus_motion=1.5), replace(scene(), bolus_motion=0.6)),
    small: (of_size(4), of_size(8)),
    arterial: (replace(scene(), arterial=ArterialInput(0.6)), replace(scene(), arterial=ArterialInput(0.25))),
    transit: (changed("cbf", CORE, 0.2), changed("cbf", CORE, 0.04)),
    registration: (slid(3), slid(1)),
    sanity: (
        replace(scene(), expected=(Expected("ADC of white matter", 800.0, 0.4, 1.2),)),
        replace(scene(), expected=(Expected("ADC of white matter", 1.1, 0.4, 1.2),)),
    ),
    susceptible: (darkened(20.0), darkened(60.0)),
    shine: (shown(160.0, 162.0), shown(120.0, 160.0)),
    treatment: (
        Record({**TREATED.facts, "antiangiogenic": True}),
        Record({**TREATED.facts, "radiotherapy_days": 100.0}),
    ),
    spectrum: (lined(width=0.15), lined(width=0.08)),
    scalp: (voxel((50.0, 84.0, 50.0)), voxel((50.0, 66.0, 50.0))),
    displacement: (voxel((50.0, 78.0, 50.0), bandwidth=400.0), voxel((50.0, 60.0, 50.0), bandwidth=400.0, side=10.0)),
    content: (voxel((50.0, 36.0, 50.0)), voxel((50.0, 66.0, 50.0))),
    acids: (
        voxel(markers=("cho_naa", "lipid_lactate"), echo_times=(0.03,)),
        voxel(markers=("cho_naa", "lipid_lactate"), echo_times=(0.03, 0.144)),
    ),
    spurious: (lined(late=6.0), lined(late=2.0)),
    creatine: (lined(creatine=1.5), lined(creatine=4.5)),
    plausible: (map_of(held=2), map_of(value=4.5)),
    apart: (map_of(apart=0.3), map_of(apart=0.15)),
}  # fmt: skip
"""Every detector: a scene that has its trap, and a near miss."""
