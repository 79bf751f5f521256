"""Carriers: the Arrow-safe form in which values of each DuckDB type travel without loss.

Most types pass through Arrow untouched. The others are turned into a plain type by one SQL expression and back by
another: Arrow has no 128-bit integers, no time with an offset, no bit strings, rounds long intervals, and gives enums
a dictionary whose codes may differ between batches. Containers are rewritten only if something inside must be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.names import quote_name, quote_text
from fftcas.table import Column

PLAIN = frozenset(
    {"boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint"}
    | {"float", "double", "decimal", "varchar", "blob", "date", "time"}
    | {"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone"}
)
DECIMAL = re.compile(r"DECIMAL\([0-9]{1,2},[0-9]{1,2}\)")
TEXT = frozenset({"uuid", "enum", "bit", "time with time zone", "time_ns", "timestamptz_ns", "bignum"})


@dataclass(frozen=True)
class Carrier:
    """SQL that turns a value of a type into what travels, and back; `plain` if nothing needs to be done."""

    out: Callable[[str], str]
    back: Callable[[str], str]
    plain: bool = False


def carriers(columns: Sequence[Column]) -> list[Carrier]:
    """The carrier of each column. Raises EngineError, naming column and type, if a type has none."""
    return [_column_carrier(column) for column in columns]


def _column_carrier(column: Column) -> Carrier:
    try:
        return _type_carrier(column.type)
    except (_NoCarrierError, duckdb.Error) as error:
        part = f" (because of {error})" if isinstance(error, _NoCarrierError) and str(error) != column.type else ""
        raise EngineError(
            f"column '{column.name}' has the type {column.type}, which cannot be stored{part}",
            hint=f"cast it, e.g. {quote_name(column.name)}::VARCHAR, or leave the column out",
        ) from None


@cache
def _type_carrier(text: str) -> Carrier:
    if text.lower() in PLAIN or DECIMAL.fullmatch(text):
        return Carrier(_same, _same, plain=True)  # sqltype opens a database in memory, which takes 25 ms
    kind = duckdb.sqltype(text)
    carrier = _carrier(kind, 0)
    if carrier.plain or _loose(kind) == str(kind):
        return carrier
    return Carrier(carrier.out, lambda x: f"({carrier.back(x)})::{kind}")


class _NoCarrierError(Exception):
    """A type that cannot be carried."""


def _carrier(kind: Any, depth: int, in_case: bool = False) -> Carrier:
    """The carrier of a type. `in_case` says that values pass through CASE, which 1.4 lacks for fixed arrays.

    Such arrays are handled as lists; `back` then gives the loose type, and the whole column is cast in the end.
    """
    name, text = kind.id, str(kind)
    if text.strip('"') == "JSON" or name in TEXT:  # 1.4 quotes it within unions
        return Carrier(lambda x: f"({x})::VARCHAR", lambda x: f"({x})::{text}")
    if name in PLAIN:
        return Carrier(_same, _same, plain=True)
    if name == "null":  # what 2.0 makes of a bare NULL
        return Carrier(lambda x: f"({x})::INTEGER", lambda x: f"({x})::{text}")
    if name in {"hugeint", "uhugeint"}:
        return _huge(text)
    if name == "interval":
        return Carrier(_interval_out, _interval_back)
    if name == "list":
        return _list(_carrier(kind.children[0][1], depth + 1), depth)
    if name == "array":
        return _array(kind, depth, in_case)
    if name == "struct":
        return _struct(kind, depth, in_case)
    if name == "map":
        return _map(kind, depth)
    if name == "union":
        return _union(kind, depth)
    raise _NoCarrierError(text)


def _loose(kind: Any) -> str:
    """The type with lists in the place of fixed arrays."""
    if kind.id in {"list", "array"}:
        return f"{_loose(kind.children[0][1])}[]"
    if kind.id in {"struct", "union"}:
        fields = kind.children[kind.id == "union" :]  # a union's first child is its tag
        return f"{kind.id.upper()}({', '.join(f'{quote_name(name)} {_loose(child)}' for name, child in fields)})"
    if kind.id == "map":
        return f"MAP({', '.join(_loose(child) for _, child in kind.children)})"
    return str(kind)


def _same(x: str) -> str:
    return x


def _huge(text: str) -> Carrier:
    # 38 decimal digits hold all but the largest values; those few go as text.
    def out(x: str) -> str:
        digits = f"try_cast({x} AS DECIMAL(38,0))"
        return f"struct_pack(d := {digits}, t := CASE WHEN {digits} IS NULL THEN ({x})::VARCHAR END)"

    return Carrier(out, lambda x: f"coalesce(({x}).d::{text}, ({x}).t::{text})")


def _interval_out(x: str) -> str:
    months = f"(date_part('year', {x}) * 12 + date_part('month', {x}))::INTEGER"
    micros = (
        f"date_part('hour', {x}) * 3600000000 + date_part('minute', {x}) * 60000000 + date_part('microsecond', {x})"
    )
    return f"struct_pack(m := {months}, d := date_part('day', {x})::INTEGER, us := ({micros})::BIGINT)"


def _interval_back(x: str) -> str:
    return f"to_months(({x}).m) + to_days(({x}).d) + to_microseconds(({x}).us)"


def _list(child: Carrier, depth: int) -> Carrier:
    if child.plain:
        return child
    e = f"e{depth}"
    return Carrier(
        lambda x: f"list_transform({x}, lambda {e}: {child.out(e)})",
        lambda x: f"list_transform({x}, lambda {e}: {child.back(e)})",
    )


def _array(kind: Any, depth: int, in_case: bool) -> Carrier:
    item = kind.children[0][1]
    child = _carrier(item, depth + 1)
    if child.plain and not in_case:
        return child
    as_list = _list(child, depth)
    return Carrier(lambda x: as_list.out(f"({x})::{item}[]"), as_list.back)


def _struct(kind: Any, depth: int, in_case: bool) -> Carrier:
    fields = [(str(name), _carrier(child, depth, in_case)) for name, child in kind.children]
    if all(child.plain for _, child in fields):
        return Carrier(_same, _same, plain=True)
    fields = [(str(name), _carrier(child, depth, in_case=True)) for name, child in kind.children]

    def pack(x: str, how: Callable[[Carrier, str], str]) -> str:
        parts = [f"{quote_name(name)} := {how(c, f'struct_extract({x}, {quote_text(name)})')}" for name, c in fields]
        return f"CASE WHEN {x} IS NULL THEN NULL ELSE struct_pack({', '.join(parts)}) END"

    return Carrier(lambda x: pack(x, lambda c, y: c.out(y)), lambda x: pack(x, lambda c, y: c.back(y)))


def _map(kind: Any, depth: int) -> Carrier:
    key, value = (_carrier(child, depth + 1) for _, child in kind.children)
    if key.plain and value.plain:
        return key
    e = f"e{depth}"

    def part(name: str) -> str:
        return f"struct_extract({e}, '{name}')"  # in `e0.key`, a column or a table called e0 comes before the parameter

    return Carrier(
        lambda x: (
            f"list_transform(map_entries({x}), lambda {e}: "
            f"struct_pack(k := {key.out(part('key'))}, v := {value.out(part('value'))}))"
        ),
        lambda x: (
            f"map_from_entries(list_transform({x}, lambda {e}: "
            f"struct_pack(k := {key.back(part('k'))}, v := {value.back(part('v'))})))"
        ),
    )


def _union(kind: Any, depth: int) -> Carrier:
    members = [(str(name), _carrier(child, depth, in_case=True)) for name, child in kind.children[1:]]

    def out(x: str) -> str:
        parts = [f"m{i} := {c.out(f'union_extract({x}, {quote_text(n)})')}" for i, (n, c) in enumerate(members)]
        return f"struct_pack(tag := union_tag({x})::VARCHAR, {', '.join(parts)})"

    def back(x: str) -> str:
        cases = [
            f"WHEN {quote_text(name)} THEN union_value({quote_name(name)} := {c.back(f'({x}).m{i}')})::{_loose(kind)}"
            for i, (name, c) in enumerate(members)
        ]
        return f"CASE ({x}).tag {' '.join(cases)} END"

    return Carrier(out, back)
