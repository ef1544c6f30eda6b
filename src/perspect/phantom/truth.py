"""What is true of a patient on any grid: maps, and a table of regions. The head is at rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.phantom.kinds import VESSELS
from perspect.phantom.patient import LEVELS, Compartment, Levels, Part, Patient, levels_of
from perspect.phantom.sampled import parts_on
from perspect.vocabulary import Grid

PERFUSION: Final = ("cbv", "rcbv", "cbf", "mtt", "delay", "transit")
LEAKAGE: Final = ("vp", "ps", "ktrans", "ve")
TISSUE: Final = ("t1", "t2", "r2star", "adc", "spins")
KEYS: Final = (*PERFUSION, *LEAKAGE, *TISSUE)
"""The quantities of which there is a truth; the name of a compartment in lower case asks for its fraction of voxels."""

SUMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "tnaa": ("NAA", "NAAG"), "tcr": ("Cr", "PCr"), "tcho": ("GPC", "PCh"), "ins": ("Ins",), "glx": ("Glu", "Gln"),
    "lac": ("Lac",), "lip13": ("Lip13",),
})  # fmt: skip
"""Of which amounts there is a truth, and what they are sums of."""

Has = Mapping[Compartment, Levels]


@dataclass(frozen=True)
class RegionTruth:
    """What a quantity is in a region of the fine grid, in its inside unit, over the voxels where it means something."""

    region: str
    quantity: str
    mean: float
    median: float
    std: float
    n_voxels: int


def truth(
    patient: Patient, key: str, grid: Grid | None = None, parts: tuple[Part, ...] | None = None
) -> Float[np.ndarray, "x y z"]:
    """A quantity on a grid (the fine one if none is given), in its inside unit; NaN where it means nothing.

    `cbv` and `vp` (mL/mL, the same: the haematocrit is zero) and `ps` (1/s) are means over the voxel; so is `cbf` (1/s)
    with `mtt` = cbv/cbf and `delay` and `transit` (s) weighted by flow, NaN wherever a large vessel is. `ktrans` (1/s)
    is F (1 - exp(-PS/F)); `ve` is that of what leaks. `t1`, `t2` (s), `r2star` (1/s) and `adc` (mm²/s) are weighted by
    spins. `rcbv` is cbv over the mean cbv of the region `white` on the fine grid, whatever grid is asked for.
    `parts` are those of the grid, where they are known already.
    """
    on = patient.grid if grid is None else grid
    if parts is None:
        parts = patient.parts if grid is None else parts_on(patient, on)
    if key.upper() in Compartment.__members__:
        return _shaped(_sum(parts, on, {Compartment[key.upper()]: np.ones(1)}), on)
    has: Has = {one: levels_of(biology) for one, biology in patient.biology.items() if one is not Compartment.AIR}
    values = _values(key, parts, on, has)
    if key == "rcbv":
        values = values / _reference(patient, has)
    return _shaped(values, on)


def amounts(patient: Patient, sums: Mapping[str, tuple[str, ...]], grid: Grid) -> dict[str, Float[np.ndarray, "x y z"]]:
    """Sums of amounts of `Biology` on a grid by name, in mM of voxel: means over the box of every voxel."""
    parts = parts_on(patient, grid)
    has = {one: levels_of(biology).amounts for one, biology in patient.biology.items()}
    found = {}
    for key, names in sums.items():
        of = {one: np.asarray(sum(held.get(name, 0.0) for name in names)) for one, held in has.items()}
        found[key] = _shaped(_sum(parts, grid, {one: np.broadcast_to(v, (LEVELS,)) for one, v in of.items()}), grid)
    return found


def roi_truth(patient: Patient) -> tuple[RegionTruth, ...]:
    """A row for each region and quantity, metabolites (mM of voxel) among them, on the fine grid."""
    rows = []
    for quantity in (*KEYS, *SUMS):
        is_amount = quantity in SUMS
        asked = {quantity: SUMS[quantity]} if is_amount else {}
        values = amounts(patient, asked, patient.grid)[quantity] if is_amount else truth(patient, quantity)
        for name, region in patient.regions.items():
            inside = region.taken(values)
            some = inside[np.isfinite(inside)]
            if some.size:
                summary = (float(some.mean()), float(np.median(some)), float(some.std()))
                rows.append(RegionTruth(name, quantity, *summary, int(some.size)))
    return tuple(rows)


def _values(key: str, parts: tuple[Part, ...], grid: Grid, has: Has) -> Float[np.ndarray, " voxels"]:
    if key in ("cbv", "vp", "rcbv"):
        return _some(_sum(parts, grid, {one: levels.vp for one, levels in has.items()}))
    if key in ("cbf", "mtt", "delay", "transit"):
        return _flowing(key, parts, grid, has)
    if key in LEAKAGE:
        return _leaking(key, parts, grid, has)
    if key in TISSUE:
        spins = {one: levels.spins for one, levels in has.items()}
        weight = _some(_sum(parts, grid, spins))
        if key == "spins":
            return weight
        seen = _sum(parts, grid, {one: getattr(levels, key) * spins[one] for one, levels in has.items()})
        return np.asarray(seen / weight)
    raise ValueError(f"There is no truth of '{key}'; there is one of {', '.join(KEYS)}.")


def _flowing(key: str, parts: tuple[Part, ...], grid: Grid, has: Has) -> Float[np.ndarray, " voxels"]:
    tissue: Has = {one: levels for one, levels in has.items() if one not in VESSELS}
    flow = _some(_sum(parts, grid, {one: levels.flow for one, levels in tissue.items()}))
    flow[_sum(parts, grid, {one: np.ones(1) for one in VESSELS}) > 0.0] = np.nan
    if key == "cbf":
        return flow
    if key == "mtt":
        return np.asarray(_sum(parts, grid, {one: levels.vp for one, levels in tissue.items()}) / flow)
    weighted = {one: levels.flow * getattr(levels, key) for one, levels in tissue.items()}
    return np.asarray(_sum(parts, grid, weighted) / flow)


def _leaking(key: str, parts: tuple[Part, ...], grid: Grid, has: Has) -> Float[np.ndarray, " voxels"]:
    perfused = _sum(parts, grid, {one: levels.vp for one, levels in has.items()}) > 0.0
    if key == "ps":
        return np.where(perfused, _sum(parts, grid, {one: levels.ps for one, levels in has.items()}), np.nan)
    leaks: Has = {one: levels for one, levels in has.items() if levels.ps.any()}
    if key == "ktrans":
        crossed = {one: levels.flow * -np.expm1(-levels.ps / levels.flow) for one, levels in leaks.items()}
        return np.where(perfused, _sum(parts, grid, crossed), np.nan)
    room = _some(_sum(parts, grid, {one: levels.ve for one, levels in leaks.items()}))
    return np.asarray(room / _some(_sum(parts, grid, {one: np.ones(1) for one in leaks})))


def _sum(
    parts: tuple[Part, ...], grid: Grid, of: Mapping[Compartment, Float[np.ndarray, " levels"]]
) -> Float[np.ndarray, " voxels"]:
    """The sum over parts of fraction times the value of the level that each voxel has."""
    total = np.zeros(int(np.prod(grid.shape)))
    for part in parts:
        if part.compartment in of:
            values = of[part.compartment]
            total[part.inside] += part.fraction * (values[part.level] if values.size > 1 else values[0])
    return total


def _reference(patient: Patient, has: Has) -> float:
    """The mean blood volume of normal-appearing white matter on the fine grid."""
    cbv = _sum(patient.parts, patient.grid, {one: levels.vp for one, levels in has.items()})
    return float(cbv[patient.regions["white"].places].mean())


def _some(values: Float[np.ndarray, " voxels"]) -> Float[np.ndarray, " voxels"]:
    return np.where(values > 0.0, values, np.nan)


def _shaped(values: Float[np.ndarray, " voxels"], grid: Grid) -> Float[np.ndarray, "x y z"]:
    return values.reshape(grid.shape, order="F")
