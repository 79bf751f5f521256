"""The columns that a statement is said to read are all that can change its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fftcas.engines import open_binder
from fftcas.engines.base import Binder, EngineError, Query
from fftcas.relation import RelationName as R
from fftcas.table import Column


def columns(text: str) -> tuple[Column, ...]:
    pairs = [part.split(" ", 1) for part in text.split("; ")]
    return tuple(Column(name, kind) for name, kind in pairs)


T, U, OTHER = R("t"), R("u"), R("t", "other")
INPUTS = {
    T: columns("a INTEGER; b VARCHAR; c DOUBLE; d STRUCT(x INTEGER, y INTEGER)"),
    U: columns("a INTEGER; e INTEGER; f INTEGER[]"),
    OTHER: columns("z INTEGER; e INTEGER"),
}
VIEWS = {R("v"): "select * from s.t", R("w"): "select a, b from s.v"}
Inputs = Mapping[R, tuple[Column, ...]]
ColumnsRead = Mapping[R, frozenset[str] | None]
ALL_T, ALL_U = "abcd", "aef"


@pytest.fixture(scope="module")
def binder() -> Iterator[Binder]:
    binder = open_binder("duckdb", {"path": "/nowhere/db.duckdb", "schema": "s"})
    yield binder
    binder.close()


def columns_read(binder: Binder, sql: str, inputs: Inputs, views: Mapping[R, str]) -> ColumnsRead:
    """What the binder says, and has to say, be it told or not that all columns are named."""
    (proven,) = binder.columns_read([Query(sql, inputs, views)])
    if names_columns(binder, [sql, *views.values()]):
        (named,) = binder.columns_read([Query(sql, inputs, views, named=True)])
        for relation, columns in proven.items():
            assert columns is None or columns <= (named[relation] or frozenset())
        return named
    return proven


def names_columns(binder: Binder, texts: list[str]) -> bool:
    try:
        return all(binder.reads(text).names_columns for text in texts)
    except EngineError:
        return False


def read(binder: Binder, sql: str) -> list[str | None]:
    views = {name: text for name, text in VIEWS.items() if sql.endswith(("from w", f"from {name}"))}
    found = columns_read(binder, sql, INPUTS, views)
    return [None if names is None else "".join(sorted(names)) for names in (found[T], found[U], found[OTHER])]


@pytest.mark.parametrize(
    ("sql", "t", "u"),
    [
        ("select b from s.t", "b", ""),
        ('select "b" from "db"."s"."t"', "b", ""),
        ("select count(*) from s.t", "", ""),
        ("select exists(select 1 from s.u)", "", ""),
        ("select c, typeof((select max(e) from s.u)) as k from s.t", "c", "e"),
        ("select exists(from s.u)", "", ALL_U),
        ("select count(*) from s.t positional join s.u", "", ""),
        ("with q as (select * from s.t) select b from q", "b", ""),
        ("with q as (select * from s.t), r as (from s.u) select c, f from q join r on b = f::varchar", "bc", "f"),
        ("select d.x from s.t", "d", ""),
        ("select * from s.t", ALL_T, ""),
        ("select t from s.t", ALL_T, ""),
        ("select b, typeof(t) from s.t", ALL_T, ""),
        ("select count(columns(*)) from s.t", ALL_T, ""),
        ("select columns('b|c') from s.t", "bc", ""),
        ("select columns(lambda n: n = 'b') from s.t", "b", ""),
        ("select * exclude (b) from s.t", ALL_T, ""),
        ("select t.b from s.t natural join s.u", "ab", "a"),
        ("select b from s.t join s.u using (a)", "ab", "a"),
        ("select (select max(f) from s.u where u.a = t.a) from s.t", "a", "af"),
        ("select b, x.* from s.t, lateral (select t.c, f from s.u) x", "bc", "f"),
        ("select b from s.t qualify row_number() over (order by c) = 1", "bc", ""),
        ("select distinct on (b) c from s.t", "bc", ""),
        ("select b from s.t union all select f::varchar from s.u", "b", "f"),
        ("select b from s.t using sample 3 rows", "b", ""),
        ("from s.t asof join s.u on t.a >= u.a", ALL_T, ALL_U),
        ("select f from s.t asof join s.u on t.a >= u.a", "a", "af"),
        ("select b from w", "ab", ""),
        ("select c from v", "c", ""),
        ("select x.b from (select b, c from s.t) x, (select b as z from s.t) y", "bc", ""),
        ("with q as (select * from s.t) select q.c, u.a from q, s.u", "c", "a"),
        ("select b from s.t where false", "b", ""),
        ("select b from s.t limit 0", "b", ""),
    ],
)
def test_columns_read(binder: Binder, sql: str, t: str, u: str) -> None:
    found = read(binder, sql)
    assert found[:2] == [t, u]


@pytest.mark.parametrize(
    "sql",
    [
        "select b, typeof(t) from (from s.t) t",
        "from (describe s.t)",
        "from (desc s.t)",
        "from (show s.t)",
        "pivot s.t on b using sum(a)",
        "from (pivot s.t on b in ('x') using sum(a))",
        "from duckdb_columns()",
        "select column_name from information_schema.columns",
        "from pragma_table_info('s.t')",
        "select nothing from s.t",
        "select b from s.unknown",
        "not even sql",
        "select b from s.t; select 1",
    ],
)
def test_whatever_may_see_the_schema_reads_everything(binder: Binder, sql: str) -> None:
    assert read(binder, sql) == [None, None, None]


def test_a_long_constant_of_the_schema_is_noticed(binder: Binder) -> None:
    wide = tuple(Column(f"c{i}", "INTEGER") for i in range(500))
    for columns in (wide, wide[:-1]):
        assert binder.columns_read([Query("select c0, typeof(t) as k from s.t", {T: columns})]) == [{T: None}]


def test_a_recursive_branch_shows_its_columns(binder: Binder) -> None:
    sql = "with recursive r as (select a from s.t union all select r.a + 1 from r, s.u where r.a < u.e) from r"
    (found,) = binder.columns_read([Query(sql, INPUTS)])
    assert found[T] == frozenset("a")
    assert found[U] == frozenset("e")


def test_queries_asked_together_are_answered_as_one_by_one(binder: Binder) -> None:
    wider = {**INPUTS, T: (*INPUTS[T], Column("new", "INTEGER"))}
    odd = {R("odd"): (Column("x", "NO_SUCH_TYPE"),)}
    shouted = {R("T"): columns("a INTEGER; c VARCHAR")}
    queries = [
        Query("select a from s.t", INPUTS, named=True),
        Query("select b, new from s.t", wider, named=True),
        Query("select new from s.t", INPUTS, named=True),
        Query("select x from s.odd", odd, named=True),
        Query("select a, c from s.T", shouted, named=True),
        Query("select c from s.t", INPUTS, named=True),
        Query("select * from s.u", INPUTS),
        Query("select a from s.v", INPUTS, {R("v"): VIEWS[R("v")]}),
        Query("select a from s.v", INPUTS, {R("v"): "select a, c from s.t"}, named=True),
        Query("selec", INPUTS, named=True),
        *(Query(f"select {name} from s.t", INPUTS, named=True) for name in "abcd" * 40),
    ]
    together = binder.columns_read(queries)
    assert together == [found for query in queries for found in binder.columns_read([query])]
    read = [found.get(T, found.get(R("T"))) for found in together]
    assert read[:2] == [frozenset("a"), frozenset({"b", "new"})]
    assert read[4:6] == [frozenset("ac"), frozenset("c")]
    assert read[8] == frozenset("ac")
    assert read[-4:] == [frozenset(name) for name in "abcd"]
    assert all(names is None for index in (2, 3, 9) for names in together[index].values())


@pytest.mark.parametrize("path", [":memory:", "/x/s.duckdb", "/x/main.duckdb", "/x/a b.c.duckdb"])
def test_names_are_bound_as_the_engine_writes_them(path: str) -> None:
    binder = open_binder("duckdb", {"path": path, "schema": "s"})
    odd = R('o"dd ü')
    inputs = {odd: (Column('x "y".z', "INTEGER"), Column("k\nl", "INTEGER"), Column("m", "INTEGER"))}
    view = {R("v"): f"select * from {binder.quote(odd)}"}
    sql = f'select "x ""y"".z" from {binder.quote(R("v"))}'
    assert binder.columns_read([Query(sql, inputs, view)]) == [{odd: frozenset({'x "y".z'})}]
    binder.close()


# Random SELECTs: whatever is said not to be read is changed, and the result has to stay.

ONE_T, ONE_U, BOTH = ["a", "c", "t.a"], ["a", "e", "u.e"], ["t.a", "c", "u.a", "e"]
FROM = {  # what to select from, and numbers that it has
    "s.t": ONE_T,
    "s.u": ONE_U,
    "s.t natural join s.u": ["a", *BOTH],
    "s.t join s.u using (a)": ["a", *BOTH],
    "s.t left join s.u on t.a = u.e": BOTH,
    "s.t, s.u": BOTH,
    "s.t positional join s.u": BOTH,
    "s.t semi join s.u using (a)": ONE_T,
    "(select * from s.t) t": ONE_T,
    "(select *, c as e from s.t) t": [*ONE_T, "e"],
    "(select a, c, e from s.t join s.u using (a)) t": [*ONE_T, "e"],
    "v t": ONE_T,
    "s.t, lateral (select u.e, t.c as g from s.u) u": ["a", "e", "g", "t.c"],
    "(from s.u union all by name from s.u) u": ONE_U,
    "(select * exclude (f) from s.u) u": ONE_U,
    "s.t t join s.t u on t.a = u.a": ["t.a", "t.c", "u.c"],
}
ITEMS = [
    "{}",
    "{}",
    "{} as k",
    "max({}) over ()",
    "count(*) over (partition by {})",
    "(select max(e) from s.u q where q.a = {})",
    "(select count(*) from s.u q where {} > 1)",
    "typeof((select max(e) from s.u q where q.a = {})) as k",
    "(select count(*) from (from s.u except from s.u))",
    "*",
    "columns('a|c')",
    "concat(*columns(*)) as k",
]
ALIASED = ["{}", "{}.*", "typeof({}) as k", "{} is null as k"]
CLAUSES = [
    "",
    "",
    "where {} > 1",
    "where {} in (select e from s.u)",
    "where exists (select * from s.u q where q.a = {})",
    "qualify row_number() over (partition by {0} order by {0}) = 1",
    "order by all limit 2",
    "group by all",
]


@st.composite
def selects(draw: st.DrawFn) -> str:
    source = draw(st.sampled_from(sorted(FROM)))
    numbers = st.sampled_from([*FROM[source], "1"])
    aliases = [alias for alias in "tu" if any(number.startswith(f"{alias}.") for number in FROM[source])]
    items = st.one_of(
        st.builds(str.format, st.sampled_from(ITEMS), numbers),
        st.builds(str.format, st.sampled_from(ALIASED), st.sampled_from(aliases)),
    )
    clause = draw(st.builds(str.format, st.sampled_from(CLAUSES), numbers))
    inner = f"select {', '.join(draw(st.lists(items, min_size=1, max_size=3)))} from {source} {clause}"
    shape = draw(
        st.sampled_from(
            ["{}", "with q as ({}) from q", "with q as ({}) select a from q", "select count(*) from ({}) q"]
        )
    )
    return shape.format(inner)


Change = tuple[str, int]
changes = st.lists(
    st.tuples(st.sampled_from(["drop", "add", "rename", "retype", "values"]), st.integers(0, 9)), max_size=3
)


@given(selects(), changes, changes)
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_not_read_changes_nothing(binder: Binder, sql: str, t: list[Change], u: list[Change]) -> None:
    check_unread(binder, sql, t, u)


@pytest.mark.long
@given(selects(), changes, changes)
@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_not_read_changes_nothing_long(binder: Binder, sql: str, t: list[Change], u: list[Change]) -> None:
    check_unread(binder, sql, t, u)


def check_unread(binder: Binder, sql: str, t: list[Change], u: list[Change]) -> None:
    before = {T: INPUTS[T], U: INPUTS[U]}
    views = {R("v"): VIEWS[R("v")]} if "from v" in sql else {}
    seen = columns_read(binder, sql, before, views)
    after, shuffled = dict(before), {T: False, U: False}
    for relation, edits in ((T, t), (U, u)):
        names = seen[relation]
        for kind, spot in edits if names is not None else []:
            after[relation] = edit(after[relation], frozenset(names or ()), kind, spot)
            shuffled[relation] |= kind == "values"
    again = columns_read(binder, sql, after, views)
    same = all(identity(before[r], seen[r]) == identity(after[r], again[r]) for r in before)
    if same:  # the node's key would not change
        assert rows(sql, before, seen, {}) == rows(sql, after, again, shuffled)


def edit(columns: tuple[Column, ...], read: frozenset[str], kind: str, spot: int) -> tuple[Column, ...]:
    unread = [i for i, column in enumerate(columns) if column.name not in read]
    if kind == "add":
        spot %= len(columns) + 1
        new = ["e", "c", "g", "q", "zz"][spot % 5]
        return columns if new in {c.name for c in columns} else (*columns[:spot], Column(new, "DATE"), *columns[spot:])
    if not unread or kind == "values":
        return columns
    i = unread[spot % len(unread)]
    if kind == "drop":
        return (*columns[:i], *columns[i + 1 :]) if len(columns) > 1 else columns
    changed = Column(f"n{spot}", columns[i].type) if kind == "rename" else Column(columns[i].name, "INTEGER")
    return columns if changed in columns else (*columns[:i], changed, *columns[i + 1 :])


def identity(columns: tuple[Column, ...], read: frozenset[str] | None) -> tuple[Column, ...]:
    return tuple(column for column in columns if read is None or column.name in read)


def rows(
    sql: str,
    tables: dict[R, tuple[Column, ...]],
    read: Mapping[R, frozenset[str] | None],
    shuffled: dict[R, bool],
) -> object:
    """The statement's columns and rows, on tables whose unread columns hold other values if `shuffled`."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET threads = 1; CREATE SCHEMA s; USE memory.s")
        for relation, columns in tables.items():
            names = read[relation]
            values = ", ".join(
                literal(c, bool(shuffled.get(relation)) and names is not None and c.name not in names) for c in columns
            )
            connection.execute(f"CREATE TABLE {relation.name} AS SELECT {values} FROM range(5) r(i)")
        connection.execute(f"CREATE VIEW v AS {VIEWS[R('v')]}")
        try:
            result = connection.execute(sql)
            return [str(column[:2]) for column in result.description], sorted(map(repr, result.fetchall()))
        except duckdb.Error as error:
            return type(error)


def literal(column: Column, other: bool) -> str:
    i = "(i * 7 + 3)" if other else "i"
    values = {
        "INTEGER": f"({i} % 4)::INTEGER",
        "DOUBLE": f"{i} / 2.0",
        "VARCHAR": f"'v' || {i}",
        "DATE": f"date '2024-01-01' + {i}::INTEGER",
        "INTEGER[]": f"[{i}::INTEGER, 1]",
    }
    value = values.get(column.type, f"{{'x': {i}::INTEGER, 'y': 2}}")
    return f'CAST({value} AS {column.type}) AS "{column.name}"'
