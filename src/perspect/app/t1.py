"""T1 before agent, from files to files."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

import perspect
from perspect import dce, io, report
from perspect.anatomy import resample
from perspect.app.place import region_on
from perspect.models import Hifi
from perspect.numerics.parallel import on_threads
from perspect.vocabulary import Grid, Measured, Problem, Region

Method = Literal["nonlinear", "weighted", "linear"]


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
    said = {key: value for key, value in asdict(inputs).items() if key in ("method", "pulses", "pause", "centre")}
    results = io.Results(measured, page, {"t1": said}, sources, perspect.__version__)
    return T1Measured(measured, io.write_results(destination, results, overwrite=overwrite, threads=threads))


def measured_t1(read: io.FlipImages, inputs: T1Inputs) -> Measured:
    """What the room says of these images, with what must be known of how they were read."""
    measured = _by_route(read, inputs)
    return replace(measured, flags=(*read.flags, *measured.flags))


def _by_route(read: io.FlipImages, inputs: T1Inputs) -> Measured:
    """What the room says, by the route that the images call for."""
    mask: Region | None = None
    if inputs.mask is not None:
        mask, _ = region_on(inputs.mask, "brain", read.grid, has_positions=True)
    images = dce.Images(read.values, read.grid, read.is_integer)
    is_inverted = np.isfinite(read.inversion_times)
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


def one_tr(read: io.FlipImages) -> float:
    """The repetition time in s, which must be one.

    Raises Problem where it is missing, differs, or cannot be that of a spoiled gradient echo.
    """
    if not np.isfinite(read.tr).all():
        raise Problem("Not every image says its repetition time.", "T1 scales with it.", "Give --tr 0.005 in seconds.")
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


def summary_of(measured: Measured) -> dict[str, Any]:
    """The plain numbers, for a headline."""
    return dict(measured.summary)
