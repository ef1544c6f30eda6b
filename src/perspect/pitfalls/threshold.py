"""The numbers by which traps are told, from `thresholds.toml`: each with its unit and where it is from."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Final, Literal

Origin = Literal["published", "our default", "calibrated"]


@dataclass(frozen=True)
class Threshold:
    """One number, its unit, and where it is from: published, our default, or calibrated on virtual patients."""

    value: float
    unit: str
    origin: Origin
    source: str = ""


@dataclass(frozen=True)
class Kind:
    """A trap as it is known before anyone looks: its code, its name, what is to be done, and its thresholds."""

    code: str
    title: str
    action: str
    thresholds: Mapping[str, Threshold]


@lru_cache(maxsize=1)
def _kinds() -> Mapping[str, Kind]:
    text = resources.files("perspect.pitfalls").joinpath("thresholds.toml").read_text("utf-8")
    found = {}
    for code, said in tomllib.loads(text).items():
        numbers = {name: Threshold(**one) for name, one in said.items() if isinstance(one, dict)}
        found[code] = Kind(code, said["title"], said["action"], MappingProxyType(numbers))
    return MappingProxyType(found)


KINDS: Final[Mapping[str, Kind]] = _kinds()
"""Every kind of trap by its code."""


def threshold(code: str, name: str) -> float:
    """The number of this name of a trap.

    >>> threshold("signal-void", "dark")
    0.4
    """
    return KINDS[code].thresholds[name].value
