"""What perspect stands on: versions, threads, the library of linear algebra, extras, free space."""

import os
import platform
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

import perspect

ABSENT: Final = "not installed"
REQUIREMENT: Final = re.compile(r"^([A-Za-z0-9._-]+)")
EXTRA: Final = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")
GIGABYTE: Final = 1e9


def examine_installation(folder: Path) -> dict[str, dict[str, str]]:
    """Sections of names with values, for people and for the reports of faults; holds no path of the machine."""
    return {
        "perspect": {
            "perspect": perspect.__version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "needed": requirements(None),
        **{f"extra: {extra}": requirements(extra) for extra in sorted(_extras())},
        "machine": {
            "cores": str(cores()),
            "linear algebra": _linear_algebra(),
            "gzip": "isal (fast)"
            if version("isal") != ABSENT
            else "zlib (slower; `pip install isal` where it has a wheel)",
            "free space here": f"{shutil.disk_usage(folder).free / GIGABYTE:.1f} GB",
            "terminal": "yes" if sys.stderr.isatty() else "no",
        },
    }


def missing(sections: dict[str, dict[str, str]]) -> list[str]:
    """The needed packages that are not there; isal is only wanted."""
    return [name for name, found in sections["needed"].items() if found == ABSENT and name != "isal"]


def requirements(extra: str | None) -> dict[str, str]:
    """The packages that perspect asks for, by its own metadata, with the versions that are there."""
    found = {}
    for line in metadata.requires("perspect") or ():
        of, name = EXTRA.search(line), REQUIREMENT.match(line)
        if name is not None and name[1] != "perspect" and (of[1] if of else None) == extra:
            found[name[1]] = version(name[1])
    return found


def version(package: str) -> str:
    """The version of a package, or that it is absent."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ABSENT


def cores() -> int:
    """The cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def _extras() -> list[str]:
    return metadata.metadata("perspect").get_all("Provides-Extra") or []


def _linear_algebra() -> str:
    """Which BLAS NumPy found, and how many threads it would use by itself."""
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    found = [one for one in threadpool_info() if one["user_api"] == "blas"]
    return (
        ", ".join(f"{one['internal_api']} {one['version']}, {one['num_threads']} threads" for one in found) or "unknown"
    )
