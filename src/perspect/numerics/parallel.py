"""Our own threads over chunks of voxels, with BLAS held to one thread inside them.

Chunk boundaries never depend on the number of threads, so results are bitwise the same for any number.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Final, TypeVar

from threadpoolctl import ThreadpoolController

S = TypeVar("S")
T = TypeVar("T")

VOXELS: Final = 4096
"""Voxels in a chunk of a fit: its working set stays in the second-level cache."""

THREADS: Final[ContextVar[int]] = ContextVar("threads", default=1)
"""How many threads work on chunks; set once at the door by `on_threads` (`--threads`)."""


@contextmanager
def on_threads(n: int) -> Iterator[None]:
    """Chunks of voxels are worked on by `n` threads within; no number depends on how many.

    >>> with on_threads(2):
    ...     each(abs, [-1, 2])
    [1, 2]
    """
    was = THREADS.set(n)
    try:
        yield
    finally:
        THREADS.reset(was)


def spans(n: int, size: int = VOXELS) -> list[slice]:
    """Consecutive slices of at most `size` that cover `n` things.

    >>> spans(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def even_spans(n: int, most: int) -> list[slice]:
    """The same, as few as may be and as alike in size as can be: no thread is left with a crumb.

    >>> even_spans(9, 4)
    [slice(0, 3, None), slice(3, 6, None), slice(6, 9, None)]
    """
    return spans(n, -(-n // max(1, -(-n // most))) or 1)


@cache
def _libraries(_with_scipy: bool) -> ThreadpoolController:
    """NumPy's BLAS, and SciPy's once it has come, found once: to look takes longer than many a piece of work."""
    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """For work that is many small products, in which threads of BLAS wait for each other: one does them.

    A function is held to it as a whole by the decorator `@one_blas_thread()`.
    """
    with _libraries("scipy.linalg" in sys.modules).limit(limits=1, user_api="blas"):
        yield


def each(work: Callable[[S], T], pieces: Iterable[S]) -> list[T]:
    """`work` done on every piece, in order; on several threads where `THREADS` allows."""
    todo = list(pieces)
    n_threads = min(THREADS.get(), len(todo))
    with one_blas_thread():
        if n_threads <= 1:
            return [work(piece) for piece in todo]
        with ThreadPoolExecutor(n_threads) as pool:
            return list(pool.map(work, todo))


def beside(other: Callable[[], object], work: Callable[[], T], n_threads: int) -> T:
    """`work` done here, and `other`, which somebody will need later, on a second thread where there is one.

    Where there is none, or where `other` fails, whoever needs it does it then.
    """
    if n_threads < 2:
        return work()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(other)
        return work()
