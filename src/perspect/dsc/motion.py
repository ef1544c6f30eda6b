"""The series with every volume where the volumes at rest were."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect.anatomy import motion, resample
from perspect.dsc.inputs import FEWEST_VOLUMES
from perspect.dsc.signal import Rest
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Flag, Refusal, Region, Series, Severity, Step

NOTICEABLE: Final = 1.0
"""Mean displacement of the brain in mm beyond which motion is worth a word [our default]."""

LARGE: Final = 3.0
"""In mm; beyond it interpolation, spin history and distortion leave traces that no alignment undoes [our default]."""


@dataclass(frozen=True, eq=False)
class Aligned:
    """The echoes to be analysed, with what is to be said of motion; `displacement` is None where none was estimated.

    `kept` are the places of the analysed volumes in the series as it was given.
    """

    echoes: tuple[Series, ...]
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
    echoes: tuple[Series, ...], rest: Rest, brain: Region, is_wanted: bool, tell: Callable[[str, float], Any]
) -> Aligned:
    """The echoes, moved as the first echo (which has the most signal) says; volumes that cannot be aligned are left
    out.
    """
    if not is_wanted:
        return Aligned(
            echoes, None, None, None, tuple(range(echoes[0].n_times)), (), Step("motion", "Motion was not corrected.")
        )
    found = motion.correct(echoes[0], rest.frames, brain.mask, lambda done, total: tell("motion", done / total))
    kept = found.is_aligned
    if kept.sum() < FEWEST_VOLUMES:
        raise Refusal(
            f"Only {int(kept.sum())} of {kept.size} volumes of {echoes[0].name} could be aligned to those at rest.",
            "The others do not show the same head, so no voxel has a curve.",
            "Look at the series; if it is sound, run it with --no-motion.",
        )
    others = tuple(_followed(echo, found) for echo in echoes[1:])
    return Aligned(
        (found.usable, *others), found.displacement[kept], found.framewise_displacement[kept], found.parameters[kept],
        tuple(int(one) for one in np.flatnonzero(kept)),
        (*found.flags, *_flags(found.displacement[kept])), found.step,
    )  # fmt: skip


def _followed(echo: Series, found: motion.Moved) -> Series:
    """Another echo of the same volumes, moved in the same way."""
    to_index, kept = np.linalg.inv(echo.grid.affine), np.flatnonzero(found.is_aligned)
    values = np.empty((kept.size, *echo.grid.shape[::-1]), np.float32).T

    def put(piece: slice) -> None:
        frame = kept[piece.start]
        volume = echo.values[..., frame].astype(np.float32)
        matrix = to_index @ found.matrices[frame] @ echo.grid.affine
        if not np.allclose(matrix, np.eye(4), atol=1e-9):
            # A Fourier shear would spread what is missing over its whole line.
            known = np.isfinite(volume)
            volume = resample.moved(np.where(known, volume, np.float32(0)), matrix)[0]
            volume[~known] = np.nan
        values[..., piece.start] = volume

    each(put, spans(kept.size, 1))
    return replace(echo, values=values, times=echo.times[kept])


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
