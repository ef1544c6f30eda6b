"""The rows of `sources.toml`, read once: every number that a verdict rests on, with where it was published."""

import tomllib
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from typing import Any, Final

from perspect.evidence.case import Condition
from perspect.evidence.row import Cutoff, Proportion, Row, of_counts, pair_of_auc
from perspect.vocabulary import MARKERS, Marker, marker

KNOWN: Final = frozenset(one.key for one in MARKERS)

NOT_PLAIN: Final = frozenset({"cutoff", "sens", "spec", "conditions", "n_patients", "n_lesions", "lr_cap"})

NO_CAP: Final = (float("inf"),) * 3

NOT_PRINTED: Final = 40
"""Patients whose interval a row gets where neither an interval nor a number of patients is printed [our default]."""


@lru_cache(maxsize=1)
def table_version() -> str:
    """What the table of evidence comes down to: another table, another word."""
    return sha256(_text().encode()).hexdigest()[:8]


def _text() -> str:
    return resources.files("perspect.evidence").joinpath("sources.toml").read_text("utf-8")


@lru_cache(maxsize=1)
def _rows() -> tuple[Row, ...]:
    rows = tuple(_row(one) for one in tomllib.loads(_text())["row"])
    twice = {one.id for one in rows if sum(other.id == one.id for other in rows) > 1}
    if twice:
        raise ValueError(f"sources.toml has two rows of the name {sorted(twice)}.")
    return rows


def _row(said: dict[str, Any]) -> Row:
    if said["marker"] not in KNOWN:
        raise ValueError(f"{said['id']}: '{said['marker']}' is no marker.")
    plain = {key: value for key, value in said.items() if key not in NOT_PLAIN}
    n = said.get("n_patients", said.get("n_lesions"))
    if said.get("derived") == "auc":
        both: list[Proportion | None] = [*pair_of_auc(said["auc"], float(n or NOT_PRINTED))]
    else:
        both = [_proportion(said.get(name), n) for name in ("sens", "spec")]
    return Row(
        **plain,
        n_patients=n,
        cutoff=Cutoff(**said["cutoff"]) if "cutoff" in said else None,
        sensitivity=both[0],
        specificity=both[1],
        conditions=tuple(Condition(**one) for one in said.get("conditions", ())),
        lr_caps=tuple(said.get("lr_cap", NO_CAP)),
    )


def _proportion(said: list[float] | float | None, n: float | None) -> Proportion | None:
    """A proportion as printed; of a study that prints no interval, Wilson's with half of its cases."""
    if isinstance(said, list):
        return Proportion(*said)
    return None if said is None else of_counts(said, (n or NOT_PRINTED) / 2)


ROWS: Final[tuple[Row, ...]] = _rows()
"""Every row."""


def row(name: str) -> Row:
    """The row of this name."""
    return next(one for one in ROWS if one.id == name)


def marker_of(name: str) -> Marker:
    """The marker that the row of this name is about."""
    return marker(row(name).marker)
