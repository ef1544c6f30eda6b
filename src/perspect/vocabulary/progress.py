"""How far the work is: told to whoever watches, or to nobody."""

from collections.abc import Callable
from typing import Final, TypeAlias

Progress: TypeAlias = Callable[[str, float], None]
"""Called with the stage that begins or goes on, and the share of it that is done, 0 to 1."""


def silent(stage: str, share: float) -> None:
    """Nobody watches."""
    del stage, share


OF: Final = ": "
"""Between a room and its stage, in the name of a stage that stands beside those of other rooms."""


def of_room(tell: Progress, room: str) -> Progress:
    """The same, told of the stages of a room: of two rooms that are at work at once both may be reading.

    >>> of_room(lambda stage, share: print(stage, share), "dsc")("reading", 0.0)
    dsc: reading 0.0
    """
    return lambda stage, share: tell(f"{room}{OF}{stage}", share)


def room_of(stage: str) -> str:
    """The room that a stage is told of; nothing where there is only one."""
    return stage.partition(OF)[0] if OF in stage else ""
