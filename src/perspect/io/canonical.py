"""JSON that is the same bytes for the same values: keys sorted, missing numbers null, nine digits, UTF-8."""

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from enum import Enum
from math import isfinite
from pathlib import PurePath
from typing import Any, Final

import numpy as np

DIGITS: Final = 9
"""More than float32 holds, fewer than where float64 differs between libraries of linear algebra."""


def canonical(value: Any) -> str:
    r"""The text of a JSON file.

    >>> canonical({"b": float("nan"), "a": 0.1})
    '{\n  "a": 0.1,\n  "b": null\n}\n'
    """
    return json.dumps(plain(value), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """A value as JSON knows values; NaN and infinity become null, since a reader cannot use either."""
    if isinstance(value, Enum):
        return value.name.lower()
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | np.integer | np.bool_):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float | np.floating):
        return float(f"{float(value):.{DIGITS}g}") if isfinite(value) else None
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, PurePath):
        return value.name
    raise TypeError(f"A {type(value).__name__} has no place in a JSON file.")
