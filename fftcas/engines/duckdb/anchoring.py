"""Whole paths for the files that a view reads: it is also read from other directories than its project's."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fftcas.engines.duckdb.names import quote_name, quote_text
from fftcas.engines.duckdb.reads import Parsed
from fftcas.engines.duckdb.references import FILE_FUNCTIONS, first_literals, text_of
from fftcas.engines.duckdb.unstable import NOWHERE
from fftcas.named_files import means_file
from fftcas.project.sql_tokens import Token, tokenise
from fftcas.relation import RelationName

WHOLE = re.compile("[/~]|.*://")

BEFORE = frozenset({"table", "describe", "desc", "summarize"})
"""Words before a relation whose place DuckDB 2 does not tell."""


def anchored(parsed: Parsed, root: Path, is_there: Callable[[RelationName], bool]) -> str:
    """A query's text in which the relative paths of files start at `root`; `is_there` tells tables from files.

    Nothing else that looks like such a path is touched: it is a value, of which only the author knows what it means.
    """
    sql, data = parsed.sql, parsed.sql.encode()
    read = _files(parsed, root, is_there) if parsed.is_whole else ()
    files = [(place, path) for place, path in read if not WHOLE.match(path)]
    tokens = tokenise(sql) if files else []
    paths = {len(data[:place].decode()): path for place, path in files if place != NOWHERE}
    placeless = {path for place, path in files if place == NOWHERE}
    pieces, end = [], 0
    for i, token in enumerate(tokens):
        last = _last(tokens, i)
        if placeless and i and tokens[i - 1].text.lower() in BEFORE:
            spelled = "".join(map(_plain, tokens[i : last + 1]))
            if spelled in placeless:
                paths[token.start] = spelled
        if token.start in paths:
            whole = f"{glob.escape(str(root))}/{paths[token.start]}"
            pieces += [sql[end : token.start], quote_text(whole) if token.kind == "string" else quote_name(whole)]
            end = tokens[last].end
    return "".join([*pieces, sql[end:]])


def _files(parsed: Parsed, root: Path, is_there: Callable[[RelationName], bool]) -> Iterator[tuple[int, str]]:
    """The files that a query reads, each with the place in bytes where its text names it."""
    expressions = {str(node.get("cte_name", "")).lower() for node in parsed.objects}
    expressions |= {str(e["key"]).lower() for n in parsed.objects for e in (n.get("cte_map") or {}).get("map", ())}
    for node in parsed.objects:
        if node.get("type") == "BASE_TABLE":
            table, schema, database = (node.get(f"{part}_name") or None for part in ("table", "schema", "catalog"))
            name = RelationName(str(table), schema, database)
            known = schema is None and name.name.lower() in expressions
            if not known and not is_there(name) and means_file(name, root):
                yield node["query_location"], str(name)
        elif node.get("type") == "TABLE_FUNCTION" and node["function"]["function_name"].lower() in FILE_FUNCTIONS:
            yield from ((each["query_location"], text_of(each)) for each in first_literals(node["function"]) or ())


def _last(tokens: Sequence[Token], i: int) -> int:
    """The last token of the name, or of the string, that begins with this one."""
    while i + 2 < len(tokens) and (tokens[i + 1].text == "." or tokens[i + 1].kind == "gap"):
        i += 2
    return i


def _plain(token: Token) -> str:
    quote = token.text[0]
    return token.text[1:-1].replace(quote * 2, quote) if token.kind in ("quoted", "string") else token.text
