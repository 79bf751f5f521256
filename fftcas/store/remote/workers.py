"""Deadlines: a share that hangs blocks its thread in the kernel; what may hang runs in threads that can be left behind.

The threads are daemons: one that never comes back does not keep the process from ending.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial
from typing import Any, TypeVar

from fftcas.store.remote.transport import Unreachable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """Up to `count` daemon threads that run calls; threads start when they are needed."""

    def __init__(self, count: int, seconds: float) -> None:
        self.seconds = seconds
        self._count = count
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()
        with self._lock:
            self._tasks.put((future, call))
            if self._idle < self._tasks.qsize() and self._threads < self._count:
                self._threads += 1
                threading.Thread(target=self._work, name="fftcas-remote", daemon=True).start()
        return future

    def run(self, call: Callable[[], Result], seconds: float | None = None) -> Result:
        """What the call returns. Raises what it raises, or Unreachable if it takes too long."""
        return self._result(self.submit(call), seconds or self.seconds)

    def each(self, call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """The results of many calls, in order. The deadline is for each; the first failure is raised."""
        futures = [self.submit(partial(call, item)) for item in items]
        try:
            return [self._result(future, self.seconds) for future in futures]
        finally:
            for future in futures:
                future.cancel()

    def close(self) -> None:
        """Let idle threads end."""
        for _ in range(self._count):
            self._tasks.put(None)

    @staticmethod
    def _result(future: Future[Result], seconds: float) -> Result:
        try:
            return future.result(seconds)
        except FutureTimeout:
            if future.done():
                raise
            future.cancel()
            raise Unreachable(f"no answer within {seconds:g} s") from None

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            task = self._tasks.get()
            with self._lock:
                self._idle -= 1
            if task is None:
                return
            future, call = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
