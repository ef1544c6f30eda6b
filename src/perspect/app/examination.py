"""One examination: everything that is there is measured, trapped, weighed and written. Reads like the methods of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float

import perspect
from perspect import evidence, io, lesion, pitfalls, report
from perspect.anatomy import align
from perspect.app.anatomy import Seen
from perspect.app.dsc import Examined, Inputs, examine_dsc, silence
from perspect.app.lesion import Placed, placed
from perspect.evidence import Answer, Case, Question
from perspect.pitfalls import Scene, Trap
from perspect.report.dossier import Dossier, Extent, Plate, Used
from perspect.vocabulary import Finding, Flag, Grid, Map, Problem, Recipe, Region, Severity, marker

ON_DSC: Final[Mapping[str, tuple[str, ...]]] = {
    "rcbv": ("rcbv_mean", "rcbv_hot", "ftb_high", "rcbv_rim"),
    "psr": ("psr_mean",),
}
"""Which markers are read from which DSC map."""

ON_ADC: Final = ("adc_solid", "adc_cavity")

ADC_SHOWN: Final = 1e3
"""From mm²/s to the unit in which ADC is read."""

GOOD: Final = ("recommended", "acceptable")
"""Protocol classes of DSC in which published rows may be cited."""

OUTLINES: Final = {
    "solid part": "solid", "rim of 5 mm": "rim", "cavity": "cavity",
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What is asked of which study. `lesion` is a mask or segmentation, `context` a TOML or JSON file."""

    study: Path
    out: Path
    question: Question | None = None
    lesion: Path | None = None
    context: Path | None = None
    overwrite: bool = False
    threads: int = 1


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


def examine(request: Request, progress: Callable[[str, float], None] | None = None) -> Examination:
    """Measures, looks for traps, weighs and writes. Raises `Problem` or `Refusal` where an input cannot be used."""
    tell = progress or silence
    roles = io.find_roles(request.study)
    context = io.read_context(request.context)
    if request.lesion is None:
        raise Problem(
            "No lesion was given.",
            "Markers are read in a lesion, and which voxels it has decides what they are.",
            "Give --lesion MASK (a plain mask or a BraTS segmentation on the grid of a conventional image).",
        )
    if not roles.anatomy:
        raise Problem(
            f"{request.study.name} holds no conventional image (T1w, T1c, T2w or FLAIR).",
            "Without one it is not known where the lesion's parts and normal white matter are.",
            "Add them, named as BIDS has it, or measure single series with perspect dsc.",
        )
    name = io.name_of(next(iter(roles.anatomy.values())))
    io.demand_free(request.out, _there(request.out, name), request.overwrite)

    scan, used = _measured_dsc(request, roles, tell)
    seen = scan.seen if scan is not None else None
    if seen is None:
        seen = _anatomy_alone(roles, request.lesion, tell)
    where = placed(request.lesion, seen)

    tell("traps", 0.0)
    scene = None if scan is None else _scene(scan, seen, where)
    traps = () if scene is None else pitfalls.look(scene)

    tell("markers", 0.0)
    findings = [*_dsc_findings(scan, scene, traps), *_reader_findings(context)]
    adc = _adc(roles, seen, where)
    findings += [] if adc is None else list(adc.findings)
    flags = (*where.parts.flags, *(() if adc is None else adc.flags))
    case = Case({**context.facts, **_facts(scan), "enhancing": where.parts.is_enhancing})

    tell("evidence", 0.0)
    answer = None if request.question is None else evidence.weigh(request.question, findings, case)
    dossier = Dossier(
        name=name.prefix.rstrip("_") or request.study.name,
        version=perspect.__version__,
        question=request.question,
        case=case,
        series=(*used, *_used_anatomy(roles), *_unused(roles, adc)),
        flags=(*flags, *(() if scan is None else _grave(scan.measured.flags))),
        traps=tuple(one.flag for one in traps),
        regions=tuple(_extents(where)),
        findings=tuple(findings),
        answer=answer,
        recipes={"DSC": scan.measured.recipe} if scan is not None else {"anatomy": Recipe(seen.steps)},
        plates=tuple(_plates(scan, scene, traps, seen, where, adc)),
        sources=_sources(request, roles),
        pages={} if scan is None else {"DSC page": scan.written.page.relative_to(request.out).as_posix()},
    )
    tell("writing", 0.0)
    made = io.Report(report.answer_page(dossier), report.findings_json(dossier), report.findings_table(dossier))
    page = io.write_report(request.out, name, made, perspect.__version__, overwrite=request.overwrite)
    return Examination(dossier, page, {} if scan is None else scan.measured.maps)


def _there(out: Path, name: io.Name) -> list[Path]:
    return [out / one for one in io.report_files(name) if (out / one).exists()]


