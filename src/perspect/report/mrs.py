"""The page of a spectrum: whether to believe it, the spectrum with its fit, amounts with errors, how it was made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

import perspect
from perspect.report import words
from perspect.report.spectrum import spectrum_drawing
from perspect.vocabulary import Amount, MeasuredSpectrum, Status

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


def mrs_page(measured: MeasuredSpectrum, facts: Mapping[str, Any], version: str = "") -> str:
    """One HTML page, whole in itself. `facts` are rows of the acquisition for the table that MRSinMRS asks for.

    The same values give the same bytes.
    """
    summary = measured.summary
    severity, answer = words.answer(measured.flags, bool(summary.get("refused")))
    sums, molecules = _split(measured.amounts)
    return _environment().get_template("mrs.html").render(
        series_name=measured.signal.name,
        version=version or perspect.__version__,
        severity=severity,
        answer=answer,
        flags=words.gravest_first(measured.flags),
        drawing=spectrum_drawing(measured.fitted) if measured.fitted is not None else "",
        unit=summary.get("unit", ""),
        sums=[line(one) for one in sums],
        molecules=[line(one) for one in molecules],
        ratios=[line(one) for one in measured.ratios.values()],
        joint=[line(one) for one in measured.joint.values()],
        amino=summary.get("amino_acids_sentence", ""),
        flip=_flip(summary),
        checklist=checklist(measured, facts),
        steps=measured.recipe.steps,
        references=[words.reference(citation) for citation in measured.recipe.references],
        limits=LIMITS,
    )  # fmt: skip


def _environment() -> Environment:
    loader = PackageLoader("perspect.report", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _split(amounts: Mapping[str, Amount]) -> tuple[list[Amount], list[Amount]]:
    """What stands first, and all others."""
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
    value = f"{words.number(one.value)} ± {words.number(one.std)}"
    return Line(one.key, value if one.is_detected else f"< {words.number(one.upper)}", relative, limits, remark)


def _flip(summary: Mapping[str, Any]) -> str:
    """How probable it is that choline exceeds NAA, in words."""
    share = summary.get("choline_exceeds_naa")
    if not isinstance(share, float) or summary.get("refused"):
        return ""
    return f"More total choline than total NAA (in amounts, not heights): probability {words.percent(share)}."


def checklist(measured: MeasuredSpectrum, facts: Mapping[str, Any]) -> list[words.Row]:
    """The table that the consensus asks to be reported with every spectrum (Lin et al. 2021, doi:10.1002/nbm.4484)."""
    s, signal = measured.summary, measured.signal

    def number(key: str, factor: float = 1.0) -> str:
        value = s.get(key)
        return words.said(value * factor if isinstance(value, float) else value)

    size = " × ".join(f"{edge:.0f}" for edge in signal.grid.spacing) + " mm" if signal.placed else "not recorded"
    quality = [
        words.Row("SNR: largest fitted line over SD of the noise, real spectrum, no filter", number("snr")),
        words.Row("SNR over the residual instead", number("snr_residual")),
        words.Row("Linewidth: full width at half maximum of the fitted lineshape", number("fwhm"), " Hz"),
        words.Row("Linewidth", number("fwhm_ppm"), " ppm"),
        words.Row("Variance of residual over that of noise", number("misfit")),
        words.Row("Correlation of neighbouring residuals", number("memory")),
        words.Row("Baseline in the area under the fit", number("baseline", 100), " %"),
        words.Row("Residual water over the largest line, before removal", number("water_ratio")),
        words.Row("Lipid over the largest line", number("lipid")),
    ]
    return [
        words.Row("Field (from the frequency)", f"{signal.frequency / 42.577e6:.2f}", " T"),
        *_given(facts),
        words.Row("Voxel", size),
        words.Row("Echo time", words.said(None if signal.te is None else signal.te * 1e3), " ms" if signal.te else ""),
        words.Row("Repetition time", words.said(signal.tr), " s" if signal.tr else ""),
        words.Row("Spectral width", f"{1 / signal.dwell:.0f}", " Hz"),
        words.Row("Points", str(signal.n_points)),
        words.Row("Profile", f"{s.get('profile')} ({s.get('profile_reason')})"),
        words.Row("Unit", str(s.get("unit"))),
        *quality,
    ]


def _given(facts: Mapping[str, Any]) -> Iterable[words.Row]:
    return [words.Row(key, words.said(value)) for key, value in facts.items()]
