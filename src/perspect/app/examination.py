"""One examination: everything that is there is measured, trapped, weighed and written. Reads like the methods of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeVar

import perspect
from perspect import evidence, io, lesion, report
from perspect.app.asked import Asked, Request, asked_of, demand_free
from perspect.app.contribute import (
    Contribution,
    Patient,
    of_adc,
    of_asl,
    of_dce,
    of_dsc,
    of_mrs,
    of_mrsi,
    of_patient,
    of_t2star,
    unused,
)
from perspect.app.contribute.contribution import drawn, middle
from perspect.app.given import read_images
from perspect.app.head import head_of
from perspect.app.lesion import grown, placed, segmentation
from perspect.app.record import fingerprints, left, plans_of, quality_of, retold
from perspect.app.region_files import region_files, region_paths
from perspect.app.scenery import scenery
from perspect.evidence import Answer, Case
from perspect.lesion.parts import volume
from perspect.numerics.parallel import each, on_threads
from perspect.pitfalls import Record
from perspect.report.dossier import Dossier, Extent, Plate, Used
from perspect.vocabulary import Finding, Flag, Map, Problem, Recipe, Refusal, Severity, marker
from perspect.vocabulary.progress import Progress, of_room, silent

ROOMS: Final[Mapping[str, Callable[[tuple[Path, ...], Patient, Progress], Contribution]]] = {
    "dsc": of_dsc,
    "dce": of_dce,
    "asl": of_asl,
    "adc": of_adc,
    "mrs": of_mrs,
    "mrsi": of_mrsi,
}
"""What reads the series of each role, in the order in which they are read."""

AT_ONCE: Final = 2
"""Rooms that are at work at once: memory holds the series of two [our default]."""

LONGEST: Final = "dce"
"""The role that is begun first: it takes as long as all others together."""

UNFIT: Final = ("other-head", "left-right-swapped")
"""What `anatomy.identity` says of images of two heads, or of one with its sides exchanged."""

MEASURED_BY: Final = {"adc": "dwi"}
"""What measures the markers of a role, where the two have different names."""

SIZED: Final = ("whole", "solid part", "enhancing", "cavity")
"""Parts whose diameters are told."""

Added = TypeVar("Added")

TITLES: Final = {"t1c": "T1 after agent", "flair": "FLAIR"}
"""Conventional images that are shown with the parts of the lesion."""


@dataclass(frozen=True, eq=False)
class Examination:
    """What was found and said, the page that shows it, and the maps that it rests on, by the key of their quantity."""

    dossier: Dossier
    page: Path
    maps: Mapping[str, Map] = field(default_factory=dict)

    @property
    def answer(self) -> Answer | None:
        """The answer, where something was asked."""
        return self.dossier.answer


def examine(request: Request, progress: Progress | None = None) -> Examination:
    """Measures, looks for traps, weighs and writes. Raises `Problem` or `Refusal` where an input cannot be used."""
    with TemporaryDirectory() as aside:
        roles = io.roles_of(request.study, request.roles, Path(aside) / "named")
        try:
            return _examined(asked_of(request, roles), Path(aside), progress or silent)
        except Problem as problem:
            raise problem.retold(roles.told) from problem


def _examined(asked: Asked, aside: Path, tell: Progress) -> Examination:
    """The examination itself; what is not to be kept is put `aside`."""
    request = asked.request
    demand_free(asked)
    tell("anatomy", 0.0)
    mask = request.lesion or _grown(request, asked.roles, aside / asked.of_box.name)
    patient, first = _patient(request, asked.roles, mask, asked.context)
    of_role = {role: retold(one, asked.roles) for role, one in _of_roles(asked.roles, patient, tell).items()}
    first = tuple(retold(one, asked.roles) for one in first)
    beside = region_files(asked.name, patient.head, patient.lesion.parts)
    if request.lesion is None:
        beside[asked.of_box.relative_to(request.out)] = mask.read_bytes()
    tell("evidence", 0.0)
    added, refused = (*first, *of_role.values()), _refused(of_role)
    case, findings = _case(asked, patient, added), _findings(asked, patient, added)
    answer = _answer(asked, case, findings, added, refused)
    dossier = replace(
        _dossier(asked, patient, added), case=case, findings=findings, answer=answer, refused=refused,
        changes=lesion.changes(findings, asked.earlier, perspect.__version__),
    )  # fmt: skip
    tell("writing", 0.0)
    made = io.Report(
        report.answer_page(dossier), report.findings_json(dossier), report.findings_table(dossier), beside,
        gone=tuple(one for one in region_paths(asked.name).values() if one not in beside),
    )  # fmt: skip
    page = io.write_report(request.out, asked.name, made, perspect.__version__, overwrite=request.overwrite)
    return Examination(dossier, page, _gathered(one.maps for one in added))


def _case(asked: Asked, patient: Patient, added: Sequence[Contribution]) -> Case:
    """What is on record: what the series say, what the context says over that, and what made the numbers."""
    made_by = {"software": perspect.__version__, **fingerprints(added)}
    known = {**_gathered(one.facts for one in added), **asked.context.facts, **made_by}
    return Case({**known, "enhancing": patient.lesion.parts.is_enhancing})


def _findings(asked: Asked, patient: Patient, added: Sequence[Contribution]) -> tuple[Finding, ...]:
    """Every marker that was read, limited by what limits the lesion's parts, and what a reader saw."""
    limiting = tuple(one for one in patient.lesion.parts.flags if one.severity >= Severity.LIMITED)
    read = (replace(one, flags=(*limiting, *one.flags)) for some in added for one in some.findings)
    return (*read, *_read_by_eye(asked.context))


