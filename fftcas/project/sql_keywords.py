"""Which words of a SQL statement may be written in any case: folding them can never change a result.

Results include the names of columns, and an engine may take these from the text. So a word is folded only where it
cannot be a name: reserved words (but not `1 AS Select` or `t.Select`), a few words whose neighbours leave no doubt, and
well-known functions and types, whose spelling engines normalise. Every other word is exact.
"""

from __future__ import annotations

from collections.abc import Sequence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RESERVED = _words(
    """all and any anti array as asc asof both by case cast collate create cross default desc distinct else end except
    false fetch for from full glob group having ilike in inner intersect into is isnull join lateral leading left like
    limit natural not notnull null offset on or order outer pivot positional qualify right select semi similar some
    symmetric table tablesample then to trailing true union unique unpivot using when where window with
    """
)

FUNCTIONS = _words(
    """abs any_value array_agg avg bool_and bool_or ceil ceiling coalesce concat concat_ws count date_add date_diff
    date_part date_trunc dense_rank exp extract first_value floor greatest ifnull lag last_value lead least length
    list ln log lower ltrim max median min mod ntile nullif percent_rank position power rank regexp_replace replace
    round row_number rtrim sign sqrt stddev string_agg strftime strptime substr substring sum trim try_cast
    upper variance
    """
)

TYPES = _words("bigint boolean char decimal float int integer interval numeric real smallint time timestamp varchar")

OTHER_TYPES = _words(
    """blob bool date double hugeint int4 int8 json string text timestamptz tinyint ubigint uinteger usmallint utinyint
    uuid
    """
)
"""Types that an engine may show as they were written: folded only where a column is given a name (`x::DATE as day`)."""

Token = tuple[str, str]
END: Token = ("end", "")


def fold(tokens: Sequence[Token]) -> list[str]:
    """The tokens' texts, foldable words in lower case."""
    casts = _cast_types(tokens)
    return [
        text.lower() if kind == "name" and not text.islower() and _may_fold(tokens, index, casts) else text
        for index, (kind, text) in enumerate(tokens)
    ]


def _may_fold(tokens: Sequence[Token], index: int, casts: set[int]) -> bool:
    word = tokens[index][1].lower()
    before, after = _word(tokens, index - 1), _word(tokens, index + 1)
    if after in (":=", "=>", ":", "."):
        return False
    if before == "::" or index in casts:
        closed = index + (1 if before == "::" else 2)
        return word in TYPES or (word in OTHER_TYPES and _word(tokens, closed) == "as")
    if before in ("as", "."):
        return False
    if word in RESERVED:
        return True
    if word in FUNCTIONS and after == "(":
        return _is_call(tokens, index)
    return _is_clause(tokens, index, word, before, after)


def _is_clause(tokens: Sequence[Token], index: int, word: str, before: str, after: str) -> bool:
    """Words that could be names elsewhere and cannot be one between these neighbours."""
    then, later = _word(tokens, index + 2), _word(tokens, index + 3)
    if word == "between":
        return _ends_operand(tokens, index - 1) and _has_and(tokens, index + 1)
    if word == "over":
        return before == ")" and after == "(" and ((then, later) in (("partition", "by"), ("order", "by")))
    if word == "partition":
        return before == "(" and after == "by" and _word(tokens, index - 2) in ("over", "as")
    if word in ("first", "last"):
        return before == "nulls" and _ends_operand(tokens, index - 2)
    if word == "nulls":
        return after in ("first", "last") and _ends_operand(tokens, index - 1)
    if word == "exists":
        return after == "(" and then in ("select", "with", "from") and not _ends_operand(tokens, index - 1)
    if word == "filter":
        return before == ")" and (after, then) == ("(", "where")
    if word == "values":
        return before == "(" and after == "("
    if word == "exclude":
        return before == "*" and after == "("
    return False


def _is_call(tokens: Sequence[Token], index: int) -> bool:
    """Whether the name before `(` is a function's: not an alias with a list of columns, nor a CTE's name."""
    before = _word(tokens, index - 1)
    if before in ("with", "recursive", "from", "join") or _ends_operand(tokens, index - 1):
        return False
    depth = 0
    for position in range(index + 1, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[position][1], 0)
        if depth == 0:
            following = _word(tokens, position + 2)
            return _word(tokens, position + 1) != "as" or following not in ("(", "materialized", "not", "using")
    return False


def _cast_types(tokens: Sequence[Token]) -> set[int]:
    """Where the types of `cast(x as type)` stand."""
    found: set[int] = set()
    calls: list[bool] = []
    for index, (kind, text) in enumerate(tokens):
        if text == "(":
            calls.append(_word(tokens, index - 1) in ("cast", "try_cast") and _word(tokens, index - 2) != ".")
        elif text == ")" and calls:
            calls.pop()
        elif kind == "name" and text.lower() == "as" and calls and calls[-1]:
            found.add(index + 1)
    return found


def _at(tokens: Sequence[Token], index: int) -> Token:
    return tokens[index] if 0 <= index < len(tokens) else END


def _word(tokens: Sequence[Token], index: int) -> str:
    kind, text = _at(tokens, index)
    return text.lower() if kind == "name" else "" if kind in ("quoted", "string") else text


def _ends_operand(tokens: Sequence[Token], index: int) -> bool:
    kind, text = _at(tokens, index)
    if kind == "name":
        return text.lower() not in RESERVED or text.lower() in ("end", "null", "true", "false", "asc", "desc")
    return kind in ("quoted", "string", "number", "marker") or text in (")", "]", "}")


def _has_and(tokens: Sequence[Token], start: int) -> bool:
    """Whether an `and` follows, as in `between 1 and 2`, before the expression ends."""
    depth = 0
    for position in range(start, len(tokens)):
        word = _word(tokens, position)
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(word, 0)
        if depth < 0 or (depth == 0 and (word == "," or (position == start and not _starts_operand(tokens, start)))):
            return False
        if depth == 0 and tokens[position][0] == "name" and word in RESERVED - {"not", "null", "true", "false", "cast"}:
            return word == "and"
    return False


def _starts_operand(tokens: Sequence[Token], index: int) -> bool:
    kind, text = _at(tokens, index)
    if kind == "name":
        return text.lower() not in RESERVED and text.lower() not in ("over", "nulls")
    return kind in ("quoted", "string", "number", "marker") or text in ("(", "-", "+", "$", "?")
