"""The series with every volume where the volumes at rest were."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.anatomy import gaps, motion, resample
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Flag, Refusal, Region, Series, Severity, Step

FEWEST_VOLUMES: Final = 10
"""A bolus, a baseline and a tail do not fit in fewer."""

NOTICEABLE: Final = 1.0
"""Mean displacement of the brain in mm beyond which motion is worth a word [our default]."""

LARGE: Final = 3.0
"""In mm; beyond it interpolation, spin history and distortion leave traces that no alignment undoes [our default]."""


@dataclass(frozen=True, eq=False)
class Aligned:
    """The echoes to be analysed, with what is to be said of motion; `displacement` is None where none was estimated.

    `inside` is the brain on the grid of these echoes, which is that of its box where volumes were aligned. `kept` are
    the places of the analysed volumes in the series as it was given.
    """

    echoes: tuple[Series, ...]
    inside: Bool[np.ndarray, "x y z"]
    displacement: Float[np.ndarray, " time"] | None
    framewise: Float[np.ndarray, " time"] | None
    parameters: Float[np.ndarray, "time 6"] | None
    kept: tuple[int, ...]
    flags: tuple[Flag, ...]
    step: Step

    @property
    def mean_framewise(self) -> float:
        """Mean framewise displacement in mm."""
        return float("nan") if self.framewise is None else float(np.nanmean(self.framewise))


def aligned(
    echoes: tuple[Series, ...], at_rest: slice, brain: Region, is_wanted: bool, tell: Callable[[str, float], Any]
) -> Aligned:
    """The echoes, moved as the first echo (which has the most signal) says; volumes that cannot be aligned are left
    out.
    """
    if not is_wanted:
        return Aligned(
            echoes, brain.mask, None, None, None, tuple(range(echoes[0].n_times)), (),
            Step("motion", "Motion was not corrected."),
        )  # fmt: skip
    box = resample.box(brain.mask)
    found = motion.correct(echoes[0], at_rest, brain.mask, lambda done, total: tell("motion", done / total), box)
    kept = found.is_aligned
    seen = np.flatnonzero(kept & (np.arange(kept.size) >= (at_rest.start or 0)))
    if kept.sum() < FEWEST_VOLUMES:
        raise Refusal(
            f"Only {int(kept.sum())} of {kept.size} volumes of {echoes[0].name} could be aligned to those at rest.",
            "The others do not show the same head, so no voxel has a curve.",
            "Look at the series; if it is sound, run it with --no-motion.",
        )
    others = tuple(_followed(echo, found, box) for echo in echoes[1:])
    return Aligned(
        (found.usable, *others), brain.mask[box],
        found.displacement[kept], found.framewise_displacement[kept], found.parameters[kept],
        tuple(int(one) for one in np.flatnonzero(kept)),
        (*found.flags, *_flags(found.displacement[seen])), found.step,
    )  # fmt: skip


def _followed(echo: Series, found: motion.Moved, box: resample.Box) -> Series:
    """The same part of another echo of the same volumes, moved in the same way."""
    to_index, kept, grid = np.linalg.inv(echo.grid.affine), np.flatnonzero(found.is_aligned), echo.grid.part(box)
    values = np.empty((kept.size, *grid.shape[::-1]), np.float32).T

    def put(piece: slice) -> None:
        frame = kept[piece.start]
        volume = echo.values[..., frame].astype(np.float32)
        matrix = to_index @ found.matrices[frame] @ echo.grid.affine
        part = volume[box]
        if not np.allclose(matrix, np.eye(4), atol=1e-9):
            # A Fourier shear would spread what is missing over its whole line.
            missing = ~np.isfinite(volume)
            part, _ = resample.moved(np.where(missing, np.float32(0), volume), matrix, box)
            if missing.any():
                part[gaps.moved(missing.T, matrix, box)] = np.nan
        values[..., piece.start] = part

    each(put, spans(kept.size, 1))
    return replace(echo, values=values, grid=grid, times=echo.times[kept])


def _flags(displacement: Float[np.ndarray, " time"]) -> tuple[Flag, ...]:
    largest, share = float(displacement.max()), float((displacement > NOTICEABLE).mean())
    if largest <= NOTICEABLE:
        return ()
    severity = Severity.LIMITED if largest > LARGE else Severity.CAUTION
    sentence = (
        f"The head moved by up to {largest:.1f} mm (mean over the brain), in {share:.0%} of the volumes by more than "
    )
    sentence += f"{NOTICEABLE:g} mm; the volumes were aligned, but edges and the areas near air keep traces of it."
    return (Flag("motion", severity, sentence, "series", share, "dsc"),)
