"""A database of DuckDB in a file, and its engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stamping import start

from fftcas.engines.duckdb.engine import DuckDBEngine


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "made" / "db.duckdb")


@pytest.fixture
def engine(path: str) -> Iterator[DuckDBEngine]:
    engine = start(path)
    yield engine
    engine.close()
