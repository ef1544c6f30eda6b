"""What all pictures of a page share: the maps, the baseline image under them, which slices, which of them closely."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.report.picture import Painter
from perspect.report.view import Layout, layout, view, window
from perspect.vocabulary import Map, Measured, Problem, Region, Status, lexicon

NO_POSITIONS: Final = "no-positions"
"""The flag of a file that does not say where its voxels are."""

MAIN: Final = (
    lexicon.RCBV.key, lexicon.SRCBV.key, lexicon.CBV.key, lexicon.KTRANS.key, lexicon.REL_KTRANS.key, lexicon.T1.key,
)  # fmt: skip
"""The map of the mosaic: the first of these that was made."""

OUTLINED: Final = ("lesion", "mirror", "reference", "aif")
"""The regions whose borders are drawn."""

PANEL_WIDTH: Final = 175.0
"""Width of a small picture in pixels."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Maps over their baseline image; `greys` are its black and white, `tiles` the slices of the mosaic.

    `close` is the slice on which every map is shown, and `choice` the sentence that says why that one.
    """

    maps: Mapping[str, Map]
    main: Map
    regions: Mapping[str, Region]
    brain: Bool[np.ndarray, "x y z"]
    background: Float[np.ndarray, "x y z"]
    greys: tuple[float, float]
    tiles: Layout
    close: int
    choice: str
    baseline: str = "signal before the bolus"

    def painter(self, pixels: int, with_outlines: bool, with_hatching: bool = False) -> Painter:
        """Paints all slices, with at most so many pixels."""
        masks = {name: self.regions[name].mask for name in OUTLINED if name in self.regions and with_outlines}
        hatched = {"saturated": self.main.status == Status.SATURATED} if with_hatching else {}
        return Painter(self.tiles, self.background, self.greys, pixels, hatched | masks)

    def close_painter(self, with_outlines: bool) -> Painter:
        """Paints the one slice."""
        all_slices = self.painter(40_000, with_outlines)
        return Painter(
            self.tiles.only(self.close, PANEL_WIDTH), self.background, self.greys, all_slices.pixels, all_slices.masks
        )


def scene(
    measured: Measured, background: Float[np.ndarray, "x y z"], baseline: str = "signal before the bolus"
) -> Scene:
    """The scene of a result that has at least one map; `baseline` says what the background is.

    Raises `Problem` where the baseline image has another shape.
    """
    main = next((measured.maps[key] for key in MAIN if key in measured.maps), next(iter(measured.maps.values())))
    if background.shape != main.grid.shape:
        raise Problem(
            f"The baseline image has {background.shape} voxels but the maps have {main.grid.shape}.",
            "A map over another image would show the wrong place.",
            "Give the baseline image of the series that was measured.",
        )
    brain = measured.regions["brain"].mask if "brain" in measured.regions else main.status != Status.OUTSIDE
    is_placed = all(flag.code != NO_POSITIONS for flag in measured.flags)
    tiles = layout(view(main.grid, is_placed), brain)
    ill = measured.regions["lesion"].mask if "lesion" in measured.regions else np.zeros_like(brain)
    close, choice = _close_slice(measured.maps.get(lexicon.K2.key), main, brain, ill, tiles)
    greys = window(background, brain)
    return Scene(measured.maps, main, measured.regions, brain, background, greys, tiles, close, choice, baseline)


def _close_slice(
    k2: Map | None, main: Map, brain: Bool[np.ndarray, "x y z"], ill: Bool[np.ndarray, "x y z"], tiles: Layout
) -> tuple[int, str]:
    """The slice with the most clear leakage, for that is where a reader will want to look; else with the most of the
    lesion; else the fullest.

    Clear: beyond three standard errors and beyond half of the window of K2. Slices with less than half as many measured
    voxels as the fullest are left out: near the ends of the brain, the edge of the skull looks like leakage.
    """
    there = np.isfinite(main.values)
    n_measured = _counts(there if there.any() else brain, tiles)
    fullest = int(np.argmax(n_measured))
    if k2 is not None:
        clear = np.abs(k2.shown) > np.fmax(3 * k2.shown_std, 0.5 * k2.quantity.display[1])
        n_leaking = np.where(n_measured >= 0.5 * n_measured[fullest], _counts(clear, tiles), 0)
        if n_leaking.max() >= 20:
            return tiles.slices[int(np.argmax(n_leaking))], "The slice shown is the one with the most voxels that leak."
    n_ill = _counts(ill, tiles)
    if n_ill.any():
        return tiles.slices[int(np.argmax(n_ill))], "The slice shown is the one with the most of the lesion."
    return tiles.slices[fullest], "The slice shown is the one with the most measured voxels."


def _counts(shown: Bool[np.ndarray, "x y z"], tiles: Layout) -> np.ndarray:
    """Voxels on each slice of the mosaic."""
    counts: np.ndarray = tiles.view.pictures(shown).sum(axis=(1, 2))[list(tiles.slices)]
    return counts
