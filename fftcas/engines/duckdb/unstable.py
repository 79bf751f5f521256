"""What makes two runs of a query differ on the same rows: volatile functions, and orders that nobody has fixed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fftcas.engines.base import Unstable
from fftcas.engines.duckdb.built_in import WITHOUT_PARENTHESES, BuiltIn
from fftcas.engines.duckdb.reads import Parsed
from fftcas.engines.duckdb.references import objects
from fftcas.project.sql_tokens import tokenise

IN_ORDER = frozenset({"list", "array_agg", "string_agg", "group_concat", "listagg"})
PICKING = frozenset({"first", "last", "any_value", "arbitrary"})
ON_TIES = frozenset(
    {"arg_max", "argmax", "max_by", "arg_min", "argmin", "min_by", "mode"}
    | {f"arg_{which}_{nulls}" for which in ("max", "min") for nulls in ("null", "nulls_last")}
)
IN_JSON = frozenset({"json_group_array", "json_group_object"})
ESTIMATES = frozenset({"approx_quantile", "approx_top_k", "reservoir_quantile"})
WINDOWS = frozenset({"ROW_NUMBER", "NTILE", "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE", "FIRST", "LAST"})
"""Window functions for which the order of rows that tie matters; to rank() and its like it does not."""

UNIQUE_NAME = re.compile(r"(?i)(.*_)?(id|key|uuid)")
"""A column that is called so is taken to have no ties."""

NOWHERE = 2**64 - 1
VALUE = "its value differs between runs: take it from var() or env(), or say cache: false"
SAMPLE = "takes other rows each time: add REPEATABLE (seed)"


def unstable(parsed: Parsed, built_in: BuiltIn) -> list[Unstable]:
    """Everything of the kind in a query, by line."""
    found = [*_unstable_calls(parsed.sql, built_in.unstable), *_loose_orders(parsed)]
    return sorted(dict.fromkeys(found), key=lambda each: each.line)


def _unstable_calls(sql: str, names: frozenset[str]) -> Iterator[Unstable]:
    """Where the text calls one of these functions, or what is called without parentheses."""
    if (names | WITHOUT_PARENTHESES).isdisjoint(re.findall(r"\w+", sql.lower())):
        return  # most texts name none of them, and tokens take longer than words
    tokens = tokenise(sql)
    texts = [token.text for token in tokens]
    for token, after in zip(tokens, [*texts[1:], ""], strict=True):
        name = token.text.strip('"').lower()
        if name in names and after == "(" and token.kind in {"name", "quoted"}:
            what = f"{name}()"
        elif name in WITHOUT_PARENTHESES and token.kind == "name":
            what = name
        else:
            continue
        yield Unstable(what, sql.count("\n", 0, token.start) + 1, VALUE)


def _loose_orders(parsed: Parsed) -> Iterator[Unstable]:
    """Results that hang on an order which the query leaves open."""
    text = parsed.text.encode()

    def line(part: Any) -> int:
        places = [each.get("query_location", NOWHERE) for each in objects(part)]
        place = min((at for at in places if at != NOWHERE), default=0)
        return text.count(b"\n", 0, place) + 1

    for node in parsed.objects:
        if "modifiers" in node:
            yield from _rows_left_open(node, line)
        sample = node.get("sample")
        if isinstance(sample, dict) and sample.get("seed") == -1:
            yield Unstable("a sample", line(node), SAMPLE)
        name = str(node.get("function_name", "")).lower()
        if node.get("show_type") == "SUMMARY":
            yield Unstable("SUMMARIZE", line(node), "its quantiles are estimates that hang on the order of rows")
        if node.get("ref_type") == "POSITIONAL":
            yield Unstable("POSITIONAL JOIN", line(node), "pairs rows by their place, which nobody has fixed: join ON")
        if node.get("class") == "COLUMN_REF" and str((node.get("column_names") or [""])[-1]).lower() == "rowid":
            yield Unstable("rowid", line(node), "tells the place of a row, which nobody has fixed: use a column")
        if node.get("class") == "SUBQUERY" and _is_loose_array(node):
            yield Unstable("array()", line(node), "puts values in no order: write ORDER BY in its query")
        if node.get("class") == "FUNCTION" and node.get("query_location", NOWHERE) != NOWHERE:
            once = name == "age" and len(node.get("arguments") or node.get("children") or ()) == 1
            why = VALUE if once else _aggregate(name, _orders(node.get("order_bys")))
        elif node.get("class") == "WINDOW":
            why = _window(node, name)
        else:
            continue
        if why:
            yield Unstable(f"{name}()", line(node), why)


def _aggregate(name: str, orders: list[Any]) -> str | None:
    if name in IN_ORDER and not orders:
        return "puts values in no order: write ORDER BY within its parentheses"
    if name in PICKING and not orders:
        return "picks a value from any row: use min(), max(), or ORDER BY within its parentheses"
    if name in ON_TIES and not orders:
        return "picks any of the rows that tie: write ORDER BY within its parentheses"
    if name in IN_JSON:
        return "puts values in no order: write to_json(list(... ORDER BY ...)), or to_json(map(...))"
    if name in ESTIMATES:
        return "gives an estimate that hangs on the order of rows: take an exact aggregate"
    return None


def _is_loose_array(subquery: dict[str, Any]) -> bool:
    """Whether it is ARRAY(SELECT ...) without ORDER BY, of which the parser makes an aggregate over the query."""
    columns = ((subquery.get("subquery") or {}).get("node") or {}).get("select_list") or [{}]
    return columns[0].get("type") == "CASE_EXPR" and any(
        part.get("function_name") == "array_agg"
        and part.get("query_location", NOWHERE) == NOWHERE
        and not _orders(part.get("order_bys"))
        for part in objects(columns[0])
    )


def _window(node: dict[str, Any], name: str) -> str | None:
    orders = _orders({"orders": node.get("orders")})
    kind = str(node.get("type")).removeprefix("WINDOW_")
    by_rows = "ROWS" in str(node.get("start")) or "ROWS" in str(node.get("end"))
    if kind not in WINDOWS and not (kind == "AGGREGATE" and (by_rows or name in IN_ORDER | PICKING)):
        return None
    if not orders:
        return "its window has no order: write ORDER BY"
    return (
        "rows that tie in its ORDER BY come in any order: order by a unique column as well" if _ties(orders) else None
    )


def _rows_left_open(node: dict[str, Any], line: Any) -> Iterator[Unstable]:
    """LIMIT and DISTINCT ON, which keep the first rows of an order."""
    modifiers = {str(modifier.get("type")): modifier for modifier in node.get("modifiers") or []}
    orders = _orders(modifiers.get("ORDER_MODIFIER"))
    limit = next((modifier for kind, modifier in modifiers.items() if kind.startswith("LIMIT")), None)
    if limit is not None and not orders:
        yield Unstable("LIMIT", line(limit), "keeps any rows: write ORDER BY")
    elif limit is not None and _ties(orders):
        yield Unstable("LIMIT", line(limit), "keeps any of the rows that tie: order by a unique column as well")
    targets = (modifiers.get("DISTINCT_MODIFIER") or {}).get("distinct_on_targets")
    if targets and len(orders) <= len(targets):
        yield Unstable("DISTINCT ON", line(targets), "keeps any row of each group: order by further columns")


def _orders(modifier: Any) -> list[Any]:
    return list((modifier or {}).get("orders") or [])


def _ties(orders: list[Any]) -> bool:
    """Whether rows may tie in this order, as far as names tell; who orders by two columns is taken to know."""
    expression = orders[0].get("expression") or {}
    names = expression.get("column_names") or [""]
    total = expression.get("class") == "STAR" or UNIQUE_NAME.fullmatch(str(names[-1]))
    return len(orders) == 1 and not total
