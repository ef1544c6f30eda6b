"""The spectrum of a lesion beside that of the other side of the head: two voxels of one map, fitted alike."""

from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect import mrs
from perspect.anatomy.mirror import Plane
from perspect.app.mrsi import ExaminedGrid
from perspect.pitfalls.voxel import VoxelMap
from perspect.report.dossier import Shown
from perspect.vocabulary import FittedSpectrum, Grid, Spectra

TOGETHER: Final = "both sides"
"""What two spectra that are drawn on one scale have in common."""

UNTOUCHED: Final = 0.02
"""Share of the lesion up to which a voxel is one of the other side [our default]."""

Place = tuple[int, int, int]


def places_of_both(seen: VoxelMap, lesion: Float[np.ndarray, "x y z"], plane: Plane | None) -> tuple[Place, ...]:
    """The usable voxel of a map that holds most of the solid part, and the one opposite where it is usable and holds
    nothing of the `lesion`; nothing where no voxel of the lesion is usable.
    """
    held = np.where(seen.measured, seen.solid_share, 0.0)
    if not held.max(initial=0.0) > 0:
        return ()
    x, y, z = (int(one) for one in np.unravel_index(int(held.argmax()), held.shape))
    if plane is None:
        return ((x, y, z),)
    across = np.linalg.inv(seen.grid.affine) @ plane.reflection @ seen.grid.affine
    at = np.rint((across @ (x, y, z, 1.0))[:3]).astype(int)
    is_inside = bool(((at >= 0) & (at < held.shape)).all())
    a, b, c = (int(one) for one in at)
    if not is_inside or not seen.measured[a, b, c] or lesion[a, b, c] > UNTOUCHED:
        return ((x, y, z),)
    return ((x, y, z), (a, b, c))


def spectra_of(
    scan: ExaminedGrid, places: tuple[Place, ...], share: float, plan: mrs.Plan | None = None
) -> tuple[Shown, ...]:
    """Both spectra with fits of their own, on one scale: voxels of a map are of one size, coil and time.

    `share` is that of the solid part in the first, `plan` what the map was measured by. What must not be interpreted is
    not shown, nor the other side without the lesion. A window is of a whole map: what is shown is as sharp as it was
    measured.
    """
    titles = ("Spectrum of the lesion, from the map", "Spectrum of the other side")
    alike = replace(plan or mrs.Plan(), window="none")
    te = "" if scan.signal.te is None else f"TE {scan.signal.te * 1e3:.0f} ms, "
    said = (f"{te}{share:.0%} solid part", f"{te}the voxel opposite, on the same scale")
    found = [_fitted(scan, place, alike) for place in places]
    if not found or found[0] is None:
        return ()
    return tuple(
        Shown(title, one, words, TOGETHER)
        for title, one, words in zip(titles, found, said, strict=False)
        if one is not None
    )


def _fitted(scan: ExaminedGrid, place: Place, plan: mrs.Plan) -> FittedSpectrum | None:
    water = None if scan.water is None else voxel_of_map(scan.water, place)
    return mrs.measure(voxel_of_map(scan.signal, place), scan.basis, plan, water=water).fitted


def voxel_of_map(spectra: Spectra, place: Place) -> Spectra:
    """One voxel of a map as a signal of its own, where it lies."""
    x, y, z = place
    affine = spectra.grid.affine.copy()
    affine[:3, 3] = (spectra.grid.affine @ (x, y, z, 1.0))[:3]
    return replace(spectra, values=spectra.values[x : x + 1, y : y + 1, z : z + 1], grid=Grid((1, 1, 1), affine))
