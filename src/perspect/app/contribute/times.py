"""At which echo time of a voxel each ratio is read: the one that its published rows ask for, else the first."""

from collections.abc import Sequence
from typing import Final

from perspect import evidence
from perspect.app.pairing import SAME_TIME

RATIOS: Final = {"cho_naa": "tCho/tNAA", "cho_cr": "tCho/tCr", "glx_cr": "Glx/tCr", "two_hg": "2HG/tCr"}
"""Which marker is which ratio."""

OF_MOST: Final = "mrs.te"
FACTS: Final = {"two_hg": "mrs.te_2hg"}
"""Under which name the echo time of a ratio is put on record, if not that of most."""

AT_THEIR_TIME: Final = ("two_hg",)
"""Ratios that stand clear at the time of their rows alone: of several spectra none else is read."""


def fact_of(key: str) -> str:
    """Under which name the echo time of a marker is put on record."""
    return FACTS.get(key, OF_MOST)


def wanted(key: str) -> tuple[float, float] | None:
    """The echo times in s that published rows of a marker ask for; None where they ask for none.

    >>> wanted("two_hg")
    (0.09, 0.105)
    """
    asked = [
        (one.low, one.high)
        for row in evidence.ROWS
        if row.marker == key
        for one in row.conditions
        if one.fact == fact_of(key)
    ]
    return (max(low for low, _ in asked), min(high for _, high in asked)) if asked else None


def read_at(key: str, times: Sequence[float | None]) -> int | None:
    """Which of the spectra at these echo times (s) a ratio is read from; None where it is read from none of them."""
    asked = wanted(key)
    if asked is not None:
        for at, te in enumerate(times):
            if te is not None and asked[0] <= te <= asked[1]:
                return at
    return None if key in AT_THEIR_TIME and len(times) > 1 else 0


def joint_partner(times: Sequence[float | None]) -> int | None:
    """Which spectrum beside the first is fitted together with it: that of the longest other echo time."""
    first = times[0]
    known = [(te, at) for at, te in enumerate(times) if te is not None and at > 0]
    others = known if first is None else [one for one in known if abs(one[0] - first) > SAME_TIME]
    return max(others)[1] if others else None
