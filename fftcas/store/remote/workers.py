"""Deadlines: a share that hangs blocks its thread in the kernel; what may hang runs in threads that can be left behind.

The threads are daemons: one that never comes back does not keep the process from ending.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import Any, Generic, TypeVar

from fftcas.store.remote.transport import Unreachable

Item = TypeVar("Item")
Result = TypeVar("Result")

QUICK = 0.002
"""Seconds that a call takes up to which one thread makes all of many: it does not wait for the place then. Several
would wait for each other, since one at a time runs Python, and to take turns costs twice what they do."""

LOOK = 0.01
"""Seconds after which it is looked whether one thread is enough."""


class Workers:
    """Up to `count` daemon threads that run calls; threads start when they are needed.

    Of a place that is `far` it is known that calls have to wait for it.
    """

    def __init__(self, count: int, seconds: float, *, far: bool = False) -> None:
        self.seconds = seconds
        self.quick = not far
        """Whether one thread was enough for the last calls of `each`, and did not have to wait for the place."""
        self._far = far
        self._count = count
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._open = 0
        """Calls that wait or are made."""
        self._ended = 0.0
        """When a call ended last, of whomever."""

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()
        with self._lock:
            self._tasks.put((future, call))
            self._open += 1
            if self._threads < min(self._open, self._count):
                self._threads += 1
                threading.Thread(target=self._work, name="fftcas-remote", daemon=True).start()
        return future

    def run(self, call: Callable[[], Result], seconds: float | None = None) -> Result:
        """What the call returns. Raises what it raises, or Unreachable if it takes too long."""
        calls = _Calls(lambda call: call(), [call], self._note_end)
        self._make(calls, seconds or self.seconds)
        return calls.results[0]

    def each(self, call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """The results of many calls, in order. Raises what one of them raises, or Unreachable if one takes too long.

        One thread begins, unless the place is far; the others join it if that turns out to be slow.
        """
        calls = _Calls(call, list(items), self._note_end)
        threads = self._make(calls, self.seconds)
        if calls.began is not None:
            took = time.monotonic() - calls.began
            self.quick = not self._far and threads == 1 and took <= QUICK * len(calls.items)
        return [calls.results[position] for position in range(len(calls.items))]

    def _make(self, calls: _Calls[Any, Any], seconds: float) -> int:
        """Make all calls; in how many threads."""
        most = min(self._count, len(calls.items))
        futures = [self.submit(calls.work) for _ in range(most if self._far else min(1, most))]
        asked = time.monotonic()
        try:
            while (found := wait(futures, LOOK, FIRST_EXCEPTION)).not_done:
                for future in found.done:
                    future.result()
                now = time.monotonic()
                # What has not begun waits for other calls: these may take their time, but one of them has to end.
                if now - calls.oldest(max(asked, self._ended)) > seconds:
                    raise Unreachable(f"no answer within {seconds:g} s")
                if len(futures) == 1 and calls.began is not None and now - calls.began > QUICK * len(calls.results):
                    futures += [self.submit(calls.work) for _ in range(most - 1)]
            for future in futures:
                future.result()
        finally:
            calls.left.clear()
            for future in futures:
                future.cancel()
        return len(futures)

    def _note_end(self) -> None:
        self._ended = time.monotonic()

    def close(self) -> None:
        """Let idle threads end."""
        for _ in range(self._count):
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, call = task
            if not future.set_running_or_notify_cancel():
                self._done()
                continue
            try:
                result = call()
            except BaseException as error:
                self._done()
                future.set_exception(error)
            else:
                self._done()
                future.set_result(result)

    def _done(self) -> None:
        """To be called before anybody knows that a call has ended: who waits for it may have another one at once."""
        with self._lock:
            self._open -= 1


class _Calls(Generic[Item, Result]):
    """Calls that threads share out among themselves."""

    def __init__(self, call: Callable[[Item], Result], items: Sequence[Item], ended: Callable[[], None]) -> None:
        self.items = items
        self.results: dict[int, Result] = {}
        self.left = deque(range(len(items)))
        self.began: float | None = None
        self._call = call
        self._ended = ended
        self._running: dict[int, float] = {}

    def work(self) -> None:
        """Make calls until none is left."""
        self.began = self.began or time.monotonic()
        while self.left:
            try:
                position = self.left.popleft()
            except IndexError:
                return  # another thread has it
            self._running[position] = time.monotonic()
            try:
                self.results[position] = self._call(self.items[position])
            finally:
                self._ended()
                del self._running[position]

    def oldest(self, otherwise: float) -> float:
        """When the call began that runs longest, if one does."""
        return min(list(self._running.values()), default=otherwise)  # a list: threads change what it is made of
