"""Statements for property tests: SQL that DuckDB runs, in random spellings."""

from __future__ import annotations

from typing import Any

import duckdb

from fftcas.project.sql_keywords import FUNCTIONS, OTHER_TYPES, RESERVED, TYPES

WORDS = sorted(
    {*RESERVED, *FUNCTIONS, *TYPES, *OTHER_TYPES}
    | {"between", "over", "partition", "first", "last", "nulls", "exists", "filter", "values", "exclude"}
)
"""All words that may be folded somewhere."""

FRAMES = """
select 1 {} | select 1 {} from (select 1) t | select * from (select 1) t({}) | select * from (select 1) {}
select * from (select 1) {}(a) | select {{{}: 1}} | select struct_pack({} := 1) | select cast(null as struct({} int))
select null::struct({} int) | select {}(1) | select {}('a') | select {}(1, 2) | select {} from (select 1 as {})
select t.{} from (select 1 as {}) t | with {} as (select 1) select * from {} | select 1 as {} | select {} | select {} 1
with {}(a) as (select 1) select {} from {} | select * rename (a as {}) from (select 1 a) | select 1 {} 2
select * replace (1 as {}) from (select 1 as {}) | select * exclude ({}) from (select 1 as {}, 2 b)
select {}.a from (select 1 a) {} | select true {} true | select 'a' {} 'a' | select 1 {} null | select [1] {}
from (values (1)) {} | select sum(1) {} | select x {} from range(1) t(x) | select interval 1 day {} | select $1 {}
pivot (select 1 a, 2 b) on a using sum(b) {} | unpivot (select 1 a) on a into name {} value v | select null::{}[]
unpivot (select 1 a) on a into name n value {} | select lambda {}: 1 | select list_transform([1], lambda {}: {} + 1)
select cast(1 as {}) | select try_cast(1 as {}) | select 1::{} | select null::{} | select null::struct(a {})
select cast(null as map({}, {})) | select {} '1' | select sum(1) over {} from range(1) window {} as ()
select x.{}() from (select 'a' x) | select {}('a', 'b'), {}([1]) | select {}(x) over () from range(2) t(x)
select {}(x, 2) over (order by x) from range(2) t(x) | select {}(x) filter (where x > 0) from range(2) t(x)
select {}(distinct x) from range(1) t(x) | select {}(date '2020-01-01') | select {}('day', date '2020-01-01')
select {}('day', date '2020-01-01', date '2020-01-01') | select {}('a', 'b', 'c') | select {}() | select {}() over ()
select cast(null as {}) as x, null::{} as y | select null::{} + 1 | select (null::{}) as x
select coalesce(null::{}) as x | select x {} 1 and 2 from range(1) t(x) | select x {} (1) and 2 from range(1) t(x)
from (select 1) {} join (select 2) s on true and true | select {} from (select 1) {} where true and true
"""
"""Places where a word may be a keyword, a name, or nonsense."""

FRAME_LIST = [frame.strip() for line in FRAMES.strip().splitlines() for frame in line.split("|")]

STATEMENTS = [
    "SELECT count(*), Max(a) AS Biggest FROM t WHERE b <> 'x  y' AND a >= -1 GROUP BY b "
    "HAVING sum(a) > 0 ORDER BY b NULLS LAST",
    "WITH c AS (SELECT a, b FROM t) SELECT c.a + 1, upper(c.b) || 'Z' FROM c LEFT JOIN t USING (a) "
    "ORDER BY ALL LIMIT 2",
    'SELECT a, row_number() OVER (PARTITION BY b ORDER BY a DESC) AS "Row No" FROM t ORDER BY 1',
    "SELECT CASE WHEN a BETWEEN 1 AND 2 THEN 'in' ELSE 'out' END AS Place, a::BIGINT, CAST(a AS TEXT) AS Text FROM "
    "(SELECT 5::INTEGER AS a) s",
    "SELECT a FROM t WHERE a IN (SELECT a FROM t) UNION ALL SELECT 2*-1 ORDER BY 1",
    "SELECT 'it''s', $$raw 'text'$$, 'a--b', '/* c */', 1e3, .5, 1_000, [1, 2][1:2], {'K': 1}.K",
    "SELECT * EXCLUDE (b) FROM t WHERE NOT EXISTS (SELECT 1 WHERE FALSE) AND b LIKE '%' ORDER BY a ASC",
    "SELECT coalesce(nullif(a, 1), 0) AS Coalesced, t.a As Select FROM t ORDER BY a",
]


def outcome(database: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """Names, types and rows; None for what the engine refuses."""
    try:
        result = database.execute(sql)
        return [str(column[:2]) for column in result.description or []], [str(row) for row in result.fetchall()]
    except duckdb.Error:
        return None
