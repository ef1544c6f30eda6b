"""Our own threads over chunks of voxels, with BLAS held to one thread inside them; or, where chunks are many small
operations, copies of this process.

Chunk boundaries never depend on the number of threads, so results are bitwise the same for any number.
"""

import mmap
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
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


def copies() -> int:
    """How many copies of this process may work beside each other: as many as threads, where it has but one thread now
    and can be forked, which is safe only then; else one.

    Threads of a fit wait for each other: it is thousands of operations of 20 to 50 µs, after each of which the
    interpreter is handed over (two threads were 1.1 times as fast as one, two copies 1.8 times [measured]).
    """
    is_alone = _may_be_copied() and len(list(Path("/proc/self/task").iterdir())) == 1
    return THREADS.get() if is_alone else 1


def _may_be_copied() -> bool:
    """Whether this process is copied as soon as it has but one thread."""
    return THREADS.get() > 1 and sys.platform == "linux"


def full(shape: tuple[int, ...], value: float, dtype: np.typing.DTypeLike = np.float64) -> np.ndarray:
    """As NumPy's, in memory that copies of this process write into for all of them, where there may be any.

    How many threads there are at this moment does not matter: one that ends before `each_apart` begins would let copies
    write into memory of their own, and what they found would be lost.
    """
    if not _may_be_copied():
        return np.full(shape, value, dtype)
    n = int(np.prod(shape))
    memory = mmap.mmap(-1, max(1, n * np.dtype(dtype).itemsize))
    out: np.ndarray = np.frombuffer(memory, dtype, n).reshape(shape)
    out[...] = value
    return out


def shared(values: np.ndarray) -> np.ndarray:
    """A copy of an array in such memory, in the same order."""
    out = full(values.T.shape, 0, values.dtype).T if values.flags.f_contiguous else full(values.shape, 0, values.dtype)
    out[...] = values
    return out


def each_apart(work: Callable[[S], object], pieces: Iterable[S]) -> None:
    """`work` done on every piece by copies of this process where there may be any, else by `each`; it must leave all
    that it finds in arrays of `full` or `shared`.

    Pieces of a copy that fails, or that the system does not grant, are worked on here, where what is wrong is raised;
    `work` must bear to be done twice. Whatever ends the work here, an interrupt too, ends the copies.
    """
    todo = list(pieces)
    n = min(copies(), len(todo))
    if n < 2:
        each(work, todo)
        return
    running: dict[int, list[S]] = {}
    lost: list[S] = []
    try:
        for part in (todo[k::n] for k in range(1, n)):
            child = _copy(work, part)
            if child is None:
                lost += part
            else:
                running[child] = part
        _all(work, todo[::n])
        while running:
            child = next(iter(running))
            has_done = _has_done(child)
            part = running.pop(child)
            lost += [] if has_done else part
    finally:
        _end(running)
    _all(work, lost)


def _all(work: Callable[[S], object], todo: Iterable[S]) -> None:
    with one_blas_thread():
        for piece in todo:
            work(piece)


def _copy(work: Callable[[S], object], todo: list[S]) -> int | None:
    """A copy of this process that does some work and ends, whatever happens, without a word, and soon after this
    process does; its number, or None where the system grants none (too many processes, too little memory).
    """
    parent = os.getpid()
    try:
        child = os.fork()
        if child:
            return child
        _all(work, _while_wanted(todo, parent))
        os._exit(0)
    except OSError:
        return None
    finally:
        # Not even an interrupt may let a copy go on where this process goes on.
        if os.getpid() != parent:
            os._exit(1)


def _while_wanted(todo: list[S], parent: int) -> Iterator[S]:
    """Pieces of a copy, as long as the process that is to have them lives."""
    for piece in todo:
        if os.getppid() != parent:
            os._exit(1)
        yield piece


def _has_done(child: int) -> bool:
    """Whether a copy did all of its work, once it has ended; not where SIGCHLD is ignored, as then nobody knows."""
    try:
        return os.waitpid(child, 0)[1] == 0
    except ChildProcessError:
        return False


def _end(children: Iterable[int]) -> None:
    """Ends copies, and is back when they are no more."""
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    for child in children:
        _has_done(child)


def beside(other: Callable[[], object], work: Callable[[], T], n_threads: int) -> T:
    """`work` done here, and `other`, which somebody will need later, on a second thread where there is one.

    Where there is none, or where `other` fails, whoever needs it does it then.
    """
    if n_threads < 2:
        return work()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(other)
        return work()
