"""Where reading, science and writing meet: one function for everything that a person can ask for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from perspect.app.dsc import Examined as Examined
    from perspect.app.dsc import Inputs as Inputs
    from perspect.app.dsc import examine_dsc as examine_dsc
    from perspect.app.mrs import ExaminedSpectrum as ExaminedSpectrum
    from perspect.app.mrs import SpectrumInputs as SpectrumInputs
    from perspect.app.mrs import examine_mrs as examine_mrs

__all__ = ["Examined", "ExaminedSpectrum", "Inputs", "SpectrumInputs", "examine_dsc", "examine_mrs"]

_WHERE: Final = {
    "Examined": "dsc", "Inputs": "dsc", "examine_dsc": "dsc", "ExaminedSpectrum": "mrs", "SpectrumInputs": "mrs",
    "examine_mrs": "mrs",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Loads the examination only when it is asked for (PEP 562): `describe` and `doctor` do without NumPy's company."""
    if name in _WHERE:
        return getattr(import_module(f"perspect.app.{_WHERE[name]}"), name)
    raise AttributeError(f"perspect.app has no '{name}'; there are {', '.join(__all__)}.")
