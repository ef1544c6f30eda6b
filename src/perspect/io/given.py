"""What a person said of the labelling, against what files say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from perspect.io.sidecar import Sidecar
from perspect.vocabulary import Flag, Severity
from perspect.vocabulary.labelling import SAME


@dataclass(frozen=True)
class GivenLabelling:
    """What a person said of the labelling; times in s, `None` or empty: nothing. An encoding is a table or a name."""

    kind: str | None = None
    delays: tuple[float, ...] = ()
    durations: tuple[float, ...] = ()
    bolus: float | None = None
    order: str | None = None
    encoding: tuple[tuple[float, ...], ...] = ()
    encoding_name: str = ""


NOTHING_GIVEN: Final = GivenLabelling()


def overridden(what: str, given: Sequence[float], key: str, sidecar: Sidecar) -> list[Flag]:
    """A note where times (s) that were given by hand are not those that a sidecar states, whatever they are worth."""
    stated = sidecar.values.get(key)
    listed: list[Any] = stated if isinstance(stated, list) else [stated]
    numbers = [float(one) for one in listed if isinstance(one, int | float) and not isinstance(one, bool) and one > 0]
    if stated is None or (numbers and _distinct(numbers) == _distinct(given)):
        return []
    sentence = f"{what} of {_shown(given)} was given by hand; {key} of the sidecar says {_shown(numbers or [0.0])}."
    return [Flag("overridden", Severity.NOTE, sentence, sidecar.expected.name, source="reading")]


def _distinct(times: Sequence[float]) -> list[int]:
    return sorted({round(one / SAME) for one in times})


def _shown(times: Sequence[float]) -> str:
    distinct = sorted(set(times))
    if len(distinct) == 1:
        return f"{distinct[0]:g} s"
    return f"{distinct[0]:g} to {distinct[-1]:g} s"
