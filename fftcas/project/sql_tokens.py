"""Canonical SQL: a statement as the list of its tokens, without comments, white space and the case of keywords.

The tokeniser knows no engine. Where engines disagree it keeps too much rather than too little: a longer token is
always safe, as equal token lists must mean equal statements, while a statement may have several lists. Where even
the end of a token is in doubt, all the rest of the text is one token. Spaces beyond ASCII are such a doubt; models'
texts have none left, for `with_plain_spaces` reads them as DuckDB does.
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

SPACES = "\u00a0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"
"""White space beyond ASCII to DuckDB, and part of a name elsewhere."""

# The classes say what is outside of them: a range of 57,000 characters takes a step for each of them to compile.
NAME_START = rf"[^\x00-@\[-\^`{{-\x7f{MARK}{MARK_END}{SPACES}]"
NAME_PART = rf"[^\x00-\#%-/:-@\[-\^`{{-\x7f{MARK}{MARK_END}{SPACES}]"
TAG_START = rf"[^\x00-@\[-\^`{{-\x7f\ue000-\U0010ffff{SPACES}]"
TOKEN = re.compile(
    rf"""
      (?P<space>       [{SPACES}] )
    | (?P<skip>        (?: [ \t\n\r\f\v]+ | --[^\n\r]* )+ )
    | (?P<marker>      {MARK} [^{MARK_END}]* {MARK_END} )
    | (?P<comment>     /\* )
    | (?P<string>      [eE]' (?: [^'\\] | '' | \\. )* ' | (?: [bBxXnN] | [uU]& )? ' (?: [^'] | '' )* ' )
    | (?P<quoted>      (?: [uU]& )? " (?: [^"] | "" )* " | ` (?: [^`] | `` )* ` )
    | (?P<dollar>      \$ (?: {TAG_START}(?: (?! [{SPACES}] ) [\w\u0080-\udfff] )* )? \$ )
    | (?P<rest>        [eEbBxXnN]?' | [uU]&['"] | ["`{MARK}] )
    | (?P<name>        {NAME_START} {NAME_PART}* | \$\w+ )
    | (?P<number>      \.?[0-9] (?: (?<=[0-9.][eE]) [+-] (?=[0-9]) | [\w.] )* )
    | (?P<operator>    (?: (?! -- | /\* ) [-+*/<>=~!@\#%^&|?] )+ )
    | (?P<punctuation> :: | := | . )
    """,
    re.VERBOSE | re.DOTALL,
)
"""One group for each kind of token; `rest` is a quotation that never ends, `space` what is one to some engines only."""

ANY_SPACE = re.compile(f"[{SPACES}]")
LINE_COMMENT = re.compile(r"--[^\n\r]*")
COMMENT_EDGE = re.compile(r"/\*|\*/")


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


def with_plain_spaces(text: str) -> str:
    """The text as DuckDB takes it: with plain spaces for others, but in strings, quoted names and comments."""
    if not ANY_SPACE.search(text):
        return text
    characters = list(text)
    for token in _tokens(text):
        if token.kind == "space":
            characters[token.start] = " "
    return "".join(characters)


def _with_gaps(text: str) -> Iterator[Token]:
    """Tokens, and between two string literals what separates them: SQL joins `'a'` and `'b'` across a line's end."""
    previous: Token | None = None
    for token in _tokens(text):
        if token.kind == "space":  # or part of a name
            yield Token("rest", text[token.start :], token.start)
            return
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
    while match := TOKEN.match(text, position):
        kind, end = match.lastgroup or "", match.end()
        if kind == "operator":
            end = position + len(_operator(match[0]))
        elif kind == "comment":
            end = _comment_end(text, position)
            kind = "hint" if text.startswith("/*+", position) or not end else "skip"
        elif kind == "dollar":
            closing = text.find(match[0], end)
            kind, end = ("string", closing + len(match[0])) if closing > 0 else ("rest", 0)
        if kind == "rest" or not end:
            kind, end = "rest", len(text)
        if kind != "skip":
            yield Token(kind, text[position:end], position)
        position = end


def _comment_end(text: str, position: int) -> int:
    """The end of the block comment that starts here; comments nest. 0 if it never ends."""
    depth = 0
    for match in COMMENT_EDGE.finditer(text, position):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return 0


def _operator(text: str) -> str:
    """Postgres' rule: only an operator that has one of these characters may end in `+` or `-` (`2*-1` has two)."""
    if re.search(r"[~!@#%^&|?]", text):
        return text
    return text[0] + text[1:].rstrip("+-")
