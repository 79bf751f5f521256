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
    """The setting, which is the whole database's: it is lowered only while nobody else runs anything, because DuckDB
    waits for what its threads do before it ends them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        (self._all,) = connection.execute("SELECT current_setting('threads')").fetchall()[0]
        self._now: int | None = self._all
        self._users = 0

    @contextmanager
    def all(self) -> Iterator[None]:
        """Statements run in all threads meanwhile."""
        with self._using(self._all):
            yield

    @contextmanager
    def one(self) -> Iterator[None]:
        """Statements run in one thread meanwhile, unless others run that began, or begin, with all threads."""
        with self._using(1):
            yield

    @contextmanager
    def _using(self, count: int) -> Iterator[None]:
        with self._lock:
            if self._now != count and (count == self._all or not self._users):
                self._now = None  # should it fail, nobody knows
                with translated():
                    self._connection.execute(f"SET threads = {count}")
                self._now = count
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
