"""Where reading, science and writing meet: one function for everything that a person can ask for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perspect.app.asl import AslExamined as AslExamined
    from perspect.app.asl import AslInputs as AslInputs
    from perspect.app.asl import examine_asl as examine_asl
    from perspect.app.dsc import Examined as Examined
    from perspect.app.dsc import Inputs as Inputs
    from perspect.app.dsc import examine_dsc as examine_dsc

__all__ = ["AslExamined", "AslInputs", "Examined", "Inputs", "examine_asl", "examine_dsc"]


def __getattr__(name: str) -> Any:
    """Loads the examination only when it is asked for (PEP 562): `describe` and `doctor` do without NumPy's company."""
    if name in __all__:
        from perspect.app import asl, dsc

        return getattr(asl if "asl" in name.lower() else dsc, name)
    raise AttributeError(f"perspect.app has no '{name}'; there are {', '.join(__all__)}.")
