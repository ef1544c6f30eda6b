"""The documentation of anything, made from the one place where it is written."""

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from textwrap import fill, indent
from typing import TYPE_CHECKING, Any, Final

from perspect.app.settings import PLANS, meant
from perspect.vocabulary import Problem, Quantity, lexicon

if TYPE_CHECKING:
    from perspect.pitfalls import Threshold


def described(topic: str | None = None, name: str | None = None) -> str:
    """The page of one thing, a list of a topic, or the topics; `Problem` names the nearest to a wrong name."""
    if topic is None:
        return "\n".join(f"{one:<10}{_first_line(pages)}" for one, pages in TOPICS.items())
    if topic not in TOPICS:
        raise Problem(f"There is no topic '{topic}'.", meant(topic, TOPICS), f"Known are {', '.join(TOPICS)}.")
    pages = TOPICS[topic]()
    if name is None:
        width = max(24, *(len(one) + 2 for one in pages))
        return "\n".join(f"{one:<{width}}{_heading(text)}" for one, text in pages.items())
    found = [text for one, text in pages.items() if _bare(one) == _bare(name)]
    if not found:
        raise Problem(
            f"There is no {topic} '{name}'.", meant(name, pages), f"`perspect describe {topic}` lists all of them."
        )
    return found[0]


def quantities() -> dict[str, str]:
    """Every quantity: unit, bounds, codes, meaning."""
    pages: dict[str, str] = {}
    for one in lexicon.ALL:
        pages[one.key] = f"{pages[one.key]}\n\n{_quantity(one)}" if one.key in pages else _quantity(one)
    return pages


def plans() -> dict[str, str]:
    """Every choice of every room: its values, its default, what it does."""
    pages: dict[str, str] = {}
    for room, plan in PLANS.items():
        entries = {f"{room}.{name}": text for name, text in _fields(plan).items()}
        pages |= {room: f"The choices of {room}.\n\n" + "\n\n".join(entries.values()), **entries}
    return pages


def models() -> dict[str, str]:
    """Every signal model: its equation, its parameters, its source."""
    from perspect.models import ALL, page

    return {CAPITAL.sub("-", one.__name__).lower(): page(one) for one in ALL}


def pitfalls() -> dict[str, str]:
    """Every trap: by which numbers it is told, where they are from, what is to be done."""
    from perspect.pitfalls import KINDS

    pages = {}
    for one in KINDS.values():
        numbers = [f"  {name:<13} {_number(number)}" for name, number in one.thresholds.items()]
        pages[one.code] = "\n".join((one.title, fill(one.action, 100), *numbers))
    return pages


def questions() -> dict[str, str]:
    """Every question: its sides, what it needs, the published rows that it is weighed by, what it leaves open."""
    from perspect.evidence import QUESTIONS

    pages = {}
    for one in QUESTIONS:
        needs = [
            *(f"{marker}: {sentence}" for marker, sentence in one.mandatory),
            *(need.sentence for need in one.needs),
        ]
        parts = (
            ("sides", [one.target, one.other]),
            ("needs", needs),
            ("weighed by", [f"{use.family.value}: {', '.join(use.rows)}" for use in one.uses]),
            ("limits", list(one.limits)),
            ("what else could tell", list(one.settles)),
        )
        said = [f"{title}\n{indent(chr(10).join(lines), '  ')}" for title, lines in parts if lines]
        pages[one.key] = "\n\n".join((f"{one.title}\n{one.asks}", *said))
    return pages


CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")

TOPICS: Final[Mapping[str, Callable[[], dict[str, str]]]] = {
    "model": models, "quantity": quantities, "pitfall": pitfalls, "question": questions, "plan": plans,
}  # fmt: skip


def _number(one: "Threshold") -> str:
    source = f": {one.source}" if one.source else ""
    return f"{one.value:g} {one.unit} ({one.origin}{source})"


def _quantity(one: Quantity) -> str:
    factor = f" = {one.shown_factor:g} x the inside unit {one.unit}" if one.shown_factor != 1 else ""
    lines = [
        f"{one.name} ({one.symbol})",
        fill(one.meaning, 100),
        f"  key      {one.key}",
        f"  unit     {one.shown_unit}{factor} (UCUM {one.ucum})",
        f"  bounds   {one.low * one.shown_factor:g} to {one.high * one.shown_factor:g} {one.shown_unit}",
        f"  CAPLEX   {one.caplex or 'none'}",
        f"  DICOM    {f'{one.dicom.value}, {one.dicom.scheme}, {one.dicom.meaning}' if one.dicom else 'none'}",
    ]
    return "\n".join(lines)


def _fields(plan: type[Any]) -> dict[str, str]:
    """Name, type, default and docstring of the fields of a dataclass, as its source has them."""
    (body,) = (node for node in ast.parse(inspect.getsource(plan)).body if isinstance(node, ast.ClassDef))
    found = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.value is not None:
            name, default = field.target.id, ast.unparse(field.value)
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            text = " ".join(str(after.value.value).split()) if is_text else ""  # type: ignore[attr-defined]
            found[name] = f"{name}: {_choices(field.annotation)} (default {default})\n{indent(fill(text, 96), '    ')}"
    return found


def _choices(annotation: ast.expr) -> str:
    """`Literal["a", "b"]` as a | b; any other type as it is written."""
    text = ast.unparse(annotation)
    if text.startswith("Literal["):
        return " | ".join(str(one) for one in ast.literal_eval(f"({text.removeprefix('Literal[').removesuffix(']')},)"))
    return text


def _heading(page: str) -> str:
    """The first line that is text."""
    return next(line for line in page.splitlines() if line and not line.startswith("#"))


def _bare(name: str) -> str:
    """`extended-tofts`, `ExtendedTofts` and `extended_tofts` are one name."""
    return name.lower().replace("-", "").replace("_", "")


def _first_line(pages: Callable[[], Any]) -> str:
    return (pages.__doc__ or "").splitlines()[0]
