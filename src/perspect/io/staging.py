"""Nothing half-written: files are made under a temporary name and moved when all of them are whole."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Final

from perspect.vocabulary import Problem

TURNS: Final[dict[Path, "RLock"]] = {}
"""Whose turn it is to write to a folder: what all its results share is read, added to and written again."""

REPLACED: Final = "replaced"
"""The folder, below the temporary one, where files that are replaced wait until the new ones stand."""


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A temporary folder on the disk of `out`, gone afterwards, whatever happens, unless former results are left in it.

    Inside `out` where that exists (it may be a mounted volume), else beside it. Errors of the disk become a `Problem`.
    Of several threads one writes to a folder at a time.
    """
    with TURNS.setdefault(out.absolute(), RLock()):
        yield from _staged(out)


def _staged(out: Path) -> Iterator[Path]:
    beside = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    try:
        temporary = Path(tempfile.mkdtemp(prefix=".perspect-", dir=beside))
        try:
            yield temporary
        finally:
            if not _files(temporary / REPLACED):
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise not_written(out, error) from error


def publish(tree: Path, out: Path, temporary: Path, stale: tuple[Path, ...] = ()) -> None:
    """Moves every file of `tree` to its place in `out`; if that is broken off by whatever, an interruption too, every
    move is undone and the error goes on.

    Files of `out` that are replaced, and the `stale` ones that a former run wrote and this one does not, wait below
    `temporary` until all is done. Nothing else in `out` is touched. Raises `Problem` that says where former results
    lie, if the disk refuses to take them back.
    """
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        tree.replace(out)
        return
    spare = temporary / REPLACED
    undo: list[tuple[Path, Path]] = []
    made: list[Path] = []
    try:
        for relative in stale:
            _set_aside(out / relative, spare / relative, undo)
        for file in _files(tree):
            relative = file.relative_to(tree)
            target = out / relative
            _make_folders(target.parent, made)
            _set_aside(target, spare / relative, undo)
            _move(file, target, undo)
        undo.clear()  # from here on the new files stand
    except BaseException:
        _take_back(out, spare, undo, made)
        raise
    if spare.exists():
        spare.replace(temporary / "superseded")


def copied_whole(source: Path, out: Path) -> None:
    """Copies every file below a folder to its place in `out`, all or none; what is there of that name is replaced."""
    with staged(out) as temporary:
        shutil.copytree(source, temporary / "tree")
        publish(temporary / "tree", out, temporary)


def not_written(out: Path, error: OSError) -> Problem:
    """What to say when the disk refuses."""
    return Problem(
        f"The results could not be written to {out}: {error.strerror or error}.",
        "What was there before is untouched, and nothing half-written was left.",
        "Free some space or correct the permissions, or give another folder with --out.",
    )


def _take_back(out: Path, spare: Path, undo: list[tuple[Path, Path]], made: list[Path]) -> None:
    """Undoes moves, the last first, and removes folders that were made; an impatient second interruption waits."""
    while undo or made:
        try:
            if undo:
                there, back = undo[-1]
                if there.exists() and not back.exists():
                    there.replace(back)
                undo.pop()
            else:
                if made[-1].exists():
                    made[-1].rmdir()
                made.pop()
        except KeyboardInterrupt:
            continue
        except OSError as error:
            raise Problem(
                f"The results could not be written to {out}, and what was there before could not all be put back: "
                f"{error.strerror or error}.",
                f"The former files that are missing lie in {spare}.",
                "Correct the permissions, and move them back.",
            ) from error


def _set_aside(file: Path, spare: Path, undo: list[tuple[Path, Path]]) -> None:
    if file.exists():
        spare.parent.mkdir(parents=True, exist_ok=True)
        _move(file, spare, undo)


def _move(file: Path, target: Path, undo: list[tuple[Path, Path]]) -> None:
    """Noted before it is done: an interruption may come between the two."""
    undo.append((target, file))
    file.replace(target)


def _make_folders(folder: Path, made: list[Path]) -> None:
    """Makes a folder with its parents, and notes those that were not there."""
    for one in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        made.append(one)
        one.mkdir()


def _files(folder: Path) -> list[Path]:
    """Every file below a folder, in the order of their names; none where there is no such folder."""
    return sorted(one for one in folder.rglob("*") if one.is_file())


def may_write(out: Path) -> bool:
    """Whether `out` could be made or written into: tried, since permissions say little of disks and of root."""
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not there.is_dir():
        return False
    try:
        tempfile.TemporaryDirectory(prefix=".perspect-", dir=there).cleanup()
    except OSError:
        return False
    return True


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    with staged(path.parent) as temporary:
        (temporary / "tree").mkdir()
        (temporary / "tree" / path.name).write_text(text, encoding="utf-8")
        publish(temporary / "tree", path.parent, temporary)
