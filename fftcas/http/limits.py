"""Limits on time: how often requests start, and how long one may take."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType


class TokenBucket:
    """At most `rate` requests per second over all threads, after a burst of one second's worth; 0 is unlimited."""

    def __init__(
        self, rate: float, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._rate = rate
        self._capacity = max(rate, 1.0)
        self._tokens = self._capacity
        self._now = now
        self._sleep = sleep
        self._last = now()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait for the turn. Who waits has taken a token in advance, so that turns are given in order."""
        if not self._rate:
            return
        with self._lock:
            now = self._now()
            self._tokens = min(self._capacity, self._tokens + (now - self._last) * self._rate) - 1
            self._last = now
            wait = -self._tokens / self._rate
        if wait > 0:
            self._sleep(wait)


class Deadline:
    """Cuts the line of the current thread's connection when the time is over, whatever it is waiting for.

    Timeouts of a socket bound one wait each; a server that sends a byte now and then is never late by them.
    """

    _current = threading.local()

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._lines: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        Deadline._current.deadline = self
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        Deadline._current.deadline = None

    @classmethod
    def active(cls) -> bool:
        """Whether this thread is inside of a deadline."""
        return getattr(cls._current, "deadline", None) is not None

    @classmethod
    def watch(cls, line: socket.socket) -> None:
        """Let the deadline of this thread, if there is one, cut this line."""
        deadline = getattr(cls._current, "deadline", None)
        if deadline is not None:
            deadline._lines.append(line)
            if deadline.expired:
                deadline._cut()

    def _cut(self) -> None:
        self.expired = True
        for line in self._lines:
            with contextlib.suppress(OSError):  # closed already
                line.shutdown(socket.SHUT_RDWR)
