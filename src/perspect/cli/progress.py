"""What a person sees while something runs: bars when a terminal watches, plain lines otherwise, nothing if so asked."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

PATIENCE: Final = 2.0
"""Seconds before a bar appears."""


@contextmanager
def watched(*, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """A function that takes the name of a stage and the share of it that is done."""
    if quiet:
        yield _nothing
    elif sys.stderr.isatty():
        yield from _bars()
    else:
        yield _in_turn(_lines())


def _nothing(stage: str, share: float) -> None:
    del stage, share


def _in_turn(tell: Callable[[str, float], None]) -> Callable[[str, float], None]:
    """The same for several threads at once."""
    lock = Lock()

    def told(stage: str, share: float) -> None:
        with lock:
            tell(stage, share)

    return told


def _lines() -> Callable[[str, float], None]:
    """One line when a stage begins."""
    seen: set[str] = set()

    def tell(stage: str, share: float) -> None:
        del share
        if stage not in seen:
            seen.add(stage)
            print(stage, file=sys.stderr, flush=True)

    return tell


def _bars() -> Iterator[Callable[[str, float], None]]:
    """A bar for each stage, once the whole has taken longer than `PATIENCE`; a stage ends when the next of its room
    begins.
    """
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from perspect.vocabulary.progress import room_of

    begun = time.monotonic()
    bars: dict[str, TaskID] = {}
    progress = Progress(console=Console(stderr=True), transient=True, auto_refresh=False)

    def tell(stage: str, share: float) -> None:
        if stage not in bars:
            for former, bar in bars.items():
                if not room_of(stage) or room_of(former) in ("", room_of(stage)):
                    progress.update(bar, completed=1.0)
            bars[stage] = progress.add_task(stage, total=1.0)
        progress.update(bars[stage], completed=share)
        if time.monotonic() - begun > PATIENCE:
            progress.start()
            progress.refresh()

    try:
        yield _in_turn(tell)
    finally:
        progress.stop()
