"""How far the work is: told to whoever watches, or to nobody."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, float], None]
"""Called with the stage that begins or goes on, and the share of it that is done, 0 to 1."""


def silent(stage: str, share: float) -> None:
    """Nobody watches."""
    del stage, share
