"""Nothing half-written: files are made under a temporary name and moved when all of them are whole."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perspect.vocabulary import Problem


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A temporary folder on the disk of `out`; it is gone afterwards, whatever happens.

    Inside `out` where that exists (it may be a mounted volume), else beside it. Errors of the disk become a `Problem`.
    """
    beside = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    try:
        temporary = Path(tempfile.mkdtemp(prefix=".perspect-", dir=beside))
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise not_written(out, error) from error


def publish(tree: Path, out: Path, spare: Path, stale: tuple[Path, ...] = ()) -> None:
    """Moves every file of `tree` to its place in `out`; if one move fails, all are undone and the error goes on.

    Files of `out` that are replaced, and the `stale` ones that a former run wrote and this one does not, wait in
    `spare` until all is done. Nothing else in `out` is touched.
    """
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        tree.replace(out)
        return
    undo: list[tuple[Path, Path]] = []
    made: list[Path] = []
    try:
        for relative in stale:
            _set_aside(out / relative, spare / relative, undo)
        for file in sorted(one for one in tree.rglob("*") if one.is_file()):
            relative = file.relative_to(tree)
            target = out / relative
            made += _new_folders(target.parent)
            _set_aside(target, spare / relative, undo)
            file.replace(target)
            undo.append((target, file))
    except OSError:
        for there, back in reversed(undo):
            there.replace(back)
        for folder in reversed(made):
            folder.rmdir()
        raise


def not_written(out: Path, error: OSError) -> Problem:
    """What to say when the disk refuses."""
    return Problem(
        f"The results could not be written to {out}: {error.strerror or error}.",
        "What was there before is untouched, and nothing half-written was left.",
        "Free some space or correct the permissions, or give another folder with --out.",
    )


def _set_aside(file: Path, spare: Path, undo: list[tuple[Path, Path]]) -> None:
    if file.exists():
        spare.parent.mkdir(parents=True, exist_ok=True)
        file.replace(spare)
        undo.append((spare, file))


def _new_folders(folder: Path) -> list[Path]:
    """Makes a folder with its parents, and says which of them were not there."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir()
    return missing[::-1]


def may_write(out: Path) -> bool:
    """Whether `out` could be made or written into, as far as can be told beforehand."""
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
