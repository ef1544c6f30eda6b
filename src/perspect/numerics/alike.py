"""The place in which a field looks most like numbers known at scattered points, found by climbing a likeness.

A place is a 4 x 4 matrix that takes points (mm) to where they are in the field (mm). It is changed by what `modes`
allow: generators of which each moves the points by 1 mm (root mean square), so that a step has a length in mm.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float, Float32
from scipy import linalg

from perspect.numerics import field, mutual_information
from perspect.numerics.field import Smooth
from perspect.numerics.mutual_information import Bins

BLOCK: Final = 20.0
"""mm: blocks of this edge err independently of each other when the error of a place is estimated [our default]."""

PROBE: Final = 0.5
"""mm by which a place is changed to see how the slope of the likeness bends."""

SHRINK: Final = 0.4
"""How much shorter a step is tried that led downhill."""

N_TRIES: Final = 6
N_NEWTON: Final = 3


def _generators() -> Float[np.ndarray, "12 4 4"]:
    out = np.zeros((12, 4, 4))
    for axis, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        out[axis, axis, 3] = 1
        out[3 + axis, j, i], out[3 + axis, i, j] = 1, -1
        out[6 + axis, axis, axis] = 1
        out[9 + axis, i, j] = out[9 + axis, j, i] = 1
    return out


GENERATORS: Final = _generators()
"""Shifts along, turns about, stretches along and shears across the three axes, per mm, rad or unit."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Points with their numbers in bins and their weights, and the field that they are to be found in.

    `low` and `gain` scale the numbers of the field to its bins. `longest` is the longest step in mm.
    """

    points: Float32[np.ndarray, "3 points"]
    bins: Bins
    weights: Float32[np.ndarray, " points"]
    field: Smooth
    low: float
    gain: float
    centre: Float[np.ndarray, " 3"]
    modes: Float[np.ndarray, "modes 4 4"]
    longest: float

    def at(self, matrix: Float[np.ndarray, "4 4"]) -> Float32[np.ndarray, "3 points"]:
        """Where the points are in the field."""
        out: Float32[np.ndarray, "3 points"] = matrix[:3, :3].astype(np.float32) @ self.points
        out += matrix[:3, 3:].astype(np.float32)
        return out

    def seen(self, matrix: Float[np.ndarray, "4 4"]) -> "Pair":
        """The pair with the weight of each point times how much the field knows of it."""
        return replace(self, weights=self.weights * field.read_known(self.field, self.at(matrix)))

    def likeness(self, matrix: Float[np.ndarray, "4 4"]) -> float:
        """How alike the numbers of the points and of the field are."""
        values, _ = field.read(self.field, self.at(matrix))
        return mutual_information.likeness(self.bins, values, self.low, self.gain, self.weights).value


@dataclass(frozen=True, eq=False)
class Place:
    """A place, how alike points and field are there, and the length of the last step towards it in mm."""

    matrix: Float[np.ndarray, "4 4"]
    likeness: float
    last: float


def paired(
    points: Float32[np.ndarray, "3 points"],
    fixed: Smooth,
    moving: Smooth,
    n_modes: int,
    longest: float,
) -> Pair:
    """Points of one field, with what it holds there, to be found in another by so many modes (6, 9 or 12)."""
    known = field.read_known(fixed, points)
    values, _ = field.read(fixed, points)
    low, gain = mutual_information.scale(values[known > 0.5] if (known > 0.5).any() else values)
    centre = points.mean(axis=1, dtype=np.float64)
    inside = moving.values if moving.known is None else moving.values[moving.known > 0.5]
    bins = mutual_information.bins(values, low, gain)
    scale = mutual_information.scale(inside.reshape(-1))
    pair = Pair(points, bins, known, moving, *scale, centre, GENERATORS[:0], longest)
    return replace(pair, modes=modes(pair, n_modes))


def modes(pair: Pair, n: int) -> Float[np.ndarray, "n 4 4"]:
    """Three shifts and three turns (6), with three stretches along the axes (9), with three shears (12)."""
    away = pair.points - pair.centre[:, None]
    moved = np.einsum("kij,jn->kin", GENERATORS[:n, :3, :3], away) + GENERATORS[:n, :3, 3:]
    out: Float[np.ndarray, "n 4 4"] = GENERATORS[:n] / np.sqrt((moved**2).sum(axis=1).mean(axis=1))[:, None, None]
    return out


def climbed(pair: Pair, start: Float[np.ndarray, "4 4"], small: float, n_steps: int = 40) -> Place:
    """The nearest top of the likeness, by quasi-Newton steps (BFGS) until one is shorter than `small` mm.

    Weights stay what they are at the start: what leaves the field keeps the value of its edge.
    """
    pair = pair.seen(start)
    matrix, last = start, np.inf
    value, slope = _slope(pair, matrix)
    bend = np.eye(slope.size) * (pair.longest / 2 / max(float(np.linalg.norm(slope)), 1e-12))
    for k in range(n_steps):
        step = bend @ slope
        step *= min(1.0, pair.longest / max(float(np.linalg.norm(step)), 1e-12))
        for _ in range(N_TRIES):
            new = stepped(pair, matrix, step)
            new_value, new_slope = _slope(pair, new)
            if new_value >= value - 1e-7:
                break
            step = SHRINK * step
        else:
            break
        bend = _bent(bend, step, slope - new_slope, is_first=k == 0)
        matrix, value, slope, last = new, new_value, new_slope, float(np.linalg.norm(step))
        if last < small:
            break
    return Place(matrix, value, last)


def settled(pair: Pair, place: Place) -> tuple[Place, float]:
    """The very top near a place that was climbed to, by Newton's steps, and the standard error of it in mm.

    The error is the root mean square over the points of what single blocks of the image would have it, against how
    sharp the top is: H⁻¹ (Σ s sᵀ) H⁻¹ of the slopes s of the blocks (White 1982, doi:10.2307/1912526). Where blocks
    differ in their contrasts too it is too large, by up to two; infinite where the points do not determine the place.
    """
    pair, matrix = pair.seen(place.matrix), place.matrix
    bends = _bends(pair, matrix)
    if np.linalg.eigvalsh(bends).min() <= 0:
        return place, float("inf")
    inverse, last = np.linalg.inv(bends), place.last
    for _ in range(N_NEWTON):
        step = inverse @ _slope(pair, matrix)[1]
        if np.linalg.norm(step) > PROBE:
            return place, _error(pair, place.matrix, inverse)
        matrix, last = stepped(pair, matrix, step), float(np.linalg.norm(step))
    return Place(matrix, _slope(pair, matrix)[0], last), _error(pair, matrix, inverse)


def _bends(pair: Pair, matrix: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "modes modes"]:
    """How fast the slope of the likeness falls with each mode, by differences."""
    n = len(pair.modes)
    out = np.empty((n, n))
    for k, unit in enumerate(PROBE * np.eye(n)):
        up, down = (_slope(pair, stepped(pair, matrix, sign * unit))[1] for sign in (1, -1))
        out[k] = (down - up) / (2 * PROBE)
    return (out + out.T) / 2


def _error(pair: Pair, matrix: Float[np.ndarray, "4 4"], inverse: Float[np.ndarray, "modes modes"]) -> float:
    blocks = _block_slopes(pair, matrix)
    blocks -= blocks.mean(axis=0)
    n_blocks, n = blocks.shape
    if n_blocks <= n:
        return float("inf")
    covariance = inverse @ (blocks.T @ blocks) @ inverse * n_blocks / (n_blocks - n)
    away = pair.points[:, ::7] - pair.centre[:, None]
    moved = np.einsum("kij,jn->kin", pair.modes[:, :3, :3], away) + pair.modes[:, :3, 3:]
    gram = np.einsum("kin,lin->kl", moved, moved) / away.shape[1]
    return float(np.sqrt(np.trace(covariance @ gram)))


def stepped(
    pair: Pair, matrix: Float[np.ndarray, "4 4"], step: Float[np.ndarray, " modes"]
) -> Float[np.ndarray, "4 4"]:
    """A place after a step, taken about the centre of the points before everything that the place does."""
    change = linalg.expm(np.einsum("k,kij->ij", step, pair.modes))
    change[:3, 3] += pair.centre - change[:3, :3] @ pair.centre
    change[3] = [0, 0, 0, 1]
    out: Float[np.ndarray, "4 4"] = matrix @ change
    return out


def _pull(pair: Pair, matrix: Float[np.ndarray, "4 4"]) -> tuple[float, Float32[np.ndarray, "3 points"]]:
    """The likeness, and how it changes when a point is moved (per mm, before the place)."""
    values, slopes = field.read(pair.field, pair.at(matrix))
    found = mutual_information.likeness(pair.bins, values, pair.low, pair.gain, pair.weights)
    return found.value, matrix[:3, :3].T.astype(np.float32) @ (found.slope * slopes)


def _slope(pair: Pair, matrix: Float[np.ndarray, "4 4"]) -> tuple[float, Float[np.ndarray, " modes"]]:
    """The likeness, and how it changes with each mode."""
    value, pull = _pull(pair, matrix)
    total = np.empty((3, 4))
    total[:, 3] = pull.sum(axis=1)
    total[:, :3] = pull @ pair.points.T - total[:, 3:] * pair.centre
    return value, np.einsum("kij,ij->k", pair.modes[:, :3], total)


def _block_slopes(pair: Pair, matrix: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "blocks modes"]:
    """How the likeness of each block of points changes with each mode."""
    _, pull = _pull(pair, matrix)
    away = pair.points - pair.centre[:, None].astype(np.float32)
    index = np.floor(away / BLOCK).astype(int)
    index -= index.min(axis=1, keepdims=True)
    _, block = np.unique(np.ravel_multi_index(tuple(index), tuple(index.max(axis=1) + 1)), return_inverse=True)
    columns = []
    for mode in pair.modes:
        share = (pull * (mode[:3, :3].astype(np.float32) @ away + mode[:3, 3:].astype(np.float32))).sum(axis=0)
        columns.append(np.bincount(block, share))
    return np.stack(columns, axis=1)


def _bent(
    bend: Float[np.ndarray, "n n"], step: Float[np.ndarray, " n"], change: Float[np.ndarray, " n"], *, is_first: bool
) -> Float[np.ndarray, "n n"]:
    """The inverse of the curvature after one more step (BFGS); as before where the slope did not fall along it."""
    fall = float(step @ change)
    if fall <= 1e-12:
        return bend
    if is_first:
        bend = np.eye(step.size) * (fall / float(change @ change))
    off = np.eye(step.size) - np.outer(step, change) / fall
    out: Float[np.ndarray, "n n"] = off @ bend @ off.T + np.outer(step, step) / fall
    return out
