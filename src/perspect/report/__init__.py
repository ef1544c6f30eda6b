"""Pages that people read: what was measured, whether it can be trusted, and how it was made."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perspect.report.dce import dce_page as dce_page
    from perspect.report.dce import t1_page as t1_page
    from perspect.report.dsc import dsc_page as dsc_page

__all__ = ["dce_page", "dsc_page", "t1_page"]


def __getattr__(name: str) -> Any:
    """Loads matplotlib and jinja2 only when a page is asked for (PEP 562)."""
    if name == "dsc_page":
        from perspect.report.dsc import dsc_page

        return dsc_page
    if name in ("dce_page", "t1_page"):
        from perspect.report import dce

        return getattr(dce, name)
    raise AttributeError(f"perspect.report has no page '{name}'; there are {', '.join(__all__)}.")
