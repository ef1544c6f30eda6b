"""Drugs and timing: what changes vessels and barrier without changing the tumour."""

from typing import Final

from perspect.pitfalls.record import Record
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.vocabulary import Severity

EARLY: Final = threshold("treatment-timing", "early")
"""Days since radiotherapy within which enhancement comes and goes by itself (pseudoprogression)."""

EVERY: Final = ("dsc", "dce", "asl", "adc", "mrs")
"""What treatment bears on: no published row of any family holds under a drug against vessel growth, and what dies after
radiotherapy changes diffusion and spectra as well as vessels."""


def look(record: Record) -> Trap | None:
    """What was given or is not on record: a drug against vessel growth limits, the rest is a caution.

    What a question needs and lacks is refused by the question itself.
    """
    limiting, said, of_spectrum = [], [], []
    if record.says("antiangiogenic") is True:
        limiting.append(
            "a drug against vessel growth was given: blood volume, leakage and swelling fall without the tumour"
        )
    days = record.says("radiotherapy_days")
    if isinstance(days, (int, float)) and not isinstance(days, bool) and days < EARLY:
        said.append(f"radiotherapy ended {days:.0f} days ago: enhancement may come and go by itself")
    if record.says("steroids") is True:
        said.append("steroids were given: they close the barrier, and lymphoma may vanish")
    if record.has_mrs and record.says("gadolinium_before_mrs") is True:
        of_spectrum.append("agent was given before spectroscopy: choline may read lower")
    if record.says("treated") is True:
        unknown = [one for one in ("antiangiogenic", "steroids", "radiotherapy_days") if record.says(one) is None]
        if unknown:
            said.append(f"not on record: {', '.join(unknown)}")
    if not limiting and not said and not of_spectrum:
        return None
    severity = Severity.LIMITED if limiting else Severity.CAUTION
    sentence = f"Treatment bears on the numbers: {'; '.join((*limiting, *said, *of_spectrum))}."
    return Trap("treatment-timing", severity, sentence, None, NOWHERE, EVERY if limiting or said else ("mrs",))
