"""A BIDS sidecar as an `Acquisition` in s, rad and T. Degrees become radians here and nowhere else."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from math import isfinite, pi, radians
from pathlib import Path
from typing import Any, Final

from perspect.io.bids import sidecars
from perspect.vocabulary import Acquisition, Flag, Problem, Severity

TE_LONGEST: Final = 0.5
TR_LONGEST: Final = 30.0
FIELD_STRONGEST: Final = 25.0


@dataclass(frozen=True)
class Sidecar:
    """What the sidecars of a series say: every key with the file that has the last word on it."""

    values: Mapping[str, Any]
    origin: Mapping[str, Path]
    expected: Path

    def where(self, key: str) -> str:
        """The name of the file that says `key`, or of the one that should."""
        return self.origin.get(key, self.expected).name

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were read."""
        return tuple(dict.fromkeys(self.origin.values()))


def read_sidecar(image: Path, expected: Path) -> Sidecar:
    """Everything that is said of an image, the nearest file having the last word."""
    values: dict[str, Any] = {}
    origin: dict[str, Path] = {}
    for path in sidecars(image):
        for key, value in _object(path).items():
            values[key], origin[key] = value, path
    return Sidecar(values, origin, next(iter(reversed(origin.values())), expected))


def acquisition(sidecar: Sidecar, given: Acquisition) -> tuple[Acquisition, tuple[Flag, ...]]:
    """How the series was taken, and a note for everything that was given by hand against the sidecar."""
    recorded = Acquisition(
        te=_number(sidecar, "EchoTime", plausible_te),
        tr=_first(sidecar, ("RepetitionTimeExcitation", "RepetitionTime"), plausible_tr),
        flip_angle=_flip_angle(sidecar),
        field=_number(sidecar, "MagneticFieldStrength", plausible_field),
        has_preload=_preload(sidecar),
        agent=_text(sidecar, "ContrastBolusAgent") or _text(sidecar, "ContrastBolusIngredient"),
        dose=_first(sidecar, ("ContrastBolusDose", "Dose"), lambda dose, _: dose),
    )
    return combined(recorded, given, sidecar.expected.name)


def combined(recorded: Acquisition, given: Acquisition, where: str) -> tuple[Acquisition, tuple[Flag, ...]]:
    """What is recorded, under what was given by hand, with a note for every contradiction."""
    check_given(given)
    stated = {one.name: value for one in fields(given) if (value := getattr(given, one.name)) is not None}
    flags = tuple(
        Flag(
            "overridden",
            Severity.NOTE,
            f"{NAMES[key]} {_shown(key, value)} was given by hand; the sidecar says {_shown(key, was)}.",
            where,
            source="reading",
        )
        for key, value in stated.items()
        if (was := getattr(recorded, key)) is not None and not _same(was, value)
    )
    return replace(recorded, **stated), flags


NAMES: Final = {
    "te": "the echo time", "tr": "the repetition time", "flip_angle": "the flip angle", "field": "the field strength",
    "has_preload": "the preload", "agent": "the agent", "dose": "the dose",
}  # fmt: skip


def check_given(given: Acquisition) -> None:
    """The same plausibility for what a person typed as for what a sidecar says."""
    # Rounded, so that what was typed is said and not what is left of it after radians.
    degrees = None if given.flip_angle is None else round(given.flip_angle * 180 / pi, 9)
    for value, check, where in (
        (given.te, plausible_te, "--te"),
        (given.tr, plausible_tr, "--tr"),
        (given.field, plausible_field, "--field"),
        (degrees, plausible_flip_angle, "--flip-angle"),
    ):
        if value is not None:
            check(_positive(value, where), where)


def plausible_te(te: float, where: str) -> float:
    """An echo time in s, which is never longer than half a second."""
    if te > TE_LONGEST:
        raise Problem(
            f"{where} is {te:g}, which looks like milliseconds.",
            "An echo time in s lies below 0.5; every effect of T2* would be a thousand times wrong.",
            f"Use seconds: {te / 1000:g}.",
        )
    return te


def plausible_tr(tr: float, where: str) -> float:
    """A time between volumes in s, which is never longer than half a minute."""
    if tr > TR_LONGEST:
        raise Problem(
            f"{where} is {tr:g}, which looks like milliseconds.",
            "A bolus passes within half a minute; every time and every flow would be a thousand times wrong.",
            f"Use seconds: {tr / 1000:g}.",
        )
    return tr


def plausible_field(field: float, where: str) -> float:
    """A field strength in T."""
    if field > FIELD_STRONGEST:
        raise Problem(
            f"{where} is {field:g}, which is no field strength in tesla.",
            "Relaxivities depend on the field.",
            "Use tesla, for example 3 (not MHz, not millitesla).",
        )
    return field


def plausible_flip_angle(degrees: float, where: str) -> float:
    """A flip angle in degrees."""
    if degrees <= pi / 2 or degrees > 180:
        looks = "looks like radians" if degrees <= pi / 2 else "is more than a half turn"
        raise Problem(
            f"{where} is {degrees:g}, which {looks}.",
            "T1 effects depend on the flip angle.",
            "Use degrees, for example 60.",
        )
    return degrees


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Problem(
            f"{path.name} is not valid JSON ({error}).",
            "Its echo and repetition times cannot be read.",
            "Correct the file.",
        ) from error
    if not isinstance(content, dict):
        raise Problem(
            f"{path.name} holds no JSON object.", "A sidecar is a list of names with values.", "Correct the file."
        )
    return content


def _positive(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value <= 0:
        raise Problem(
            f"{where} is {json.dumps(value, default=str)}.",
            "It must be a positive number.",
            "Correct it; it has neither quotes nor a unit.",
        )
    return float(value)


def _number(sidecar: Sidecar, key: str, check: Callable[[float, str], float]) -> float | None:
    value = sidecar.values.get(key)
    if value is None:
        return None
    where = f"{key} in {sidecar.where(key)}"
    return check(_positive(value, where), where)


def _first(sidecar: Sidecar, keys: tuple[str, ...], check: Callable[[float, str], float]) -> float | None:
    """The value of the first of several keys that is there."""
    return next((value for key in keys if (value := _number(sidecar, key, check)) is not None), None)


def _flip_angle(sidecar: Sidecar) -> float | None:
    degrees = _number(sidecar, "FlipAngle", plausible_flip_angle)
    return None if degrees is None else radians(degrees)


def _preload(sidecar: Sidecar) -> bool | None:
    """`Preload` as true or false; a dose counts as true unless it is zero."""
    value = sidecar.values.get("Preload")
    said = {"yes": True, "true": True, "no": False, "false": False, "none": False}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value > 0
    if isinstance(value, str) and value.strip().lower() in said:
        return said[value.strip().lower()]
    raise Problem(
        f"Preload in {sidecar.where('Preload')} is {json.dumps(value)}.",
        "Whether agent was given before the bolus decides how leakage shows.",
        "Use true or false.",
    )


def _text(sidecar: Sidecar, key: str) -> str | None:
    value = sidecar.values.get(key)
    return None if value is None or not str(value).strip() else str(value)


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-6 * abs(one)
    return one == other


def _shown(key: str, value: object) -> str:
    """A value of an acquisition as people say it."""
    if key == "flip_angle" and isinstance(value, float):
        return f"{value * 180 / pi:g} degrees"
    if isinstance(value, bool):
        return "yes" if value else "no"
    unit = {"te": " s", "tr": " s", "field": " T"}.get(key, "")
    return f"{value:g}{unit}" if isinstance(value, float) else f"{value}{unit}"
