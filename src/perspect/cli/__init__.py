"""The command line: arguments over `perspect.app`."""

import os
import sys
from collections.abc import Sequence

from perspect import __version__
from perspect.cli import commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and gives its exit code. Help and version answer before anything heavy is loaded."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in ([], ["--help"], ["-h"], ["help"]):
        print(commands.overview(), end="")
        return 0
    if words in (["--version"], ["-V"]):
        print(f"perspect {__version__}")
        return 0
    # Our threads are over chunks of voxels (`--threads`); those that BLAS starts when it is loaded only get in the way.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from perspect.cli.run import run

    return run(words)
