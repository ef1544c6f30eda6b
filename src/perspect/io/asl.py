"""A labelled series in: images, sidecars, aslcontext and M0 become one `Labelled`, or a problem with its remedy."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.io.asl_echoes import echoes, shortest
from perspect.io.bids import Name, label, name_of, root_of, stem
from perspect.io.given import NOTHING_GIVEN, GivenLabelling
from perspect.io.labelling import (
    preparation_tr,
    read_labelling,
    tr_of_volumes,
)  # fmt: skip
from perspect.io.m0_scan import m0_for
from perspect.io.nifti import Image, read_echoes
from perspect.io.philips import Slopes, between, slopes_of
from perspect.io.readout import first_flip_angle
from perspect.io.series import sha256
from perspect.io.sidecar import Sidecar, acquisition, plausible_te, read_sidecar
from perspect.vocabulary import (
    Acquisition,
    Calibration,
    Flag,
    Grid,
    Labelled,
    Labelling,
    Problem,
    Series,
    Severity,
)  # fmt: skip

NO_VALUES: Final = Acquisition()

UNLIKE: Final = 0.03
"""Difference of two M0 volumes over their mean from which on they are not two of the same."""

UNLIKE_CODE: Final = "m0-volumes-differ"


@dataclass(frozen=True, eq=False)
class M0Image:
    """An image of equilibrium as it was scanned, on its own grid; times in s."""

    values: Float[np.ndarray, "x y z"]
    grid: Grid
    tr: float | None
    te: float | None
    name: str
    n_volumes: int
    sources: dict[str, str]
    flags: tuple[Flag, ...] = ()
    flip_angle: float | None = None
    slopes: Slopes | None = None

    @property
    def doubt(self) -> str:
        """What speaks against its being at equilibrium, in words; empty where nothing does."""
        return "its volumes differ" if any(flag.code == UNLIKE_CODE for flag in self.flags) else ""


@dataclass(frozen=True, eq=False)
class AslReading:
    """A labelled series as it was read. `m0` is a scan of its own, which may lie on another grid."""

    labelled: Labelled
    m0: M0Image | None
    flags: tuple[Flag, ...]
    name: Name
    code: int
    root: Path | None


def read_asl(
    path: Path,
    m0: Path | None = None,
    given: GivenLabelling = NOTHING_GIVEN,
    acquired: Acquisition = NO_VALUES,
    *,
    wants_m0: bool = True,
) -> AslReading:
    """A labelled series with all that belongs to it; what is given by hand overrides the sidecar, and a flag says so.

    Of several echoes (a fifth axis, or echo times of the volumes) the first is the series, and the others stand beside
    it. Raises Problem for what is wrong.
    """
    image, n_echoes = read_echoes(path)
    expected = path.with_name(f"{stem(path)}.json")
    sidecar = read_sidecar(path, expected)
    sidecar, image, kept, later = echoes(sidecar, image, n_echoes, path)
    taken, overridden = acquisition(_plain(sidecar), acquired)
    n = image.values.shape[3]
    tr = acquired.tr if acquired.tr is not None else preparation_tr(sidecar, n)
    levels = _levels(image)
    _check_finite(image, path)
    labelling, flags, context = read_labelling(path, sidecar, levels, image.values.shape[2], given, kept, acquired.tr)
    times = np.arange(n) * (tr or 1.0)
    used = [path, *sidecar.files, *([context] if context is not None else [])]
    series = Series(
        image.values, image.grid, times, replace(taken, tr=tr), image.slope, image.intercept, stem(path),
        {label(one): sha256(one) for one in used},
    )  # fmt: skip
    if labelling.of("control", "label", "encoded").size and labelling.of("deltam", "cbf").size:
        sentence = "The series holds differences beside labels and controls; only the differences are used."
        flags = (*flags, Flag("mixed-volumes", Severity.CAUTION, sentence, path.name, source="reading"))
    found, calibration, m0_flags, blood_m0 = (
        _m0(path, m0, sidecar, image, labelling) if wants_m0 else (None, None, (), None)
    )
    if found is not None:
        in_its_unit, slopes, notes = between(slopes_of(sidecar), found.slopes, found.name)
        found, labelling = replace(found, values=found.values * in_its_unit), replace(labelling, slopes=slopes)
        m0_flags = (*m0_flags, *notes)
    beside, echo_flags = _beside(series, labelling, later)
    labelled = Labelled(series, labelling, calibration, blood_m0, beside)
    every = (*echo_flags, *overridden, *flags, *m0_flags)
    return AslReading(labelled, found, every, name_of(path), image.code, root_of(path))


def _beside(
    series: Series, labelling: Labelling, later: tuple[tuple[float, Image], ...]
) -> tuple[tuple[Series, ...], tuple[Flag, ...]]:
    """The later echoes as series of the labelled volumes; none, and a flag, where they do not have as many."""
    if not later:
        return (), ()
    places = labelling.of("control", "label", "deltam", "encoded")
    found = []
    for te, image in later:
        n = image.values.shape[3]
        if n not in (series.n_times, places.size):
            sentence = (
                f"The echo at {te * 1e3:.1f} ms has {n} volumes, the first has {series.n_times}: of the echoes the "
                f"first ({(series.acquisition.te or 0.0) * 1e3:.1f} ms) alone is used."
            )
            return (), (Flag("first-echo", Severity.CAUTION, sentence, series.name, source="reading"),)
        values = image.values if n == places.size else np.asfortranarray(image.values[..., places])
        found.append(
            replace(series, values=values, times=series.times[places], acquisition=replace(series.acquisition, te=te))
        )
    return tuple(found), ()


def _plain(sidecar: Sidecar) -> Sidecar:
    """The sidecar without what has one value for each volume, and without times that ASL has under other names."""
    lists = {key for key, value in sidecar.values.items() if isinstance(value, list)}
    dropped = lists | {"RepetitionTime", "RepetitionTimeExcitation", "FlipAngle"}
    return replace(sidecar, values={key: value for key, value in sidecar.values.items() if key not in dropped})


def _levels(image: Image) -> Float[np.ndarray, " volumes"]:
    """Mean signal of every volume."""
    flat = image.values.reshape(-1, image.values.shape[3], order="F").T
    return np.array([float(np.nanmean(one, dtype=np.float64)) for one in flat]) * image.slope + image.intercept


def _check_finite(image: Image, path: Path) -> None:
    flat = image.values.reshape(-1, image.values.shape[3], order="F").T
    for at, volume in enumerate(flat):
        if not np.isfinite(volume).any() or volume.min() == volume.max():
            raise Problem(
                f"Volume {at} of {path.name} (counted from 0) is the same everywhere.",
                "There is no image in it.",
                "Take it out of the series and of its aslcontext, or convert the series again.",
            )


def _m0(
    path: Path, m0: Path | None, sidecar: Sidecar, image: Image, labelling: Labelling
) -> tuple[M0Image | None, Calibration | None, tuple[Flag, ...], float | None]:
    """The M0 of its own, that in the series, or a stated value; and a flag where files and sidecar disagree."""
    path_of_m0, flags = m0_for(path, sidecar, m0)
    included = labelling.of("m0scan")
    estimate = sidecar.values.get("M0Estimate")
    blood = float(estimate) if isinstance(estimate, int | float) and not isinstance(estimate, bool) else None
    if blood is not None and not blood > 0:
        raise Problem(
            f"M0Estimate in {sidecar.where('M0Estimate')} is {blood:g}.",
            "Flow is divided by it.",
            "Give a positive number.",
        )
    if path_of_m0 is not None:
        read = read_m0(path_of_m0)
        return read, None, (*flags, *read.flags), blood
    if included.size:
        signal = image.values[..., included].astype(np.float64).mean(axis=3) * image.slope + image.intercept
        tr = tr_of_volumes(sidecar, included.tolist(), image.values.shape[3])
        te = sidecar.values.get("EchoTime")
        angle = None if labelling.flip_angles is None else float(labelling.flip_angles[included[0]]) or None
        return None, Calibration(signal, "included", tr, te, stem(path), angle), tuple(flags), blood
    return None, None, tuple(flags), blood


def read_m0(path: Path) -> M0Image:
    """An M0 scan: the mean of its volumes."""
    sidecar = read_sidecar(path, path.with_name(f"{stem(path)}.json"))
    image, te = shortest(*read_echoes(path), sidecar, path)
    values = image.values.astype(np.float64).mean(axis=3) * image.slope + image.intercept
    if not np.isfinite(values).any() or not np.nanmax(values) > 0:
        raise Problem(f"{path.name} has no signal.", "Flow is a share of it.", "Give another M0, or --no-m0.")
    where = f"EchoTime in {sidecar.where('EchoTime')}"
    echo = plausible_te(float(te), where) if isinstance(te, int | float) and te else None
    used = [path, *sidecar.files]
    hashes = {label(one): sha256(one) for one in used}
    n = image.values.shape[3]
    flags = _unlike(image, path)
    angle = first_flip_angle(sidecar)
    slopes = slopes_of(sidecar)
    return M0Image(values, image.grid, preparation_tr(sidecar), echo, stem(path), n, hashes, flags, angle, slopes)


def _unlike(image: Image, path: Path) -> tuple[Flag, ...]:
    """A flag for an M0 whose volumes differ: a label and a control, or volumes that are not at equilibrium."""
    levels = _levels(image)
    spread = float((levels.max() - levels.min()) / levels.mean())
    if levels.size < 2 or spread < UNLIKE:
        return ()
    sentence = (
        f"The {levels.size} volumes of {path.name} differ by {spread:.0%}: they may be label and control, suppressed, "
        "or not at equilibrium. So flow is relative. Give the volume that is at equilibrium by itself (--m0)."
    )
    return (Flag(UNLIKE_CODE, Severity.LIMITED, sentence, path.name, spread, "reading"),)
