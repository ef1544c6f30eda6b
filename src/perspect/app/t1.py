"""T1 before agent, from files to files."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Bool, Float

import perspect
from perspect import dce, io, report
from perspect.anatomy import resample
from perspect.app.place import region_on
from perspect.models import Hifi
from perspect.numerics.parallel import on_threads
from perspect.vocabulary import Grid, Measured, Problem, Region, Status, lexicon

Method = Literal["nonlinear", "weighted", "linear"]

LONGEST_PAUSE: Final = 30.0
"""In s, from a train to the next inversion; nobody waits longer."""


@dataclass(frozen=True)
class T1Inputs:
    """The images and what was said by hand: degrees and s; `None` and nothing: as the sidecars say.

    `pulses`, `pause` and `centre` describe the trains after an inversion, for T1 and flip angle together.
    """

    images: tuple[Path, ...]
    flip_angles: tuple[float, ...] = ()
    inversion_times: tuple[float, ...] = ()
    tr: float | None = None
    b1: Path | None = None
    mask: Path | None = None
    method: Method = "nonlinear"
    is_look_locker: bool = False
    pulses: int = 1
    pause: float = 0.0
    centre: float = 0.5


@dataclass(frozen=True, eq=False)
class T1Measured:
    """What was measured, and the files that hold it."""

    measured: Measured
    written: io.Written


def measure_t1(inputs: T1Inputs, out: Path, *, overwrite: bool = False, threads: int = 1) -> T1Measured:
    """A map of T1 (and of what was fitted with it), written below `out` with its page.

    Images without inversion give T1 by their flip angles; with inversions alone, by recovery; with both, T1 and the
    true flip angle together.
    """
    read = io.read_flip_images(inputs.images, inputs.flip_angles, inputs.inversion_times, inputs.tr)
    destination = io.Destination(out, io.name_of(inputs.images[0]), "t1")
    io.demand_free(out, io.existing(destination), overwrite)
    with on_threads(threads):
        measured = measured_t1(read, inputs)
    extra = [one for one in (inputs.b1, inputs.mask) if one is not None]
    sources = read.sources | {io.label(path): io.sha256(path) for path in extra}
    page = report.t1_page(measured, inputs.images[0].name, read.values[..., -1])
    model = {"Model": measured.recipe.steps[0].sentence}
    results = io.Results(
        measured, page, {"t1": _chosen(inputs)}, sources, perspect.__version__, dict.fromkeys(measured.maps, model)
    )
    return T1Measured(measured, io.write_results(destination, results, overwrite=overwrite, threads=threads))


def _chosen(inputs: T1Inputs) -> dict[str, Any]:
    """What was chosen and given by hand, for the sidecars; files are among the sources."""
    return {key: value for key, value in asdict(inputs).items() if key not in ("images", "b1", "mask")}


def measured_t1(read: io.FlipImages, inputs: T1Inputs) -> Measured:
    """What the room says of these images, with what must be known of how they were read.

    Raises Problem where no voxel has a T1, with the reason that most of them have.
    """
    measured = _by_route(read, inputs)
    one = measured.maps[lexicon.T1.key]
    if not np.isfinite(one.values).any():
        most = Status(int(np.bincount(one.status[measured.regions["brain"].mask]).argmax()))
        raise Problem(
            f"No voxel has a T1; in most {most.sentence}.",
            "The map would be empty.",
            "Look at the images, their flip angles or inversion times, TR, and the map of B1.",
        )
    return replace(measured, flags=(*read.flags, *measured.flags))


def _by_route(read: io.FlipImages, inputs: T1Inputs) -> Measured:
    """What the room says, by the route that the images call for."""
    mask: Region | None = None
    if inputs.mask is not None:
        mask, _ = region_on(inputs.mask, "brain", read.grid, has_positions=True)
    images = dce.Images(read.values, read.grid, read.is_integer)
    is_inverted = np.isfinite(read.inversion_times)
    _demand_read(inputs, is_inverted)
    if is_inverted.all():
        return dce.of_inversions(images, read.inversion_times, is_look_locker=inputs.is_look_locker, mask=mask)
    if not np.isfinite(read.flip_angles).all():
        raise Problem(
            "Not every image says its flip angle.",
            "T1 is read from how the signal changes with it.",
            "Add FlipAngle to the sidecars, or give --flip-angles 2 5 10 15.",
        )
    tr = one_tr(read)
    if is_inverted.any():
        model = Hifi(read.flip_angles, tr, read.inversion_times, inputs.pulses, inputs.pause, inputs.centre)
        return dce.of_both(images, model, mask=mask)
    b1 = None if inputs.b1 is None else b1_on(inputs.b1, read.grid)
    return dce.of_flip_angles(images, read.flip_angles, tr, b1=b1, mask=mask, method=inputs.method)


def _demand_read(inputs: T1Inputs, is_inverted: Bool[np.ndarray, " images"]) -> None:
    """Raises Problem where something was chosen that images of this kind do not read, or no train runs so."""
    usual = T1Inputs(())
    train = {"--pulses": "pulses", "--pause": "pause", "--centre": "centre"}
    of_angles = {"--method": "method", "--b1": "b1"}
    of_recovery = {"--look-locker": "is_look_locker"}
    if is_inverted.all():
        kind, unread = "were all taken after an inversion", train | of_angles
    elif is_inverted.any():
        kind, unread = (
            "were partly taken after an inversion, so that T1 and flip angle are fitted together",
            (of_angles | of_recovery),
        )
    else:
        kind, unread = "were taken without an inversion", train | of_recovery
    given = [option for option, name in unread.items() if getattr(inputs, name) != getattr(usual, name)]
    if given:
        raise Problem(f"{given[0]} was given, but the images {kind}.", "It would be ignored.", "Leave it out.")
    if inputs.pulses < 1 or not 0 <= inputs.centre <= 1 or not 0 <= inputs.pause <= LONGEST_PAUSE:
        raise Problem(
            f"A train of {inputs.pulses} pulses, its centre at {inputs.centre:g}, then a pause of {inputs.pause:g} s.",
            "None runs so.",
            f"Give --pulses from 1 on, --centre from 0 to 1, --pause from 0 to {LONGEST_PAUSE:g} s.",
        )


def one_tr(read: io.FlipImages) -> float:
    """The repetition time in s, which must be one.

    Raises Problem where it is missing, differs, or cannot be that of a spoiled gradient echo.
    """
    if not np.isfinite(read.tr).all():
        raise Problem("Not every image says its repetition time.", "T1 scales with it.", "Give --tr 0.005 in seconds.")
    if read.tr.min() <= 0:
        raise Problem(f"A repetition time is {read.tr.min():g} s.", "T1 scales with it.", "Give --tr 0.005 in seconds.")
    if np.ptp(read.tr) > 1e-3 * read.tr[0]:
        raise Problem(
            f"The images have different repetition times ({read.tr.min():g} to {read.tr.max():g} s).",
            "One fit has one.",
            "Give images of one TR.",
        )
    if read.tr[0] > 0.1:
        raise Problem(
            f"The repetition time is {read.tr[0]:g} s.",
            "Between the pulses of a spoiled gradient echo lie 2 to 20 ms.",
            f"Give --tr in seconds, such as {read.tr[0] / 1000:g}.",
        )
    return float(read.tr[0])


def b1_on(path: Path, grid: Grid) -> Float[np.ndarray, "x y z"]:
    """The map of the relative flip angle on a grid."""
    values, own = io.read_b1(path)
    return values if own.matches(grid) else resample.onto(values, own, grid).astype(np.float32)