def _answer(
    asked: Asked,
    case: Case,
    findings: tuple[Finding, ...],
    added: Sequence[Contribution],
    refused: Mapping[str, str],
) -> Answer | None:
    """The answer, where something was asked."""
    if asked.request.question is None:
        return None
    return evidence.weigh(
        asked.request.question, findings, case, _impossible(added), site=asked.site, version=perspect.__version__,
        refused=refused,
    )  # fmt: skip


def _dossier(asked: Asked, patient: Patient, added: Sequence[Contribution]) -> Dossier:
    """All that the page shows of what was measured; the answer comes to it."""
    request, parts = asked.request, patient.lesion.parts
    plates = (*_plates(patient), *(one for some in added for one in some.plates))
    return Dossier(
        name=asked.subject,
        version=perspect.__version__,
        question=request.question,
        case=Case(),
        series=(*_conventional(asked.roles), *(one for some in added for one in some.used), *left(asked.roles, added)),
        flags=(*asked.strangers, *parts.flags, *dict.fromkeys(one for some in added for one in some.flags)),
        traps=(*(one.flag for one in patient.traps), *(one for some in added for one in some.traps)),
        regions=tuple(Extent(key, one.n_voxels, volume(one), one.origin) for key, one in parts.regions.items()),
        findings=(),
        answer=None,
        recipes=_gathered(one.recipes for one in added) or {"anatomy": Recipe(patient.head.steps)},
        plates=plates,
        scenery=scenery(patient, plates),
        plan=plans_of(added),
        quality=quality_of(added),
        sources=_sources(request, asked.roles),
        metrics=tuple(one for some in added for one in some.metrics),
        histograms=tuple(one for some in added for one in some.histograms),
        sizes=tuple(lesion.size(one) for key, one in parts.regions.items() if key in SIZED),
        spectra=tuple(one for some in added for one in some.spectra),
        charts=tuple(one for some in added for one in some.charts),
        pages={key: one.relative_to(request.out).as_posix() for some in added for key, one in some.pages.items()},
        site=asked.site,
    )


def _gathered(some: Iterable[Mapping[str, Added]]) -> dict[str, Added]:
    """What several series add under names, the last one's where two have one."""
    return {key: value for one in some for key, value in one.items()}


def _grown(request: Request, roles: io.Roles, path: Path) -> Path:
    """The lesion grown in the box that was given, as a file for everything that reads one: it lies aside until all is
    measured.
    """
    images, _ = read_images(roles.anatomy, request.tissue)
    if request.box is None:
        raise ValueError("There is neither a mask nor a box.")
    io.write_mask(path, grown(head_of(images), request.box))
    return path


