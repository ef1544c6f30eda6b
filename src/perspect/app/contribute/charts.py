"""The curves that the numbers of a lesion come from: of its solid part, of normal white matter, of the artery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import numpy as np
from jaxtyping import Bool

from perspect.pitfalls import Trap, arterial, transit
from perspect.report.panel import Chart, Panel
from perspect.vocabulary import Curve, Kept, Measured, Moment, Quantity, Region, lexicon

LESION, CORRECTED, WHITE, ARTERY = "#d55e00", "#7a3e9d", "#0e86c8", "#b35a90"
"""Colours of the curves, the same on every panel (told apart by every kind of colour vision)."""

FEWEST: Final = 3
"""Voxels free of traps below which those in traps are drawn too [our default]."""

NEARLY_ALL: Final = 0.995
"""Akaike weight above which it is written as being above."""

MODELS: Final = {
    "vascular": "vessels alone", "patlak": "Patlak", "tofts": "Tofts", "extended-tofts": "extended Tofts",
    "2cum": "two-compartment uptake", "2cxm": "two-compartment exchange", "aath": "tissue homogeneity",
}  # fmt: skip
"""Models as a sentence has them."""

OF_ONE_MODEL: Final = (lexicon.KTRANS, lexicon.VE, lexicon.VP, lexicon.FP, lexicon.PS)
"""What is told of the one model of a lesion, where it says it."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Whose curves are drawn: the voxels of a lesion's part that count and how many traps hold, normal white matter,
    the traps of the series, and what must be said of the choice.
    """

    part: str
    counts: Bool[np.ndarray, "x y z"]
    n_left_out: int
    white: Bool[np.ndarray, "x y z"] | None
    traps: Sequence[Trap]
    remark: str = ""

    @property
    def marks(self) -> tuple[Moment, ...]:
        """The times that traps spoil."""
        return tuple(dict.fromkeys(one for trap in self.traps for one in trap.when))

    def note(self, *codes: str) -> str:
        """What spoils a curve at no time of its own: the titles of the traps of these codes that were found."""
        return ", ".join(dict.fromkeys(one.title.lower() for one in self.traps if one.code in codes))


def drawn_of(
    parts: Mapping[str, Region],
    spoilt: Bool[np.ndarray, "x y z"],
    white: Region | None,
    traps: Sequence[Trap],
) -> Drawn | None:
    """The solid part without the voxels of traps (with them, where they are nearly all); None where there is none."""
    if "solid part" not in parts:
        return None
    solid = parts["solid part"].mask
    free = solid & ~spoilt
    name = "enhancing part" if "enhancing" in parts else "solid part"
    normal = None if white is None else white.mask
    if free.sum() < FEWEST:
        return Drawn(name, solid, 0, normal, traps, "Hardly a voxel is free of traps: all of them are drawn.")
    return Drawn(name, free, int((solid & spoilt).sum()), normal, traps)


def of_bolus(measured: Measured, whose: Drawn | None) -> tuple[Chart, ...]:
    """DSC: the signal as a reader knows it, ΔR2* with and without leakage, and the artery."""
    kept = measured.kept
    if whose is None or kept is None:
        return ()
    rest, integrated = _spans(measured)
    signal = _named(kept, "signal", whose)
    change = _named(kept, "delta_r2star", whose)
    if "corrected" in kept.curves:
        corrected = kept.mean("corrected", whose.counts, "without leakage")
        change = _with({"lesion": change.get("lesion"), "corrected": corrected, "white": change.get("white")})
    if "lesion" not in signal:
        return ()

    def panel(title: str, curves: Mapping[str, Curve], down: str) -> Panel:
        spans = (*rest, *integrated)
        return Panel(title, curves, down, spans=spans, marks=whose.marks, colours=_COLOURS, dashed=("corrected",))

    panels = [
        panel("Signal", signal, "signal (% of rest)"),
        panel("Change of relaxation", change, "ΔR2* (1/s)"),
        *_artery(measured, rest, whose),
    ]
    return (_chart("dsc", "DSC: passage of the bolus", kept, "signal", whose, panels, "fit of the first pass",
                   ("rcbv_mean", "rcbv_hot", "psr_mean"), _peaks(signal, change)),)  # fmt: skip


def of_leakage(measured: Measured, whose: Drawn | None) -> tuple[Chart, ...]:
    """DCE: agent in tissue with the fit of the model that the lesion asks for, and the artery."""
    kept = measured.kept
    if whose is None or kept is None:
        return ()
    tissue = _named(kept, "curve", whose, "fit")
    if "lesion" not in tissue:
        return ()
    rest, _ = _spans(measured)
    down = "agent (mM)" if kept.units["curve"] == "mM" else kept.units["curve"]
    panels = [
        Panel("Agent in tissue", tissue, down, spans=rest, marks=whose.marks, colours=_COLOURS),
        *_artery(measured, rest, whose),
    ]
    model = MODELS.get(str(measured.summary.get("lesion_model")), "its model")
    return (_chart("dce", "DCE: leakage of agent", kept, "curve", whose, panels, f"fit: {model}",
                   ("ktrans_median", "ve_mean"), one_model_in_words(measured.summary)),)  # fmt: skip


def of_labelling(measured: Measured, whose: Drawn | None) -> tuple[Chart, ...]:
    """ASL: the difference of label and control over the delays, where there are several."""
    kept = measured.kept
    if whose is None or kept is None:
        return ()
    tissue = _named(kept, "curve", whose, "fit" if "fit" in kept.curves else "")
    if "lesion" not in tissue:
        return ()
    down = f"ΔM/M0 ({kept.units['curve']})" if kept.units["curve"] != "a.u." else "difference (a.u.)"
    panel = Panel(
        "Labelled blood", tissue, down, "delay after labelling (s)", colours=_COLOURS,
        note=whose.note(transit.CODE),
    )  # fmt: skip
    return (_chart("asl", "ASL: arrival of label", kept, "curve", whose, [panel], "by its flow and transit time",
                   ("rcbf_asl",), ""),)  # fmt: skip


_COLOURS: Final = {"lesion": LESION, "corrected": CORRECTED, "white": WHITE, "aif": ARTERY}


def _chart(
    series: str, title: str, kept: Kept, row: str, whose: Drawn, panels: Sequence[Panel], fitted: str,
    markers: tuple[str, ...], sentence: str,
) -> Chart:  # fmt: skip
    n = int(kept.usable(whose.counts, row).sum())
    said = " ".join(part for part in (whose.remark, sentence) if part)
    return Chart(series, title, whose.part, n, whose.n_left_out, tuple(panels), fitted, markers, said)


def _named(kept: Kept, row: str, whose: Drawn, fit: str = "") -> dict[str, Curve]:
    """The curves of the lesion and of normal white matter, as far as there are voxels."""
    white = None if whose.white is None else kept.mean(row, whose.white, "normal white matter", fit)
    return _with({"lesion": kept.mean(row, whose.counts, whose.part, fit), "white": white})


def _with(curves: Mapping[str, Curve | None]) -> dict[str, Curve]:
    return {name: one for name, one in curves.items() if one is not None}


def _spans(measured: Measured) -> tuple[tuple[Moment, ...], tuple[Moment, ...]]:
    """The times at rest, and those integrated, as far as the run says them."""
    summary = measured.summary
    rest: tuple[Moment, ...] = ()
    if "baseline_frames" in summary and "aif" in measured.curves:
        times = measured.curves.get("tissue", measured.curves["aif"]).times
        start, stop = summary["baseline_frames"]
        rest = (Moment(float(times[start]), float(times[stop - 1]), "rest"),)
    window = summary.get("window_seconds")
    return rest, () if window is None else (Moment(float(window[0]), float(window[1]), "integrated"),)


def _artery(measured: Measured, rest: tuple[Moment, ...], whose: Drawn) -> list[Panel]:
    """The arterial input, on axes of its own: it is many times as high as tissue."""
    if "aif" not in measured.curves:
        return []
    aif = measured.curves["aif"]
    down = f"ΔR2* ({aif.unit})" if aif.unit == lexicon.DELTA_R2STAR.unit else f"agent ({aif.unit})"
    return [Panel("Arterial input", {"aif": aif}, down, spans=rest, colours=_COLOURS, note=whose.note(arterial.CODE))]


def _peaks(signal: Mapping[str, Curve], change: Mapping[str, Curve]) -> str:
    """How high the peaks of the mean curves are and when, and how far the signal falls."""
    said = []
    for name, words in (("lesion", "in the lesion"), ("white", "in white matter")):
        if name in change and name in signal:
            high = int(np.nanargmax(change[name].values))
            said.append(
                f"{words} {change[name].values[high]:.1f} 1/s at {change[name].times[high]:.0f} s, the signal down to "
                f"{np.nanmin(signal[name].values):.0f} %"
            )
    return f"Peak {'; '.join(said)}." if said else ""


def one_model_in_words(summary: Mapping[str, Any]) -> str:
    """Which one model the part asks for as a whole, how sure that is, and what it says."""
    name = summary.get("lesion_model")
    if name is None:
        return ""
    weight, n = float(summary["lesion_model_weights"][name]), int(summary["lesion_model_voxels"])
    several = len(summary["lesion_model_weights"]) > 1
    sure = f"above {NEARLY_ALL:.3g}" if weight > NEARLY_ALL else f"{weight:.2f}"
    own = float(summary["lesion_voxel_models"][name])
    chosen = f", Akaike weight {sure} ({own:.0%} of its voxels choose it by themselves)" if several else ""
    told = [_median(one, summary["lesion_model_medians"]) for one in OF_ONE_MODEL]
    return (
        f"One model for all {n} voxels: {MODELS.get(str(name), str(name))}{chosen}; by it the medians are "
        f"{', '.join(one for one in told if one)}."
    )


def _median(quantity: Quantity, medians: Mapping[str, float]) -> str:
    value = medians.get(quantity.key, float("nan"))
    if not isfinite(value):
        return ""
    unit = "" if quantity.shown_unit in ("1", "ratio") else f" {quantity.shown_unit}"
    return f"{quantity.symbol} {value * quantity.shown_factor:.2g}{unit}"
