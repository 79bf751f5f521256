"""What is read from a relation and staged again cannot be told apart from it, for every type."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stamping import publish, stamp

from fftcas.build.channel import Channel
from fftcas.engines import detached_frame, open_engine
from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.engine import DuckDBEngine
from fftcas.relation import RelationName
from fftcas.table import Table

SCALARS = {
    "BOOLEAN": ["true", "false"],
    "TINYINT": ["-128", "127"],
    "BIGINT": ["-9223372036854775808", "9223372036854775807", "0"],
    "UBIGINT": ["18446744073709551615", "0"],
    "HUGEINT": [
        "'-170141183460469231731687303715884105728'",
        "'170141183460469231731687303715884105727'",
        "'99999999999999999999999999999999999999'",
        "'100000000000000000000000000000000000000'",
        "-1",
        "0",
    ],
    "UHUGEINT": ["'340282366920938463463374607431768211455'", "0"],
    "BIGNUM": ["'-1'", "'0'", "'-0'", "'-0.0'::DOUBLE", f"'{'9' * 200}'", f"'-1{'0' * 90}1'"],
    "TIME_NS": ["'00:00:00.000000001'", "'24:00:00'", "'23:59:59.999999999'", "'12:00:00'"],
    "DECIMAL(4,1)": ["-999.9", "0.1"],
    "DECIMAL(38,0)": ["'99999999999999999999999999999999999999'", "'-99999999999999999999999999999999999999'"],
    "DECIMAL(38,38)": ["'0.00000000000000000000000000000000000001'"],
    "FLOAT": ["'nan'", "'-0.0'", "'0.0'", "'inf'", "'-inf'", "1e-45", "0.1"],
    "DOUBLE": ["'nan'", "'-0.0'", "'0.0'", "'inf'", "'-inf'", "5e-324", "0.1", "1.7976931348623157e308"],
    "VARCHAR": ["''", "'a'", "'NULL'", "'it''s \"q\", [x]'", "'é😀' || chr(0) || chr(10) || 'z'", "repeat('x', 5000)"],
    "BLOB": ["''", r"'\x00\xFF\x5C'", "'NULL'"],
    "BIT": ["'0'", "'1'", "'0101010101011'", "'00000000'"],
    "DATE": ["'infinity'", "'-infinity'", "'0001-01-01 (BC)'", "'2262-04-12'", "'5881580-07-10'"],
    "TIME": ["'00:00:00'", "'24:00:00'", "'23:59:59.999999'"],
    "TIMETZ": ["'00:00:00+15:59:59'", "'24:00:00-15:59:59'", "'12:34:56.789+02:30'"],
    "TIMESTAMP": ["'infinity'", "'-infinity'", "'290309-12-22 (BC) 00:00:00'", "'294247-01-10 04:00:54.775806'"],
    "TIMESTAMP_S": ["'infinity'", "'-infinity'", "'1969-12-31 23:59:59'"],
    "TIMESTAMP_MS": ["'infinity'", "'-infinity'", "'1969-12-31 23:59:59.999'"],
    "TIMESTAMP_NS": ["'infinity'", "'-infinity'", "'1677-09-22 00:00:00.000000001'", "'2262-04-11 23:47:16.854775806'"],
    "TIMESTAMPTZ": ["'infinity'", "'-infinity'", "'2024-02-29 12:00:00.123456+05:30'"],
    "INTERVAL": [
        "interval '13 months -40 days 100000 hours'",
        "to_months(-2147483648)",
        "to_days(-2147483648) + to_months(2147483647)",
        "to_microseconds(9223372036854775807)",
        "to_microseconds(-9223372036854775808)",
        "to_microseconds(-1) + to_days(31) + to_months(-1)",
    ],
    "UUID": ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    "JSON": ['\'{"b": 1,  "a": [null]}\'', "'null'", "'\"x\"'"],
    '"NULL"': ["NULL"],
    "ENUM('b', 'a', '', 'it''s')": ["'b'", "'a'", "''", "'it''s'"],
}
NEW = duckdb.__version__ >= "2"
if NEW:
    SCALARS["TIMESTAMPTZ_NS"] = [*SCALARS["TIMESTAMP_NS"], "'2024-02-29 12:00:00.123456789+05:30'"]
NAMES = ['"a"', '"A b"', '"select"', '"x""y"', '"é,."', '"it\'s"']

Type = tuple[str, "st.SearchStrategy[str]"]


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    engine = open_engine("duckdb", {"path": ":memory:", "schema": "s"})
    assert isinstance(engine, DuckDBEngine)
    engine.prepare([])
    yield engine
    engine.close()


def scalar(name: str) -> Type:
    return name, st.sampled_from([f"CAST({value} AS {name})" for value in SCALARS[name]] + [f"CAST(NULL AS {name})"])


def listed(item: Type) -> Type:
    name = f"{item[0]}[]"
    return name, or_null(name, st.lists(item[1], max_size=3).map(lambda v: f"[{', '.join(v)}]::{name}"))


def array(item: Type) -> Type:
    name = f"{item[0]}[2]"
    return name, or_null(name, st.tuples(item[1], item[1]).map(lambda v: f"[{', '.join(v)}]::{name}"))


def struct(fields: list[Type]) -> Type:
    names = NAMES[: len(fields)]
    name = f"STRUCT({', '.join(f'{n} {f[0]}' for n, f in zip(names, fields, strict=True))})"

    def pack(values: tuple[str, ...]) -> str:
        return f"struct_pack({', '.join(f'{n} := {v}' for n, v in zip(names, values, strict=True))})::{name}"

    return name, or_null(name, st.tuples(*[f[1] for f in fields]).map(pack))


def mapped(pair: tuple[Type, Type]) -> Type:
    key, value = pair
    name = f"MAP({key[0]}, {value[0]})"
    keys = key[1].filter(lambda text: not text.startswith("CAST(NULL"))
    entries = st.lists(st.tuples(keys, value[1]), max_size=1)
    return name, or_null(
        name, entries.map(lambda e: f"map([{', '.join(k for k, _ in e)}], [{', '.join(v for _, v in e)}])::{name}")
    )


def union(members: list[Type]) -> Type:
    names = NAMES[: len(members)]
    name = f"UNION({', '.join(f'{n} {m[0]}' for n, m in zip(names, members, strict=True))})"
    pairs = [st.tuples(st.just(n), m[1]) for n, m in zip(names, members, strict=True)]
    return name, or_null(name, st.one_of(pairs).map(lambda p: f"union_value({p[0]} := {p[1]})::{name}"))


def or_null(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(values, st.just(f"CAST(NULL AS {name})"))


scalars = st.sampled_from(sorted(SCALARS)).map(scalar)
keys = st.sampled_from(["BIGINT", "VARCHAR", "UUID", "HUGEINT", "DATE"]).map(scalar)
types = st.recursive(
    scalars,
    lambda inner: st.one_of(
        inner.map(listed),
        inner.map(array),
        st.lists(inner, min_size=1, max_size=3).map(struct),
        st.tuples(keys, inner).map(mapped),
        st.lists(inner, min_size=1, max_size=3).map(union),
    ),
    max_leaves=4,
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """The types of a table's columns, and its rows as SQL."""
    kinds = draw(st.lists(types, min_size=1, max_size=4))
    rows = draw(st.lists(st.tuples(*[values for _, values in kinds]).map(list), max_size=5))
    return [name for name, _ in kinds], rows


