"""From volumes to differences: which label belongs to which control, and what a time-encoded series says."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.vocabulary import Labelling, Problem, Step
from perspect.vocabulary.labelling import SAME as SAME


@dataclass(frozen=True, eq=False)
class Differences:
    """Control minus label of every voxel, each with its sample: the delay and duration (s) that it was taken with.

    `parts` are the volumes that a difference was made of. `variance` is what its noise has of the noise of a pair's
    (1 for a pair). Where order or scale are corrected, `values` are.
    """

    values: Float[np.ndarray, "voxels differences"]
    sample: Int[np.ndarray, " differences"]
    delays: Float[np.ndarray, " samples"]
    durations: Float[np.ndarray, " samples"]
    parts: tuple[tuple[int, ...], ...]
    variance: Float[np.ndarray, " differences"]
    step: Step

    @property
    def n_samples(self) -> int:
        """Different delays and durations."""
        return int(self.delays.size)

    @property
    def is_single(self) -> bool:
        """Whether there is one delay only, from which no transit time can be told."""
        return self.n_samples == 1

    def times(self, factor: float) -> "Differences":
        """The same in another scale, or turned about (-1)."""
        return replace(self, values=self.values * np.float32(factor))

    def kept(self, good: Bool[np.ndarray, " differences"]) -> "Differences":
        """Some of the differences; samples of which none is left go as well."""
        left = np.unique(self.sample[good])
        new = np.full(self.n_samples, -1)
        new[left] = np.arange(left.size)
        return replace(
            self,
            values=self.values[:, good],
            sample=new[self.sample[good]],
            delays=self.delays[left],
            durations=self.durations[left],
            parts=tuple(part for part, is_good in zip(self.parts, good, strict=True) if is_good),
            variance=self.variance[good],
        )


def differences(
    labelling: Labelling,
    curves: Float[np.ndarray, "voxels volumes"],
    usable: Bool[np.ndarray, " volumes"],
    subtraction: Literal["pairs", "surround"] = "pairs",
) -> Differences:
    """The differences of a series, without volumes that are not `usable`.

    Raises Problem where there are none.
    """
    if labelling.of("encoded").size:
        return decoded(labelling, curves, usable)
    if labelling.of("deltam").size:
        return _made(labelling, curves, usable)
    return _subtracted(labelling, curves, usable, subtraction)


def pairs(labelling: Labelling, usable: Bool[np.ndarray, " volumes"]) -> list[tuple[int, int]]:
    """(control, label) of the same delay and duration, next to each other in time as far as they can be."""
    found: list[tuple[int, int]] = []
    waiting: dict[tuple[float, float], list[int]] = {}
    for at in labelling.of("control", "label"):
        if not usable[at]:
            continue
        key = (round(float(labelling.delays[at]) / SAME), round(float(np.nan_to_num(labelling.durations[at])) / SAME))
        queue = waiting.setdefault(key, [])
        if queue and labelling.volumes[queue[0]] != labelling.volumes[at]:
            other = queue.pop(0)
            found.append((at, other) if labelling.volumes[at] == "control" else (other, int(at)))
        else:
            queue.append(int(at))
    return [(int(control), int(label)) for control, label in found]


def _subtracted(
    labelling: Labelling, curves: np.ndarray, usable: np.ndarray, subtraction: Literal["pairs", "surround"]
) -> Differences:
    found = pairs(labelling, usable)
    if not found:
        raise Problem(
            "The series has no pair of a label and a control with the same delay.",
            "Flow is their difference.",
            "Check the volume types (aslcontext) and the delays, or give --order.",
        )
    order = sorted(found, key=min)
    parts: list[tuple[int, ...]] = [*order]
    if subtraction == "surround":
        parts = [_around(pair, order, labelling) for pair in order]
    values = np.empty((curves.shape[0], len(parts)), np.float32, order="F")
    for into, part in enumerate(parts):
        controls = [at for at in part if labelling.volumes[at] == "control"]
        (label,) = (at for at in part if labelling.volumes[at] == "label")
        values[:, into] = curves[:, controls].mean(axis=1) - curves[:, label]
    words = "the mean of the controls before and after it" if subtraction == "surround" else "its own control"
    step = Step("subtraction", f"{len(parts)} labels were subtracted, each from {words}.", {"n_pairs": len(parts)})
    variance = np.array([0.5 * (1.0 + 1.0 / (len(part) - 1)) for part in parts])
    return _sorted(labelling, values, parts, variance, step)


def _around(pair: tuple[int, int], others: list[tuple[int, int]], labelling: Labelling) -> tuple[int, ...]:
    """A pair and the nearest control of the same delay on the other side of its label."""
    control, label = pair
    side = 1 if control < label else -1
    same = [one for one, _ in others if abs(labelling.delays[one] - labelling.delays[control]) < SAME]
    beyond = [one for one in same if (one - label) * side > 0 and abs(one - label) <= 3]
    return (control, min(beyond, key=lambda one: abs(one - label)), label) if beyond else pair


def _made(labelling: Labelling, curves: np.ndarray, usable: np.ndarray) -> Differences:
    """Differences that the scanner has subtracted already."""
    found = [int(at) for at in labelling.of("deltam") if usable[at]]
    step = Step(
        "subtraction",
        f"{len(found)} difference{'s were' if len(found) > 1 else ' was'} taken as the scanner made them.",
    )
    parts: list[tuple[int, ...]] = [(at,) for at in found]
    values = np.asfortranarray(curves[:, found], np.float32)
    return _sorted(labelling, values, parts, np.ones(len(found)), step)


def _sorted(
    labelling: Labelling, values: np.ndarray, parts: list[tuple[int, ...]], variance: np.ndarray, step: Step
) -> Differences:
    """Differences by their sample, samples in the order of their delays."""
    last = [part[-1] for part in parts]
    both = np.stack([labelling.delays[last], np.nan_to_num(labelling.durations[last])], axis=1)
    _, first, sample = np.unique(np.round(both / SAME).astype(np.int64), axis=0, return_index=True, return_inverse=True)
    return Differences(
        values,
        sample.reshape(-1),
        labelling.delays[last][first],
        labelling.durations[last][first],
        tuple(parts),
        variance,
        step,
    )


def blocks(matrix: Float[np.ndarray, "encodings blocks"]) -> Float[np.ndarray, "encodings played"]:
    """The columns of an encoding matrix that are played: one that never changes is the mean."""
    return matrix[:, (matrix != matrix[:1]).any(axis=0)]


def _solution(
    design: Float[np.ndarray, "volumes unknowns"], n_blocks: int, what: str
) -> Float[np.ndarray, "played volumes"]:
    """What volumes are to be multiplied by for the differences of the blocks, the last unknowns of a design."""
    rank = int(np.linalg.matrix_rank(design))
    if rank < design.shape[1]:
        raise Problem(
            f"{what} do not tell {n_blocks} blocks of labelling apart (rank {rank}, {design.shape[1]} unknowns).",
            "Any share of their label could be given to either of two blocks.",
            "Correct the matrix (one row for each encoding, a column for each block), or use a series with more "
            "repetitions.",
        )
    return np.asarray(np.linalg.pinv(design)[-n_blocks:])


def decoded(
    labelling: Labelling, curves: Float[np.ndarray, "voxels volumes"], usable: Bool[np.ndarray, " volumes"]
) -> Differences:
    r"""Differences of each block of a time-encoded series.

    Volume i shows $y_i = S - \sum_j d_j (1 - H_{ij})/2$. A whole cycle is solved by itself, so that drift between
    cycles does no harm; where volumes are missing the d of all cycles are solved together, each cycle with its own S,
    and their noise is that of the least squares. A matrix may have more rows than it needs. With one of Hadamard's kind
    the noise of decoding is the same for every block. Raises Problem where blocks cannot be told apart.

    Günther 2007 (ISMRM 15:380); Teeuwisse et al. 2014, doi:10.1002/mrm.25083
    """
    played, cycles = _played(labelling)
    is_whole = bool(usable[cycles].all())
    groups = _by_cycle(played, cycles) if is_whole else [_together(played, cycles, usable)]
    n_cycles, n_rows, n_blocks = *cycles.shape, played.shape[1]
    missing = "." if is_whole else f" by least squares; {int((~usable[cycles]).sum())} volumes are missing."
    step = Step(
        "decoding",
        f"{n_cycles} cycles of {n_rows} encodings were decoded into {n_blocks} delays{missing}",
        {"n_cycles": n_cycles, "n_blocks": n_blocks},
        ("Teeuwisse et al. 2014, doi:10.1002/mrm.25083",),
    )
    delays, durations = labelling.blocks()
    order = np.argsort(delays)
    return Differences(
        np.asfortranarray(
            np.concatenate([curves[:, places] @ inverse.T for places, inverse in groups], axis=1), np.float32
        ),
        np.tile(np.argsort(order), len(groups)),
        delays[order],
        durations[order],
        tuple(tuple(int(at) for at in places) for places, _ in groups for _ in range(n_blocks)),
        np.concatenate([(inverse**2).sum(axis=1) / 2.0 for _, inverse in groups]),
        step,
    )


def _played(labelling: Labelling) -> tuple[Float[np.ndarray, "rows blocks"], Int[np.ndarray, "cycles rows"]]:
    """The blocks that the rows of the matrix play, and which volume is which row of each cycle.

    Raises Problem where that is not known.
    """
    if labelling.matrix is None:
        raise Problem(
            "The series is time-encoded but its matrix is not known.",
            "It is not known which blocks of labelling each volume holds.",
            "Give it with --encoding.",
        )
    played, volumes = blocks(labelling.matrix), labelling.of("encoded")
    n_rows = len(played)
    if volumes.size % n_rows or not volumes.size:
        raise Problem(
            f"{volumes.size} encoded volumes are no multiple of the {n_rows} rows of the encoding matrix.",
            "It is not known which volume is which row.",
            "Give the matrix of this series.",
        )
    return played, volumes.reshape(-1, n_rows)


def _hidden(played: Float[np.ndarray, "rows blocks"]) -> Float[np.ndarray, "rows blocks"]:
    """What each row takes from the signal, by block."""
    return -(1.0 - played) / 2.0


def _by_cycle(
    played: Float[np.ndarray, "rows blocks"], cycles: Int[np.ndarray, "cycles rows"]
) -> list[tuple[Int[np.ndarray, " rows"], Float[np.ndarray, "blocks rows"]]]:
    """The volumes of each cycle, and what they are multiplied by for the differences of its blocks."""
    design = np.column_stack([np.ones(len(played)), _hidden(played)])
    inverse = _solution(design, played.shape[1], "The rows of the encoding matrix")
    return [(cycle, inverse) for cycle in cycles]


def _together(
    played: Float[np.ndarray, "rows blocks"],
    cycles: Int[np.ndarray, "cycles rows"],
    usable: Bool[np.ndarray, " volumes"],
) -> tuple[Int[np.ndarray, " some"], Float[np.ndarray, "blocks some"]]:
    """The usable volumes of all cycles, and what they are multiplied by for the differences of the blocks."""
    n_rows, n_blocks = played.shape
    rows = np.flatnonzero(usable[cycles.ravel()])
    design = np.zeros((rows.size, len(cycles) + n_blocks))
    design[np.arange(rows.size), rows // n_rows] = 1.0
    design[:, len(cycles) :] = _hidden(played)[rows % n_rows]
    seen = design[:, (design != 0).any(axis=0)]
    what = f"The {rows.size} of {cycles.size} encoded volumes that are usable"
    return cycles.ravel()[rows], _solution(seen, n_blocks, what)
