from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fftcas.store.remote.transport import Unreachable
from fftcas.store.remote.workers import Workers

COUNT = 3


@contextmanager
def workers(seconds: float = 10.0, *, far: bool = False) -> Iterator[Workers]:
    some = Workers(COUNT, seconds, far=far)
    try:
        yield some
    finally:
        some.close()


def test_one_thread_makes_quick_calls_and_the_results_are_in_order() -> None:
    seen: set[int] = set()

    def call(number: int) -> int:
        seen.add(threading.get_ident())
        return -number

    with workers() as some:
        assert some.each(call, range(500)) == [-number for number in range(500)]
        assert len(seen) == 1
        assert some.quick


def test_others_join_it_when_calls_are_slow() -> None:
    together = threading.Barrier(COUNT, timeout=10)

    def call(number: int) -> int:
        time.sleep(0.05)
        if number >= COUNT:
            together.wait()
        return number

    with workers() as some:
        assert some.each(call, range(COUNT * 3)) == list(range(COUNT * 3))
        assert not some.quick
        assert some.each(str, range(3)) == ["0", "1", "2"]
        assert some.quick


def test_all_begin_where_the_place_is_far() -> None:
    together = threading.Barrier(COUNT, timeout=10)
    with workers(far=True) as some:
        assert sorted(some.each(lambda _: together.wait(), range(COUNT))) == list(range(COUNT))
        assert not some.quick


def test_no_call_waits_while_there_may_be_another_thread() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # a thread that has just taken a call is not one that waits for one
    try:
        for _ in range(300):
            together = threading.Barrier(COUNT, timeout=5)
            with workers(far=True) as some:
                assert len(some.each(together.wait, [5.0] * COUNT)) == COUNT
    finally:
        sys.setswitchinterval(before)


def test_nothing_is_asked_of_no_items() -> None:
    with workers() as some:
        assert some.each(str, []) == []
        assert some.quick
        some.each(lambda _: time.sleep(0.05), [1])
        assert some.each(str, []) == []
        assert not some.quick


@pytest.mark.parametrize("far", [False, True])
def test_after_a_failure_no_other_call_is_begun(far: bool) -> None:
    made: list[int] = []

    def call(number: int) -> None:
        made.append(number)
        if number == 5:
            raise Unreachable("it is gone")
        time.sleep(0.001)

    with workers(far=far) as some:
        with pytest.raises(Unreachable, match="it is gone"):
            some.each(call, range(10_000))
        assert len(made) < 9_000
        assert some.each(str, [1]) == ["1"]


@pytest.mark.parametrize("count", [1, COUNT])
def test_whether_few_calls_are_quick_is_seen_as_well(count: int) -> None:
    with workers() as some:
        some.each(lambda _: time.sleep(0.05), range(count))
        assert not some.quick
        for _ in range(50):  # one call may be slow on a busy machine
            some.each(str, range(count))
            if some.quick:
                break
        assert some.quick
        some.run(lambda: time.sleep(0.05))
        assert some.quick, "one call alone is no sample"


@pytest.mark.parametrize("far", [False, True])
def test_a_call_that_hangs_is_seen_while_others_go_on(far: bool) -> None:
    free, made = threading.Event(), list[int]()

    def call(number: int) -> None:
        if number == 1:
            free.wait()
        time.sleep(0.01)
        made.append(number)

    with workers(0.2, far=far) as some:
        with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
            some.each(call, range(10_000))
        assert 1 < len(made) < 1000
        free.set()


@pytest.mark.parametrize("far", [False, True])
def test_who_waits_for_a_thread_is_not_late(far: bool) -> None:
    """Each call is made in time, though all of them take longer."""
    begun = threading.Event()

    def call(number: int) -> int:
        begun.set()
        time.sleep(0.2)
        return number

    with workers(0.5, far=far) as some:
        others = threading.Thread(target=lambda: some.each(call, range(COUNT * 6)))
        others.start()
        begun.wait()
        time.sleep(0.1)  # all threads have something to do
        assert some.run(lambda: 1) == 1
        assert some.each(str, [1]) == ["1"]
        others.join()


@pytest.mark.parametrize("far", [False, True])
def test_a_call_that_hangs_is_left_behind_when_all_others_have_ended(far: bool) -> None:
    free, made = threading.Event(), list[int]()

    def call(number: int) -> None:
        if number == 1:
            free.wait()
        made.append(number)

    with workers(0.2, far=far) as some:
        with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
            some.each(call, range(50))
        assert sorted(made) == [0, *range(2, 50)]
        free.set()


def test_when_no_thread_is_free_there_is_no_answer() -> None:
    free = threading.Event()
    with workers(0.2) as some:
        stuck = [some.submit(free.wait) for _ in range(COUNT)]
        with pytest.raises(Unreachable, match="no answer"):
            some.each(str, range(3))
        free.set()
        assert all(each.result(10) for each in stuck)
        assert some.each(str, [1]) == ["1"]
