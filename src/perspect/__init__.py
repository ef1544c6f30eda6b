"""perspect: brain-tumour MR perfusion and MR spectroscopy, as numbers with error bars.

Research software, not for diagnosis. Rooms load when they are first named, so `import perspect` costs nothing.
"""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

ROOMS = (
    "numerics", "vocabulary", "models", "fit", "anatomy", "dsc", "dce", "asl", "mrs", "phantom", "lesion", "pitfalls",
    "evidence", "io", "report", "app",
)  # fmt: skip
"""The floors of the house, from the ground up (docs/why/house.md)."""


def loaded(room: str, where: Mapping[str, str], name: str) -> Any:
    """A name of a room whose modules load when one of their names is first asked for (PEP 562)."""
    if name in where:
        return getattr(import_module(f"perspect.{room}.{where[name]}"), name)
    raise AttributeError(f"perspect.{room} has no '{name}'; there are {', '.join(where)}.")


def __getattr__(name: str) -> Any:
    """Loads a room, or the doors `read`, `examine` and `threads`, when it is first named (PEP 562)."""
    if name in ROOMS:
        room: ModuleType = import_module(f"perspect.{name}")
        return room
    if name == "read":
        return import_module("perspect.io").read
    if name == "examine":
        return import_module("perspect.app.exam").examine
    if name == "threads":
        return import_module("perspect.numerics.parallel").on_threads
    raise AttributeError(f"perspect has no room '{name}'; there are {', '.join(ROOMS)}.")


def __dir__() -> list[str]:
    return [*ROOMS, "examine", "read", "threads", "__version__"]
