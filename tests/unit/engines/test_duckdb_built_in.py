"""What a version of DuckDB brings along, and that it is asked once for each version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pytest

from fftcas.engines import open_binder
from fftcas.engines.duckdb import built_in
from fftcas.engines.duckdb.built_in import BuiltIn


class Records:
    """A memory that lasts as long as its test."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, bytes], bytes] = {}

    def get_records(self, kind: str, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.kept.get((kind, key)) for key in keys]

    def put_records(self, kind: str, items: Mapping[bytes, bytes]) -> None:
        self.kept.update({(kind, key): value for key, value in items.items()})


def test_what_is_recalled_is_what_was_found() -> None:
    memory = Records()
    with duckdb.connect(":memory:") as connection:
        found = BuiltIn.of(connection)
        assert BuiltIn.recalled(connection, memory) == found
        assert BuiltIn.recalled(connection, memory) == found
    assert {"random", "now"} <= found.unstable
    assert "duckdb_tables" in found.views
    assert len(memory.kept) == 1


STABLE = frozenset(
    {"century", "date_diff", "date_part", "date_sub", "date_trunc", "datediff", "datepart", "datesub", "datetrunc"}
    | {"day", "dayname", "dayofmonth", "dayofweek", "dayofyear", "decade", "era", "generate_series", "hour", "isodow"}
    | {"isoyear", "julian", "last_day", "make_timestamptz", "microsecond", "millennium", "millisecond", "minute"}
    | {"month", "monthname", "quarter", "range", "second", "strftime", "time_bucket", "timezone", "timezone_hour"}
    | {"timezone_minute", "week", "weekday", "weekofyear", "year", "yearweek", "+", "-"}
)
"""They depend on the time zone, which is always the same, or on nothing."""


def test_nothing_unstable_is_lost() -> None:
    """What is not called unstable is consistent for some types at least; of these, all that the time zone tells."""
    with duckdb.connect(":memory:") as connection:
        unstable = BuiltIn.of(connection).unstable
        loose = connection.execute(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions() "
            "WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
        ).fetchall()
    left = {name for (name,) in loose} - unstable
    assert left <= STABLE | built_in.HARMLESS | {"age"}, "age() of one timestamp is looked for by itself"
    assert not unstable & STABLE


def test_a_version_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Records()
    for _ in range(2):
        binder = open_binder("duckdb", {"path": ":memory:"}, memory)
        assert [each.what for each in binder.unstable("select random() as r")] == ["random()"]
        binder.close()
        monkeypatch.setattr(BuiltIn, "of", lambda connection: pytest.fail("it was asked again"))


def test_another_version_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Records()
    with duckdb.connect(":memory:") as connection:
        BuiltIn.recalled(connection, memory)
        monkeypatch.setattr(built_in, "__version__", "another")
        BuiltIn.recalled(connection, memory)
        monkeypatch.undo()
        connection.execute("CREATE SCHEMA other")
        connection.execute(
            "CREATE MACRO other.pragma_version() AS TABLE SELECT 'v9' AS library_version, 'x' AS source_id"
        )
        connection.execute("USE other")
        BuiltIn.recalled(connection, memory)
    assert len(memory.kept) == 3
