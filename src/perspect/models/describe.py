"""The documentation page of a model, made from the model."""

import dataclasses
import inspect
import re

from perspect.models.base import Model, Separable
from perspect.vocabulary.quantity import Quantity

_EQUATION = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
_COLUMNS = ("symbol", "quantity", "unit", "range", "role", "CAPLEX")


def page(model: type[Model]) -> str:
    """What a model is, its equation, its acquisition, and a table of its parameters, as Markdown text."""
    words = inspect.getdoc(model) or ""
    equation = _EQUATION.search(words)
    fields = ", ".join(f"`{field.name}`" for field in dataclasses.fields(model))
    parts = [
        f"# {model.__name__}",
        re.sub(r"\n{3,}", "\n\n", _EQUATION.sub("", words)).split("\n\n>>>")[0].strip(),
        "## Equation",
        f"$${equation.group(1)}$$" if equation else "",
        "## Acquisition",
        fields,
        "## Parameters",
        _table([_COLUMNS, *(_row(model, quantity) for quantity in _quantities(model))]),
    ]
    return "\n\n".join(parts) + "\n"


def _quantities(model: type[Model]) -> tuple[Quantity, ...]:
    """What people speak of, then what the fit works with besides."""
    if not issubclass(model, Separable):
        return model.parameters
    return tuple(dict.fromkeys((*model.parameters, *model.linear, *model.nonlinear)))


def _row(model: type[Model], quantity: Quantity) -> tuple[str, ...]:
    is_amplitude = issubclass(model, Separable) and quantity in model.linear
    role = "amplitude" if is_amplitude else "non-linear"
    if quantity not in model.parameters:
        role += ", inside the fit"
    elif issubclass(model, Separable) and quantity not in (*model.linear, *model.nonlinear):
        role = "derived"
    return (
        quantity.symbol, quantity.name, quantity.unit, f"{quantity.low:g} to {quantity.high:g}", role,
        quantity.caplex or "none",
    )  # fmt: skip


def _table(rows: list[tuple[str, ...]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *body])