@given(tables())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_table_comes_back_as_it_was(engine: DuckDBEngine, table: tuple[list[str], list[list[str]]]) -> None:
    check(engine, *table)


@pytest.mark.long
@given(tables())
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_table_comes_back_as_it_was_long(engine: DuckDBEngine, table: tuple[list[str], list[list[str]]]) -> None:
    check(engine, *table)


@pytest.mark.parametrize("kind", sorted(SCALARS))
@pytest.mark.parametrize("wrap", [scalar, lambda k: listed(scalar(k)), lambda k: struct([scalar(k)])])
def test_every_value_of_every_type_comes_back(engine: DuckDBEngine, kind: str, wrap: Callable[[str], Type]) -> None:
    values = [*SCALARS[kind], "NULL"]
    casts = [f"CAST({value} AS {kind})" for value in values]
    name = wrap(kind)[0]
    if name.endswith("[]"):
        casts = [f"[{cast}, NULL]" for cast in casts] + ["[]", "NULL"]
    elif name.startswith("STRUCT"):
        casts = [f'struct_pack("a" := {cast})' for cast in casts] + ["NULL"]
    check(engine, [name], [[cast] for cast in casts])


def test_columns_may_be_called_like_anything_in_the_text_that_carries_others(engine: DuckDBEngine) -> None:
    pair = 'STRUCT("key" VARCHAR, "value" JSON)'
    kinds = [pair, "MAP(VARCHAR, JSON)", "MAP(VARCHAR, JSON)[]"]
    rows = [["{'key': 'wrong', 'value': '0'}", "map {'a': '1'}", "[map {'b': '2'}, NULL]"], ["NULL"] * 3]
    for names in (["e0", "e1", "x"], ["e1", "e0", "e2"], ["x", "e0", "e1"]):
        check(engine, kinds, rows, names)


