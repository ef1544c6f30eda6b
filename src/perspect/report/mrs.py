"""The page of a spectrum: whether to believe it, the spectrum with its fit, amounts with errors, how it was made."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

import perspect
from perspect.report import words
from perspect.report.checklist import checklist
from perspect.report.script import script
from perspect.report.spectrum import choices, spectrum_drawing, spectrum_numbers
from perspect.report.voxel import drawn, legend
from perspect.vocabulary import Amount, Compared, MeasuredSpectrum, Status, VoxelPicture

LIMITS: Final = (
    "These are numbers, not conclusions: how much of each molecule this voxel shows, and never what a lesion is. Read "
    "them beside the images, and look where the voxel lies.",
    "A standard error is the Cramér-Rao bound of the model with everything fitted, scaled up where the model does not "
    "describe the data. It does not hold what the model leaves out: partial volume, relaxation of molecules, motion.",
    "A ratio whose denominator was not found has no value. What can be said is that it is above its lower limit.",
    "Lactate, lipid and macromolecules overlap at 1.3 ppm: at a short echo time only their sum is firm. At 135 to "
    "144 ms lactate is inverted and lipid is not.",
    "Amino acids at 0.9 ppm are told from lipid by their inversion at 135 to 144 ms. That they are not found excludes "
    "nothing.",
    "Amounts that are relative to water rest on what is assumed of the tissue; in a lesion these assumptions are poor, "
    "and ratios are safer.",
)
"""What holds for every spectrum."""

KEYS: Final = (
    "tNAA",
    "tCr",
    "tCho",
    "Ins",
    "Glx",
    "Ins+Gly",
    "Lac",
    "Lip13",
    "Lip13+MM12",
    "Lip09+MM09",
    "Ala",
    "Gly",
    "GSH",
)
"""Amounts that stand first."""


@dataclass(frozen=True)
class Line:
    """One row of the table of amounts, in words."""

    name: str
    value: str
    relative: str
    limits: str
    remark: str


SURE: Final = 1e-6
"""No probability is said to be nearer to none or to all."""

RANGES: Final = (("0.5–2 ppm", "2.0 0.5"), ("1.8–3.4 ppm", "3.4 1.8"), ("3–4.2 ppm", "4.2 3.0"))
"""Parts of a spectrum that are read together, for the page's buttons."""


def mrs_page(
    measured: MeasuredSpectrum,
    facts: Mapping[str, Any],
    version: str = "",
    voxel: VoxelPicture | None = None,
    compared: Compared | None = None,
    *,
    of_grid: bool = False,
) -> str:
    """One HTML page, whole in itself. `facts` are words of the header for the table that MRSinMRS asks for; `of_grid`
    says that the picture shows an image of spectra, of which this is the mean of a region.

    The same values give the same bytes.
    """
    fitted = measured.fitted
    summary = measured.summary
    severity, answer = words.answer(measured.flags, bool(summary.get("refused")))
    sums, molecules = _split(measured.amounts, is_edited=bool(summary.get("edited")))
    return _environment().get_template("mrs.html").render(
        series_name=measured.signal.name,
        version=version or perspect.__version__,
        severity=severity,
        answer=answer,
        flags=words.gravest_first(measured.flags),
        drawing=spectrum_drawing(fitted) if fitted is not None else "",
        numbers=spectrum_numbers(fitted) if fitted is not None else "",
        parts=choices(fitted) if fitted is not None else (),
        ranges=RANGES,
        script=script("spectrum.js"),
        voxel=voxel,
        planes=drawn(voxel) if voxel is not None else (),
        legend=legend(voxel) if voxel is not None else (),
        of_grid=of_grid,
        contralateral=[line(one) for one in measured.contralateral.values()],
        compared=compared,
        posterior=_checked(measured),
        unit=summary.get("unit", ""),
        sums=[line(one) for one in sums],
        molecules=[line(one) for one in molecules],
        ratios=[line(one) for one in measured.ratios.values()],
        joint=[line(one) for one in measured.joint.values()],
        amino=summary.get("amino_acids_sentence", ""),
        flip=_flip(summary),
        checklist=checklist(measured, facts, version or perspect.__version__),
        steps=measured.recipe.steps,
        references=[words.reference(citation) for citation in measured.recipe.references],
        limits=LIMITS,
    )  # fmt: skip


def _environment() -> Environment:
    loader = PackageLoader("perspect.report", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _split(amounts: Mapping[str, Amount], *, is_edited: bool) -> tuple[list[Amount], list[Amount]]:
    """What stands first, and all others; what editing shows is little enough to stand first."""
    if is_edited:
        return list(amounts.values()), []
    first = [amounts[key] for key in KEYS if key in amounts]
    return first, [one for key, one in amounts.items() if key not in KEYS]


def line(one: Amount) -> Line:
    """An amount in words; what was not found is below its upper limit."""
    if not isfinite(one.value):
        bound = f"> {words.number(one.lower)} (95 %)" if isfinite(one.lower) and one.lower > 0 else ""
        return Line(one.key, "not determined", "", bound, "" if bound else Status(one.status).sentence)
    limits = f"{words.number(one.lower)} to {words.number(one.upper) if isfinite(one.upper) else '∞'}"
    relative = f"{100 * one.std / one.value:.0f} %" if one.value > 0 else ""
    remark = "" if one.is_detected else "not detected"
    if one.status == Status.AMBIGUOUS:
        remark = "known in sums only" + (f"; {remark}" if remark else "")
    value = with_error(one.value, one.std)
    return Line(one.key, value if one.is_detected else f"< {words.number(one.upper)}", relative, limits, remark)


def _checked(measured: MeasuredSpectrum) -> list[tuple[Line, Line]]:
    """Amounts that stand first beside what samples of the posterior say of them."""
    both = [(measured.amounts[key], measured.posterior[key]) for key in KEYS if key in measured.posterior]
    return [(line(one), line(other)) for one, other in both]


def with_error(value: float, std: float) -> str:
    """A value to the second digit of its error.

    >>> with_error(1.2499, 0.0409)
    '1.250 ± 0.041'
    """
    if not (isfinite(std) and std > 0):
        return words.number(value)
    digits = max(0, 1 - floor(log10(std)))
    return f"{value:.{digits}f} ± {std:.{digits}f}"


def _flip(summary: Mapping[str, Any]) -> str:
    """How probable it is that choline exceeds NAA, in words."""
    share = summary.get("choline_exceeds_naa")
    if not isinstance(share, float) or summary.get("refused"):
        return ""
    share = min(max(share, SURE), 1 - SURE)
    return f"More total choline than total NAA (in amounts, not heights): probability {words.percent(share)}."
