"""An edited pair of spectra from one file or from two, with the bases of both."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from perspect import io, mrs
from perspect.app.basis import Timing, edited_bases
from perspect.app.pairing import demand_same_place
from perspect.vocabulary import Flag, MeasuredSpectrum, Problem, Severity, Spectra

if TYPE_CHECKING:
    from perspect.app.mrs import SpectrumInputs

Pair = tuple[Spectra, Spectra]


def pair_in(inputs: "SpectrumInputs", spectra: Spectra) -> tuple[Pair | None, tuple[Flag, ...]]:
    """The unedited and the edited spectrum, `None` where nothing was edited; and what was remarked on while reading."""
    if inputs.edited is None and "edit" not in spectra.axes:
        if inputs.edit is None:
            return None, ()
        raise Problem(
            f"{spectra.name} holds one condition, and --edit speaks of two.",
            "An edited spectrum is read against the unedited one.",
            "Give the edited one with --edited, or leave --edit out.",
        )
    others = {"--long": inputs.long, "--contralateral": inputs.contralateral, "--compare": inputs.compare,
              "--basis": inputs.basis}  # fmt: skip
    given = [name for name, one in others.items() if one is not None]
    if given:
        raise Problem(f"{given[0]} was given with an edited pair.", "Nothing would be made of it.", "Leave it out.")
    if inputs.edited is None:
        return mrs.pair_of(spectra), ()
    other, remarks = io.read_spectra(inputs.edited, inputs.said)
    demand_same_place(spectra, other, "edited spectrum")
    return (spectra, other), remarks


def measured_pair(
    inputs: "SpectrumInputs",
    pair: Pair,
    plan: mrs.Plan,
    water: Spectra | None,
    shares: Mapping[str, float] | None,
    threads: int,
) -> tuple[MeasuredSpectrum, tuple[Flag, ...]]:
    """What editing shows, and what had to be assumed of the sequence."""
    off, on = pair
    te = inputs.timing.te if inputs.timing is not None else off.te
    if te is None:
        raise Problem(f"{off.name} has no echo time.", "Coupled lines turn with it.", "Give --te in seconds.")
    off, on = (replace(one, te=te) for one in (off, on))
    if inputs.timing is not None and inputs.timing.sequence not in ("press", "mega-press"):
        raise Problem(
            f"An edited pair was given, and --sequence {inputs.timing.sequence}.",
            "Pairs are simulated as MEGA-PRESS: it would be read by nobody.",
            "Leave --sequence out.",
        )
    timing = replace(inputs.timing or Timing("mega-press", te), sequence="mega-press", te=te, band=inputs.edit)
    bases = edited_bases(timing, (off.frequency, off.dwell, off.n_points), threads=threads)
    found = mrs.measure_edited(off, on, *bases, plan, water=water, fractions=shares)
    low, high = inputs.edit or (0.0, 0.0)
    sentence = (
        f"The bases were simulated for MEGA-PRESS, TE {te * 1e3:g} ms, with pulses that are perfect and turn what lies "
        f"between {low:g} and {high:g} ppm. Picture and amounts are of the edited less the unedited spectrum."
    )
    return mrs.as_spectrum(found, off, plan), (Flag("assumed-sequence", Severity.NOTE, sentence, source="basis"),)
