"""`perspect doctor`: what perspect stands on."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def doctor(*, debug: Annotated[bool, Parameter(help="Show the traceback of an error")] = False) -> int:
    """Prints sections of names and values; exit code 1 where something needed is absent."""
    del debug
    from perspect.app.doctor import examine_installation, missing

    sections = examine_installation(Path.cwd())
    for title, found in sections.items():
        print(title)
        for name, value in found.items():
            print(f"  {name:<18}{value}")
    absent = missing(sections)
    if absent:
        print(f"Missing: {', '.join(absent)}. Install perspect again: pip install perspect.")
    return 1 if absent else 0
