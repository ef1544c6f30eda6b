"""The two sides of a question, and neither."""

from enum import StrEnum


class Side(StrEnum):
    """Which way something points: to what the question asks about, away from it, or neither way."""

    FOR = "for"
    AGAINST = "against"
    NEITHER = "neither"

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return {Side.FOR: Side.AGAINST, Side.AGAINST: Side.FOR}.get(self, Side.NEITHER)
