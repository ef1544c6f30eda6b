"""Time-encoded labelling as files state it: the matrix, by itself or by name and size, and the times of its blocks."""

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Shaped

from perspect.io.sidecar import Sidecar
from perspect.numerics.encodings import named
from perspect.vocabulary import Flag, Problem, Severity
from perspect.vocabulary.labelling import SAME

APART: Final = 0.02
"""s by which the delay of a block may differ from that of the next one played plus its duration. [our default]"""

NAMES: Final = ("hadamard", "walsh")
SIZES: Final = (4, 8)
"""Sizes for which ExploreASL says what a name means."""

ENCODINGS: Final = {f"{kind}-{size}": (kind, size) for kind in NAMES for size in SIZES} | {
    "hadamard-12": ("hadamard", 12)
}
"""What a person may call an encoding."""

KEYS: Final = ("TimeEncodedMatrix", "TimeEncodedMatrixType", "TimeEncodedMatrixSize")

SOURCE: Final = "reading"


def encoding(
    sidecar: Sidecar, given: Sequence[Sequence[float]], name_given: str = ""
) -> tuple[Float[np.ndarray, "encodings blocks"] | None, bool, list[Flag]]:
    """The matrix as +1 (control) and -1 (label) or None, whether a name stands for it, and what must be said.

    Raises Problem for what is no matrix, or a name that stands for none.
    """
    values = sidecar.values
    if name_given:
        matrix, flags = _by_name(*ENCODINGS[name_given], sidecar)
        said = f"{values.get('TimeEncodedMatrixType')}-{values.get('TimeEncodedMatrixSize')}".lower()
        notes = [] if said == name_given else _overridden(matrix, sidecar)
        return matrix, True, [*flags, *notes, *_of_another_size(matrix, sidecar)]
    stated: Any = given or values.get("TimeEncodedMatrix")
    if stated:
        matrix = _table(stated)
        flags = _overridden(matrix, sidecar) if given else _orientation(matrix, sidecar)
        return matrix, False, [*flags, *_of_another_size(matrix, sidecar)]
    name, size = values.get("TimeEncodedMatrixType"), values.get("TimeEncodedMatrixSize")
    if name is None and size is None:
        return None, False, []
    kind = str(name).lower()
    if kind not in NAMES or size not in SIZES or isinstance(size, bool):
        raise Problem(
            f"{sidecar.where('TimeEncodedMatrixType')} says that the series is time-encoded, by a matrix of type "
            f"{json.dumps(name)} and size {json.dumps(size)}.",
            "Which volume holds which blocks of labelling is known of Hadamard and Walsh of 4 and 8 only; of 12 there "
            "are several.",
            "Give the matrix (or hadamard-12) with --encoding, or as TimeEncodedMatrix: a row for each volume, a column"
            " for each block.",
        )
    matrix, flags = _by_name(kind, int(size), sidecar)
    return matrix, True, flags


def _by_name(kind: str, size: int, sidecar: Sidecar) -> tuple[Float[np.ndarray, "encodings blocks"], list[Flag]]:
    """The matrix that a name stands for, and that it may be another that was played."""
    matrix = named(kind, size)
    whose = "ExploreASL calls" if size in SIZES else "are called"
    words = f"The encodings are those that {whose} {kind.capitalize()}-{size}"
    if str(sidecar.values.get("Manufacturer", "")).lower().startswith("philips"):
        matrix, words = -matrix, f"{words}, with label and control exchanged, as Philips plays them"
    sentence = f"{words}. If the scanner played others, every delay is a mixture: then give them with --encoding."
    return matrix, [Flag("encoding-by-name", Severity.CAUTION, sentence, sidecar.expected.name, source=SOURCE)]


def times_of_blocks(
    delays: tuple[tuple[float, ...], str],
    durations: tuple[tuple[float, ...], str],
    matrix: Float[np.ndarray, "encodings blocks"],
    encoded: Bool[np.ndarray, " volumes"],
    is_named: bool,
) -> tuple[Float[np.ndarray, " played"], Float[np.ndarray, " played"]]:
    """Delay and duration of each block in s, from what is stated of them and where.

    Either may be one for all (a delay is then that of the last block), one for each block, or one for each volume of
    which the first stands for the mean (as ExploreASL has it). Raises Problem where the two contradict each other.
    """
    n_rows, n_blocks = matrix.shape[0], int((matrix != matrix[:1]).any(axis=0).sum())
    if not durations[0]:
        raise Problem(
            f"{durations[1]} is not stated, and the series is time-encoded.",
            "Blocks of labelling follow each other: how long they last decides when each was labelled.",
            "Give the duration of a block in s, or one for each block.",
        )
    when, lasting = (_per_block(*one, n_rows, n_blocks, encoded) for one in (delays, durations))
    if not (lasting > 0).all():
        raise Problem(f"{durations[1]} is 0.", "Nothing would be labelled.", "Give the duration of each block in s.")
    if np.ptp(when) < SAME and n_blocks > 1:
        later = np.concatenate([np.cumsum(lasting[::-1])[::-1][1:], [0.0]])
        return when + later, lasting
    _demand_sequence(when, lasting, delays[1], durations[1], is_named)
    return when, lasting


