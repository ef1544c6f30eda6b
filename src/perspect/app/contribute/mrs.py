"""Spectroscopy in an examination: ratios of one voxel, what of the lesion it samples, and its traps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from perspect import pitfalls
from perspect.anatomy.distance import grown
from perspect.app.contribute.boxes import voxel_plates
from perspect.app.contribute.contribution import Contribution, Patient
from perspect.app.contribute.mrsi import examined, limiting, of_map
from perspect.app.contribute.times import OF_MOST, RATIOS, fact_of, joint_partner, read_at, wanted
from perspect.app.contribute.voxels import Voxels, voxels, water_beside
from perspect.app.head import Head
from perspect.app.mrs import (
    OTHER_SIDE,
    ExaminedSpectrum,
    SpectrumInputs,
    examine_mrs,
    is_grid,
)
from perspect.app.shares import tissues_of_head
from perspect.pitfalls import Line, Voxel
from perspect.pitfalls.content import NAMED
from perspect.report.dossier import Shown, Used
from perspect.vocabulary import (
    Amount,
    Finding,
    Flag,
    MeasuredSpectrum,
    Severity,
    marker,
)
from perspect.vocabulary.progress import Progress

AMINO: Final = {"amino acids": 1.0, "both": 1.0, "lipid": 0.0, "neither": 0.0}
"""How probable amino acids are by the word of the joint fit; "not assessable" has no number."""

FAT: Final = 1.3
"""Signal of T1w over that of white matter above which a voxel outside of the brain is fat [our default]."""

SKULL: Final = 4.0
"""mm around the brain that are no scalp."""

OF_THE_OTHER_SIDE: Final = "of the other side; amounts and ratios over it are on the page of the spectrum"


def of_mrs(paths: tuple[Path, ...], patient: Patient, tell: Progress) -> Contribution:
    """What one voxel at one or more echo times, or a map, adds; its own tables and pages are written."""
    sides = patient.head.mirror
    chosen = voxels(paths, patient.lesion.parts["whole"], None if sides is None else sides.plane)
    own = chosen.lesion
    water, remarks = water_beside(own[0])
    inputs = SpectrumInputs(own[0], water)
    if is_grid(inputs):
        found = of_map(examined(inputs, patient, tell), own, patient)
        return replace(found, flags=(*found.flags, *remarks), used=(*found.used, *chosen.left))
    partner = joint_partner(chosen.times)
    inputs = replace(inputs, long=None if partner is None else own[partner])
    if chosen.other is not None:
        inputs = replace(inputs, contralateral=chosen.other, contralateral_water=water_beside(chosen.other)[0])
    scans = [_scanned(inputs, patient, tell)]
    for one in own[1:]:
        beside, more = water_beside(one)
        remarks = (*remarks, *more)
        scans.append(_scanned(SpectrumInputs(one, beside), patient, tell))
    return _of_voxel(scans, chosen, patient, remarks)


@dataclass(frozen=True)
class _Shared:
    """What all spectra of a voxel say together: which markers are read, echo times in s, total creatine in mmol/kg."""

    markers: tuple[str, ...]
    times: tuple[float, ...]
    creatine: float


def _scanned(inputs: SpectrumInputs, patient: Patient, tell: Progress) -> ExaminedSpectrum:
    """A spectrum of the lesion's voxel, measured and written, scaled by the tissue of the patient's own head."""
    return examine_mrs(
        inputs, patient.out, patient.plans.get("mrs"), overwrite=patient.overwrite, threads=patient.threads,
        tissues=tissues_of_head(patient.head), progress=tell,
    )  # fmt: skip


def _of_voxel(
    scans: Sequence[ExaminedSpectrum], chosen: Voxels, patient: Patient, remarks: tuple[Flag, ...]
) -> Contribution:
    """What the lesion's voxel says, each ratio at the echo time of its rows; what is wrong with the voxel of the other
    side limits nothing of it. The first of the `scans` holds what all echo times say together.
    """
    cavity = "cavity" in patient.lesion.parts.regions
    measured = [one.measured for one in scans]
    read = markers_of(measured, has_cavity=cavity)
    of_all = _Shared(
        tuple(one.marker.key for some in read for one in some), _echo_times(measured[0]), _creatine(measured)
    )
    parts = [
        _one_time(path, scan, some, of_all, patient)
        for path, scan, some in zip(chosen.lesion, scans, read, strict=True)
    ]
    other = () if chosen.other is None else (Used("mrs", chosen.other.name, OF_THE_OTHER_SIDE),)
    return Contribution(
        findings=tuple(one for part in parts for one in part.findings),
        facts=_facts(measured, read),
        flags=(*_each_once(flag for part in parts for flag in part.flags), *remarks),
        traps=_each_once(flag for part in parts for flag in part.traps),
        used=(*(one for part in parts for one in part.used), *other, *chosen.left),
        recipes={"MRS": scans[0].measured.recipe},
        plates=parts[0].plates,
        pages={name: page for part in parts for name, page in part.pages.items()},
        record=scans[0].written.summary,
        spectra=(
            *(one for part in parts for one in part.spectra), *_spectrum(scans[0].other, "Spectrum of the other side")
        ),
    )  # fmt: skip


def _one_time(
    path: Path, scan: ExaminedSpectrum, read: Sequence[Finding], of_all: _Shared, patient: Patient
) -> Contribution:
    """What one echo time of the voxel adds, judged with what all of them say."""
    measured = scan.measured
    seen = voxel_of(measured, patient, of_all.markers)
    seen = replace(seen, echo_times=of_all.times, line=replace(seen.line, creatine=of_all.creatine))
    traps = pitfalls.look(seen)
    raised = tuple(flag for flag in measured.flags if flag.severity >= Severity.LIMITED)
    own = tuple(flag for flag in raised if not flag.where.startswith(OTHER_SIDE))
    return Contribution(
        findings=tuple(replace(one, flags=(*own, *limiting(one, traps, patient))) for one in read),
        flags=raised,
        traps=tuple(one.flag for one in traps),
        used=(_used(path, measured, seen),),
        plates=voxel_plates(seen, patient, _said(seen)),
        pages={f"MRS page, {path.name}": scan.written.page},
        spectra=_spectrum(measured, "Spectrum of the voxel"),
    )


def _creatine(measured: Sequence[MeasuredSpectrum]) -> float:
    """Total creatine in mmol/kg, by the shortest echo time that has it: what is not known of relaxation matters least
    there.
    """
    told = [
        (_time(one) or float("inf"), one.amounts["tCr"].value)
        for one in measured
        if "tCr" in one.amounts and one.amounts["tCr"].unit == "mmol/kg"
    ]
    return min(told)[1] if told else nan


def _each_once(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """What several spectra of one voxel say alike, once."""
    return tuple({(one.code, one.sentence): one for one in flags}.values())


def markers_of(measured: Sequence[MeasuredSpectrum], *, has_cavity: bool) -> list[list[Finding]]:
    """What spectra of one voxel say of a lesion, each ratio at the echo time that its published rows ask for.

    Amino acids, which all echo times tell together, are those of a cavity: of a lesion that has none they would only
    ever be told of something else.
    """
    times = [_time(one) for one in measured]
    read: list[list[Finding]] = [[] for _ in measured]
    for key, name in RATIOS.items():
        at = read_at(key, times)
        one = None if at is None else _ratio(key, measured[at].ratios.get(name))
        if at is not None and one is not None:
            read[at].append(one)
    amino = _amino(measured[0]) if has_cavity else None
    if amino is not None:
        read[0].append(amino)
    return read


def _spectrum(measured: MeasuredSpectrum | None, title: str) -> tuple[Shown, ...]:
    """A spectrum with its fit; nothing where none was made."""
    if measured is None or measured.fitted is None:
        return ()
    te = measured.summary.get("te")
    return (Shown(title, measured.fitted, f"TE {te * 1e3:.0f} ms" if isinstance(te, float) else ""),)


def voxel_of(measured: MeasuredSpectrum, patient: Patient, markers: tuple[str, ...]) -> Voxel:
    """The voxel beside the lesion, and its spectrum in numbers."""
    signal, summary, head = measured.signal, measured.summary, patient.head
    creatine = measured.amounts.get("tCr")
    is_scaled = creatine is not None and creatine.unit == "mmol/kg"
    return Voxel(
        grid=head.grid,
        box=signal.grid if signal.placed else None,
        parts=patient.lesion.parts.regions,
        brain=_brain(patient),
        scalp=scalp(head),
        frequency=signal.frequency,
        markers=markers,
        echo_times=_echo_times(measured),
        line=Line(
            snr=_number(summary, "snr"),
            width=_number(summary, "fwhm_ppm"),
            misfit=_number(summary, "misfit"),
            unexplained=_number(summary, "unexplained"),
            water=_number(summary, "water_ratio"),
            bend=_number(summary, "bend"),
            late=_number(summary, "late"),
            creatine=creatine.value if creatine is not None and is_scaled else nan,
        ),
    )


def scalp(head: Head) -> Bool[np.ndarray, "x y z"]:
    """Fat outside of the brain, which is bright on T1w; nothing where there is no T1w."""
    if "t1w" not in head.images:
        return np.zeros(head.grid.shape, bool)
    white = np.nan_to_num(head.tissues.white) >= 0.9
    level = float(np.median(head.images["t1w"][white])) if white.any() else float("inf")
    beyond = ~np.asarray(grown(_hull(head.tissues.brain.mask), SKULL, head.grid), bool)
    return np.asarray(beyond & (head.images["t1w"] > FAT * level))


def _brain(patient: Patient) -> Bool[np.ndarray, "x y z"]:
    return _hull(patient.head.tissues.brain.mask | patient.lesion.parts["whole"].mask)


def _hull(mask: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    return np.asarray(ndimage.binary_fill_holes(mask))


def _number(summary: Mapping[str, Any], name: str) -> float:
    value = summary.get(name)
    return float(value) if isinstance(value, (int, float)) else nan


def _used(path: Path, measured: MeasuredSpectrum, seen: Voxel) -> Used:
    """How a spectrum was used, or why it must not be."""
    why = next((flag.sentence for flag in measured.flags if flag.severity == Severity.REFUSED), "")
    return Used("mrs", path.name, _said(seen), is_used=not why, why_not=why)


def _said(seen: Voxel) -> str:
    if seen.box is None:
        return "where the voxel lies is not recorded"
    return "the voxel holds " + ", ".join(f"{seen.share(seen.part(name)):.0%} {name}" for name in NAMED)


def _ratio(key: str, amount: Amount | None) -> Finding | None:
    """A ratio as a finding: with its error, or as a bound where the denominator was not detected."""
    if amount is None:
        return None
    if isfinite(amount.value):
        return Finding(marker(key), "spectroscopy voxel", amount.value, amount.std, 1)
    if amount.lower > 0:
        return Finding(marker(key), "spectroscopy voxel", amount.lower, nan, 1, above=True)
    return Finding(marker(key), "spectroscopy voxel", nan, nan, 1)


def _amino(measured: MeasuredSpectrum) -> Finding | None:
    """Whether amino acids stand at 0.9 ppm, where more than one echo time could tell."""
    word = measured.summary.get("amino_acids")
    return Finding(marker("amino_acids"), "spectroscopy voxel", AMINO[str(word)], 0.0, 1) if word in AMINO else None


def _echo_times(measured: MeasuredSpectrum) -> tuple[float, ...]:
    times = [measured.summary.get("te"), *(measured.summary.get("joint_te") or ())]
    return tuple(dict.fromkeys(float(one) for one in times if isinstance(one, (int, float))))


def _time(measured: MeasuredSpectrum) -> float | None:
    te = measured.summary.get("te")
    return float(te) if isinstance(te, (int, float)) else None


def _facts(measured: Sequence[MeasuredSpectrum], read: Sequence[Sequence[Finding]]) -> dict[str, Any]:
    """What spectra of a voxel put on record: the echo times at which ratios were read, and the longest and shortest."""
    times = [_time(one) for one in measured]
    found: dict[str, Any] = {} if times[0] is None else {OF_MOST: times[0]}
    for te, some in zip(times, read, strict=True):
        found |= {fact_of(one.marker.key): te for one in some if te is not None and wanted(one.marker.key) is not None}
    known = [one for one in (*times, *_echo_times(measured[0])) if one is not None]
    return {**found, "mrs.te_longest": max(known), "mrs.te_shortest": min(known)} if known else found
