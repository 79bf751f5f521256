"""How many threads DuckDB runs statements in: all of them, or one while one is enough.

To hand a small statement over to other threads costs more than it does (a third of the processor time of a table of a
hundred rows). And where DuckDB groups or joins, the order of its rows depends on how many threads there are; with more
than one it differs from run to run, however few the rows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from fftcas.engines.duckdb.errors import translated


class Threads:
    """The setting, which is the whole database's: it is lowered only while nobody wants all of them, because DuckDB
    waits for threads that it ends."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        (self._all,) = connection.execute("SELECT current_setting('threads')").fetchall()[0]
        self._now: int = self._all
        self._users = 0
        """How many want all threads."""

    @contextmanager
    def all(self) -> Iterator[None]:
        """Statements run in all threads meanwhile."""
        with self._lock:
            self._users += 1
            self._set(self._all)
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1

    @contextmanager
    def one(self) -> Iterator[None]:
        """Statements run in one thread meanwhile, unless someone else wants all threads at the same time."""
        with self._lock:
            if not self._users:
                self._set(1)
        yield

    def _set(self, count: int) -> None:
        if count != self._now:
            with translated():
                self._connection.execute(f"SET threads = {count}")
            self._now = count
