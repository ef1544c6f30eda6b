"""Pages that people read: what was measured, whether it can be trusted, and how it was made."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perspect.report.asl import asl_page as asl_page
    from perspect.report.dsc import dsc_page as dsc_page

__all__ = ["asl_page", "dsc_page"]


def __getattr__(name: str) -> Any:
    """Loads matplotlib and jinja2 only when a page is asked for (PEP 562)."""
    if name == "dsc_page":
        from perspect.report.dsc import dsc_page

        return dsc_page
    if name == "asl_page":
        from perspect.report.asl import asl_page

        return asl_page
    raise AttributeError(f"perspect.report has no page '{name}'; there are {', '.join(__all__)}.")
