"""PIVOT that finds its columns while it runs: DuckDB gives no parse tree of it, but of a text that reads the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fftcas.project.sql_tokens import Token, tokenise

PIVOTS = frozenset({"pivot", "pivot_wider"})
NO_PIVOTS = frozenset({".", "as"})
"""After these, the words above are the name of a column."""

ENDS = frozenset({"group", "order", "limit", "offset", "union", "except", "intersect", ";"})
"""What a PIVOT pivots on, and what it uses, ends at these."""

BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def pivoted_on_nothing(sql: str) -> str:
    """The text with what each PIVOT pivots on among what it uses: `USING c, sum(a)` for `ON c USING sum(a)`.

    An enum whose values are to be columns becomes a cast: `c::mood` for `c IN mood`.
    """
    tokens = tokenise(sql)
    pieces, end = [], 0
    for i, text in sorted(_replaced(tokens)):
        pieces += [sql[end : tokens[i].start], text]
        end = tokens[i].end
    return "".join([*pieces, sql[end:]])


def _replaced(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    """Which tokens are to be others."""
    words = [token.text.lower() for token in tokens]
    for start, word in enumerate(words):
        if word not in PIVOTS or words[max(start - 1, 0)] in NO_PIVOTS or _is_of_standard(words, start + 1):
            continue
        outer = list(_outer(words, start + 1))
        on = max((i for i in outer if words[i] == "on"), default=None)
        if on is None:
            continue
        using = next((i for i in outer if i > on and words[i] == "using"), None)
        yield on, "USING"
        if using is not None:
            yield using, "" if words[using - 1] == "," else ","
        for i in outer:
            if on < i < (using or len(words)) and words[i] == "in" and words[i + 1 : i + 2] != ["("]:
                yield i, "::"


def _is_of_standard(words: Sequence[str], start: int) -> bool:
    """Whether it is `FROM t PIVOT (sum(a) FOR c IN (1))`, which has no ON: what follows may be that of a join."""
    return words[start : start + 1] == ["("] and any(words[i] == "for" for i in _outer(words, start + 1))


def _outer(words: Sequence[str], start: int) -> Iterator[int]:
    """Where the words are that stand in no brackets, up to the end of the clause or of the brackets around it."""
    depth = 0
    for i in range(start, len(words)):
        depth += BRACKETS.get(words[i], 0)
        if depth < 0 or (depth == 0 and words[i] in ENDS):
            return
        if depth == 0:
            yield i
