"""What the pulses of a spectroscopic image excite, from its header, what lies beside it, and what was said by hand."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect import io, mrs
from perspect.anatomy.cuts import cuts, outline
from perspect.app.shares import Surroundings
from perspect.app.voxel import OFFSET, carrier_of, stated
from perspect.mrs.uneven import LINES
from perspect.vocabulary import BoxRow, Flag, Grid, Problem, Severity, Spectra, VoxelPicture, lexicon
from perspect.vocabulary.spectra import WATER

Three = tuple[float, float, float]
Outlines = tuple[Float[np.ndarray, "corners 2"], ...]

ECHO_PLANAR: Final = ("epsi", "pepsi", "echo-planar", "echo planar")
"""Words of a sequence that reads along one direction of space."""

BOX, BANDWIDTHS, READOUT = "VOI", "PulseBandwidth", "ReadoutBandwidthPerVoxel"
"""Fields of a header, or of the sidecar, that say it: an affine of one voxel (NIfTI-MRS), Hz along its three edges, and
Hz to a voxel along the axes of the grid."""

UNKNOWN: Final = (
    "what the pulses excited is not known for each line: at the edge of their box choline may be seen and NAA not. "
    "Voxels there are not marked; read no ratio near the edge"
)


def excited_of(
    spectra: Spectra, water: Spectra | None, around: Surroundings
) -> tuple[mrs.Excited | None, tuple[Flag, ...]]:
    """What is excited, or a flag that says what is missing to know it."""
    bandwidths, why = _bandwidths(spectra, around)
    readout, flags = _readout(spectra, around)
    if bandwidths is None:
        return None, (_unknown(f"{spectra.name} {why}{_unread(around)}"), *flags)
    box = _box(spectra, around)
    if box is None and not any(bandwidths[axis] for axis in range(3) if spectra.grid.shape[axis] > 1):
        box = whole(spectra.grid).affine
    if box is None:
        missing = f"has no field {BOX} with the box of its pulses (--pulse-box)"
        why = missing if spectra.placed else "does not say where its voxels lie"
        return None, (_unknown(f"{spectra.name} {why}{_unread(around)}"), *flags)
    of_water = None
    if water is not None and stated(water.header, OFFSET) is not None:
        of_water = carrier_of(water, replace(around, carrier=None))
    found = mrs.Excited(box, bandwidths, carrier_of(spectra, around), spectra.frequency, readout, of_water)
    return found, (*flags, *(_carrier_assumed(spectra, around) if found.is_uneven(spectra.grid) else ()))


def _unknown(missing: str) -> Flag:
    return Flag("excitation-not-known", Severity.CAUTION, f"{missing}: {UNKNOWN}.", source="place")


def _unread(around: Surroundings) -> str:
    """What was said by hand and means nothing without the rest."""
    given = {"--pulse-box": around.box, "--readout": around.readout, "--carrier": around.carrier}
    names = [name for name, value in given.items() if value is not None]
    return f"; of {', '.join(names)} nothing was made" if names else ""


def _carrier_assumed(spectra: Spectra, around: Surroundings) -> tuple[Flag, ...]:
    """What is said where nobody said at which ppm pulses select."""
    if around.carrier is not None or stated(spectra.header, OFFSET) is not None:
        return ()
    sentence = (
        f"{spectra.name} has no TxOffset: its box is taken to be where it was planned for water. --carrier says "
        "another ppm; all lines move with it."
    )
    return (Flag("assumed-carrier", Severity.CAUTION, sentence, source="place"),)


def _bandwidths(spectra: Spectra, around: Surroundings) -> tuple[Three | None, str]:
    """Bandwidths along the edges of the box, or why they are not known."""
    if around.bandwidths is not None:
        return around.bandwidths, ""
    said = stated(spectra.header, BANDWIDTHS)
    if isinstance(said, int | float):
        return None, f"states one {BANDWIDTHS}, which does not say in which sense each edge is selected (--bandwidths)"
    if said is None:
        return None, f"has no {BANDWIDTHS} (--bandwidths)"
    return _three(said, spectra.name, BANDWIDTHS), ""


def _box(spectra: Spectra, around: Surroundings) -> Float[np.ndarray, "4 4"] | None:
    """The box as it was said by hand, along the axes of the grid, or as the header has it."""
    if not spectra.placed:
        return None
    if around.box is not None:
        axes = spectra.grid.affine[:3, :3] / np.array(spectra.grid.spacing)
        affine = np.eye(4)
        affine[:3, :3], affine[:3, 3] = axes * np.array(around.box[3:]), around.box[:3]
        return affine
    said = stated(spectra.header, BOX)
    if said is None:
        return None
    try:
        affine = np.array(said, float).reshape(4, 4)
    except (TypeError, ValueError) as error:
        raise Problem(
            f"The field {BOX} of {spectra.name} is no affine of four by four numbers.",
            "Where its pulses excite cannot be told.",
            "Correct it, or give --pulse-box.",
        ) from error
    return affine


def _readout(spectra: Spectra, around: Surroundings) -> tuple[Three, tuple[Flag, ...]]:
    """Hz to a voxel along each axis that was read; that of an echo-planar sequence is not known unless it is said."""
    if around.readout is not None:
        return around.readout, ()
    said = stated(spectra.header, READOUT)
    if said is not None:
        return _three(said, spectra.name, READOUT), ()
    words = " ".join(str(spectra.header.get(key, "")) for key in ("SequenceName", "PulseSequenceType", "ProtocolName"))
    if not any(word in words.lower() for word in ECHO_PLANAR):
        return (0.0, 0.0, 0.0), ()
    sentence = (
        f"{spectra.name} was read echo-planar and does not say {READOUT}: by how much lines lie displaced along the "
        "readout is not known, and is left out. --readout says it (0 0 0: the reconstruction has put it right)."
    )
    return (0.0, 0.0, 0.0), (Flag("readout-not-known", Severity.CAUTION, sentence, source="place"),)


def _three(said: Any, name: str, key: str) -> Three:
    try:
        x, y, z = (float(one) for one in said)
    except (TypeError, ValueError) as error:
        raise Problem(
            f"The field {key} of {name} is {said}.",
            "It holds one number in Hz for each of three directions.",
            "Correct it, or say it by hand.",
        ) from error
    return x, y, z


OF_MAPS: Final = {
    **{key: (key,) for key in LINES}, lexicon.CHO_OVER_NAA.key: ("tCho", "tNAA"),
    lexicon.CHO_NAA_SIDES.key: ("tCho", "tNAA"), lexicon.CNI.key: ("tCho", "tNAA"),
}  # fmt: skip
"""Whose boxes are drawn on which map: those of the lines that it is made of."""

NAMES: Final = {"tNAA": "NAA", "tCr": "Cr", "tCho": "Cho", "Lip13": "lipid"}
"""What lines are called in pictures."""


def boxes_on_maps(excited: mrs.Excited | None, grid: Grid) -> dict[str, dict[str, Outlines]]:
    """Where the box of each line crosses the slices of a grid, by map and line; nothing where nothing is selected
    within it.
    """
    if excited is None or not excited.is_uneven(grid):
        return {}
    slices = [grid.affine @ _at(k) for k in range(grid.shape[2])]
    crossed = {key: tuple(outline(excited.selected(ppm), one) for one in slices) for key, ppm in LINES.items()}
    return {name: {NAMES.get(key, key): crossed[key] for key in keys} for name, keys in OF_MAPS.items()}


def _at(k: int) -> Float[np.ndarray, "4 4"]:
    out = np.eye(4)
    out[2, 3] = k
    return out


def picture_of(
    spectra: Spectra, excited: mrs.Excited | None, around: Surroundings, shares: Mapping[str, float] | None = None
) -> VoxelPicture | None:
    """The grid and the box of each line on an image, where one was given; `shares` of a region by line go with it.
    Raises `Problem` where they do not meet.
    """
    if around.picture is None or not spectra.placed:
        return None
    values, grid = io.read_volume(around.picture)
    drawn, rows = {"grid": whole(spectra.grid).affine}, [BoxRow("planned", None, 0.0, 1.0)]
    if excited is not None:
        is_bounded = excited.is_uneven(spectra.grid)
        drawn |= {"box": excited.box} if is_bounded else {}
        for key, ppm in {**LINES, "water": WATER}.items():
            name, box = NAMES.get(key, key), excited.selected(ppm)
            moved = float(np.linalg.norm(box[:3, 3] - excited.box[:3, 3]))
            rows.append(BoxRow(name, ppm, moved, mrs.in_common(excited.box, box), (shares or {}).get(key)))
            drawn |= {name: box} if is_bounded and name in mrs.DRAWN else {}
    middle = (excited.box if excited is not None else drawn["grid"])[:3, 3]
    planes = cuts(values, grid, middle, drawn)
    if not any(np.isfinite(one.values).any() for one in planes):
        raise Problem(
            f"{spectra.name} lies outside {around.picture.name}.",
            "Boxes that are drawn in the wrong place are worse than none.",
            "Give an image of the same session, in the scanner's coordinates.",
        )
    return VoxelPicture(planes, tuple(rows), around.picture.name)


def whole(grid: Grid) -> Grid:
    """A grid as one voxel."""
    affine = grid.affine.copy()
    affine[:3, :3] *= np.array(grid.shape)
    affine[:3, 3] += grid.affine[:3, :3] @ ((np.array(grid.shape) - 1) / 2)
    return Grid((1, 1, 1), affine)
