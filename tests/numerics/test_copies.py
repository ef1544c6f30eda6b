"""Copies of this process, in one that has no threads but its own: what tests run in may have some."""

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a process is copied on Linux alone")


def alone(script):
    """What a fresh process prints that runs it with two threads."""
    begun = """
        import os, threading
        os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
        import numpy as np
        from perspect.numerics.parallel import copies, each_apart, full, on_threads, shared
    """
    whole = textwrap.dedent(begun) + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_copies_share_the_work_and_leave_what_they_found():
    said = alone("""
        with on_threads(2):
            number, whose = full((7, 2), np.nan), full((7,), 0, np.int64)
            def work(piece):
                number[piece] = piece ** 2
                whose[piece] = os.getpid()
            each_apart(work, range(7))
            print(copies(), len(set(whose)), os.getpid() in whose, *number[:, 1])
        print(copies())
    """)
    assert said == ["2", "2", "True", "0.0", "1.0", "4.0", "9.0", "16.0", "25.0", "36.0", "1"]


def test_a_fit_is_the_same_by_two_copies_to_the_last_bit():
    said = alone("""
        from perspect.fit import fit
        from perspect.models import DelayedExtendedTofts, TwoCompartmentExchange
        from perspect.models.arterial import Parker
        t = np.arange(0.0, 300.0, 5.0)
        rng = np.random.default_rng(0)
        for kind, n in ((DelayedExtendedTofts, 70_000), (TwoCompartmentExchange, 66_000)):
            model = kind(t, Parker().plasma(t - 30.0, 0.42))
            low, high = np.array([model.bounds(quantity) for quantity in model.parameters]).T
            curves = model.predict(low + 0.05 * (high - low))[None] + rng.normal(0.0, 0.02, (n, t.size))
            one = fit(model, curves)
            with on_threads(2):
                two = fit(model, curves)
            print(*(np.array_equal(one.values[key], two.values[key], equal_nan=True) for key in one.values))
            print(np.array_equal(one.covariance, two.covariance, equal_nan=True), (one.status == two.status).all())
    """)
    assert said and set(said) == {"True"}


def test_what_a_copy_fails_at_is_raised_here():
    said = alone("""
        def work(piece):
            if piece == 1:
                raise ValueError("piece one")
        try:
            with on_threads(2):
                each_apart(work, range(4))
        except ValueError as error:
            print(error)
    """)
    assert said == ["piece", "one"]


def test_what_a_copy_lost_is_made_up_for():
    said = alone("""
        mine = os.getpid()
        with on_threads(2):
            out = full((4,), 0.0)
            def work(piece):
                if os.getpid() != mine:
                    os.kill(os.getpid(), 9)
                out[piece] = 1.0
            each_apart(work, range(4))
            print(*out)
    """)
    assert said == ["1.0"] * 4


def test_a_process_with_threads_is_not_copied():
    said = alone("""
        wait = threading.Event()
        thread = threading.Thread(target=wait.wait)
        thread.start()
        with on_threads(2):
            print(copies())
        wait.set()
        thread.join()
        with on_threads(2):
            print(copies())
    """)
    assert said == ["1", "2"]


def test_nothing_is_lost_where_a_thread_ends_between_the_array_and_the_work():
    said = alone("""
        wait = threading.Event()
        thread = threading.Thread(target=wait.wait)
        thread.start()
        with on_threads(2):
            out = full((4,), 0.0)
            wait.set()
            thread.join()
            while copies() < 2:
                pass
            each_apart(lambda piece: out.__setitem__(piece, 1.0), range(4))
        print(*out)
    """)
    assert said == ["1.0"] * 4


def test_an_interrupt_of_this_process_alone_ends_its_copies():
    said = alone("""
        import signal, time
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background ignores it
        mine = os.getpid()
        with on_threads(2):
            begun = full((1,), 0, np.int64)
            def work(piece):
                if os.getpid() != mine:
                    begun[0] = os.getpid()
                    time.sleep(60.0)
                while not begun[0]:
                    time.sleep(0.01)
                os.kill(mine, signal.SIGINT)
            before = time.monotonic()
            try:
                each_apart(work, range(2))
            except KeyboardInterrupt:
                print("interrupted", time.monotonic() - before < 30.0, os.path.exists(f"/proc/{begun[0]}"))
    """)
    assert said == ["interrupted", "True", "False"]


def test_a_copy_does_not_outlive_its_process_by_more_than_a_piece():
    said = alone("""
        import signal, time
        reader, writer = os.pipe()
        middle = os.fork()
        if not middle:
            os.close(reader)
            mine = os.getpid()
            with on_threads(2):
                begun = full((1,), 0, np.int64)
                def work(piece):
                    while os.getpid() == mine and not begun[0]:
                        time.sleep(0.01)
                    if os.getpid() == mine:
                        os.kill(mine, signal.SIGKILL)
                    begun[0] = 1
                    while os.getppid() == mine:
                        time.sleep(0.01)
                    os.write(writer, b"x")
                each_apart(work, range(20))
        os.close(writer)
        os.waitpid(middle, 0)
        done = b""
        while some := os.read(reader, 99):
            done += some
        print(len(done))
    """)
    assert said == ["1"]  # of the ten that a copy that goes on would do


def test_copies_that_the_system_does_not_grant_are_done_without():
    said = alone("""
        def refused():
            raise BlockingIOError(11, "Resource temporarily unavailable")
        os.fork = refused
        with on_threads(2):
            out = full((4,), 0.0)
            each_apart(lambda piece: out.__setitem__(piece, 1.0), range(4))
        print(*out)
    """)
    assert said == ["1.0"] * 4


def test_work_is_whole_where_nobody_is_told_how_copies_end():
    said = alone("""
        import signal
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        with on_threads(2):
            out = full((4,), 0.0)
            each_apart(lambda piece: out.__setitem__(piece, 1.0), range(4))
        print(*out)
    """)
    assert said == ["1.0"] * 4


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_shared_copy_is_in_the_same_order(order):
    said = alone(f"""
        with on_threads(2):
            values = np.asarray(np.arange(6.0).reshape(2, 3), order={order!r})
            own = shared(values)
            print((own == values).all(), own.flags.{order.lower()}_contiguous, own.base is not None)
    """)
    assert said == ["True", "True", "True"]
