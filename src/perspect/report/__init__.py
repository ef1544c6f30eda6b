"""Pages that people read: what was measured, whether it can be trusted, and how it was made."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from perspect.report.dsc import dsc_page as dsc_page
    from perspect.report.mrs import mrs_page as mrs_page

__all__ = ["dsc_page", "mrs_page"]

_WHERE: Final = {"dsc_page": "dsc", "mrs_page": "mrs"}


def __getattr__(name: str) -> Any:
    """Loads matplotlib and jinja2 only when a page is asked for (PEP 562)."""
    if name in _WHERE:
        return getattr(import_module(f"perspect.report.{_WHERE[name]}"), name)
    raise AttributeError(f"perspect.report has no page '{name}'; there are {', '.join(__all__)}.")
