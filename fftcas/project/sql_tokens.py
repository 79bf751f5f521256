"""Canonical SQL: a statement as the list of its tokens, without comments, white space and the case of keywords.

The tokeniser knows no engine. Where engines disagree it keeps too much rather than too little: a longer token is
always safe, as equal token lists must mean equal statements, while a statement may have several lists. Where even
the end of a token is in doubt, all the rest of the text is one token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fftcas.project.sql_keywords import fold

VERSION = 1
"""Part of every recipe: raise it when token lists change their meaning."""

MARK, MARK_END = "\ue000", "\ue001"
"""Frame what is not SQL text yet: references, `this` and secrets."""

SPACE = re.compile(r"[ \t\n\r\f\v]+")
LINE_COMMENT = re.compile(r"--[^\n\r]*")
NAME = re.compile(r"[A-Za-z_\u0080-\udfff\ue002-\U0010ffff][\w$\u0080-\udfff\ue002-\U0010ffff]*")
NUMBER = re.compile(r"\.?[0-9](?:(?<=[0-9.][eE])[+-](?=[0-9])|[\w.])*")
STRING = re.compile(r"'(?:[^']|'')*'")
ESCAPE_STRING = re.compile(r"'(?:[^'\\]|''|\\.)*'", re.DOTALL)
QUOTED = re.compile(r'"(?:[^"]|"")*"|`(?:[^`]|``)*`')
DOLLAR = re.compile(r"\$(?:[A-Za-z_\u0080-\udfff][\w\u0080-\udfff]*)?\$")
PARAMETER = re.compile(r"\$\w+")
OPERATOR = re.compile(r"(?:(?!--|/\*)[-+*/<>=~!@#%^&|?])+")
PREFIX = re.compile(r"[eEbBxXnN]?'|[uU]&['\"]")
COMMENT_EDGE = re.compile(r"/\*|\*/")
PUNCTUATION = re.compile(r"::|:=|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is name, quoted, string, number, operator, punctuation, marker, hint, gap or rest."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def canonical(text: str) -> tuple[str, ...]:
    """The statement's token list: equal for two texts only if they are the same statement."""
    return tuple(folded(tokenise(text)))


def folded(tokens: Sequence[Token]) -> list[str]:
    """The tokens' texts, with keywords in lower case where that can never matter."""
    return fold([(token.kind, token.text) for token in tokens])


def tokenise(text: str) -> list[Token]:
    """All tokens outside comments, with their exact text; a trailing `;` is left out."""
    tokens = list(_with_gaps(text))
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    return tokens


def _with_gaps(text: str) -> Iterator[Token]:
    """Tokens, and between two string literals what separates them: SQL joins `'a'` and `'b'` across a line's end."""
    previous: Token | None = None
    for token in _tokens(text):
        if previous is not None and previous.kind == token.kind == "string":
            gap = text[previous.end : token.start]
            if previous.text[0] in "eE":  # engines disagree whether the escapes go on
                yield Token("rest", text[previous.end :], previous.end)
                return
            plain = LINE_COMMENT.sub("", gap)
            newline = not plain.strip(" \t\n\r\f\v") and ("\n" in plain or "\r" in plain)
            yield Token("gap", "\n" if newline else gap, previous.end)
        yield token
        previous = token


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        skipped = _skip(text, position)
        if skipped > position:
            position = skipped
            continue
        token = _token(text, position)
        yield token
        position = token.end


def _skip(text: str, position: int) -> int:
    """Where the white space or the comment that starts here ends."""
    match = SPACE.match(text, position) or LINE_COMMENT.match(text, position)
    if match:
        return match.end()
    if text.startswith("/*", position) and not text.startswith("/*+", position):
        return _comment_end(text, position) or position
    return position


def _comment_end(text: str, position: int) -> int | None:
    """The end of the block comment that starts here; comments nest. None if it never ends."""
    depth = 0
    for match in COMMENT_EDGE.finditer(text, position):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return None


def _token(text: str, position: int) -> Token:
    character = text[position]
    if character == MARK:
        end = text.find(MARK_END, position)
        return Token("marker", text[position : end + 1], position) if end > 0 else _rest(text, position)
    if text.startswith("/*", position):
        end = _comment_end(text, position) or 0
        return Token("hint", text[position:end], position) if end else _rest(text, position)
    if (prefix := PREFIX.match(text, position)) is not None:
        return _string(text, position, prefix.end() - 1)
    if character in '"`':
        return _match("quoted", QUOTED, text, position)
    if character == "$" and (opening := DOLLAR.match(text, position)) is not None:
        end = text.find(opening[0], opening.end())
        return Token("string", text[position : end + len(opening[0])], position) if end > 0 else _rest(text, position)
    for kind, pattern in (("name", NAME), ("number", NUMBER), ("name", PARAMETER), ("operator", OPERATOR)):
        match = pattern.match(text, position)
        if match:
            return Token(kind, _operator(match[0]) if kind == "operator" else match[0], position)
    return _match("punctuation", PUNCTUATION, text, position)


def _string(text: str, position: int, quote: int) -> Token:
    kind = "quoted" if text[quote] == '"' else "string"
    pattern = QUOTED if kind == "quoted" else ESCAPE_STRING if text[position] in "eE" else STRING
    match = pattern.match(text, quote)
    return Token(kind, text[position : match.end()], position) if match else _rest(text, position)


def _match(kind: str, pattern: re.Pattern[str], text: str, position: int) -> Token:
    match = pattern.match(text, position)
    return Token(kind, match[0], position) if match else _rest(text, position)


def _rest(text: str, position: int) -> Token:
    return Token("rest", text[position:], position)


def _operator(text: str) -> str:
    """Postgres' rule: only an operator that has one of these characters may end in `+` or `-` (`2*-1` has two)."""
    if re.search(r"[~!@#%^&|?]", text):
        return text
    return text[0] + text[1:].rstrip("+-")
