"""FFT's helpers for templates that must run on several engines: `ff_date_trunc`, `ff_safe_cast` and the like."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Undefined

FAMILIES: Mapping[str, str] = {
    "postgresql": "postgres",
    "pg": "postgres",
    "databricks_spark": "spark",
    "databricks": "spark",
    "snowflake_snowpark": "snowflake",
    "snowpark": "snowflake",
    "bq": "bigquery",
}


@dataclass(frozen=True)
class Spelling:
    """How a family of engines spells an operation; filled in by `str.format`."""

    date_trunc: str = "date_trunc('{part}', {timestamp})"
    date_add: str = "{timestamp} + INTERVAL '{amount} {part}'"
    safe_cast: str = "CAST({expr} AS {type})"


SPELLINGS: Mapping[str, Spelling] = {"duckdb": Spelling(safe_cast="try_cast({expr} AS {type})")}


def normalize_engine(engine: str | None) -> str:
    """FFT's short name of an engine; `generic` for none."""
    name = (engine or "").strip().lower()
    return FAMILIES.get(name, name) or "generic"


def is_engine(engine: str | None, *names: str) -> bool:
    """Whether the engine is one of these, by long or short name."""
    return normalize_engine(engine) in {normalize_engine(name) for name in names}


def sql_literal(value: Any) -> str:
    """A Python value as SQL text."""
    if value is None or isinstance(value, Undefined):
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime.date):
        text = value.isoformat()
    else:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
    return "'" + text.replace("'", "''") + "'"


def helpers(engine: str) -> dict[str, Callable[..., Any]]:
    """The functions that templates get, for one engine."""
    spelling = SPELLINGS.get(normalize_engine(engine), Spelling())

    def ff_date_trunc(expr: str, part: str = "day") -> str:
        return spelling.date_trunc.format(part=part, timestamp=_timestamp(expr))

    def ff_date_add(expr: str, part: str, amount: int) -> str:
        return spelling.date_add.format(timestamp=_timestamp(expr), amount=amount, part=part)

    def ff_safe_cast(expr: str, type: str, default: Any = None) -> str:
        cast = spelling.safe_cast.format(expr=expr, type=type.upper())
        return cast if default is None else f"COALESCE({cast}, {default})"

    def ff_engine(default: str | None = None) -> str:
        return normalize_engine(engine or default)

    def ff_is_engine(*names: str) -> bool:
        return is_engine(engine, *names)

    return {
        "ff_date_trunc": ff_date_trunc,
        "ff_date_add": ff_date_add,
        "ff_safe_cast": ff_safe_cast,
        "ff_partition_filter": partition_filter,
        "ff_partition_in": partition_in,
        "ff_engine": ff_engine,
        "ff_is_engine": ff_is_engine,
        "engine_family": normalize_engine,
        "normalize_engine": normalize_engine,
        "is_engine": is_engine,
    }


def partition_filter(column: str, start: Any = None, end: Any = None) -> str:
    """A condition for a range, both ends included."""
    if start is not None and end is not None:
        return f"{column} BETWEEN {sql_literal(start)} AND {sql_literal(end)}"
    if start is not None:
        return f"{column} >= {sql_literal(start)}"
    return "1=1" if end is None else f"{column} <= {sql_literal(end)}"


def partition_in(column: str, values: Iterable[Any] | None) -> str:
    """A condition for a list of values; false for an empty one."""
    literals = [sql_literal(value) for value in values or ()]
    return f"{column} IN ({', '.join(literals)})" if literals else "1=0"


def _timestamp(expr: str) -> str:
    cast = any(sign in expr.lower() for sign in ("cast(", "::date", "::timestamp"))
    return expr if cast else f"CAST({expr} AS TIMESTAMP)"
