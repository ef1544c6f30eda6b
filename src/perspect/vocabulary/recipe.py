"""How a number was made: each stage says its own methods sentence, so that a report cannot contradict the run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """One stage: its name, its sentence for the methods section, the constants it used, the sources it follows."""

    name: str
    sentence: str
    constants: Mapping[str, Any] = field(default_factory=dict)
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """The stages in the order in which they ran."""

    steps: tuple[Step, ...] = ()

    @property
    def methods(self) -> str:
        """The methods section."""
        return " ".join(step.sentence for step in self.steps)

    @property
    def references(self) -> tuple[str, ...]:
        """Every source that was followed, once, in order of appearance."""
        return tuple(dict.fromkeys(reference for step in self.steps for reference in step.references))
