"""Gzip at the speed of isal where it is installed, else of zlib; both give the same numbers back."""

import gzip
import zlib
from importlib import import_module
from importlib.util import find_spec
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Final, cast

from perspect.vocabulary import Problem

HAS_ISAL: Final = find_spec("isal") is not None
"""Whether the fast compressor is there (it has no wheel for some machines)."""

_gzip: Final[Any] = import_module("isal.igzip") if HAS_ISAL else gzip
_zlib: Final[Any] = import_module("isal.isal_zlib") if HAS_ISAL else zlib

GZIP: Final = 31
"""What zlib calls a stream with a gzip header, a checksum and the largest window."""

BROKEN: Final[tuple[type[Exception], ...]] = (EOFError, gzip.BadGzipFile, zlib.error, _zlib.error)
"""What a truncated or damaged gzip file raises while it is read."""


def is_gzip(path: Path) -> bool:
    """Whether a file begins as gzip does; its name is not asked."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def opened(path: Path) -> BufferedIOBase:
    """The bytes of a file as they were before compression, if it was compressed; to be closed by the caller."""
    return cast("BufferedIOBase", _gzip.open(path, "rb")) if is_gzip(path) else path.open("rb")


def unpacked(path: Path, most: int) -> bytes | None:
    """The first `most` bytes of a file as they were before compression, in one go: piece by piece each piece would wait
    for whatever else this process does.

    None where the file is not compressed, or where they are not in its first part: then it is to be read by pieces.
    """
    if not is_gzip(path):
        return None
    unpacking = _zlib.decompressobj(GZIP)
    out: bytes = unpacking.decompress(path.read_bytes(), most)
    return out if unpacking.eof or len(out) == most else None


def compressed(raw: bytes) -> bytes:
    """Gzip of `raw` at the fastest level; without a time stamp, so that the same input gives the same bytes."""
    return cast("bytes", _gzip.compress(raw, 1, mtime=0))


def broken(path: Path, error: Exception) -> Problem:
    """What to say of a compressed file that ends early or does not add up."""
    return Problem(
        f"{path.name} cannot be unpacked: it is truncated or damaged ({error}).",
        "A part of the images is lost.",
        "Copy or convert the file again, and check it with `gzip -t`.",
    )
