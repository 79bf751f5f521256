"""A readers/writer gate among threads: many transactions at once, or one change to the map under them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """`with gate` for every transaction, `exclusive` for what may run only while there is none. Not reentrant."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free = threading.Condition(self._lock)
        self._inside = 0
        self._closed = False

    def __enter__(self) -> None:
        with self._lock:
            while self._closed:
                self._free.wait()
            self._inside += 1

    def __exit__(self, *trouble: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._closed and not self._inside:
                self._free.notify_all()

    def close(self) -> None:
        """Wait until nobody is inside, and let nobody in."""
        with self._free:
            while self._closed:
                self._free.wait()
            self._closed = True
            while self._inside:
                self._free.wait()

    def open(self) -> None:
        with self._free:
            self._closed = False
            self._free.notify_all()

    def close_for_fork(self) -> None:
        """Close it, so that no thread even looks at it before `open_after_fork`: a child would never see that end."""
        self.close()
        self._lock.acquire()

    def open_after_fork(self) -> None:
        try:
            self._closed = False
            self._free.notify_all()
        finally:
            self._lock.release()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        self.close()
        try:
            yield
        finally:
            self.open()