def _patient(
    request: Request, roles: io.Roles, mask: Path, context: io.Context
) -> tuple[Patient, tuple[Contribution, ...]]:
    """The conventional images with their tissues, the lesion in them, and the traps of both; what else was looked at
    for traps before any series is read.
    """
    segmentation(mask)  # what is no lesion is said before the head is looked at, which takes a while
    images, notes = read_images(roles.anatomy, request.tissue)
    head = head_of(images, io.read_region(mask, "lesion"))
    there, record = placed(mask, head), Record(context.facts, "dsc" in roles.series, "mrs" in roles.series)
    dark, seen = of_t2star(roles.series["t2star"], head, there) if "t2star" in roles.series else ((), None)
    patient = Patient(
        roles.folder, request.out, roles.anatomy, mask, head, there, record,
        (*of_patient(head, there, record), *dark), request.overwrite, request.threads, request.plans,
    )  # fmt: skip
    return patient, (*_of_images(notes, head.flags), *(() if seen is None else (seen,)))


def _of_images(notes: tuple[Flag, ...], flags: tuple[Flag, ...]) -> tuple[Contribution, ...]:
    """What is known before any series: images that do not belong together refuse the case, whatever is measured."""
    strangers = tuple(one for one in flags if one.code in UNFIT)
    return (Contribution(flags=notes, traps=strangers),) if notes or strangers else ()


def _of_roles(roles: io.Roles, patient: Patient, tell: Progress) -> dict[str, Contribution]:
    """What every series adds, in the order of `ROOMS`: where there are threads enough two rooms are at work at once.

    Much of a room is done by one thread whatever it is given, so that two beside each other wait less than either on
    two threads. How many are at work changes no number.
    """
    there = [role for role in ROOMS if role in roles.series]
    at_once = min(AT_ONCE, patient.threads, len(there))
    if at_once < 2:
        return {role: _of_role(role, roles.series[role], patient, tell) for role in there}
    alike = replace(patient, threads=max(patient.threads // at_once, 1))
    first = sorted(there, key=lambda role: role != LONGEST)
    with on_threads(at_once):
        added = each(lambda role: _of_role(role, roles.series[role], alike, tell), first)
    found = dict(zip(first, added, strict=True))
    return {role: found[role] for role in there}


def _of_role(role: str, paths: tuple[Path, ...], patient: Patient, tell: Progress) -> Contribution:
    """What the series of a role add. One that cannot be used is told and stops no other."""
    try:
        return ROOMS[role](paths, patient, of_room(tell, role))
    except Problem as problem:
        return unused(role, paths, str(problem), is_refused=isinstance(problem, Refusal))


def _impossible(added: Sequence[Contribution]) -> tuple[Flag, ...]:
    """Traps that refuse the case: input that cannot be what it is called may be of another side, or another patient."""
    return tuple(one for some in added for one in some.traps if one.severity == Severity.REFUSED)


def _refused(added: Mapping[str, Contribution]) -> dict[str, str]:
    """Series that are there and must not be interpreted, by what measures their markers, each with the reason."""
    return {
        MEASURED_BY.get(role, role): flag.sentence
        for role, one in added.items()
        for flag in one.flags
        if flag.severity == Severity.REFUSED
    }


def _read_by_eye(context: io.Context) -> list[Finding]:
    """What a reader saw: present or not, without an error of measurement."""
    return [Finding(marker(name), "as read", 1.0 if is_seen else 0.0, 0.0, 1) for name, is_seen in context.seen.items()]


def _conventional(roles: io.Roles) -> list[Used]:
    return [Used(contrast, roles.told(path.name)) for contrast, path in roles.anatomy.items()]


def _sources(request: Request, roles: io.Roles) -> dict[str, str]:
    series = [one for paths in roles.series.values() for one in paths]
    anatomy = [one for path in roles.anatomy.values() for one in io.files_of_anatomy(path)]
    return {roles.told(io.label(one)): io.sha256(one) for one in (*request.given, *anatomy, *series)}


def _plates(patient: Patient) -> list[Plate]:
    """Conventional images with the parts of the lesion."""
    parts, head = patient.lesion.parts.regions, patient.head
    centre = middle(parts, head.tissues.brain.mask)
    return [
        Plate(title, head.images[one], None, drawn(parts), "", centre, head.grid.affine)
        for one, title in TITLES.items()
        if one in head.images
    ]
