"""Columns without a name of their own: an engine calls them by their text, where references have physical names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from fftcas.project.sql_keywords import RESERVED
from fftcas.project.sql_tokens import Token

RELATIONS = frozenset({"from", "join", "with", "union", "except", "intersect", "describe", "summarize"})
"""Words after which relations stand, or queries in the place of some."""

EXPRESSIONS = frozenset({"where", "on", "group", "having", "qualify", "order", "limit", "offset", "window"})
"""Words after which names of columns do not matter."""

PIVOTS = frozenset({"pivot", "pivot_wider"})
NO_START = frozenset({("distinct", "from"), ("distinct", "on"), ("within", "group")})
"""Two words of which the second one begins no clause."""


def unnamed(tokens: Sequence[Token]) -> set[int]:
    """Which of the markers stand in the expression of a column that has no name of its own.

    Names count for the columns of relations: of the query itself, and of queries in FROM and WITH. In doubt, a column
    has none; an expression within another one is part of that one's text, and needs none.
    """
    words = [token.text.lower() for token in tokens]
    markers = [i for i, token in enumerate(tokens) if token.kind == "marker"]
    if ("alias", "(") in pairwise(words):  # the function gives an expression's text
        return set(markers)
    found: set[int] = set()
    for start, end in _columns(tokens, words):
        some = [i for i in markers if start <= i < end]
        if some and not _is_named(tokens[start:end], words[start:end]):
            found.update(some)
    return found


def _columns(tokens: Sequence[Token], words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the columns' expressions of relations begin and end."""
    clauses = {**dict.fromkeys(RELATIONS, "relations"), **dict.fromkeys(EXPRESSIONS, "expressions")}
    clauses["select"] = "columns"
    if PIVOTS.intersection(words):
        clauses["using"] = "columns"
    clause, start = "relations", 0
    outer: list[tuple[str, int]] = []
    for i, (token, word) in enumerate(zip(tokens, words, strict=True)):
        before = words[i - 1] if i else ""
        starts = token.kind == "name" and clause != "within" and before != "." and (before, word) not in NO_START
        begun = clauses.get(word) if starts else None
        if clause == "columns" and (begun or word in (",", ")")):
            yield start, i
            start = i + 1
        if begun:
            clause, start = begun, i + 1
        elif word in ("(", "[", "{"):
            outer.append((clause, start))
            clause = clause if clause == "relations" else "within"
        elif word in (")", "]", "}") and outer:
            clause, start = outer.pop()
    if clause == "columns":
        yield start, len(tokens)


def _is_named(tokens: Sequence[Token], words: Sequence[str]) -> bool:
    """Whether a column's name is known without that of a reference: `x AS a`, `a: x`, `(x) a`, or `reference.a`."""
    if words[0] in ("distinct", "all"):
        tokens, words = tokens[1:], words[1:]
    named = tokens[-1].kind in ("name", "quoted")
    if len(tokens) > 1 and ((named and words[-2] == "as") or words[1] == ":"):
        return True
    if named and words[-1] not in RESERVED and words[-2:-1] == [")"] and "interval" not in words:
        return True
    part_of_reference = tokens[0].kind == "marker" and words[1:2] == ["."]
    return part_of_reference and (len(tokens) == 3 or (len(tokens) == 4 and named))
