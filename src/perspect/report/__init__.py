"""Pages that people read: what was measured, whether it can be trusted, and how it was made."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perspect.report.dsc import dsc_page as dsc_page

__all__ = ["dsc_page"]


def __getattr__(name: str) -> Any:
    """Loads matplotlib and jinja2 only when a page is asked for (PEP 562)."""
    if name == "dsc_page":
        from perspect.report.dsc import dsc_page

        return dsc_page
    raise AttributeError(f"perspect.report has no page '{name}'; there is dsc_page.")