def _per_block(
    stated: tuple[float, ...], where: str, n_rows: int, n_blocks: int, encoded: Bool[np.ndarray, " volumes"]
) -> Float[np.ndarray, " played"]:
    if len(stated) == 1:
        return np.full(n_blocks, stated[0])
    if len(stated) == n_blocks:
        return np.array(stated)
    if len(stated) == encoded.size and encoded.sum() % n_rows == 0:
        cycles = np.array(stated)[encoded].reshape(-1, n_rows)
        if np.ptp(cycles) < SAME:
            return np.full(n_blocks, cycles[0, 0])
        if np.ptp(cycles, axis=0).max() < SAME and n_rows == n_blocks + 1:
            return np.asarray(cycles[0, 1:])
    raise Problem(
        f"{where} has {len(stated)} values, which are not those of the {n_blocks} blocks of a time-encoded series.",
        "Each volume holds every block: it has no delay of its own.",
        f"Give one value (delay: of the block that is played last), or {n_blocks}, one for each block.",
    )


def _demand_sequence(
    when: Shaped[np.ndarray, " played"],
    lasting: Shaped[np.ndarray, " played"],
    delay: str,
    duration: str,
    is_named: bool,
) -> None:
    """Raises Problem for delays that blocks of these durations cannot have."""
    order = np.argsort(-when)
    if not is_named and (order != np.arange(order.size)).any():
        raise Problem(
            f"{delay} does not fall from block to block ({_listed(when)} s).",
            "The columns of the matrix are the blocks in the order in which they are played, so the first has the "
            "longest delay.",
            "Turn the list about, or the columns of the matrix, whichever is the wrong way round.",
        )
    ends = when[order][:-1]
    next_ends = (when + lasting)[order][1:]
    off = np.abs(ends - next_ends)
    if off.max() > APART:
        at = int(np.argmax(off))
        raise Problem(
            f"{delay} and {duration} contradict each other: a block with a delay of {ends[at]:g} s is followed by one "
            f"that is read {next_ends[at]:g} s after it began.",
            "Blocks of time-encoded labelling follow each other without a gap.",
            "Correct one of the two; a single delay is taken as that of the last block.",
        )


def _table(stated: Any) -> Float[np.ndarray, "encodings blocks"]:
    try:
        matrix = np.array(stated, float)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    levels = set(np.unique(matrix).tolist())
    if matrix.ndim != 2 or levels not in ({-1.0, 1.0}, {0.0, 1.0}):
        raise Problem(
            "The encoding matrix is no table of +1 (control) and -1 (label).",
            "Each row says how one volume was encoded.",
            "Give rows of equal length.",
        )
    return np.where(matrix > 0, 1.0, -1.0)


def _orientation(matrix: Float[np.ndarray, "encodings blocks"], sidecar: Sidecar) -> list[Flag]:
    """What to say of a matrix of a sidecar that could be meant either way."""
    is_square = matrix.shape[0] == matrix.shape[1]
    if not is_square or (matrix == matrix.T).all() or not ((matrix[0] == matrix[0, 0]).all()):
        return []
    sentence = (
        "Rows of TimeEncodedMatrix were taken as volumes and columns as blocks. ExploreASL has a row for each block: "
        "if this matrix is meant so, every delay is a mixture, and its transpose must be given."
    )
    return [Flag("encoding-either-way", Severity.CAUTION, sentence, sidecar.expected.name, source=SOURCE)]


def _overridden(matrix: Float[np.ndarray, "encodings blocks"], sidecar: Sidecar) -> list[Flag]:
    if not any(sidecar.values.get(key) for key in KEYS):
        return []
    stated = sidecar.values.get("TimeEncodedMatrix")
    if stated and np.array_equal(matrix, _table(stated)):
        return []
    sentence = "The encoding matrix was given by hand; the sidecar states another."
    return [Flag("overridden", Severity.NOTE, sentence, sidecar.expected.name, source=SOURCE)]


def _of_another_size(matrix: Float[np.ndarray, "encodings blocks"], sidecar: Sidecar) -> list[Flag]:
    size = sidecar.values.get("TimeEncodedMatrixSize")
    if size is None or size == matrix.shape[0]:
        return []
    raise Problem(
        f"The encoding matrix has {matrix.shape[0]} rows; TimeEncodedMatrixSize in "
        f"{sidecar.where('TimeEncodedMatrixSize')} is {json.dumps(size)}.",
        "It is not known which volume is which row.",
        "Correct one of the two.",
    )


def _listed(times: Float[np.ndarray, " some"]) -> str:
    return ", ".join(f"{one:g}" for one in times)