def _measured_dsc(
    request: Request, roles: io.Roles, tell: Callable[[str, float], None]
) -> tuple[Examined | None, tuple[Used, ...]]:
    """The DSC series with all its maps written; what stood in its way is told, not raised: other series may answer."""
    paths = roles.series.get("dsc", ())
    if not paths:
        return None, ()
    inputs = Inputs(paths, anatomy=roles.anatomy, lesion=request.lesion)
    try:
        scan = examine_dsc(
            inputs, request.out, overwrite=request.overwrite, threads=request.threads, is_part=True, progress=tell
        )
    except Problem as problem:
        return None, (Used("dsc", ", ".join(one.name for one in paths), is_used=False, why_not=str(problem)),)
    reliability = str(scan.measured.summary.get("reliability", "not assessed"))
    how = f"protocol {reliability}, {', '.join(_protocol(scan))}"
    return scan, tuple(Used("dsc", one.name, how) for one in paths)


def _protocol(scan: Examined) -> list[str]:
    taken = scan.acquisition
    said = []
    for word, value, factor in (
        ("TE {:g} ms", taken.te, 1e3),
        ("TR {:g} s", taken.tr, 1),
        ("FA {:.0f}°", taken.flip_angle, 180 / np.pi),
        ("{:g} T", taken.field, 1),
    ):
        if value is not None:
            said.append(word.format(round(value * factor, 4)))
    if taken.has_preload is not None:
        said.append("with preload" if taken.has_preload else "without preload")
    return said


def _anatomy_alone(roles: io.Roles, mask: Path, tell: Callable[[str, float], None]) -> Seen:
    """The tissues of the conventional images where there is no series: the leading image stands for it."""
    from perspect.app.anatomy import ORDER, seen

    tell("anatomy", 0.0)
    images = {contrast: io.read_anatomy(path, contrast) for contrast, path in roles.anatomy.items()}
    leading = images[next(one for one in ORDER if one in images)]
    found = seen(leading.values, leading.grid, images, io.read_region(mask, "lesion"))
    if found is None:
        raise Problem("No conventional image could be used.", "Nothing is known of the tissues.", "Look at the images.")
    return found


def _scene(scan: Examined, seen: Seen, where: Placed) -> Scene:
    """What traps are looked for in."""
    grid = next(iter(scan.measured.maps.values())).grid
    to_anatomy = seen.series_to_anatomy.matrix
    maps = {key: one.values for key, one in scan.measured.maps.items()}
    if "k2" in scan.measured.maps:
        maps["k2_std"] = scan.measured.maps["k2"].std
    regions = scan.measured.regions
    told = scan.measured.summary.get("white_matter", {})
    in_use = next((one["rCBV"] for one in told.values() if "rCBV" in one), None)
    return Scene(
        grid=grid,
        at_rest=scan.at_rest,
        maps=maps,
        brain=regions["brain"].mask,
        white=regions["reference"].mask,
        parts=where.on(grid, to_anatomy),
        grey=_share(seen, seen.tissues.grey, grid),
        fluid=_share(seen, seen.tissues.csf, grid),
        references={name: one["rCBV"] / in_use for name, one in told.items() if in_use and "rCBV" in one},
        is_corrected="k2" in scan.measured.maps,
    )


def _share(seen: Seen, share: Float[np.ndarray, "x y z"], grid: Grid) -> Float[np.ndarray, "x y z"]:
    from perspect.anatomy import resample

    out: np.ndarray = resample.onto(share, seen.grid, grid, matrix=seen.series_to_anatomy.matrix)
    return out


def _dsc_findings(scan: Examined | None, scene: Scene | None, traps: tuple[Trap, ...]) -> list[Finding]:
    """The markers of the DSC maps, without what traps hold."""
    if scan is None or scene is None:
        return []
    spoilt = pitfalls.trapped(traps, "dsc", scene.grid)
    told = tuple(one for one in pitfalls.flags_of(traps, "dsc") if one.severity >= Severity.LIMITED)
    # Half of how far candidates for the reference differ stands for what is not known of it.
    difference = scan.measured.summary.get("white_matter_difference")
    common = 0.5 * float(difference) if difference is not None and np.isfinite(difference) else 0.0
    found = []
    for key, names in ON_DSC.items():
        if key not in scan.measured.maps:
            continue
        one = scan.measured.maps[key]
        found += _read(names, one.shown, one.shown_std, scene.parts, spoilt, common if key == "rcbv" else 0.0, told)
    return found


def _read(
    names: tuple[str, ...],
    values: Float[np.ndarray, "x y z"],
    std: Float[np.ndarray, "x y z"],
    parts: Mapping[str, Region],
    spoilt: Bool[np.ndarray, "x y z"] | None = None,
    common: float = 0.0,
    flags: tuple[Flag, ...] = (),
) -> list[Finding]:
    return [
        lesion.measured(marker(name), values, std, parts[marker(name).part], spoilt, common, flags)
        for name in names
        if marker(name).part in parts
    ]


def _reader_findings(context: io.Context) -> list[Finding]:
    """What a reader saw: present or not, without an error of measurement."""
    return [Finding(marker(name), "as read", 1.0 if is_seen else 0.0, 0.0, 1) for name, is_seen in context.seen.items()]


