"""Put on PYTHONPATH by the end-to-end tests: every DuckDB database that the process opens keeps a log of its queries.

What the engine ran is then known from the engine, and fftcas needs no hook for it. `duckdb` itself is only imported
if the process does so.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import itertools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = os.environ.get("QUERY_LOG_FOLDER")


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "duckdb":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("duckdb")
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_log(module: ModuleType) -> None:
                load(module)
                log_queries(module)

            spec.loader.exec_module = load_and_log  # type: ignore[method-assign]
        return spec


def log_queries(duckdb: ModuleType) -> None:
    connect = duckdb.connect
    numbers = itertools.count()

    def logging_connect(*args: Any, **options: Any) -> Any:
        connection = connect(*args, **options)
        path = Path(str(FOLDER)) / f"{os.getpid()}-{next(numbers)}.csv"
        storage = f"{{'path': '{path}', 'buffer_size': 1}}"
        connection.execute(f"CALL enable_logging('QueryLog', storage='file', storage_config={storage})")
        return connection

    duckdb.connect = logging_connect  # type: ignore[attr-defined]


if FOLDER:
    sys.meta_path.insert(0, Finder())
