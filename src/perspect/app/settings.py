"""What a person chose by file, option or `--set`, as a `Plan`; an unknown name is refused and the nearest one named."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from perspect.vocabulary import Problem

P = TypeVar("P")


class Plans(Mapping[str, type]):
    """Rooms with their Plan; a room loads when its Plan is asked for, and its name costs nothing."""

    def __init__(self, *rooms: str) -> None:
        self._rooms = rooms

    def __getitem__(self, room: str) -> type:
        if room not in self._rooms:
            raise KeyError(room)
        of: type = import_module(f"perspect.{room}").Plan
        return of

    def __iter__(self) -> Iterator[str]:
        return iter(self._rooms)

    def __len__(self) -> int:
        return len(self._rooms)

    def __contains__(self, room: object) -> bool:
        return room in self._rooms


PLANS: Final = Plans("dsc", "dce", "asl", "mrs")
"""The tables of a settings file, and the Plan that each becomes."""

FINITE: Final = ConfigDict(allow_inf_nan=False)
"""No choice is infinite, and one that is no number equals nothing, itself included."""

EXPECTED: Final[Mapping[type, str]] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def plan(
    of: type[P], file: Path | None = None, options: Mapping[str, Any] = MappingProxyType({}), sets: Sequence[str] = ()
) -> P:
    """A Plan from its defaults, a TOML file, and options (`None`: not given) or `room.field=value`, which win.

    Raises Problem for a name that nothing reads, and for a field that an option and a `--set` want otherwise.
    """
    room = next(name for name in PLANS if of.__module__.startswith(f"perspect.{name}."))
    chosen: dict[str, Any] = {}
    if file is not None:
        chosen |= _from_file(file).get(room, {})
    said: dict[str, Any] = {}
    for name, value in options.items():
        if value is not None:
            said[name] = _typed(room, name, value, f"--{name}", strict=False)
    for one in sets:
        where, name, value = _setting(one)
        if where != room:
            raise Problem(
                f"--set {one} is a choice of {where}, and this command reads those of {room}.",
                "It would be ignored.",
                f"Leave it out, or set {room}.{name} if there is one. A file for --plan may hold several rooms.",
            )
        if name in said and said[name] != value:
            raise Problem(
                f"{room}.{name} is {said[name]} by one option and {value} by another.",
                "Which of the two is meant is not known.",
                "Give it once.",
            )
        said[name] = value
    return of(**{**chosen, **said})


def plans(file: Path | None = None, sets: Sequence[str] = (), seed: int | None = None) -> dict[str, Any]:
    """The Plan of every room, for what measures with several; a `seed` is that of every room that draws numbers.

    Raises Problem as `plan` does.
    """
    of_room: dict[str, list[str]] = {room: [] for room in PLANS}
    for one in sets:
        of_room[_setting(one)[0]].append(one)
    return {
        room: plan(of, file, {"seed": seed} if any(one.name == "seed" for one in fields(of)) else {}, of_room[room])
        for room, of in PLANS.items()
    }


def demand_plans(chosen: Mapping[str, Any]) -> None:
    """Raises Problem for a Plan that no room would read."""
    for room, one in chosen.items():
        _known(room, PLANS, f"the room {room}")
        if not isinstance(one, PLANS[room]):
            raise Problem(
                f"What was given as the plan of {room} is a {type(one).__name__}.",
                "Its choices would be read by nobody.",
                f"Give a perspect.{room}.Plan.",
            )


def _from_file(path: Path) -> dict[str, dict[str, Any]]:
    """Every table of a settings file, checked whether it is asked for or not: an ignored setting is a wrong one."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise Problem(
            f"There is no settings file {path}.", "The choices in it were asked for.", "Check the path given to --plan."
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Problem(
            f"{path.name} cannot be read as TOML ({error}).", "None of its choices is known.", "Correct that line."
        ) from error
    for room, table in tables.items():
        _known(room, PLANS, f"the table [{room}] of {path.name}")
        if not isinstance(table, dict):
            raise Problem(
                f"{room} in {path.name} is no table.",
                "A room has several choices, each with its name.",
                f"Write [{room}] on a line of its own.",
            )
    return {
        room: {name: _typed(room, name, value, path.name, strict=True) for name, value in table.items()}
        for room, table in tables.items()
    }


def _setting(text: str) -> tuple[str, str, Any]:
    """`dsc.leakage=bsw` taken apart and typed."""
    where, equals, value = text.partition("=")
    room, dot, name = where.strip().partition(".")
    if not equals or not dot:
        raise Problem(
            f"--set {text} is not of the form room.field=value.",
            "It is not known which choice is meant.",
            "For example --set dsc.leakage=bsw.",
        )
    _known(room, PLANS, f"room '{room}' in --set {text}")
    return room, name, _typed(room, name, value.strip(), "--set", strict=False)


def _typed(room: str, name: str, value: Any, source: str, *, strict: bool) -> Any:
    """A value in the type of its field; texts of `--set` are converted, values of a file must already be right."""
    hints = get_type_hints(PLANS[room])
    _known(name, [one.name for one in fields(PLANS[room])], f"{room}.{name} in {source}")
    options = get_args(hints[name])
    words = [one for one in options if isinstance(one, str)]
    if words:
        return _word(f"{room}.{name}", value, words, source)
    if NoneType in options and isinstance(value, str) and value.lower() == "none":
        return None
    if get_origin(hints[name]) is tuple and isinstance(value, str | list):
        value = tuple(value.replace(",", " ").split() if isinstance(value, str) else value)
    try:
        return TypeAdapter(hints[name], config=FINITE).validate_python(value, strict=strict)
    except ValidationError as error:
        kinds = " or ".join(
            EXPECTED.get(one, "several" if one is Ellipsis else "none") for one in (options or (hints[name],))
        )
        raise Problem(
            f"{room}.{name} is {value!r} in {source}.",
            f"It must be {kinds}.",
            f"`perspect describe plan {room}.{name}` says what it means.",
        ) from error


def _word(name: str, value: Any, words: Sequence[str], source: str) -> Any:
    if value in words:
        return value
    raise Problem(
        f"{name} is {value!r} in {source}.",
        meant(str(value), words) or "There is no such choice.",
        f"It must be one of {', '.join(words)}.",
    )


def _known(name: str, names: Iterable[str], what: str) -> None:
    names = list(names)
    if name not in names:
        raise Problem(
            f"There is no {what.removeprefix('the ')}.",
            meant(name, names) or "A setting that nothing reads would be ignored.",
            f"Known are {', '.join(names)}.",
        )


def meant(name: str, names: Iterable[str]) -> str:
    """The question that a slip of the keyboard calls for; empty where nothing is near."""
    near = get_close_matches(name.lower(), list(names), n=1, cutoff=0.5)
    return f"Did you mean '{near[0]}'?" if near else ""
