"""Spectroscopy in an examination: ratios of one voxel, and what of the lesion that voxel samples."""

from dataclasses import replace
from math import isfinite, nan
from pathlib import Path
from typing import Any, Final

import numpy as np

from perspect.anatomy import resample
from perspect.app.contribute.contribution import Contribution, Patient, unused
from perspect.app.mrs import SpectrumInputs, examine_mrs, examine_mrsi, is_grid
from perspect.report.dossier import Used
from perspect.vocabulary import Amount, Finding, Flag, MeasuredSpectrum, Severity, marker
from perspect.vocabulary.progress import Progress

RATIOS: Final = {"cho_naa": "tCho/tNAA", "cho_cr": "tCho/tCr", "glx_cr": "Glx/tCr"}
"""Which marker is which ratio."""

LEAST_SOLID: Final = 0.5
"""Share of the voxel that must be solid part of the lesion to speak for it (clinical anchor) [our default]."""

LEAST_CAVITY: Final = 0.6
"""Share that must be cavity to speak for that (clinical anchor) [our default]."""

AMINO: Final = {"amino acids": 1.0, "both": 1.0, "lipid": 0.0, "neither": 0.0}
"""How probable amino acids are by the word of the joint fit; "not assessable" has no number."""

OF_CAVITY: Final = ("amino_acids",)


def of_mrs(paths: tuple[Path, ...], patient: Patient, tell: Progress) -> Contribution:
    """What one voxel at one or two echo times adds; its own tables and page are written."""
    if len(paths) > 2:
        return unused("mrs", paths, "several voxels")
    water = next(iter(sorted(paths[0].parent.glob("*_mrsref.nii.gz"))), None)
    inputs = SpectrumInputs(paths[0], water, long=paths[1] if len(paths) == 2 else None)
    if is_grid(inputs):
        examine_mrsi(inputs, patient.out, overwrite=patient.overwrite, threads=patient.threads, progress=tell)
        why = "spectroscopic images are mapped, but are not part of an answer yet"
        return unused("mrs", paths, why)
    scan = examine_mrs(inputs, patient.out, overwrite=patient.overwrite, threads=patient.threads, progress=tell)
    measured = scan.measured
    content = _content(measured, patient)
    findings = [
        one for key, name in RATIOS.items() if (one := _ratio(key, measured.ratios.get(name), content)) is not None
    ]
    amino = _amino(measured, content)
    return Contribution(
        findings=(*findings, *([] if amino is None else [amino])),
        facts=_facts(measured),
        flags=tuple(flag for flag in measured.flags if flag.severity >= Severity.LIMITED),
        used=tuple(Used("mrs", one.name, _said(content)) for one in paths),
        recipes={"MRS": measured.recipe},
        pages={"MRS page": scan.written.page},
        record=scan.written.summary,
    )


def _content(measured: MeasuredSpectrum, patient: Patient) -> dict[str, float]:
    """How much of the voxel each part of the lesion fills, by the header of the spectrum; nothing where it has none."""
    signal = measured.signal
    if not signal.placed:
        return {}
    found = {}
    for name in ("solid part", "cavity"):
        if name in patient.lesion.parts:
            one = patient.lesion.parts[name]
            share = resample.share_of_boxes(one.mask.astype(np.float32), one.grid, signal.grid)
            found[name] = float(np.nanmean(share))
        else:
            found[name] = 0.0
    return found


def _said(content: dict[str, float]) -> str:
    if not content:
        return "where the voxel lies is not recorded"
    return "the voxel holds " + ", ".join(f"{share:.0%} {name}" for name, share in content.items())


def _place_flags(key: str, content: dict[str, float]) -> tuple[Flag, ...]:
    """Whether the voxel samples what the marker is about."""
    part, least = ("cavity", LEAST_CAVITY) if key in OF_CAVITY else ("solid part", LEAST_SOLID)
    if not content:
        sentence = "Where the spectroscopy voxel lies is not recorded, so that what it samples is not known."
    elif content[part] < least:
        sentence = f"Only {content[part]:.0%} of the spectroscopy voxel is {part} of the lesion."
    else:
        return ()
    return (Flag("voxel-content", Severity.LIMITED, sentence, "spectroscopy voxel", source="examination"),)


def _ratio(key: str, amount: Amount | None, content: dict[str, float]) -> Finding | None:
    """A ratio as a finding: with its error, or as a bound where the denominator was not detected."""
    if amount is None:
        return None
    flags = _place_flags(key, content)
    if isfinite(amount.value):
        return Finding(marker(key), "spectroscopy voxel", amount.value, amount.std, 1, flags=flags)
    if amount.lower > 0:
        return Finding(marker(key), "spectroscopy voxel", amount.lower, nan, 1, above=True, flags=flags)
    return Finding(marker(key), "spectroscopy voxel", nan, nan, 1, flags=flags)


def _amino(measured: MeasuredSpectrum, content: dict[str, float]) -> Finding | None:
    """Whether amino acids stand at 0.9 ppm, where more than one echo time could tell."""
    word = measured.summary.get("amino_acids")
    if word not in AMINO:
        return None
    found = Finding(marker("amino_acids"), "spectroscopy voxel", AMINO[str(word)], 0.0, 1)
    return replace(found, flags=_place_flags("amino_acids", content))


def _facts(measured: MeasuredSpectrum) -> dict[str, Any]:
    """What the spectrum puts on record; the longest echo time is the one that tells lactate from lipid."""
    times = [measured.summary.get("te"), *(measured.summary.get("joint_te") or ())]
    known = [float(one) for one in times if isinstance(one, (int, float))]
    return {"mrs.te": max(known), "mrs.te_shortest": min(known)} if known else {}
