"""Threads are ours, over chunks; those of BLAS are held off wherever a room is at work."""

import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

import perspect
from perspect.numerics.parallel import THREADS, beside, each, one_blas_thread


def _blas() -> list[int]:
    return [one["num_threads"] for one in ThreadpoolController().info() if one["user_api"] == "blas"]


@pytest.fixture(autouse=True)
def _several():
    """BLAS as a script has it that sets nothing: with threads of its own."""
    with threadpool_limits(limits=2, user_api="blas"):
        yield


def test_blas_has_one_thread_within_and_its_own_again_after():
    before = _blas()
    if max(before) < 2:
        pytest.skip("the BLAS of this machine takes no second thread")

    assert max(one_blas_thread()(_blas)()) == 1
    assert each(lambda _: max(_blas()), range(2)) == [1, 1]
    assert _blas() == before


def test_blas_that_came_later_with_scipy_is_held_too():
    np.ones((2, 2)) @ np.ones((2, 2))
    with one_blas_thread():
        pass
    import scipy.linalg  # noqa: F401

    with threadpool_limits(limits=2, user_api="blas"), one_blas_thread():
        assert max(_blas()) == 1


@pytest.mark.parametrize(
    ("room", "door"),
    [("dsc", "quantify"), ("dce", "quantify"), ("asl", "quantify"), ("mrs", "measure"), ("mrs", "quantify_grid"),
     ("mrs", "measure_edited")],
)  # fmt: skip
def test_every_door_of_a_room_holds_blas_to_one_thread(room, door, monkeypatch):
    import perspect
    from perspect.numerics import parallel

    held = []

    class Libraries:
        def limit(self, **limits):
            held.append(limits)
            raise RuntimeError("held")

    monkeypatch.setattr(parallel, "_libraries", lambda _: Libraries())
    work = getattr(getattr(perspect, room), door)
    with pytest.raises(RuntimeError, match="held"):
        work()
    assert held == [{"limits": 1, "user_api": "blas"}]


def test_a_script_says_how_many_threads_a_room_has():
    with perspect.threads(3):
        assert THREADS.get() == 3
    assert THREADS.get() == 1


def test_work_beside_other_work_gives_what_it_would_alone_and_the_other_is_done():
    done = threading.Event()
    assert beside(done.set, lambda: 7, 2) == 7
    assert done.is_set()


def test_with_one_thread_the_other_work_is_left_to_whoever_needs_it():
    done = threading.Event()
    assert beside(done.set, lambda: 7, 1) == 7
    assert not done.is_set()


def test_other_work_that_fails_does_not_stop_this():
    assert beside(lambda: 1 / 0, lambda: 7, 2) == 7
