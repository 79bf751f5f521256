"""Threads for the store's streams, where they are worth it: what is small is done at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Done = TypeVar("Done")
SMALL = 64 << 10
"""Uncompressed bytes that are not worth a thread."""


class Threads:
    """At most `count` threads, which begin when there is something for them; the end of the context waits for them."""

    def __init__(self, count: int, name: str) -> None:
        self._count, self._name = count, name
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def begin(self, work: Callable[[], Done], size: int) -> Callable[[], Done]:
        """Begin with work on so many bytes, or do it at once if they are few; what is returned waits for the result."""
        if size < SMALL:
            done = work()
            return lambda: done
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._count, self._name)
        return self._pool.submit(work).result


def packers() -> Threads:
    """Threads for hashing and compression."""
    return Threads(min(4, os.cpu_count() or 1), "fftcas-store")