def check(engine: DuckDBEngine, kinds: list[str], rows: list[list[str]], called: Sequence[str] = NAMES) -> None:
    relation, again = RelationName("t"), RelationName("u")
    names = called[: len(kinds)]
    t, u = '"s"."t"', '"s"."u"'
    with engine.session() as session:
        run = session._cursor.execute
        run(f"CREATE OR REPLACE TABLE {t} ({', '.join(f'{n} {k}' for n, k in zip(names, kinds, strict=True))})")
        for row in rows:
            run(f"INSERT INTO {t} VALUES ({', '.join(row)})")
        read = session.read(relation)
        staged = session.stage_table(again, read)
        assert (staged.rows, staged.columns) == (len(rows), read.columns)
        assert run(f"DESCRIBE {t}").fetchall() == run(f"DESCRIBE {u}").fetchall()
        # Text shows order, -0.0 and the members of unions; the sets of rows show what text does not.
        tags = [f"union_tag({n})::VARCHAR" for n, k in zip(names, kinds, strict=True) if k[:5] + k[-1] == "UNION)"]
        texts = ", ".join([f"{name}::VARCHAR" for name in names] + tags)
        assert run(f"SELECT {texts} FROM {t}").fetchall() == run(f"SELECT {texts} FROM {u}").fetchall()
        for a, b in ((t, u), (u, t)):
            assert run(f"SELECT count(*) FROM (FROM {a} EXCEPT ALL FROM {b})").fetchall() == [(0,)]
        publish(session, staged)
        session.publish_tables([(session.read(relation), stamp(RelationName("w"), staged))])
        assert run(f"DESCRIBE {t}").fetchall() == run('DESCRIBE "s"."w"').fetchall()
        assert engine.fingerprint(RelationName("w")) == engine.fingerprint(again)
        assert engine.fingerprint(relation) == engine.fingerprint(again)
        assert frame_or_error(lambda: detached_frame("duckdb", sent(session.read(relation)))) == frame_or_error(
            lambda: session.frame(relation)
        )
    assert relation != again


def sent(table: Table) -> Table:
    """The table as another process gets it."""
    ours, theirs = map(Channel, socket.socketpair())
    try:
        ours.send_table(table)
        got = theirs.receive_table()
        return replace(got, batches=iter(list(got.batches)))
    finally:
        ours.close()
        theirs.close()


def frame_or_error(make: Callable[[], pd.DataFrame]) -> object:
    """Everything of a frame that a model can see; what pandas cannot hold is an error."""
    try:
        frame = make()
    except EngineError:
        return "error"
    kinds = [(name, repr(kind), list(getattr(kind, "categories", ()))) for name, kind in frame.dtypes.items()]
    return repr(frame.index), kinds, [[(type(value), shown(value)) for value in frame[name]] for name in frame.columns]


def shown(value: object) -> str:
    # pandas cannot say the year 294247.
    return repr(value.asm8) if isinstance(value, pd.Timestamp) else repr(value)


def test_what_no_frame_can_hold_is_told(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        staged = session.stage_query(RelationName("long"), "SELECT {'a': to_months(-2147483648)} AS x")
        with pytest.raises(EngineError, match="a data frame cannot hold what is in long"):
            session.frame(staged)


@pytest.mark.skipif(not NEW, reason="what 1.4 can make can be stored")
@pytest.mark.parametrize("value", ["[1::VARIANT]", "{'a': 5::VARIANT}"])
def test_what_cannot_be_stored_is_named(engine: DuckDBEngine, value: str) -> None:
    with engine.session() as session:
        staged = session.stage_query(RelationName("odd"), f'SELECT 1 AS fine, {value} AS "the column"')
        with pytest.raises(EngineError, match=r"column 'the column' has the type .*VARIANT.*, which cannot be stored"):
            session.read(staged)


def test_a_type_read_is_a_type_that_duckdb_reads(engine: DuckDBEngine) -> None:
    for name in SCALARS:
        assert str(duckdb.sqltype(str(duckdb.sqltype(name)))) == str(duckdb.sqltype(name))
