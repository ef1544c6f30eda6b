"""From words to a command to an exit code; every error is said in sentences, never as a traceback unless asked for."""

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Final

from cyclopts import App, CycloptsError, Parameter

from perspect import __version__
from perspect.cli import ask, asl, basis, calibrate, check, dce, demo, describe, doctor, dsc, mrs, simulate, t1, view
from perspect.cli.commands import COMMANDS
from perspect.vocabulary import Problem

SEVERAL: Final = ("--te", "--drop", "--flip-angles", "--inversion-times", "--pld", "--tau")
"""Options that take more than one number after one name, as in `--te 0.010 0.030`."""

FUNCTIONS: Final[Mapping[str, Callable[..., int]]] = {
    "demo": demo.demo,
    "ask": ask.ask,
    "calibrate": calibrate.calibrate,
    "check": check.check,
    "dsc": dsc.dsc,
    "dce": dce.dce,
    "t1": t1.t1,
    "asl": asl.asl,
    "mrs": mrs.mrs,
    "basis": basis.basis,
    "simulate": simulate.simulate,
    "view": view.view,
    "describe": describe.describe,
    "doctor": doctor.doctor,
}
"""What each command of the table does."""


def run(words: Sequence[str]) -> int:
    """The exit code of a command: 0, 2 (the call or the input is wrong) or 3 (not to be interpreted)."""
    wants_traceback = "--debug" in words
    if not wants_traceback:
        sys.excepthook = brief
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        code = application()(
            spread(words), exit_on_error=False, print_error=False, help_on_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        print(
            f"perspect: {_sentence(error)} `perspect {_command(words)}--help` shows what is expected.", file=sys.stderr
        )
        return Problem.exit_code
    except Problem as problem:
        if wants_traceback:
            traceback.print_exc()
        print(f"perspect: {problem}", file=sys.stderr)
        return problem.exit_code
    except PermissionError as error:
        if wants_traceback:
            traceback.print_exc()
        print(f"perspect: {error.filename} may not be read. Check its owner and permissions.", file=sys.stderr)
        return Problem.exit_code
    return int(code or 0)


def application() -> App:
    """The parser: one function for each row of the table."""
    app = App(
        name="perspect",
        version=__version__,
        help_format="plaintext",
        default_parameter=Parameter(negative=(), show_default=False),
        result_action="return_value",
    )
    for one in COMMANDS:
        sentence = one.sentence[0].upper() + one.sentence[1:]
        more = f"\n\n{one.more}" if one.more else ""
        app.command(FUNCTIONS[one.name], name=one.name, help=f"{sentence}.{more}\n\nExample: {one.example}")
    return app


def spread(words: Sequence[str]) -> list[str]:
    """Options with several numbers written out, so that a number never swallows a file name that follows it.

    >>> spread(["--te", "0.01", "0.03", "a.nii"])
    ['--te', '0.01', '--te', '0.03', 'a.nii']
    """
    out: list[str] = []
    option = ""
    for word in words:
        if word.startswith("--"):
            option = word if word in SEVERAL else ""
        elif option and out[-1] != option:
            if _is_number(word):
                out.append(option)
            else:
                option = ""
        out.append(word)
    return out


def brief(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An error that nobody foresaw, in one sentence; the interpreter then ends with exit code 1."""
    if issubclass(kind, KeyboardInterrupt):
        print("\nperspect: interrupted; nothing was written.", file=sys.stderr)
        return
    if issubclass(kind, BrokenPipeError):  # whoever read our output, such as `head`, has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    place = traceback.extract_tb(trace)[-1] if trace is not None else None
    where = f" ({place.name}, line {place.lineno})" if place is not None else ""
    print(
        f"perspect: something went wrong inside: {kind.__name__}: {error}{where}. "
        "This is a fault of perspect; --debug shows more.",
        file=sys.stderr,
    )


def _sentence(error: CycloptsError) -> str:
    text = " ".join(str(error).split())
    return text if text.endswith((".", "?")) else f"{text}."


def _command(words: Sequence[str]) -> str:
    names = [one.name for one in COMMANDS]
    return f"{words[0]} " if words and words[0] in names else ""


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
