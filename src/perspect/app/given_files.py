"""The files of what somebody else found of a head."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class GivenAnatomy:
    """Files on any grid in the frame of the leading conventional image: a mask of the brain, and shares of grey matter,
    white matter and fluid (0 to 1). Fluid that is not given is what the other two leave.
    """

    brain: Path | None = None
    grey: Path | None = None
    white: Path | None = None
    fluid: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All that were given."""
        return tuple(one for one in (self.brain, self.grey, self.white, self.fluid) if one is not None)


NOTHING: Final = GivenAnatomy()
