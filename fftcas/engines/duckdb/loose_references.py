"""What a text refers to by name as far as its tokens tell: for statements of which DuckDB gives no parse tree."""

from __future__ import annotations

from collections.abc import Iterator

from fftcas.engines.duckdb.references import CLOSED_FUNCTIONS, FILE_FUNCTIONS, File, Function, Name, Opaque, Type
from fftcas.project.sql_keywords import FUNCTIONS, RESERVED
from fftcas.project.sql_tokens import Token, tokenise
from fftcas.relation import RelationName

STARTS = frozenset(
    {"from", "join", "table", "pivot", "pivot_wider", "unpivot", "pivot_longer", "summarize", "describe", "show"}
)
"""A relation follows these words."""

ENDS = frozenset(
    {"where", "group", "order", "select", "on", "using", "having", "limit", "qualify", "window", "values", "with"}
    | {"union", "except", "intersect"}
)
"""A list of relations ends at these."""

NO_RELATION = frozenset({"extract", "substring", "trim", "overlay", "position"})
"""Functions within whose parentheses FROM means something else."""

CASTS = frozenset({"cast", "try_cast"})

NO_FUNCTIONS = RESERVED.union(
    FUNCTIONS,
    (*STARTS, *ENDS, *CASTS),
    ("by", "exists", "filter", "over", "grouping", "sets", "rollup", "cube", "interval", "try", "key", "nulls"),
    ("columns", "exclude", "rename", "reservoir", "system", "bernoulli"),
)
"""Words before a parenthesis that call no function of the database."""


def loose_names(sql: str) -> Iterator[Name]:
    """What stands where relations stand; a bare name that is a common table expression anywhere is left out."""
    tokens = tokenise(sql)
    words = [token.text.lower() for token in tokens]
    known = {_name(token) for i, token in enumerate(tokens) if _is_expression(words, i + 1)}
    yield from _functions_and_types(tokens, words)
    listing, outer = False, [False]
    for i, word in enumerate(words):
        previous = words[i - 1] if i else ""
        if word == "(":
            outer.append(listing)
            listing = listing and (previous in STARTS or previous in (",", "("))
        elif word == ")" and len(outer) > 1:
            listing = outer.pop()
        elif word in ENDS:
            listing = False
        elif word in STARTS and previous != "distinct" and not _inside(words[:i], NO_RELATION):
            listing = True
        if listing and word in STARTS | {",", "("} and i + 1 < len(words):
            yield from _named(tokens[i + 1 :], known)


def _functions_and_types(tokens: list[Token], words: list[str]) -> Iterator[Function | Type]:
    """What is called, and what is cast to."""
    for i, token in enumerate(tokens):
        if token.kind not in ("name", "quoted"):
            continue
        start = i
        while start > 1 and words[start - 1] == "." and tokens[start - 2].kind in ("name", "quoted"):
            start -= 2
        before, after = words[start - 1] if start else "", words[i + 1] if i + 1 < len(words) else ""
        schema = _name(tokens[i - 2]) if start < i else ""
        if before == "::" or (before == "as" and _inside(words[:start], CASTS)):
            if after != ".":
                yield Type(_name(token), schema)
        elif after == "(" and _is_call(tokens, words, start, i):
            yield Function(_name(token), schema)


def _is_call(tokens: list[Token], words: list[str], start: int, end: int) -> bool:
    """Whether the name between these tokens, before a parenthesis, calls a function, and names no relation."""
    if words[end] in NO_FUNCTIONS or _is_expression(words, end + 1):
        return False
    if start == 0:
        return True
    before = tokens[start - 1]
    operand = before.kind in ("name", "quoted") and words[start - 1] not in NO_FUNCTIONS
    return not (operand or words[start - 1] in (")", "as") or before.kind == "string")


def _named(tokens: list[Token], known: set[str]) -> Iterator[RelationName | File | Opaque]:
    """The relation, file or function that the tokens begin with."""
    if tokens[0].kind == "string":
        yield File(tokens[0].text[1:-1].replace("''", "'"))
        return
    parts = []
    while tokens and tokens[0].kind in ("name", "quoted"):
        parts.append(_name(tokens[0], fold=False))
        dotted = len(tokens) > 2 and tokens[1].text == "."
        tokens = tokens[2:] if dotted else tokens[1:]
        if not dotted:
            break
    if not parts or parts[0].lower() in STARTS | ENDS | {"lateral", "only"}:
        return
    if tokens and tokens[0].text == "(":
        name = parts[-1].lower()
        if name in FILE_FUNCTIONS:
            closing = next((i for i, token in enumerate(tokens) if token.text == ")"), len(tokens))
            yield from (File(token.text[1:-1]) for token in tokens[1:closing] if token.kind == "string")
        elif name not in CLOSED_FUNCTIONS:
            yield Opaque(f"{'.'.join(parts).lower()}()")
    elif len(parts) > 1 or parts[0].lower() not in known:
        yield RelationName(*reversed(parts[-3:]))


def _name(token: Token, fold: bool = True) -> str:
    text = token.text[1:-1].replace('""', '"') if token.kind == "quoted" else token.text
    return text.lower() if fold else text


def _is_expression(words: list[str], after: int) -> bool:
    """Whether a name is followed by `AS (`, after its columns if it has some, as a common table expression's is."""
    if words[after : after + 1] == ["("]:
        after = words.index(")", after) + 1 if ")" in words[after:] else len(words)
    rest = [word for word in words[after : after + 4] if word not in ("not", "materialized")]
    return rest[:2] == ["as", "("]


def _inside(words: list[str], functions: frozenset[str]) -> bool:
    """Whether the innermost parenthesis that is still open belongs to one of these functions."""
    depth = 0
    for i in range(len(words) - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(words[i], 0)
        if depth < 0:
            return words[i - 1] in functions
    return False
