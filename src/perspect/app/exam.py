"""What `perspect ask` does, from Python: an examination as a value, written where and when its owner likes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final
from weakref import finalize

from perspect import evidence, io
from perspect.app.asked import Request
from perspect.app.doctor import cores
from perspect.app.examination import Examination
from perspect.app.examination import examine as examined
from perspect.app.given_files import NOTHING, GivenAnatomy
from perspect.app.lesion import Box
from perspect.app.settings import demand_plans
from perspect.evidence import Answer, Word
from perspect.vocabulary import Finding, Map, Problem, Study

RESULTS: Final = "results"


@dataclass(frozen=True, eq=False)
class Exam:
    """What was found in a study. Its files lie in a folder of their own, gone with this value, until `write` is called.

    `findings` are the markers with their errors, `verdict` is one of five words (None where nothing was asked),
    `answer` what it hinges on, `maps` the maps by the key of their quantity.
    """

    examination: Examination
    folder: Path

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The markers of the lesion, with and without trapped voxels."""
        return tuple(self.examination.dossier.findings)

    @property
    def answer(self) -> Answer | None:
        """The answer with all that it hinges on; None where nothing was asked."""
        return self.examination.answer

    @property
    def verdict(self) -> Word | None:
        """The answer in a word; None where nothing was asked."""
        return None if self.answer is None else self.answer.word

    @property
    def maps(self) -> Mapping[str, Map]:
        """The maps that the findings rest on, by the key of their quantity."""
        return self.examination.maps

    def write(self, out: str | Path, *, overwrite: bool = False) -> Path:
        """Puts the page, the findings and all maps into a folder; the path of the page.

        Raises Problem where results are there already and `overwrite` does not say to replace them.
        """
        source, target = self.folder / RESULTS, Path(out).expanduser()
        files = [one.relative_to(source) for one in source.rglob("*") if one.is_file()]
        taken = [target / one for one in files if (target / one).exists() and one.name != "dataset_description.json"]
        io.demand_free(target, taken, overwrite, what="a report of this study")
        io.copied_whole(source, target)
        return target / self.examination.page.relative_to(source)


def examine(
    study: str | Path | Study,
    question: str | None = None,
    context: str | Path | Mapping[str, Any] | None = None,
    *,
    lesion: str | Path | None = None,
    box: Box | None = None,
    prior: str | Path | None = None,
    calibration: str | Path | None = None,
    tissue: GivenAnatomy = NOTHING,
    plans: Mapping[str, Any] | None = None,
    threads: int | None = None,
    roles: str | Path | None = None,
) -> Exam:
    """Everything that is in a study is measured, looked over for traps and weighed, as `perspect ask` does.

    `study` is a folder, or what `perspect.read` made of one; `question` one of those of `ask`, None to measure alone;
    `context` a file or its facts by name; `lesion` a mask on a conventional image, or `box` (mm, RAS+) where it is
    grown; `tissue` what somebody else found of brain and tissues; `plans` the choices of rooms by their names, as in
    `{"dsc": perspect.dsc.Plan(leakage="bsw")}`; `roles` a role map,
    where names do not say which image is what. Raises `Problem` or `Refusal` where an input cannot be used.
    """
    asked = None if question is None else evidence.question(question)
    demand_plans(plans or {})
    place = _folder_of(study)
    folder = Path(mkdtemp(prefix="perspect-"))
    try:
        given = None if context is None else _context(context, folder)
        request = Request(
            place, folder / RESULTS, asked, _path(lesion), given, threads=threads or cores(), box=box,
            prior=_path(prior), calibration=_path(calibration), tissue=tissue, plans=plans or {}, roles=_path(roles),
        )  # fmt: skip
        found = Exam(examined(request), folder)
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise
    finalize(found, rmtree, folder, ignore_errors=True)
    return found


def _folder_of(study: str | Path | Study) -> Path:
    if not isinstance(study, Study):
        return Path(study).expanduser()
    if study.path is None or not Path(study.path).is_dir():
        raise Problem(
            f"The study {study.name} was not read from a folder.",
            "An examination reads every series of a folder, and its sidecars.",
            "Give the folder itself.",
        )
    return Path(study.path)


def _context(context: str | Path | Mapping[str, Any], aside: Path) -> Path:
    """The facts as a file, so that they are checked as those of any file."""
    if isinstance(context, str | Path):
        return Path(context).expanduser()
    path = aside / "context.json"
    path.write_text(json.dumps(dict(context), default=str), encoding="utf-8")
    return path


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given).expanduser()
