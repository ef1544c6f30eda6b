"""Dynamic series in: image, sidecar, times and what was given by hand become one `Series`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from perspect.io.bids import IMAGES, Name, label, name_of, root_of, stem
from perspect.io.matlab import read_matlab
from perspect.io.nifti import Image, n_echoes, read_echoes, read_series_image
from perspect.io.plausible import plausible_signal
from perspect.io.readout import slice_times
from perspect.io.sidecar import acquisition, read_sidecar
from perspect.io.timing import times_of_volumes
from perspect.vocabulary import Acquisition, Flag, Problem, Series, Severity

NOTHING_GIVEN: Final = Acquisition()

APART: Final = 0.25
"""Voxels by which the two positions that a header states may differ without being said: rounding is a thousandth
[our default]."""


@dataclass(frozen=True, eq=False)
class Reading:
    """One examination's worth of series as they were read: a single echo, or two with the shorter echo time first.

    `flags` is what a reader must know about how they were read. `name` is the name of the first file taken apart,
    `code` the NIfTI code of its affine, `root` the BIDS data set it belongs to.
    """

    series: tuple[Series, ...]
    flags: tuple[Flag, ...]
    name: Name
    code: int
    root: Path | None


def read_series(
    path: Path,
    given: Acquisition = NOTHING_GIVEN,
    times: Path | None = None,
    *,
    needs_te: bool = False,
    echo: int | None = None,
) -> Reading:
    """One dynamic series from NIfTI or MATLAB; what is `given` by hand overrides the sidecar, and a flag says so.

    `echo` is the place on a fifth axis that holds the echoes, `None` where there is no such axis.
    """
    image, flags = _image(path, echo)
    expected = path.with_name(f"{stem(path)}.json")
    sidecar = read_sidecar(path, expected)
    taken, overridden = acquisition(sidecar, given)
    if needs_te and taken.te is None:
        # Before the times: files without a sidecar lack both, and this is what they are asked for first.
        raise _no_echo_time(path, has_times=times is not None or taken.tr is not None)
    when, disagreeing = times_of_volumes(
        image.values.shape[3], sidecar, name=path.name, table=times, tr=given.tr, step=image.step
    )
    odd = plausible_signal(image.values, image.slope, image.intercept, path.name)
    used = (path, *sidecar.files, *(() if times is None else (times,)))
    series = Series(
        image.values,
        image.grid,
        when,
        taken,
        image.slope,
        image.intercept,
        stem(path),
        {label(one): sha256(one) for one in used},
        slice_times(sidecar, image.grid.shape[2]),
    )
    series = series.finite() if odd else series
    return Reading((series,), (*flags, *overridden, *disagreeing, *odd), name_of(path), image.code, root_of(path))


def read_dsc(
    paths: Sequence[Path], given: Acquisition = NOTHING_GIVEN, te: Sequence[float] = (), times: Path | None = None
) -> Reading:
    """A DSC series of one or two echoes, each with its echo time, in the order of their echo times."""
    paths = _echoes(paths, len(te))
    echo_times = tuple(te) or (None,) * len(paths)
    within = (0, 1) if len(paths) == 2 and paths[0] == paths[1] and _holds_two(paths[0]) else (None,) * len(paths)
    read = [
        read_series(path, replace(given, te=one), times, needs_te=True, echo=echo)
        for path, one, echo in zip(paths, echo_times, within, strict=True)
    ]
    if len(read) == 2:
        _demand_a_pair(read[0].series[0], read[1].series[0])
    read.sort(key=lambda reading: reading.series[0].acquisition.te or 0.0)
    flags = _once([flag for reading in read for flag in reading.flags])
    return replace(read[0], series=tuple(reading.series[0] for reading in read), flags=flags)


def sha256(path: Path) -> str:
    """The SHA-256 of a file as it lies on disk. Raises Problem where there is none."""
    if not path.is_file():
        raise Problem(f"There is no file {path}.", "Nothing can be read.", "Check the path.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _once(flags: Sequence[Flag]) -> tuple[Flag, ...]:
    """What holds for both echoes alike is said once, of both places."""
    alike: dict[tuple[str, str], list[Flag]] = {}
    for flag in flags:
        alike.setdefault((flag.code, flag.sentence), []).append(flag)
    return tuple(
        replace(same[0], where=", ".join(dict.fromkeys(flag.where for flag in same))) for same in alike.values()
    )


def _image(path: Path, echo: int | None) -> tuple[Image, tuple[Flag, ...]]:
    if path.suffix.lower() == ".mat":
        image, flag = read_matlab(path)
        return image, (flag,)
    image = read_series_image(path) if echo is None else _echo(path, echo)
    return image, () if image.apart <= APART else (_positions_differ(path, image.apart),)


def _holds_two(path: Path) -> bool:
    """Whether a fifth axis of a file holds two echoes."""
    return path.name.endswith(IMAGES) and path.is_file() and n_echoes(path) == 2


def _echo(path: Path, echo: int) -> Image:
    image, n = read_echoes(path)
    n_times = image.values.shape[3] // n
    return replace(image, values=image.values[..., echo * n_times : (echo + 1) * n_times])


def _positions_differ(path: Path, apart: float) -> Flag:
    sentence = (
        f"The header states two positions (sform, qform) that lie up to {apart:.1f} voxels apart; the sform is used. "
        "Masks and images that were made by the other will not lie where they should."
    )
    return Flag("positions-differ", Severity.CAUTION, sentence, path.name, source="reading")


def _echoes(paths: Sequence[Path], n_te: int) -> tuple[Path, ...]:
    """The files of the echoes; where one of two is named, the other is found beside it. A file whose fifth axis holds
    both stands for both.
    """
    paths = tuple(paths)
    if len(paths) == 1 and n_te == 2 and _holds_two(paths[0]):
        return paths * 2
    if len(paths) == 1 and n_te == 2 and "_echo-1_" in paths[0].name:
        second = paths[0].with_name(paths[0].name.replace("_echo-1_", "_echo-2_"))
        paths = (paths[0], second) if second.is_file() else paths
    if n_te not in (0, len(paths)) or len(paths) not in (1, 2):
        raise Problem(
            f"{len(paths)} series and {n_te or 'no'} echo times were given.",
            "Each series is one echo; perspect uses one or two.",
            "Give one series and one --te, two series and two --te values in the same order, or two values and one "
            "file whose fifth axis holds the echoes.",
        )
    return paths


def _no_echo_time(path: Path, *, has_times: bool) -> Problem:
    expected = path.with_name(f"{stem(path)}.json")
    what, more = f"{expected.name} has no EchoTime.", ""
    if not expected.is_file():
        what = f"{path.name} has no sidecar that says its EchoTime ({expected.name} is missing)."
        more = "" if has_times else " (and --tr 1.5 where the image header does not know the time between volumes)"
        if path.suffix == ".mat" and not has_times:
            what = f"{path.name} has neither an EchoTime nor a time between volumes ({expected.name} is missing)."
            more = " --tr 1.5, with the values of your scan"
    return Problem(
        what,
        "ΔR2* is -ln(S/S0)/TE, so the series cannot be used.",
        f"Add EchoTime in seconds to {expected.name}, or give --te 0.030{more}.",
    )


def _demand_a_pair(first: Series, second: Series) -> None:
    both = f"{first.name} and {second.name}"
    if not first.grid.matches(second.grid):
        raise Problem(
            f"{both} lie in different grids.", "Two echoes are compared voxel by voxel.", "Give two echoes of one scan."
        )
    if first.n_times != second.n_times or not np.allclose(first.times, second.times):
        raise Problem(
            f"{both} were taken at different times.",
            "Two echoes are compared volume by volume.",
            "Give two echoes of one scan.",
        )
    if first.acquisition.te == second.acquisition.te:
        raise Problem(
            f"{both} have the same echo time, {first.acquisition.te:g} s.",
            "The relaxation rate is the difference of two echoes.",
            "Give both echo times: --te 0.010 0.030.",
        )
