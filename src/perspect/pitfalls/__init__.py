"""What fakes a number: one file for each trap, and the tuple of all that look."""

from typing import Final

from perspect.pitfalls import cortex, dropout, leakage, reference, vessel, void
from perspect.pitfalls.scene import Scene
from perspect.pitfalls.trap import Looks, Trap, flags_of, trapped

LOOKS: Final[tuple[Looks, ...]] = (
    void.look, vessel.look, cortex.look, dropout.look, leakage.look, reference.look,
)  # fmt: skip
"""Every detector."""


def look(scene: Scene) -> tuple[Trap, ...]:
    """The traps of a scene, by the order of `LOOKS`."""
    return tuple(found for one in LOOKS if (found := one(scene)) is not None)


__all__ = ["LOOKS", "Scene", "Trap", "flags_of", "look", "trapped"]
