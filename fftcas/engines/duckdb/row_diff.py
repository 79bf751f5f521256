"""The difference of two tables, found by DuckDB in memory."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import duckdb

from fftcas.engines.duckdb.errors import translated
from fftcas.engines.duckdb.filling import fill
from fftcas.engines.duckdb.names import quote_name, quote_text
from fftcas.table import Column, Table
from fftcas.table_diff import ChangedRow, Row, TableDiff

KEY_NAME = re.compile(r"(?i)(.*_)?(id|key|uuid|pk|code)")
"""Names that keys have; where several columns are unique, such a one is taken."""


def diff_rows(old: Table, new: Table, samples: int, key: Sequence[str] = ()) -> TableDiff:
    """What differs between two tables, with at most `samples` rows of each kind; rows are matched by `key`, or else
    by a column that is unique in both. Reads both streams. Raises EngineError."""
    before, after = {c.name: c for c in old.columns}, {c.name: c for c in new.columns}
    common = [name for name in before if name in after]
    with (
        tempfile.TemporaryDirectory(prefix="fftcas-diff-") as spill,
        duckdb.connect(":memory:") as connection,
        translated(),
    ):
        connection.execute(f"SET temp_directory = {quote_text(spill)}")
        connection.execute("SET TimeZone = 'UTC'")
        schema = TableDiff(
            fill(connection, "old_rows", old),
            fill(connection, "new_rows", new),
            new_columns=tuple(name for name in after if name not in before),
            lost_columns=tuple(name for name in before if name not in after),
            retyped={n: (before[n].type, after[n].type) for n in common if before[n].type != after[n].type},
            reordered=common != [name for name in after if name in before],
        )
        if not common:
            return replace(schema, added=schema.new_rows, removed=schema.old_rows)
        comparison = _Comparison(connection, common, schema.retyped, samples)
        found = tuple(key) or comparison.evident_key([before[name] for name in common if name not in schema.retyped])
        rest = comparison.by_key(found) if found else comparison.as_multisets()
        return replace(schema, key=found, **rest)


class _Comparison:
    """Compares the tables `old_rows` and `new_rows` in the columns that both have."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, columns: Sequence[str], retyped: Collection[str], samples: int
    ) -> None:
        self.connection = connection
        self.columns = columns
        self.retyped = retyped
        self.samples = samples

    def evident_key(self, columns: Sequence[Column]) -> tuple[str, ...]:
        """A column without NULLs that is unique in both tables and that most rows of the smaller one share."""
        if not columns:
            return ()
        usable = [c.name for c in columns if not re.search(r"DOUBLE|FLOAT|\[|\(|BOOLEAN", c.type)]
        for name in sorted(usable, key=lambda name: not KEY_NAME.fullmatch(name)):
            column = quote_name(name)
            distinct = f"SELECT count(*) = count(DISTINCT {column}) FROM"
            unique = all(self._one(f"{distinct} {side}") for side in ("old_rows", "new_rows"))
            if unique and self._one(
                f"SELECT 2 * count(*) >= least((SELECT count(*) FROM old_rows), (SELECT count(*) FROM new_rows)) "
                f"FROM old_rows JOIN new_rows USING ({column})"
            ):
                return (name,)
        return ()

    def by_key(self, key: tuple[str, ...]) -> dict[str, Any]:
        on = " AND ".join(f"o.{quote_name(k)} IS NOT DISTINCT FROM n.{quote_name(k)}" for k in key)
        others = [name for name in self.columns if name not in key]
        differs = [self._differs(name) for name in others]
        any_differs = " OR ".join(differs) or "false"
        joined = f"FROM old_rows o JOIN new_rows n ON {on} WHERE {any_differs}"
        touched = self._row(f"SELECT count(*), {', '.join(f'count_if({d})' for d in differs) or '0'} {joined}")
        only_new = f"FROM new_rows n ANTI JOIN old_rows o ON {on}"
        only_old = f"FROM old_rows o ANTI JOIN new_rows n ON {on}"
        return {
            "changed": touched[0],
            "added": self._one(f"SELECT count(*) {only_new}"),
            "removed": self._one(f"SELECT count(*) {only_old}"),
            "touched": {name: count for name, count in zip(others, touched[1:], strict=False) if count},
            "changed_samples": self._changed(key, others, joined) if touched[0] else (),
            "added_samples": self._rows("n", only_new, key),
            "removed_samples": self._rows("o", only_old, key),
        }

    def as_multisets(self) -> dict[str, Any]:
        """Rows that one side has more often than the other."""
        names = ", ".join(self._plain(name) for name in self.columns)
        pairs = {"more": ("new_rows", "old_rows"), "fewer": ("old_rows", "new_rows")}
        for table, (left, right) in pairs.items():
            self.connection.execute(
                f"CREATE TABLE {table} AS SELECT {names} FROM {left} EXCEPT ALL SELECT {names} FROM {right}"
            )
        counts = {table: self._one(f"SELECT count(*) FROM {table}") for table in pairs}
        touched = {}
        for name in self.columns:
            column = quote_name(name)
            count = max(
                self._one(f"SELECT count(*) FROM (SELECT {column} FROM {a} EXCEPT ALL SELECT {column} FROM {b})")
                for a, b in (("more", "fewer"), ("fewer", "more"))
            )
            if count:
                touched[name] = count
        return {
            "added": counts["more"],
            "removed": counts["fewer"],
            "touched": touched,
            "added_samples": self._rows("n", "FROM more n", ()),
            "removed_samples": self._rows("o", "FROM fewer o", ()),
        }

    def _differs(self, name: str) -> str:
        column = quote_name(name)
        cast = "::VARCHAR" if name in self.retyped else ""
        return f"o.{column}{cast} IS DISTINCT FROM n.{column}{cast}"

    def _plain(self, name: str) -> str:
        column = quote_name(name)
        return f"{column}::VARCHAR AS {column}" if name in self.retyped else column

    def _changed(self, key: tuple[str, ...], others: Sequence[str], joined: str) -> tuple[ChangedRow, ...]:
        keys = [f"n.{quote_name(k)}::VARCHAR" for k in key]
        sides = [f"{side}.{quote_name(name)}::VARCHAR" for name in others for side in "on"]
        flags = [self._differs(name) for name in others]
        order = ", ".join(f"n.{quote_name(k)}" for k in key)
        values = ", ".join([*keys, *sides, *flags])
        sql = f"SELECT {values} {joined} ORDER BY {order} LIMIT {self.samples}"
        found = []
        for row in self.connection.execute(sql).fetchall():
            rest, different = row[len(key) : len(key) + 2 * len(others)], row[len(key) + 2 * len(others) :]
            cells = {n: (rest[2 * i], rest[2 * i + 1]) for i, n in enumerate(others) if different[i]}
            found.append(ChangedRow(dict(zip(key, row, strict=False)), cells))
        return tuple(found)

    def _rows(self, side: str, source: str, key: tuple[str, ...]) -> tuple[Row, ...]:
        values = ", ".join(f"{side}.{quote_name(name)}::VARCHAR" for name in self.columns)
        order = ", ".join(f"{side}.{quote_name(k)}" for k in key) or "ALL"
        sql = f"SELECT {values} {source} ORDER BY {order} LIMIT {self.samples}"
        return tuple(dict(zip(self.columns, row, strict=True)) for row in self.connection.execute(sql).fetchall())

    def _one(self, sql: str) -> Any:
        return self._row(sql)[0]

    def _row(self, sql: str) -> tuple[Any, ...]:
        (row,) = self.connection.execute(sql).fetchall()
        return tuple(row)
