"""A series on disk, and a room that answers at once."""

from stand_in import asked, save_mask, series

__all__ = ["asked", "save_mask", "series"]
