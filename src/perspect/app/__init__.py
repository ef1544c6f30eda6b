"""Where reading, science and writing meet: one function for everything that a person can ask for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perspect.app.dce import DceExamined as DceExamined
    from perspect.app.dce import DceInputs as DceInputs
    from perspect.app.dce import examine_dce as examine_dce
    from perspect.app.dsc import Examined as Examined
    from perspect.app.dsc import Inputs as Inputs
    from perspect.app.dsc import examine_dsc as examine_dsc
    from perspect.app.t1 import T1Inputs as T1Inputs
    from perspect.app.t1 import T1Measured as T1Measured
    from perspect.app.t1 import measure_t1 as measure_t1

ROOMS = {
    "Examined": "dsc", "Inputs": "dsc", "examine_dsc": "dsc",
    "DceExamined": "dce", "DceInputs": "dce", "examine_dce": "dce",
    "T1Inputs": "t1", "T1Measured": "t1", "measure_t1": "t1",
}  # fmt: skip
"""Which module each name is in."""

__all__ = [
    "DceExamined", "DceInputs", "Examined", "Inputs", "T1Inputs", "T1Measured", "examine_dce", "examine_dsc",
    "measure_t1",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Loads the examination only when it is asked for (PEP 562): `describe` and `doctor` do without NumPy's company."""
    if name in __all__:
        return getattr(import_module(f"perspect.app.{ROOMS[name]}"), name)
    raise AttributeError(f"perspect.app has no '{name}'; there are {', '.join(__all__)}.")
