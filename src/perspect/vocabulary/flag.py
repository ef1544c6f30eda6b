"""What can be wrong, said so that a person can act on it."""

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How much a flag takes away from the numbers it speaks of."""

    NOTE = 1
    CAUTION = 2
    LIMITED = 3
    REFUSED = 4


@dataclass(frozen=True)
class Flag:
    """One thing that a reader must know: a stable `code`, a severity, one sentence, a place.

    `where` says which voxels, frames or file; `fraction` is the share of them that is concerned (NaN if it has none);
    `source` is the stage that noticed.
    """

    code: str
    severity: Severity
    sentence: str
    where: str = ""
    fraction: float = float("nan")
    source: str = ""
