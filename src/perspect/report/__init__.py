"""Pages that people read: what was measured, whether it can be trusted, and how it was made."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from perspect import loaded

if TYPE_CHECKING:
    from perspect.report.answer import answer_page as answer_page
    from perspect.report.asl import asl_page as asl_page
    from perspect.report.dce import dce_page as dce_page
    from perspect.report.dce import t1_page as t1_page
    from perspect.report.dsc import dsc_page as dsc_page
    from perspect.report.findings import findings_json as findings_json
    from perspect.report.findings import findings_table as findings_table
    from perspect.report.mrs import mrs_page as mrs_page
    from perspect.report.mrsi import mrsi_page as mrsi_page

WHERE: Final = {
    "answer_page": "answer",
    "asl_page": "asl",
    "dce_page": "dce",
    "t1_page": "dce",
    "dsc_page": "dsc",
    "findings_json": "findings",
    "findings_table": "findings",
    "mrs_page": "mrs",
    "mrsi_page": "mrsi",
}
"""The module of each name, loaded only when a page is asked for (PEP 562): matplotlib and jinja2 are slow to load."""

__all__ = sorted([*WHERE, "get_ready"])


def get_ready() -> None:
    """Loads what the page of a series needs, for whoever has nothing else to do meanwhile."""
    import_module("perspect.report.page").template()


def __getattr__(name: str) -> Any:
    """What makes a page."""
    return loaded("report", WHERE, name)
