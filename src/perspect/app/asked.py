"""What is asked of which study: files found, records read, and everything demanded that can be before any computing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from perspect import dce, evidence, io
from perspect.app.calibrate import read_calibration
from perspect.app.given_files import NOTHING, GivenAnatomy
from perspect.app.lesion import Box
from perspect.app.region_files import region_paths
from perspect.evidence import Question
from perspect.vocabulary import Earlier, Flag, Problem


@dataclass(frozen=True)
class Request:
    """What is asked of which study. `lesion` is a mask or segmentation, `context` a TOML or JSON file; in place of a
    mask `box` is where a lesion is grown (mm, RAS+). `prior` are the findings of an earlier study, `calibration` is a
    file of `perspect calibrate`. `tissue` is what somebody else found of brain and tissues on a conventional image.
    `plans` are the choices of rooms by their names; a room that is not in there has its defaults. `roles` says which
    image is what where their names do not (TOML).
    """

    study: Path
    out: Path
    question: Question | None = None
    lesion: Path | None = None
    context: Path | None = None
    overwrite: bool = False
    threads: int = 1
    box: Box | None = None
    prior: Path | None = None
    calibration: Path | None = None
    tissue: GivenAnatomy = NOTHING
    plans: Mapping[str, Any] = field(default_factory=dict)
    roles: Path | None = None

    @property
    def given(self) -> tuple[Path, ...]:
        """All files that were given beside the study."""
        said = (self.lesion, self.context, self.prior, self.calibration, *self.tissue.files)
        return tuple(one for one in said if one is not None)


@dataclass(frozen=True, eq=False)
class Asked:
    """A request once its files were found and those that say something were read: roles of the images, what is on
    record, a site's cut-offs, findings of an earlier study, and what speaks against all being of one person.
    """

    request: Request
    roles: io.Roles
    context: io.Context
    site: evidence.Calibration | None
    strangers: tuple[Flag, ...]
    name: io.Name
    subject: str
    earlier: Sequence[Earlier]

    @property
    def of_box(self) -> Path:
        """The file of a lesion that is grown in a box."""
        return self.request.out / Path(self.name.folder) / "anat" / f"{self.name.prefix}desc-grown_mask.nii.gz"


def asked_of(request: Request, roles: io.Roles) -> Asked:
    """Reads what can be, before anything is computed. Raises `Problem` or `Refusal` where that cannot do."""
    roles, context = _with_map(_without(roles, request)), io.read_context(request.context)
    site = None
    if request.calibration is not None and request.question is not None:
        site = read_calibration(request.calibration, request.question)
    _demand(request, roles)
    _demand_one_haematocrit(request.plans, context)
    leading = next(iter(roles.anatomy.values()))
    strangers = _of_one_patient(roles, request.tissue.files)
    io.demand_regions_of(leading, (request.lesion,))
    name = io.name_of(leading)
    subject = name.prefix.rstrip("_") if name.get("sub") is not None else request.study.name
    earlier = () if request.prior is None else io.read_prior(request.prior, subject)
    return Asked(request, roles, context, site, strangers, name, subject, earlier)


def demand_free(asked: Asked) -> None:
    """Raises `Problem` where results of a former run lie, of the examination or of any series that will be measured."""
    request = asked.request
    _demand_own_folder(asked)
    grown_too = [] if request.lesion is not None else [asked.of_box]
    own = (*io.report_files(asked.name), *region_paths(asked.name).values())
    files = (*(request.out / one for one in own), *grown_too)
    there = [one for one in files if one.exists()]
    io.demand_free(request.out, there, request.overwrite, what="a report of this study")
    for taken in _former(request.out, asked.roles):
        io.demand_free(request.out, taken, request.overwrite)


def _demand_own_folder(asked: Asked) -> None:
    """Raises `Problem` where masks would lie among the images of the study, some of which may bear their names."""
    own = {path.parent.resolve() for path in region_paths(asked.name, asked.request.out).values()}
    theirs = {path.parent.resolve() for path in asked.roles.anatomy.values()}
    if own & theirs:
        raise Problem(
            f"--out {asked.request.out} is the folder of the study itself.",
            "Masks of the lesion and the brain would lie among its images, and may replace those of the same names.",
            "Give another folder, for example derivatives/perspect of the data set.",
        )


def _without(roles: io.Roles, request: Request) -> io.Roles:
    """Without what lies in the folder and was given for something else: a mask of the lesion is no unused image."""
    given = {one.resolve() for one in request.given}
    kept = {name: why for name, why in roles.unused.items() if (request.study / name).resolve() not in given}
    return replace(roles, unused=kept)


def _with_map(roles: io.Roles) -> io.Roles:
    """Where there is no single voxel, a spectroscopic map is what the spectrum's markers are read from."""
    if "mrs" in roles.series or "mrsi" not in roles.series:
        return roles
    return replace(roles, series={"mrs" if role == "mrsi" else role: some for role, some in roles.series.items()})


def _demand(request: Request, roles: io.Roles) -> None:
    """Raises Problem where the lesion or any conventional image is missing."""
    if (request.lesion is None) is (request.box is None):
        raise Problem(
            "No lesion was given." if request.lesion is None else "Both a mask of the lesion and a box were given.",
            "Markers are read in a lesion, and which voxels it has decides what they are.",
            "Give --lesion MASK (a plain mask or a BraTS segmentation on the grid of a conventional image), or --box "
            "around it, in which it is grown.",
        )
    if not roles.anatomy:
        raise Problem(
            f"{request.study.name} holds no conventional image (T1w, T1c, T2w or FLAIR).",
            "Without one it is not known where the lesion's parts and normal white matter are.",
            "Add one; where its name does not say what it is (perspect check shows what is understood), say so in "
            "roles.toml. Single series are measured by perspect dsc, dce, asl and mrs.",
        )


def _demand_one_haematocrit(plans: Mapping[str, Any], context: io.Context) -> None:
    """Raises Problem where a choice and what is on record of the patient name two; a default yields to the record."""
    on_record, chosen = context.facts.get("haematocrit"), plans.get("dce")
    if on_record is None or chosen is None or chosen.hct in (dce.Plan().hct, float(on_record)):
        return
    raise Problem(
        f"dce.hct is {chosen.hct:g}, and on record is a haematocrit of {float(on_record):g}.",
        "Which of the two is meant is not known.",
        "Give it once.",
    )


def _of_one_patient(roles: io.Roles, given: tuple[Path, ...] = ()) -> tuple[Flag, ...]:
    """What must be known of each series beside the leading image. Raises `Refusal` where any two are of two people."""
    leading, *others = (*roles.anatomy.values(), *(one for paths in roles.series.values() for one in paths))
    known = io.demand_one_patient((leading, *others, *given))
    return tuple(flag for flag in known if flag.where.startswith(f"{leading.name}, "))


def _former(out: Path, roles: io.Roles) -> Iterator[list[Path]]:
    """What a former run has left of each series that will be measured."""
    for role in ("dsc", "asl", "dce"):
        for one in roles.series.get(role, ()):
            yield io.existing(io.Destination(out, io.name_of(one), role, is_part=True))
    for one in roles.series.get("mrs", ()):  # results bear the name of one of them
        yield io.existing_spectrum(io.spectrum_destination(out, io.name_of(one)))
    for one in (*roles.series.get("mrs", ())[:1], *roles.series.get("mrsi", ())[:1]):
        yield io.existing(io.Destination(out, io.name_of(one), "mrsi", "mrs", "mrsi"))
