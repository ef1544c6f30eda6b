"""Whether the rows of a time-encoded series are in the order that is stated: in another, every block is a mixture.

Blocks that are decoded rightly show label on its way: none is negative, and over their delays they are a sum of curves
of blood that arrives sooner or later. Of a mixture some are negative, or label comes and goes. So what the blocks of
parts of the brain show is explained by such curves, none of them negative, and what is left over is compared among the
orders in which such a matrix may be played.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import nnls

from perspect.asl.kinetics import Setting
from perspect.asl.samples import blocks
from perspect.numerics import robust
from perspect.numerics.encodings import named
from perspect.vocabulary import Flag, Labelling, Severity

PARTS: Final = 12
"""Of the brain, whose mean signals are looked at: noise of single voxels would hide it. [our default]"""

DOUBTED, BETTER = 0.01, 0.25
"""Share of what the blocks show that label on its way leaves over, from which on their order is doubted if another
leaves a quarter of that or less: simulated heads leave 0.01 % in the right order, 2 % with much noise, and 2 to 90 % in
others. [our defaults]"""

FITS: Final = 0.02
"""Share that an order leaves at most which is named as fitting: some wrong ones leave 3 %. [our default]"""

LEFT: Final = 0.05
"""The same from which on it is doubted even where no other is known to fit. [our default]"""

LATEST: Final = 2.0
"""s by which label comes to most of a twelfth of a brain: were it later, blocks that are played from last to first
would pass for it. [our default]"""

ARTERIES: Final = (0.3, 1.2)
"""s between which label is in arteries. [our default]"""

SOURCE: Final = "decoding"


@dataclass(frozen=True)
class RowOrder:
    """What label on its way leaves over of the blocks as stated, how many of them are negative on the whole, and the
    order that would fit best (empty: none does) with what that leaves over.
    """

    left: float
    n_negative: int
    n_blocks: int
    other: str = ""
    other_left: float = float("nan")

    @property
    def flags(self) -> tuple[Flag, ...]:
        """A flag where the stated order cannot be right."""
        if not self.other and not self.left > LEFT:
            return ()
        sentence = (
            f"Decoded as stated, {self.n_negative or 'none'} of {self.n_blocks} blocks of labelling are negative, and "
            f"{self.left:.1%} of what they show is no label on its way: the encodings may have been played in another "
            "order than stated, and every delay is a mixture then. "
        )
        if self.other:
            sentence += (
                f"With {self.other} {self.other_left:.2%} would be left. If it is so, write the matrix in that order "
                "as a table and give it with --encoding."
            )
        else:
            sentence += "None of the usual orders fits either. Give the matrix that was played with --encoding."
        return (Flag("encoding-order", Severity.LIMITED, sentence, "series", self.left, SOURCE),)


def row_order(
    labelling: Labelling,
    curves: Float[np.ndarray, "voxels volumes"],
    usable: Bool[np.ndarray, " volumes"],
    setting: Setting,
) -> RowOrder | None:
    """How the stated order fits and which would fit better; None where the series is not time-encoded, or where no
    cycle of it is whole.
    """
    volumes = labelling.of("encoded")
    if labelling.matrix is None or not volumes.size:
        return None
    n_rows = labelling.matrix.shape[0]
    cycles = volumes[: volumes.size // n_rows * n_rows].reshape(-1, n_rows)
    cycles = cycles[usable[cycles].all(axis=1)]
    if not cycles.size or setting.train is not None:
        return None
    each = np.stack([
        np.nanmean(part[:, cycles], axis=0, dtype=np.float64)
        for part in np.array_split(curves, min(PARTS, curves.shape[0]))
    ])  # fmt: skip
    signals = each.mean(axis=1)
    noise = _noise(each) if each.shape[1] > 1 else _noise_of_neighbours(curves[:, cycles[0]], each.shape[0])
    delays, durations = labelling.blocks()
    tissue = setting.model(delays, durations, None).atoms(np.arange(0.0, LATEST, 0.1)[:, None])[:, 0]
    times = np.arange(*ARTERIES, 0.1)
    arteries = setting.model(delays, durations, None, has_arteries=True).atoms(np.stack([times, times], axis=1))[:, 1]
    arriving = np.concatenate([tissue, arteries]).T
    stated, decoded = _left(labelling.matrix, signals, noise, arriving)
    sign = np.sign(decoded.sum())
    negative = int((sign * decoded.mean(axis=0) < 0).sum())
    if not stated > DOUBTED:
        return RowOrder(stated, negative, delays.size)
    tried = [(_left(matrix, signals, noise, arriving)[0], words) for words, matrix in others(labelling.matrix)]
    left, words = min(tried, default=(np.inf, ""))
    if left > min(BETTER * stated, FITS):
        return RowOrder(stated, negative, delays.size)
    return RowOrder(stated, negative, delays.size, words, left)


def others(
    matrix: Float[np.ndarray, "encodings blocks"],
) -> Iterator[tuple[str, Float[np.ndarray, "encodings blocks"]]]:
    """The same matrix in other orders, and the usual ones of its size, in words."""
    n_rows, n_blocks = matrix.shape[0], blocks(matrix).shape[1]
    for kind in ("hadamard", "walsh"):
        for size in (4, 8, 12):
            if n_rows == size and n_blocks == size - 1 and (kind, size) != ("walsh", 12):
                yield f"the order that is called {kind}-{size}", named(kind, size)
                yield f"the order that is called {kind}-{size}, blocks from last to first", _turned(named(kind, size))
    yield "the rows from last to first", matrix[::-1]
    yield "the blocks from last to first", _turned(matrix)
    if n_rows == matrix.shape[1]:
        yield "rows and columns exchanged", matrix.T
    for first in range(1, n_rows):
        yield f"row {first + 1} as the first", np.roll(matrix, -first, axis=0)


def _turned(matrix: Float[np.ndarray, "encodings blocks"]) -> Float[np.ndarray, "encodings played"]:
    """The blocks that are played from last to first."""
    return blocks(matrix)[:, ::-1]


def _left(
    matrix: Float[np.ndarray, "encodings blocks"],
    signals: Float[np.ndarray, "parts encodings"],
    noise: float,
    arriving: Float[np.ndarray, "played curves"],
) -> tuple[float, Float[np.ndarray, "parts played"]]:
    """Share of the blocks that neither label on its way explains, of either sign, nor noise; and the blocks. `noise` is
    the variance of a mean signal.
    """
    played = blocks(matrix)
    design = np.column_stack([np.ones(len(played)), -(1.0 - played) / 2.0])
    if played.shape[1] != arriving.shape[0] or np.linalg.matrix_rank(design) < design.shape[1]:
        return np.inf, np.zeros((signals.shape[0], arriving.shape[0]))
    inverse = np.linalg.pinv(design)[1:]
    found = signals @ inverse.T
    by_noise = noise * signals.shape[0] * float((inverse**2).sum())
    total = float((found**2).sum()) - by_noise
    if not total > 0:
        return 0.0, found
    scale = np.linalg.norm(arriving, axis=0)
    columns = arriving[:, scale > 0] / scale[scale > 0]
    rest = [sum(nnls(columns, sign * one)[1] ** 2 for one in found) for sign in (1.0, -1.0)]
    return max(float(min(rest)) - by_noise, 0.0) / total, found


def _noise(each: Float[np.ndarray, "parts cycles encodings"]) -> float:
    """Variance of the mean signals by how much cycles differ, whose drift is not noise."""
    level = each.mean(axis=2, keepdims=True)
    n = each.shape[1]
    return float((each - level).var(axis=1, ddof=1).mean() / n * each.shape[2] / max(each.shape[2] - 1, 1))


def _noise_of_neighbours(curves: Float[np.ndarray, "voxels encodings"], n_parts: int) -> float:
    """The same of one cycle, by how voxels differ from those before and after them in what changes between encodings:
    an upper limit, for their label differs as well.
    """
    changing = curves[np.isfinite(curves).all(axis=1)].astype(np.float64)
    if changing.shape[0] < 3:
        return np.inf
    changing -= changing.mean(axis=1, keepdims=True)
    n = changing.shape[1]
    spread = robust.spread(robust.second_differences(changing), axis=0)
    return float((spread**2).mean() * n / max(n - 1, 1) * n_parts / changing.shape[0])
