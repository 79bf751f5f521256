"""DuckDB's errors, told as EngineErrors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from fftcas.engines.base import EngineError

_AMBIGUOUS = re.compile(r'Ambiguous reference to catalog or schema "(.*?)"')
_POINTER = re.compile(r"\n\s*LINE (\d+): (.*)\n([ ]*\^*)", re.DOTALL)


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt where DuckDB makes a RuntimeError of it."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise


@contextmanager
def translated(lines_before: int = 0) -> Iterator[None]:
    """Raise DuckDB's errors as EngineErrors; `lines_before` is how many lines stand before the caller's SQL."""
    try:
        with interruptible():
            yield
    except duckdb.Error as error:
        raise engine_error(error, lines_before) from error


def engine_error(error: duckdb.Error, lines_before: int = 0) -> EngineError:
    """The EngineError for an error of DuckDB."""
    text = str(error)
    pointer = _POINTER.search(text)
    if pointer is None:
        alike = _AMBIGUOUS.search(text)  # as of any view on that schema: see `view_text`
        hint = f"call the database file otherwise than the schema '{alike[1]}'" if alike else None
        return EngineError(text.rstrip(), hint=hint)
    line = int(pointer[1]) - lines_before
    message = (text[: pointer.start()] + text[pointer.end() :]).rstrip()
    if line < 1:  # it points into our own words before the SQL
        return EngineError(message)
    mark = pointer[3][len(f"LINE {pointer[1]}: ") :]
    return EngineError(message, line=line, caret=f"{pointer[2]}\n{mark}")
