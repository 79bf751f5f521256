"""Put on PYTHONPATH by the end-to-end tests: every DuckDB database that the process opens keeps a log of its queries.

What the engine ran is then known from the engine, and fftcas needs no hook for it. `duckdb` itself is only imported
if the process does so, and hardly anything for this: most of these processes end after some milliseconds.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

FOLDER = "QUERY_LOG_FOLDER"
"""The variable that says where the logs go."""


class Finder:
    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "duckdb":
            return None
        import importlib.util

        sys.meta_path.remove(cls)
        spec = importlib.util.find_spec("duckdb")
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_log(module: ModuleType) -> None:
                load(module)
                log_queries(module)

            spec.loader.exec_module = load_and_log  # type: ignore[method-assign]
        return spec


def log_queries(duckdb: ModuleType) -> None:
    import itertools

    connect = duckdb.connect
    folder = os.environ[FOLDER]
    numbers = itertools.count()

    def logging_connect(*args: Any, **options: Any) -> Any:
        connection = connect(*args, **options)
        path = f"{folder}/{os.getpid()}-{next(numbers)}.csv"
        storage = f"{{'path': '{path}', 'buffer_size': 1}}"
        connection.execute(f"CALL enable_logging('QueryLog', storage='file', storage_config={storage})")
        return connection

    duckdb.connect = logging_connect  # type: ignore[attr-defined]


if FOLDER in os.environ:
    sys.meta_path.insert(0, Finder)
