"""Our own threads over chunks of voxels, with BLAS held to one thread inside them.

Chunk boundaries never depend on the number of threads, so results are bitwise the same for any number.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import cache
from typing import Final, TypeVar

from threadpoolctl import ThreadpoolController

S = TypeVar("S")
T = TypeVar("T")

VOXELS: Final = 4096
"""Voxels in a chunk of a fit: its working set stays in the second-level cache."""

THREADS: Final[ContextVar[int]] = ContextVar("threads", default=1)
"""How many threads work on chunks; set once at the door (`--threads`)."""


def spans(n: int, size: int = VOXELS) -> list[slice]:
    """Consecutive slices of at most `size` that cover `n` things.

    >>> spans(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


@cache
def _libraries() -> ThreadpoolController:
    """The BLAS libraries of NumPy and SciPy; to look for them takes longer than many a piece of work."""
    return ThreadpoolController()


def each(work: Callable[[S], T], pieces: Iterable[S]) -> list[T]:
    """`work` done on every piece, in order; on several threads where `THREADS` allows."""
    todo = list(pieces)
    n_threads = min(THREADS.get(), len(todo))
    with _libraries().limit(limits=1, user_api="blas"):
        if n_threads <= 1:
            return [work(piece) for piece in todo]
        with ThreadPoolExecutor(n_threads) as pool:
            return list(pool.map(work, todo))
