"""Pages that people read: what was measured, whether it can be trusted, and how it was made."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perspect.report.answer import answer_page as answer_page
    from perspect.report.dsc import dsc_page as dsc_page
    from perspect.report.findings import findings_json as findings_json
    from perspect.report.findings import findings_table as findings_table

__all__ = ["answer_page", "dsc_page", "findings_json", "findings_table"]


def __getattr__(name: str) -> Any:
    """Loads matplotlib and jinja2 only when a page is asked for (PEP 562)."""
    if name == "dsc_page":
        from perspect.report.dsc import dsc_page

        return dsc_page
    if name == "answer_page":
        from perspect.report.answer import answer_page

        return answer_page
    if name in ("findings_json", "findings_table"):
        from perspect.report import findings

        return getattr(findings, name)
    raise AttributeError(f"perspect.report has no '{name}'; there are {', '.join(__all__)}.")
