"""The helpers that FFT's custom data tests import."""

from __future__ import annotations

from typing import Any


class TestFailure(AssertionError):
    """A data test that does not hold."""

    __test__ = False


def _scalar(executor: Any, sql: str) -> Any:
    """The first value of a query's first row, or None."""
    row = executor.execute(sql).fetchone()
    return None if row is None else row[0]
