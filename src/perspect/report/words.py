"""Numbers and flags in words: what a key of the summary means, in which unit it is shown, what a severity means."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite, pi
from typing import Any, Final

import numpy as np

from perspect.vocabulary import Flag, Quantity, Severity

ANSWERS: Final = {
    Severity.REFUSED: "No. A check forbids reading these numbers; the maps are shown so that you can see why.",
    Severity.LIMITED: "Only with the limits named here.",
    Severity.CAUTION: "Yes, if the cautions named here are kept in mind.",
    Severity.NOTE: "No check found anything that speaks against them.",
}
"""The answer to "can these numbers be trusted?" by the gravest flag."""

DEGREES, PERCENT, MS = 180 / pi, 100.0, 1e3

LABELS: Final[Mapping[str, tuple[str, str, float]]] = {
    "te": ("Echo time", "ms", MS),
    "tr": ("Repetition time", "s", 1.0),
    "flip_angle": ("Flip angle", "°", DEGREES),
    "field": ("Field strength", "T", 1.0),
    "preload": ("Agent given before (preload)", "", 1.0),
    "agent": ("Contrast agent", "", 1.0),
    "dose": ("Dose", "mmol/kg", 1.0),
    "n_volumes": ("Volumes", "", 1.0),
    "time_step": ("Time between volumes", "s", 1.0),
    "t1_share": ("T1 effect of agent in vessels of tissue with a long T1, relative to its T2* effect", "%", PERCENT),
    "n_baseline": ("Volumes at rest", "", 1.0),
    "baseline_seconds": ("Time at rest", "s", 1.0),
    "arrival": ("Arrival of the bolus", "s", 1.0),
    "first_pass_end": ("End of the first pass", "s", 1.0),
    "seconds_after_peak": ("Time recorded after the peak", "s", 1.0),
    "window_seconds": ("Blood volume integrated from, to", "s", 1.0),
    "brain_contrast_to_noise": ("Contrast-to-noise ratio of the mean curve of the brain", "", 1.0),
    "arterial_origin": ("Arterial input", "", 1.0),
    "arterial_peak": ("Peak of the arterial input", "1/s", 1.0),
    "arterial_width": ("Width of the arterial input at half height", "s", 1.0),
    "arterial_lead": ("Arterial input ahead of the brain by", "s", 1.0),
    "arterial_relative_error": ("Relative error of the arterial area", "%", PERCENT),
    "scale": ("What sets the scale of CBV and CBF", "", 1.0),
    "scale_common_error": ("Relative error of that scale between people", "%", PERCENT),
    "arterial_white_volume": ("CBV of white matter by the arterial area", "mL/100 mL", 100.0),
    "drift_share": ("Drift before the bolus, as a share of blood volume", "%", PERCENT),
    "reference_origin": ("Reference tissue", "", 1.0),
    "reference_voxels": ("Voxels of the reference tissue", "", 1.0),
    "reference_kep": ("kep of the reference tissue", "1/min", 60.0),
    "reference_kep_std": ("Its standard error", "1/min", 60.0),
    "reference_voxels_that_tell": ("Voxels that tell it", "", 1.0),
    "reference_area": ("Area under ΔR2* in the reference tissue, mean", "", 1.0),
    "reference_area_std": ("Its standard error", "", 1.0),
    "reference_spread": ("Its spread between voxels (robust SD)", "", 1.0),
    "white_matter_spread": ("Robust SD over median in normal-appearing white matter", "%", PERCENT),
    "white_matter_difference": ("Largest difference between places of normal-appearing white matter", "%", PERCENT),
    "alignment_error": ("Standard error of where the conventional image lies", "mm", 1.0),
    "sides_likeness": ("Correlation of the two sides", "", 1.0),
    "midline_shift": ("Largest shift of the midline, to the right", "mm", 1.0),
    "leakage_reference_voxels": ("Voxels of the leakage reference", "", 1.0),
    "leakage_corrected_share": ("Voxels with leakage corrected", "%", PERCENT),
    "bidirectional_share": ("of these, by the bidirectional model", "%", PERCENT),
    "own_transit_share": ("of these, beside a transit time of their own", "%", PERCENT),
    "saturating_share": ("of these, with a T1 effect that saturates", "%", PERCENT),
    "deconvolution": ("Deconvolution", "", 1.0),
    "expected_cbf_error": ("Median error of CBF expected by simulation", "%", PERCENT),
    "lesion_flow": ("Flow of the lesion, mean and standard error", "mL/100 g/min", 6000.0),
    "lesion_flow_hot": ("Flow of its hot spots, mean and standard error", "mL/100 g/min", 6000.0),
    "lesion_over_mirror": ("Lesion over the place opposite (95 %)", "", 1.0),
    "lesion_over_white": ("Lesion over contralateral white matter (95 %)", "", 1.0),
    "lesion_over_grey": ("Lesion over contralateral grey matter (95 %)", "", 1.0),
    "lesion_hot_over_mirror": ("Hot spots over the place opposite (95 %)", "", 1.0),
    "lesion_hot_over_white": ("Hot spots over contralateral white matter (95 %)", "", 1.0),
    "lesion_hot_over_grey": ("Hot spots over contralateral grey matter (95 %)", "", 1.0),
    "lesion_left_out": ("Voxels of the lesion left out", "", 1.0),
    "labelling": ("Labelling", "", 1.0),
    "delays": ("Delays (PLD or TI)", "s", 1.0),
    "durations": ("Duration of labelling or bolus", "s", 1.0),
    "n_pairs": ("Pairs of label and control", "", 1.0),
    "pairs_per_delay": ("Pairs at each delay", "", 1.0),
    "pairs_left": ("Pairs' worth left after censoring, by delay", "", 1.0),
    "efficiency": ("Efficiency of all inversions", "", 1.0),
    "blood_t1": ("T1 of arterial blood", "s", 1.0),
    "kinetics": ("Decay of label in tissue", "", 1.0),
    "m0_origin": ("M0 from", "", 1.0),
    "scale_undone": ("Scale factor undone", "", 1.0),
    "mean_flow_grey": ("Mean flow of grey matter", "mL/100 g/min", 6000.0),
    "mean_flow_brain": ("Mean flow of the brain", "mL/100 g/min", 6000.0),
    "grey_over_white": ("Flow of grey over white matter", "", 1.0),
    "spatial_cov": ("Spatial variation of flow in grey matter", "%", PERCENT),
    "spatial_cov_brain": ("Spatial variation of flow, all tissues", "%", PERCENT),
    "qei": ("Quality evaluation index (0 to 1)", "", 1.0),
    "negative_share": ("Negative voxels", "%", PERCENT),
    "halves_correlation": ("Correlation of odd and even pairs", "", 1.0),
    "left_right_asymmetry": ("Left minus right over their mean, in front", "%", PERCENT),
    "left_right_asymmetry_back": ("Left minus right over their mean, behind", "%", PERCENT),
    "left_right_delay_back": ("Left later than right by, behind", "ms", MS),
    "left_right_delay": ("Left later than right by, in front", "ms", MS),
    "flow_delay_correlation": ("Correlation of the errors of flow and transit time, median", "", 1.0),
    "misfit": ("χ² over degrees of freedom, mean", "", 1.0),
    "arterial_share": ("Voxels with label in arteries", "%", PERCENT),
    "largest_within_pair": ("Largest displacement within a pair", "mm", 1.0),
    "largest_displacement": ("Largest displacement", "mm", 1.0),
    "mean_framewise_displacement": ("Mean displacement between volumes", "mm", 1.0),
}
"""Per key of `Measured.summary` that everyone reads: label, unit as shown, factor from the inside unit."""

FACTS: Final[Mapping[str, tuple[str, str, float]]] = {
    "adult": ("Adult", "", 1.0),
    "treated": ("Lesion treated before", "", 1.0),
    "haematocrit": ("Haematocrit", "", 1.0),
    "radiotherapy_days": ("Days since the end of radiotherapy", "", 1.0),
    "antiangiogenic": ("Drug against vessel growth", "", 1.0),
    "steroids": ("Steroids", "", 1.0),
    "gadolinium_before_mrs": ("Contrast agent before spectroscopy", "", 1.0),
    "enhancing": ("Part of the lesion enhances", "", 1.0),
    "field": ("Field strength", "T", 1.0),
    "dsc.class": ("Class of the DSC protocol", "", 1.0),
    "dsc.has_preload": ("Agent before the imaged bolus (preload)", "", 1.0),
    "dsc.leakage_corrected": ("Leakage corrected in DSC", "", 1.0),
    "dsc.te": ("Echo time of DSC", "ms", MS),
    "mrs.te": ("Echo time of ratios of spectroscopy", "ms", MS),
    "mrs.te_2hg": ("Echo time of 2-hydroxyglutarate", "ms", MS),
    "mrs.te_longest": ("Longest echo time of spectroscopy", "ms", MS),
    "mrs.te_shortest": ("Shortest echo time of spectroscopy", "ms", MS),
}
"""Per fact of a case: label, unit as shown, factor from the inside unit."""

ROLES: Final[Mapping[str, str]] = {
    "t1w": "T1",
    "t1c": "T1 after agent",
    "t2w": "T2",
    "flair": "FLAIR",
    "dsc": "DSC perfusion",
    "dce": "DCE",
    "asl": "Arterial spin labelling",
    "adc": "Diffusion (ADC)",
    "t2star": "T2*-weighted",
    "mrs": "Spectrum",
    "mrsi": "Spectroscopic image",
    "VFA": "Flip angles for T1",
    "TB1map": "Map of B1",
    "m0scan": "M0 of ASL",
    "mrsref": "Water of the spectrum",
}
"""What an image is called, by its role."""

TOLD_ELSEWHERE: Final = frozenset({"reliability", "reliability_reason", "refused", "baseline_frames"})
"""Keys that the page shows in another place than its tables."""


LONGEST: Final = 8
"""Longer lists are counted and not written out."""


@dataclass(frozen=True)
class Row:
    """One line of the table of numbers; `unit` with the space before it, if it takes one."""

    label: str
    value: str
    unit: str = ""


def known_rows(summary: Mapping[str, Any]) -> tuple[Row, ...]:
    """The entries that everyone reads, in a fixed order."""
    return tuple(_known(key, summary[key]) for key in LABELS if key in summary)


def fact_rows(facts: Mapping[str, Any]) -> tuple[Row, ...]:
    """What is on record of a case, in words, in a fixed order; a name that is not known keeps its own words."""
    order = [*(key for key in FACTS if key in facts), *sorted(key for key in facts if key not in FACTS)]
    return tuple(
        _labelled(FACTS.get(key, (key.replace("_", " ").replace(".", ": "), "", 1.0)), facts[key]) for key in order
    )


def other_rows(summary: Mapping[str, Any]) -> tuple[Row, ...]:
    """All other entries under their own names, nested ones by their path."""
    left = {key: value for key, value in summary.items() if key not in LABELS and key not in TOLD_ELSEWHERE}
    return tuple(Row(key.replace("_", " "), said(value)) for key, value in _flat(left))


def _flat(summary: Mapping[str, Any], path: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in summary.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}: ")
        else:
            yield f"{path}{key}", value


def _known(key: str, value: Any) -> Row:
    return _labelled(LABELS[key], value)


def _labelled(entry: tuple[str, str, float], value: Any) -> Row:
    label, unit, factor = entry
    numbers = value if isinstance(value, list | tuple) else [value]
    if not unit or not all(_is_finite_number(one) for one in numbers):
        return Row(label, said(value))
    space = "" if unit == "°" else "\u00a0"
    return Row(label, said([one * factor for one in numbers] if factor != 1.0 else numbers), f"{space}{unit}")


def _is_finite_number(value: Any) -> bool:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
    return is_number and isfinite(value)


def said(value: Any) -> str:
    """A plain value as a person would write it: three digits, yes and no, "not recorded" for what is missing."""
    if value is None:
        return "not recorded"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}".replace(",", "\u2009")
    if isinstance(value, float | np.floating):
        return number(float(value))
    if isinstance(value, np.ndarray):
        return said(value.tolist()) if value.ndim == 1 and value.size <= LONGEST else f"{value.size} values"
    if isinstance(value, list | tuple):
        return ", ".join(said(part) for part in value) if len(value) <= LONGEST else f"{len(value)} values"
    return str(value)


def number(value: float) -> str:
    """Three significant digits, with a true minus sign; a number that is not there is said to be missing."""
    if not isfinite(value):
        return "not determined"
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return text.replace("-", "−")


def percent(fraction: float) -> str:
    """A share in per cent that never rounds some to none or almost all to all."""
    if 0 < fraction < 0.001:
        return "< 0.1 %"
    if 0.999 < fraction < 1:
        return "> 99.9 %"
    return f"{100 * fraction:.1f} %" if 0 < fraction < 0.1 or 0.9 < fraction < 1 else f"{100 * fraction:.0f} %"


def unit(quantity: Quantity) -> str:
    """The unit in which a quantity is shown; "1" would read as a number beside the ticks of a colour bar."""
    return "no unit" if quantity.shown_unit == "1" else quantity.shown_unit


def counted(n: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "slice"), counted(20, "slice")
    ('1 slice', '20 slices')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def unsaid(reason: Any, flags: Iterable[Flag]) -> str:
    """What of a reason the flags do not say themselves."""
    text = " ".join(reason) if isinstance(reason, list | tuple) else said(reason)
    for flag in flags:
        text = text.replace(flag.sentence, "")
    return text.strip(" ;,")


def gravest_first(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """The flags by severity; those of equal severity in the order in which they were raised."""
    return tuple(sorted(flags, key=lambda flag: -flag.severity))


def answer(flags: Iterable[Flag], is_refused: bool) -> tuple[Severity, str]:
    """The gravest severity and what it means for the numbers."""
    gravest = max([flag.severity for flag in flags], default=Severity.NOTE)
    gravest = Severity.REFUSED if is_refused else gravest
    return gravest, ANSWERS[gravest]


@dataclass(frozen=True)
class Reference:
    """A source: its words, and the DOI in it, if any."""

    text: str
    doi: str = ""


def reference(citation: str) -> Reference:
    """A citation taken apart at its DOI."""
    found = re.search(r"[,;]?\s*(?:doi:|https?://doi\.org/)\s*(10\.\S+?)[.,;)]?\s*$", citation, re.IGNORECASE)
    return Reference(citation[: found.start()], found[1]) if found else Reference(citation)
