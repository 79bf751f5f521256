"""The query language: `deps(//marts/... ^ tag(nightly, //...), 2) - kind(seed, //...)` as a tree.

    expression = term { ("+" | "union" | "-" | "except" | "^" | "intersect") term }
    term       = "(" expression ")" | FUNCTION "(" [ expression { "," expression } ] ")" | WORD
    WORD       = a pattern, a number, a name; in quotes if it has blanks or operators in it

As in Bazel all operators bind alike, from left to right, and a `-` inside of a word belongs to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fftcas.errors import UsageError

OPERATORS = {"+": "+", "union": "+", "-": "-", "except": "-", "^": "^", "intersect": "^"}
TOKEN = re.compile(
    r"""\s*(?:(?P<mark>[(),+^-])|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[\w@*/.:~\[\]$|]+(?:-[\w@*/.:~\[\]$|]+)*))"""
)

DEEPEST = 100
"""So many brackets may stand within each other: each is a few calls deep here, and where the query is answered."""


class Word:
    __match_args__ = ("text", "position")

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position


class Call:
    def __init__(self, name: str, arguments: tuple[Expression, ...], position: int) -> None:
        self.name = name
        self.arguments = arguments
        self.position = position


class Binary:
    """`operator` is `+`, `-` or `^`."""

    def __init__(self, operator: str, left: Expression, right: Expression, position: int) -> None:
        self.operator = operator
        self.left = left
        self.right = right
        self.position = position


Expression = Word | Call | Binary


class _Token:
    """`kind` is a mark itself, `word`, `quoted`, or `end`."""

    def __init__(self, kind: str, text: str, position: int) -> None:
        self.kind = kind
        self.text = text
        self.position = position


def parse(text: str) -> Expression:
    """The tree of a query. Raises UsageError that shows the place and says what was expected there."""
    parser = _Parser(text)
    expression = parser.expression()
    if parser.token.kind != "end":
        parser.fail("an operator (+ - ^) or the end")
    return expression


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokenise()
        self.token = next(self.tokens)
        self.depth = 0

    def expression(self) -> Expression:
        left = self.term()
        while self.token.kind != "quoted" and self.token.text in OPERATORS:
            operator = self.advance()
            left = Binary(OPERATORS[operator.text], left, self.term(), operator.position)
        return left

    def term(self) -> Expression:
        if self.token.kind == "(":
            self.enter()
            inside = self.expression()
            self.leave("an operator or ')'")
            return inside
        if self.token.kind == "quoted":
            word = self.advance()
            return Word(word.text, word.position)
        if self.token.kind != "word" or self.token.text in OPERATORS:
            self.fail("a pattern, a function or '('")
        word = self.advance()
        if self.token.kind == "(":
            return Call(word.text, self.arguments(), word.position)
        return Word(word.text, word.position)

    def arguments(self) -> tuple[Expression, ...]:
        self.enter()
        found: list[Expression] = []
        if self.token.kind != ")":
            found.append(self.expression())
        while self.token.kind == ",":
            self.advance()
            found.append(self.expression())
        self.leave("an operator, ',' or ')'")
        return tuple(found)

    def enter(self) -> None:
        """Go into a bracket."""
        if self.depth == DEEPEST:
            raise query_error(self.text, self.token.position, f"more than {DEEPEST} brackets stand within each other")
        self.depth += 1
        self.advance()

    def leave(self, expected: str) -> None:
        """Go out of the innermost bracket, if it ends here."""
        if self.token.kind != ")":
            self.fail(expected)
        self.depth -= 1
        self.advance()

    def advance(self) -> _Token:
        token = self.token
        self.token = next(self.tokens)
        return token

    def fail(self, expected: str) -> None:
        found = "the end" if self.token.kind == "end" else f"'{self.token.text}'"
        raise query_error(self.text, self.token.position, f"expected {expected}, found {found}")

    def _tokenise(self) -> Iterator[_Token]:
        position = 0
        while self.text[position:].strip():
            match = TOKEN.match(self.text, position)
            if match is None:
                position += len(self.text[position:]) - len(self.text[position:].lstrip())
                found = self.text[position]
                what = "the quote is never closed" if found in "\"'" else f"{found!r} is not part of the language"
                raise query_error(self.text, position, what)
            group = str(match.lastgroup)
            kind = {"mark": match[group], "word": "word"}.get(group, "quoted")
            yield _Token(kind, match[group], match.start(group) - (kind == "quoted"))
            position = match.end()
        while True:
            yield _Token("end", "", len(self.text))


def query_error(text: str, position: int, what: str) -> UsageError:
    """A wrong query, with a mark below the place."""
    line = text.replace("\n", " ").replace("\t", " ")
    return UsageError(f"the query is wrong at position {position + 1}: {what}", why=f"{line}\n{' ' * position}^")
