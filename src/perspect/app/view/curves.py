"""A voxel's curve from the series that a study was measured from, and a model redrawn where all it needs is on disk.

Results name their series and its SHA-256 and hold no copy of it; a curve is shown only of the very file.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect.app.view.sources import labelled_at, matching, series_at
from perspect.app.view.spectrum import refused_because, spectrum_at
from perspect.app.view.studies import Kept, described
from perspect.app.view.unseen import Unseen
from perspect.app.view.voxel import Voxel, number
from perspect.asl.samples import SAME
from perspect.dce.kinetics import MODELS, NUMBERS
from perspect.dsc.signal import delta_r2star
from perspect.io.given import GivenLabelling
from perspect.report.curves import Windows, drawing
from perspect.report.spectrum import spectrum_drawing
from perspect.vocabulary import Curve, Labelling, Problem, Series, lexicon

WITHOUT: Final = "Curves need the series that was measured: start `perspect view` with --study FOLDER, where it lies."
UNMOVED: Final = "The series is shown as it was scanned, before volumes were aligned."


@dataclass(frozen=True)
class Drawn:
    """A drawing of curves (SVG, empty where there is none) and a sentence that says what is seen, or why nothing is.

    `refused` says why the numbers of a spectrum may not be used; empty where they may.
    """

    svg: str
    sentence: str
    refused: str = ""


def drawn(study: Kept, voxel: Voxel, folder: Path | None) -> Drawn:
    """The curve of one voxel of a study whose series lies in a folder."""
    if study.room not in ("dsc", "dce", "asl"):
        return _spectrum(study, voxel)
    if folder is None:
        return Drawn("", WITHOUT)
    try:
        paths = matching(study, folder)
        return {"dsc": _dsc, "dce": _dce, "asl": _asl}[study.room](study, voxel, paths)
    except (Problem, Unseen) as problem:
        return Drawn("", _why(problem))


def _spectrum(study: Kept, voxel: Voxel) -> Drawn:
    """The spectrum of a voxel of an image with what was fitted to it."""
    reason = ""
    try:
        reason = refused_because(study, voxel)
        fitted = spectrum_at(study, voxel)
    except Unseen as why:
        return Drawn("", str(why), reason)
    said = "Data, fit, baseline and residual as they were written."
    if reason:
        said = f"Not to be interpreted: {reason}. {said}"
    return Drawn(spectrum_drawing(fitted), said, reason)


def _why(problem: Problem | Unseen) -> str:
    """What is wrong and why it matters; remedies name options of other commands, which this one does not have."""
    return f"{problem.what} {problem.why}".strip() if isinstance(problem, Problem) else str(problem)


def _signal(series: Series, voxel: Voxel) -> Float[np.ndarray, " time"]:
    if not all(0 <= place < size for place, size in zip(voxel, series.grid.shape, strict=True)):
        raise Unseen("The maps have another grid than the series; a voxel of one is none of the other.")
    out: Float[np.ndarray, " time"] = series.values[voxel].astype(float) * series.slope + series.intercept
    return out


@dataclass(frozen=True, eq=False)
class _Analysed:
    """The volumes of a voxel that the run analysed: their times in s, their signal, and those before the bolus."""

    times: Float[np.ndarray, " kept"]
    signal: Float[np.ndarray, " kept"]
    rest: slice
    n_left_out: int

    @property
    def before(self) -> float:
        """Mean signal before the bolus."""
        return float(self.signal[self.rest].mean())

    @property
    def windows(self) -> Windows:
        """From when to when that was."""
        return Windows(rest=(float(self.times[self.rest.start]), float(self.times[self.rest.stop - 1])))

    @property
    def sentence(self) -> str:
        """How many volumes are not shown, and that the others are as they were scanned."""
        n = self.n_left_out
        if not n:
            return UNMOVED
        return f"{UNMOVED} {n} volume{'s' if n > 1 else ''} that the run left out {'are' if n > 1 else 'is'} not shown."


def _analysed(study: Kept, series: Series, voxel: Voxel) -> _Analysed:
    """The volumes that the run analysed: `baseline_frames` count these, `kept_volumes` are their places."""
    said = study.said.get("summary", {})
    kept, frames = said.get("kept_volumes", list(range(series.n_times))), said.get("baseline_frames")
    if not _are_places(kept, series.n_times):
        raise Unseen("The volumes that the summary says were analysed are not those of the series.")
    if not _are_places(frames, len(kept) + 1) or len(frames) != 2:
        raise Unseen("The summary does not say which volumes were before the bolus.")
    return _Analysed(series.times[kept], _signal(series, voxel)[kept], slice(*frames), series.n_times - len(kept))


def _are_places(said: Any, n: int) -> bool:
    """Whether this is an increasing list of whole numbers from 0, all below n."""
    if not isinstance(said, list) or not said or not all(type(one) is int for one in said):
        return False
    return said[0] >= 0 and said[-1] < n and all(one < other for one, other in pairwise(said))


def _dsc(study: Kept, voxel: Voxel, paths: tuple[Path, ...]) -> Drawn:
    """ΔR2* of every echo, and the arterial input that was used."""
    said = study.said["summary"]
    echo_times = [float(one) for one in said.get("te", ())]
    if len(echo_times) != len(paths):
        raise Unseen(f"The summary has {len(echo_times)} echo times for {len(paths)} series.")
    curves, windows, sentence = {}, Windows(), UNMOVED
    for path in paths:
        series = series_at(path, said.get("tr"))
        te = series.acquisition.te if len(paths) > 1 else echo_times[0]
        if te is None:
            raise Unseen(f"{path.name} does not say its echo time, and there are two.")
        run = _analysed(study, series, voxel)
        values = delta_r2star(run.signal, np.asarray(run.before), te)
        curves[path.name] = Curve(run.times, values, lexicon.DELTA_R2STAR.unit, f"this voxel, TE {te * 1e3:g} ms")
        windows, sentence = run.windows, run.sentence
    unfitted = "The fit of leakage is not redrawn: the mean curve of healthy tissue that it rests on is not on disk."
    return Drawn(drawing({**curves, **_arterial(study)}, windows), f"{sentence} {unfitted}")


def _dce(study: Kept, voxel: Voxel, paths: tuple[Path, ...]) -> Drawn:
    """Relative enhancement, and beside it the concentration that the maps of this voxel mean."""
    if len(paths) != 1:
        raise Unseen("The curve of a series in several files is not shown.")
    run = _analysed(study, series_at(paths[0]), voxel)
    if not run.before > 0:
        raise Unseen("The voxel has no signal before the bolus.")
    curves = {"voxel": Curve(run.times, 100.0 * (run.signal / run.before - 1.0), "%", "relative enhancement")}
    try:
        curves["model"] = redrawn(study, voxel)
        sentence = "The right panel is the model with the values of the maps; it lies in mM and is not fitted here."
    except (Problem, Unseen) as problem:
        sentence = f"No model is redrawn: {_why(problem)}"
    return Drawn(drawing(curves, run.windows), f"{run.sentence} {sentence}")


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


def _asl(study: Kept, voxel: Voxel, paths: tuple[Path, ...]) -> Drawn:
    """The mean difference of control and label at each delay, with its standard error over the pairs."""
    if len(paths) != 1:
        raise Unseen("The curve of a series in several files is not shown.")
    told = _delays(study)
    reading = labelled_at(paths[0], _given(study, told))
    one = reading.labelled
    delays, differences = _pairs(one.labelling, _signal(one.series, voxel))
    at = np.unique(delays)
    if not (_are_in(at, told) and _are_in(told, at)):
        raise Unseen("The delays of the run are not those that the series and its sidecar say now.")
    groups = [differences[delays == delay] for delay in at]
    mean = np.array([group.mean() for group in groups])
    error = np.array([group.std(ddof=1) / np.sqrt(group.size) if group.size > 1 else np.nan for group in groups])
    later = _later(one.labelling, voxel)
    curve = Curve(at + later, mean, "a.u.", "control − label ± SE", error)
    said = [UNMOVED]
    if later > 0:
        said += [f"This slice was read {later:.3g} s after the first, and its delays are that much longer."]
    if one.echoes or any(flag.code == "first-echo" for flag in reading.flags):
        said += ["Of several echoes the first is drawn."]
    said += ["Every pair is counted, also those that the run left out."]
    said += ["The fit is not redrawn: what M0 was is not on disk."]
    return Drawn(drawing({"difference": curve}, Windows(), "delay after labelling (s)"), " ".join(said))


def _delays(study: Kept) -> Float[np.ndarray, " delays"]:
    """The delays in s that the run took the series to have, those of pairs that it left out as well."""
    said = study.said.get("summary", {})
    delays = said.get("delays_acquired", said.get("delays"))
    if not isinstance(delays, list) or not delays or not all(isinstance(one, int | float) for one in delays):
        raise Unseen("The summary does not say the delays of the run.")
    return np.unique(np.array(delays, float))


def _given(study: Kept, delays: Float[np.ndarray, " delays"]) -> GivenLabelling:
    """The labelling of the run, which may have been told by hand; of several delays the file says which is whose."""
    kind = str(study.said["summary"].get("labelling", "")).lower() or None
    return GivenLabelling(kind, (float(delays[0]),) if np.ptp(delays) < SAME else ())


def _are_in(these: Float[np.ndarray, " these"], those: Float[np.ndarray, " those"]) -> bool:
    """Whether each of these delays is one of those."""
    return bool((np.abs(these[:, None] - those).min(axis=1) < SAME).all())


def _later(labelling: Labelling, voxel: Voxel) -> float:
    """How long after the first slice that of a voxel was read, in s; 0 where all were read at once."""
    times = labelling.slice_times
    return 0.0 if times is None else float(times[voxel[2]] - times.min())


def _pairs(
    labelling: Labelling, signal: Float[np.ndarray, " time"]
) -> tuple[Float[np.ndarray, " pairs"], Float[np.ndarray, " pairs"]]:
    """Delay in s of the first slice, and control − label, of every pair."""
    control, label, done = (labelling.of(kind) for kind in ("control", "label", "deltam"))
    if done.size:
        return labelling.delays[done], signal[done]
    if not control.size or control.size != label.size:
        raise Unseen("The series does not come in pairs of control and label.")
    if not np.array_equal(labelling.delays[control], labelling.delays[label]):
        raise Unseen("Controls and labels do not come in pairs of one delay.")
    return labelling.delays[control], signal[control] - signal[label]