@dataclass(frozen=True, eq=False)
class Diffusion:
    """An ADC map brought to the anatomy: its markers, and what is to be said of its place."""

    values: Float[np.ndarray, "x y z"]
    grid: Grid
    parts: Mapping[str, Region]
    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]


def _adc(roles: io.Roles, seen: Seen, where: Placed) -> Diffusion | None:
    """The ADC map as the scanner gives it, in mm²/s; it has no error of its own, its repeatability stands for one."""
    paths = roles.series.get("adc", ())
    if len(paths) != 1:
        return None
    values, grid = io.read_volume(paths[0])
    leading = seen.images[seen.leading.contrast]
    found = align.rigid(values, grid, leading, seen.grid, start=np.eye(4))
    flags: tuple[Flag, ...] = ()
    if not found.is_found:
        sentence = "The ADC map could not be aligned and lies where its header says."
        flags = (Flag("adc-by-header", Severity.CAUTION, sentence, "adc", source="examination"),)
    shown = values * ADC_SHOWN
    inside = np.isfinite(shown) & (shown > 0)
    shown = np.where(inside, shown, np.nan)
    parts = where.on(grid, found.matrix if found.is_found else None)
    findings = _read(ON_ADC, shown, np.where(inside, 0.0, np.nan), parts)
    return Diffusion(shown, grid, parts, tuple(findings), flags)


def _facts(scan: Examined | None) -> dict[str, Any]:
    """What the DSC series puts on record."""
    if scan is None:
        return {}
    summary, taken = scan.measured.summary, scan.acquisition
    facts: dict[str, Any] = {
        "dsc.class": "good" if str(summary.get("reliability")) in GOOD else "poor",
        "dsc.leakage_corrected": "k2" in scan.measured.maps,
    }
    for name, value in (("dsc.has_preload", taken.has_preload), ("dsc.te", taken.te), ("field", taken.field)):
        if value is not None:
            facts[name] = value
    return facts


def _grave(flags: tuple[Flag, ...]) -> tuple[Flag, ...]:
    """What a reader of the answer must know of a series; the rest stands on its own page."""
    return tuple(flag for flag in flags if flag.severity >= Severity.CAUTION)


def _used_anatomy(roles: io.Roles) -> list[Used]:
    return [Used(contrast, path.name) for contrast, path in roles.anatomy.items()]


def _unused(roles: io.Roles, adc: Diffusion | None) -> list[Used]:
    """Series that are there and that this version does not weigh, and images without a role."""
    said = [Used("adc", one.name) if adc is not None else Used("adc", one.name, is_used=False, why_not="several maps")
            for one in roles.series.get("adc", ())]  # fmt: skip
    for role in ("dce", "asl", "mrs", "mrsi"):
        why = "its markers are not part of an answer yet"
        said += [Used(role, one.name, is_used=False, why_not=why) for one in roles.series.get(role, ())]
    return said


def _extents(where: Placed) -> list[Extent]:
    from perspect.lesion.parts import volume

    return [Extent(name, one.n_voxels, volume(one), one.origin) for name, one in where.parts.regions.items()]


def _sources(request: Request, roles: io.Roles) -> dict[str, str]:
    given = [one for one in (request.lesion, request.context) if one is not None]
    adc = roles.series.get("adc", ())
    return {io.label(one): io.sha256(one) for one in (*given, *roles.anatomy.values(), *adc)}


def _plates(
    scan: Examined | None,
    scene: Scene | None,
    traps: tuple[Trap, ...],
    seen: Seen,
    where: Placed,
    adc: Diffusion | None,
) -> list[Plate]:
    """Conventional images with the parts of the lesion, and the maps that markers are read from."""
    drawn = {kind: where.parts[name].mask for name, kind in OUTLINES.items() if name in where.parts}
    centre = where.parts["solid part"].mask if "solid part" in where.parts else where.parts["whole"].mask
    titles = {"t1c": "T1 after agent", "flair": "FLAIR", "t1w": "T1", "t2w": "T2"}
    plates = [
        Plate(titles[one], seen.images[one], None, drawn, "with the parts of the lesion", centre, seen.grid.affine)
        for one in ("t1c", "flair")
        if one in seen.images
    ]
    if scan is not None and scene is not None and "rcbv" in scan.measured.maps:
        here = {kind: scene.parts[name].mask for name, kind in OUTLINES.items() if name in scene.parts}
        spoilt = pitfalls.trapped(traps, "dsc", scene.grid)
        outlines = {**here, "reference": scene.white, **({"trap": spoilt} if spoilt.any() else {})}
        middle = scene.solid if scene.solid.any() else scene.brain
        one: Map = scan.measured.maps["rcbv"]
        plates.append(
            Plate("Relative CBV", scan.at_rest, one, outlines, "corrected for leakage", middle, scene.grid.affine)
        )
    if adc is not None:
        here = {kind: adc.parts[name].mask for name, kind in OUTLINES.items() if name in adc.parts}
        middle = next(iter(here.values())) if here else np.isfinite(adc.values)
        plates.append(Plate("ADC", np.nan_to_num(adc.values), None, here, "", middle, adc.grid.affine))
    return plates
