"""A voxel's curve from the series that a study was measured from, and a model redrawn where all it needs is on disk.

Results name their series and its SHA-256 and hold no copy of it; a curve is shown only of the very file.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect.app.view.studies import Kept, described
from perspect.app.view.unseen import Unseen
from perspect.app.view.voxel import Voxel, number
from perspect.dce.kinetics import MODELS, NUMBERS
from perspect.dsc.signal import delta_r2star
from perspect.io.asl import read_asl
from perspect.io.bids import stem
from perspect.io.series import read_series, sha256
from perspect.report.curves import Windows, drawing
from perspect.vocabulary import Acquisition, Curve, Labelled, Problem, Series, lexicon

WITHOUT: Final = "Curves need the series that was measured: start `perspect view` with --study FOLDER, where it lies."
UNMOVED: Final = "The series is shown as it was scanned, before volumes were aligned."

SERIES_HELD: Final = 2
"""Series kept in memory; one may take a gigabyte."""


@dataclass(frozen=True)
class Drawn:
    """A drawing of curves (SVG, empty where there is none) and a sentence that says what is seen, or why nothing is."""

    svg: str
    sentence: str


def drawn(study: Kept, voxel: Voxel, folder: Path | None) -> Drawn:
    """The curve of one voxel of a study whose series lies in a folder."""
    if study.room not in ("dsc", "dce", "asl"):
        return Drawn("", "The fits of a grid of spectra are not on disk; its maps and numbers are.")
    if folder is None:
        return Drawn("", WITHOUT)
    try:
        paths = matching(study, folder)
        return {"dsc": _dsc, "dce": _dce, "asl": _asl}[study.room](study, voxel, paths)
    except (Problem, Unseen) as problem:
        return Drawn("", str(problem))


def matching(study: Kept, folder: Path) -> tuple[Path, ...]:
    """The series of a study in a folder, by name and SHA-256. Raises `Unseen` where one is missing or differs."""
    named = {name: digest for name, digest in study.said.get("sources", {}).items() if _is_series(name, study.room)}
    if not named:
        raise Unseen("The summary names no series by which a curve could be found.")
    return tuple(_found(PurePosixPath(name).name, digest, folder) for name, digest in sorted(named.items()))


def _is_series(name: str, room: str) -> bool:
    return name.endswith((".nii", ".nii.gz", ".mat")) and stem(Path(name)).split("_")[-1] == room


def _found(name: str, digest: str, folder: Path) -> Path:
    alike = sorted(folder.rglob(name))
    same = next((path for path in alike if _digest(path) == digest), None)
    if same is None and alike:
        raise Unseen(f"{name} in the folder of --study is another file than the one measured (its SHA-256 differs).")
    if same is None:
        raise Unseen(f"{name} is not in the folder of --study.")
    return same


@lru_cache(maxsize=64)
def _digest(path: Path) -> str:
    return sha256(path)


@lru_cache(maxsize=SERIES_HELD)
def _series(path: Path, tr: float | None) -> Series:
    """A series; `tr` in s is the step between volumes where the file and its sidecar say none."""
    try:
        return read_series(path).series[0]
    except Problem:
        if tr is None:
            raise
        return read_series(path, Acquisition(tr=tr)).series[0]


@lru_cache(maxsize=SERIES_HELD)
def _labelled(path: Path) -> Labelled:
    return read_asl(path, wants_m0=False).labelled


def _signal(series: Series, voxel: Voxel) -> Float[np.ndarray, " time"]:
    if not all(0 <= place < size for place, size in zip(voxel, series.grid.shape, strict=True)):
        raise Unseen("The maps have another grid than the series; a voxel of one is none of the other.")
    out: Float[np.ndarray, " time"] = series.values[voxel].astype(float) * series.slope + series.intercept
    return out


def _rest(study: Kept, series: Series) -> slice:
    """The volumes before the bolus, as the run chose them."""
    frames = study.said.get("summary", {}).get("baseline_frames")
    if not isinstance(frames, list) or len(frames) != 2 or not 0 <= frames[0] < frames[1] <= series.n_times:
        raise Unseen("The summary does not say which volumes were before the bolus.")
    return slice(*frames)


def _seconds(rest: slice, series: Series) -> Windows:
    return Windows(rest=(float(series.times[rest.start]), float(series.times[rest.stop - 1])))


def _dsc(study: Kept, voxel: Voxel, paths: tuple[Path, ...]) -> Drawn:
    """ΔR2* of every echo, and the arterial input that was used."""
    said = study.said["summary"]
    echo_times = [float(one) for one in said.get("te", ())]
    if len(echo_times) != len(paths):
        raise Unseen(f"The summary has {len(echo_times)} echo times for {len(paths)} series.")
    curves, windows = {}, Windows()
    for path in paths:
        series = _series(path, said.get("tr"))
        te = series.acquisition.te if len(paths) > 1 else echo_times[0]
        if te is None:
            raise Unseen(f"{path.name} does not say its echo time, and there are two.")
        rest, signal = _rest(study, series), _signal(series, voxel)
        values = delta_r2star(signal, np.asarray(signal[rest].mean()), te)
        curves[path.name] = Curve(series.times, values, lexicon.DELTA_R2STAR.unit, f"this voxel, TE {te * 1e3:g} ms")
        windows = _seconds(rest, series)
    unfitted = "The fit of leakage is not redrawn: the mean curve of healthy tissue that it rests on is not on disk."
    return Drawn(drawing({**curves, **_arterial(study)}, windows), f"{UNMOVED} {unfitted}")


def _dce(study: Kept, voxel: Voxel, paths: tuple[Path, ...]) -> Drawn:
    """Relative enhancement, and beside it the concentration that the maps of this voxel mean."""
    if len(paths) != 1:
        raise Unseen("The curve of a series in several files is not shown.")
    series = _series(paths[0], None)
    rest, signal = _rest(study, series), _signal(series, voxel)
    before = signal[rest].mean()
    if not before > 0:
        raise Unseen("The voxel has no signal before the bolus.")
    curves = {"voxel": Curve(series.times, 100.0 * (signal / before - 1.0), "%", "relative enhancement")}
    try:
        curves["model"] = redrawn(study, voxel)
        sentence = "The right panel is the model with the values of the maps; it lies in mM and is not fitted here."
    except (Problem, Unseen) as problem:
        sentence = f"No model is redrawn: {problem}"
    return Drawn(drawing(curves, _seconds(rest, series)), f"{UNMOVED} {sentence}")


def redrawn(study: Kept, voxel: Voxel) -> Curve:
    """Concentration in mM by the model, the parameters and the arterial input that were written.

    Raises `Unseen` where one of them is not on disk, or where the run did more than this (exchange of water).
    """
    plan = study.said.get("plan", {}).get("dce", {})
    if plan.get("water", "fast") != "fast":
        raise Unseen("water was not taken to exchange fast.")
    maps = {one.key: one for one in study.maps}
    code = None if "model" not in maps else number(maps["model"], voxel)
    name = next((name for name, place in NUMBERS.items() if code is not None and place == round(code)), None)
    if name is None:
        raise Unseen("the voxel has no model.")
    plain, delayed = MODELS[name]
    model = delayed if "delay" in maps else plain
    values = []
    for quantity in model.parameters:
        value = number(maps[quantity.key], voxel) if quantity.key in maps else None
        if value is None:
            raise Unseen(f"{quantity.symbol} of this voxel is not on disk.")
        values.append(value / quantity.shown_factor)
    times, plasma = _plasma(study)
    return Curve(times, model(times, plasma).predict(np.array(values)), "mM", f"{name}, from the maps")


def _plasma(study: Kept) -> tuple[Float[np.ndarray, " time"], Float[np.ndarray, " time"]]:
    """The arterial plasma concentration in mM, as it was written."""
    times, column, values, meaning = _table(study)
    if column not in ("cb", "cp") or "plasma" not in meaning:
        raise Unseen("the arterial input on disk is not said to be a concentration in plasma.")
    return times, values


def _arterial(study: Kept) -> dict[str, Curve]:
    """The arterial input that was used, where it is on disk."""
    try:
        times, column, values, meaning = _table(study)
    except Unseen:
        return {}
    if column != lexicon.DELTA_R2STAR.key:
        return {}
    return {"aif": Curve(times, values, lexicon.DELTA_R2STAR.unit, meaning.split(",")[0])}


def _table(study: Kept) -> tuple[Float[np.ndarray, " time"], str, Float[np.ndarray, " time"], str]:
    """Times in s, the name of the column, its values and what it is."""
    try:
        head, *lines = study.file("aif.tsv").read_text(encoding="utf-8").splitlines()
        cells = np.array([[float(cell) for cell in line.split("\t")[:2]] for line in lines])
    except (OSError, ValueError) as error:
        raise Unseen("the arterial input is not on disk.") from error
    column = head.split("\t")[1]
    side: Any = described(study.file("aif.json")).get("Columns", {}).get(column, {})
    return cells[:, 0], column, cells[:, 1], str(side.get("Description", "arterial input"))


def _asl(_: Kept, voxel: Voxel, paths: tuple[Path, ...]) -> Drawn:
    """The mean difference of control and label at each delay, with its standard error over the pairs."""
    if len(paths) != 1:
        raise Unseen("The curve of a series in several files is not shown.")
    one = _labelled(paths[0])
    signal, labelling = _signal(one.series, voxel), one.labelling
    control, label, done = (labelling.of(kind) for kind in ("control", "label", "deltam"))
    if done.size:
        delays, differences = labelling.delays[done], signal[done]
    elif control.size and control.size == label.size:
        delays, differences = labelling.delays[control], signal[control] - signal[label]
        if not np.array_equal(delays, labelling.delays[label]):
            raise Unseen("Controls and labels do not come in pairs of one delay.")
    else:
        raise Unseen("The series does not come in pairs of control and label.")
    at = np.unique(delays)
    groups = [differences[delays == delay] for delay in at]
    mean = np.array([group.mean() for group in groups])
    error = np.array([group.std(ddof=1) / np.sqrt(group.size) if group.size > 1 else np.nan for group in groups])
    curve = Curve(at, mean, "a.u.", "control − label ± SE", error)
    said = (
        "Every pair is counted, also those that the run left out. The fit is not redrawn: what M0 was is not on disk."
    )
    return Drawn(drawing({"difference": curve}, Windows(), "delay after labelling (s)"), f"{UNMOVED} {said}")
