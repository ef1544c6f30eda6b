"""Where reading, science and writing meet: one function for everything that a person can ask for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perspect.app.dsc import Examined as Examined
    from perspect.app.dsc import Inputs as Inputs
    from perspect.app.dsc import examine_dsc as examine_dsc
    from perspect.app.examination import Examination as Examination
    from perspect.app.examination import Request as Request
    from perspect.app.examination import examine as examine

OF_DSC = ("Examined", "Inputs", "examine_dsc")
OF_ANSWERS = ("Examination", "Request", "examine")

__all__ = ["Examination", "Examined", "Inputs", "Request", "examine", "examine_dsc"]


def __getattr__(name: str) -> Any:
    """Loads the examination only when it is asked for (PEP 562): `describe` and `doctor` do without NumPy's company."""
    if name in OF_DSC:
        from perspect.app import dsc

        return getattr(dsc, name)
    if name in OF_ANSWERS:
        import importlib

        return getattr(importlib.import_module("perspect.app.examination"), name)
    raise AttributeError(f"perspect.app has no '{name}'; there are {', '.join(__all__)}.")
