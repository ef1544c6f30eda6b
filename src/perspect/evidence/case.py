"""What is on record of a case, and the conditions under which a published number may be cited for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Fact = bool | float | str


@dataclass(frozen=True)
class Case:
    """Facts by name, such as `dsc.has_preload` (yes or no), `mrs.te` (s) or `treated`; what is absent is not known.

    Names are those of `FACTS`, and further ones that no condition asks for. Facts come from the series and from what
    the user says; nothing is assumed.
    """

    facts: Mapping[str, Fact] = field(default_factory=dict)

    def says(self, name: str) -> Fact | None:
        """What is on record, `None` where nothing is."""
        return self.facts.get(name)


FACTS: dict[str, str] = {
    "adult": "the patient is 18 or older",
    "treated": "the lesion was treated before",
    "radiotherapy_days": "days since the end of radiotherapy",
    "antiangiogenic": "a drug against vessel growth was given",
    "steroids": "steroids were being given",
    "gadolinium_before_mrs": "contrast agent was given before the spectroscopy",
    "dsc.class": "the class of the DSC protocol: good or poor",
    "dsc.has_preload": "agent was given before the imaged bolus",
    "dsc.leakage_corrected": "leakage was corrected",
    "mrs.te": "the echo time at which ratios of spectroscopy are read in s",
    "mrs.te_2hg": "the echo time at which 2-hydroxyglutarate is read in s",
    "mrs.te_longest": "the longest echo time of the spectroscopy in s",
    "enhancing": "part of the lesion enhances",
    "software": "the version of perspect",
    "dsc.plan": "the choices of the DSC analysis",
    "dce.plan": "the choices of the DCE analysis",
    "asl.plan": "the choices of the ASL analysis",
    "mrs.plan": "the choices of the spectroscopy analysis",
}
"""Every fact that a condition may ask for, in words."""


OF_PIPELINE: frozenset[str] = frozenset({"software", "dsc.plan", "dce.plan", "asl.plan", "mrs.plan"})
"""Facts about what made the numbers. A cut-off that was found with another pipeline says nothing of this one."""

OF_QUALITY: frozenset[str] = frozenset(
    {
        "dsc.class",
        "dsc.has_preload",
        "dsc.leakage_corrected",
        "mrs.te",
        "mrs.te_2hg",
        "mrs.te_longest",
        "gadolinium_before_mrs",
    }
)
"""Facts about how well a series was taken. Where one fails a row supports nothing, but what it would say against the
others stands: a worse protocol must not make an answer stronger."""


@dataclass(frozen=True)
class Condition:
    """One demand on a case: a fact that is something, or lies in a range.

    >>> Condition("mrs.te", low=0.130, high=0.150).failure(Case({"mrs.te": 0.03}))
    'the echo time at which ratios of spectroscopy are read in s is 0.03, not 0.13 to 0.15'
    >>> Condition("treated", equals=False).failure(Case())
    'not on record: the lesion was treated before'
    """

    fact: str
    equals: Fact | None = None
    low: float = float("-inf")
    high: float = float("inf")

    def __post_init__(self) -> None:
        if self.fact not in FACTS:
            raise ValueError(f"'{self.fact}' is no fact that a case can have.")

    def failure(self, case: Case) -> str | None:
        """Why the condition does not hold, or `None` where it does."""
        known = case.says(self.fact)
        if known is None:
            return f"not on record: {FACTS[self.fact]}"
        if self.equals is not None:
            return None if known == self.equals else f"{FACTS[self.fact]}: {_word(known)}, not {_word(self.equals)}"
        if isinstance(known, str) or not self.low <= known <= self.high:
            return f"{FACTS[self.fact]} is {_word(known)}, not {_range(self.low, self.high)}"
        return None


def _word(fact: Fact) -> str:
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    return fact if isinstance(fact, str) else f"{fact:g}"


def _range(low: float, high: float) -> str:
    if high == float("inf"):
        return f"{low:g} or more"
    return f"at most {high:g}" if low == float("-inf") else f"{low:g} to {high:g}"
