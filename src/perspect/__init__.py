"""perspect: brain-tumour MR perfusion and MR spectroscopy, as numbers with error bars.

Research software, not for diagnosis. Rooms load when they are first named, so `import perspect` costs nothing.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

ROOMS = (
    "numerics", "vocabulary", "models", "fit", "anatomy", "dsc", "dce", "asl", "mrs", "phantom", "lesion", "pitfalls",
    "evidence", "io", "report", "app",
)  # fmt: skip
"""The floors of the house, from the ground up (docs/why/house.md)."""


def __getattr__(name: str) -> Any:
    """Loads a room, or the door `read`, when it is first named (PEP 562)."""
    if name in ROOMS:
        room: ModuleType = import_module(f"perspect.{name}")
        return room
    if name == "read":
        return import_module("perspect.io").read
    raise AttributeError(f"perspect has no room '{name}'; there are {', '.join(ROOMS)}.")


def __dir__() -> list[str]:
    return [*ROOMS, "read", "__version__"]
