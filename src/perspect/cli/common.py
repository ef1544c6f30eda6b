"""The options that every command that measures understands."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter, Token
from cyclopts.validators import Number

GROUP = Group("Common")


def whole(_: type, tokens: Sequence[Token]) -> int:
    """The number of a word. The parser itself would round `--seed 1.5` to 2 without a word."""
    return whole_of(tokens[0].value)


def wholes(_: object, tokens: Sequence[Token]) -> tuple[int, ...]:
    """The same of several words."""
    return tuple(whole_of(one.value) for one in tokens)


def whole_of(word: str) -> int:
    """A whole number; raises `ValueError` for anything else."""
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"'{word}' is no whole number.") from None


THREADS = Parameter(help="How many threads; else all cores", converter=whole, validator=Number(gte=1))
"""The option that every command has which takes long."""


def seed_of(what: str) -> Parameter:
    """The option of a seed, with what is drawn by it."""
    return Parameter(help=what, converter=whole, validator=Number(gte=0))


@Parameter(name="*", group=GROUP)
@dataclass(frozen=True)
class Common:
    """Choices, resources and talk."""

    plan: Annotated[Path | None, Parameter(help="TOML file with choices, a table for each room")] = None
    set: Annotated[tuple[str, ...], Parameter(help="A choice, as in dsc.leakage=bsw; may be repeated")] = ()
    threads: Annotated[int | None, THREADS] = None
    seed: Annotated[int | None, seed_of("Of the simulations that calibrate")] = None
    quiet: Annotated[bool, Parameter(help="Print nothing but errors")] = False
    verbose: Annotated[bool, Parameter(help="Print notes and methods too")] = False
    debug: Annotated[bool, Parameter(help="Show the traceback of an error")] = False
    overwrite: Annotated[bool, Parameter(help="Replace results that are there")] = False


NO_CHOICES = Common()


@Parameter(name="*", group=Group("What another program found of the head"))
@dataclass(frozen=True)
class OfTheHead:
    """In the frame of the leading conventional image; else what lies beside it, else it is found."""

    brain_mask: Annotated[Path | None, Parameter(help="Mask of the brain on a conventional image")] = None
    gm: Annotated[Path | None, Parameter(help="Map of grey matter (0 to 1)")] = None
    wm: Annotated[Path | None, Parameter(help="Map of white matter (0 to 1)")] = None
    csf: Annotated[Path | None, Parameter(help="Map of fluid (0 to 1); else what the two leave")] = None


NOTHING_FOUND = OfTheHead()
