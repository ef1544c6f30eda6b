"""What detectors of drugs and timing look at: what is on record of a patient."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Said = bool | float | str


@dataclass(frozen=True)
class Record:
    """Facts by name, as `Case` has them; what is absent is not known. `has_dsc`, `has_mrs` say what was measured."""

    facts: Mapping[str, Said] = field(default_factory=dict)
    has_dsc: bool = True
    has_mrs: bool = False

    def says(self, name: str) -> Said | None:
        """What is on record, `None` where nothing is."""
        return self.facts.get(name)
