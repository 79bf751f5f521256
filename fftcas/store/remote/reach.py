"""The way to a remote that may fail: every use has a deadline, and after a few failures there are no more uses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from fftcas.errors import RemoteError
from fftcas.store.remote.transport import Denied, Full, Transport
from fftcas.store.remote.workers import Workers

Item = TypeVar("Item")
Result = TypeVar("Result")

FAILURES = 3
"""Failures in a row after which a remote is given up for the run; a time-out is enough alone."""


class Reach:
    """Runs calls on a transport in threads with deadlines. `reading` and `writing` say what may still be tried.

    That something may not be read is no failure: the place has answered.

    Calls are given the transport's own methods, and must not use the Reach themselves. A call that fails raises
    OSError; after the remote was given up it is not made and raises OSError at once, or RemoteError if `required`.
    """

    def __init__(self, transport: Transport, seconds: float, required: bool, warn: Callable[[str], None]) -> None:
        self.transport = transport
        self.required = required
        self.reading = True
        self.writing = True
        self.failed = 0
        self.warn = warn
        self._in_a_row = 0
        self._lock = threading.Lock()
        self._workers = Workers(transport.parallel, seconds, far=transport.network)

    @property
    def quick(self) -> bool:
        """Whether the place answers as if it were a disk of this machine, so that nothing is won by not waiting."""
        return self._workers.quick

    def ask(self, call: Callable[[], Result], seconds: float) -> Result:
        """What the call returns; a failure says nothing about later ones."""
        return self._workers.run(call, min(seconds, self._workers.seconds))

    def run(self, call: Callable[[], Result], *, write: bool = False) -> Result:
        """What the call returns."""
        self._admit(write)
        try:
            result = self._workers.run(call)
        except OSError as error:
            self.failure(error, write)
            raise
        self._in_a_row = 0
        return result

    def each(self, call: Callable[[Item], Result], items: Iterable[Item], *, write: bool = False) -> list[Result]:
        """What the calls return, in order; they run side by side."""
        self._admit(write)
        try:
            results = self._workers.each(call, items)
        except OSError as error:
            self.failure(error, write)
            raise
        self._in_a_row = 0
        return results

    def failure(self, error: OSError, write: bool) -> None:
        """Count a failure, and give up what does not work. Raises RemoteError if the remote is required."""
        if isinstance(error, Denied) and not write:
            return
        with self._lock:
            self.failed += 1
            self._in_a_row += 1
            given_up = not (self.writing if write else self.reading)
            late = str(error).startswith("no answer within")
            if given_up or not (late or isinstance(error, Full | Denied) or self._in_a_row >= FAILURES):
                return
            self.writing = False
            only_writing = write and isinstance(error, Full | Denied)
            self.reading = only_writing
        left = "nothing more is written there" if only_writing else "the build goes on without it"
        if self.required:
            raise RemoteError(f"the remote {self.transport.url} failed", why=said(error))
        self.warn(f"the remote {self.transport.url} failed ({said(error)}); {left}")

    def close(self) -> None:
        self._workers.close()

    def _admit(self, write: bool) -> None:
        if not (self.writing if write else self.reading):
            with self._lock:
                self.failed += 1
            if self.required:
                raise RemoteError(f"the remote {self.transport.url} failed")
            raise OSError("the remote was given up")


def said(error: OSError) -> str:
    """What an operating system's error says."""
    return error.strerror or str(error)
