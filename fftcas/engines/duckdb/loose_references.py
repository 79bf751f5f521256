"""What a text refers to by name as far as its tokens tell: for statements of which DuckDB gives no parse tree."""

from __future__ import annotations

from collections.abc import Iterator

from fftcas.engines.duckdb.references import CLOSED_FUNCTIONS, FILE_FUNCTIONS, File, Opaque
from fftcas.project.sql_tokens import Token, tokenise
from fftcas.relation import RelationName

STARTS = frozenset({"from", "join", "pivot", "pivot_wider", "unpivot", "pivot_longer", "summarize", "describe"})
"""A relation follows these words."""

ENDS = frozenset(
    {"where", "group", "order", "select", "on", "using", "having", "limit", "qualify", "window", "values", "with"}
    | {"union", "except", "intersect"}
)
"""A list of relations ends at these."""

NO_RELATION = frozenset({"extract", "substring", "trim", "overlay", "position"})
"""Functions within whose parentheses FROM means something else."""


def loose_names(sql: str) -> Iterator[RelationName | File | Opaque]:
    """What stands where relations stand; a bare name that is a common table expression anywhere is left out."""
    tokens = tokenise(sql)
    words = [token.text.lower() for token in tokens]
    known = {_name(token) for i, token in enumerate(tokens) if _is_expression(words[i + 1 : i + 5])}
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
            yield Opaque(f"{name}()")
    elif len(parts) > 1 or parts[0].lower() not in known:
        yield RelationName(*reversed(parts[-3:]))


def _name(token: Token, fold: bool = True) -> str:
    text = token.text[1:-1].replace('""', '"') if token.kind == "quoted" else token.text
    return text.lower() if fold else text


def _is_expression(after: list[str]) -> bool:
    """Whether a name is followed by `AS (`, as that of a common table expression is."""
    rest = [word for word in after if word not in ("not", "materialized")]
    return rest[:2] == ["as", "("]


def _inside(words: list[str], functions: frozenset[str]) -> bool:
    """Whether the innermost parenthesis that is still open belongs to one of these functions."""
    depth = 0
    for i in range(len(words) - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(words[i], 0)
        if depth < 0:
            return words[i - 1] in functions
    return False
