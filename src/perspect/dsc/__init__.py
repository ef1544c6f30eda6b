"""Dynamic susceptibility contrast: a bolus seen as a loss of signal."""

from typing import TYPE_CHECKING, Any, Final

from perspect import loaded

if TYPE_CHECKING:
    from perspect.dsc.pipeline import quantify as quantify
    from perspect.dsc.plan import Plan as Plan

WHERE: Final = {"Plan": "plan", "quantify": "pipeline"}
"""The module of each name, loaded only when it is asked for (PEP 562): a file is read while the room loads."""

__all__ = sorted(WHERE)


def __getattr__(name: str) -> Any:
    """What measures, and its choices."""
    return loaded("dsc", WHERE, name)
