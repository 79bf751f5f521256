"""The query of a URL, without loss: bytes that are no UTF-8 are surrogates in its texts, and go out as they came."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, unquote


def pieces(query: str) -> Iterator[tuple[str, str, str | None]]:
    """Each parameter as it stands, its name and its value; None for a name without `=`, which is not an empty value."""
    for piece in query.split("&"):
        if piece:
            name, equals, value = piece.partition("=")
            yield piece, _decoded(name), _decoded(value) if equals else None


def names(query: str) -> set[str]:
    """The names of all parameters."""
    return {name for _, name, _ in pieces(query)}


def parameter(name: str, value: str) -> str:
    """A name and a value as they stand in a query. Raises UnicodeEncodeError for half a character."""
    return f"{quoted(name)}={quoted(value)}"


def quoted(text: str) -> str:
    """A text with everything percent-encoded that may mean something else in a URL. Raises UnicodeEncodeError."""
    return quote(text, safe="", errors="surrogateescape")


def _decoded(text: str) -> str:
    return unquote(text.replace("+", " "), errors="surrogateescape")
