"""The standard streams: when they are closed, and when they cannot be written to."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import contextmanager
from errno import EBADF, EDQUOT, EFBIG, EIO, ENOSPC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

STREAMS = (("stdout", 1), ("stderr", 2))


def reopen_closed() -> None:
    """Open again what is closed, into nothing if there is nothing below it any more.

    A shell may close a stream (`>&-`), and the next file that is opened would have its number; so may a model.
    """
    for name, number in STREAMS:
        stream = getattr(sys, name)
        if stream is None or getattr(stream, "closed", False):  # a model may put anything there that can write
            setattr(sys, name, _opened(number, stream))


def _opened(number: int, stream: TextIO | None) -> TextIO:
    try:
        os.fstat(number)
    except OSError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, number)
        if nothing != number:
            os.close(nothing)
    encoding, errors = (stream.encoding, stream.errors) if stream else (None, "backslashreplace")
    return open(number, "w", encoding=encoding, errors=errors, closefd=False)


def write_anything() -> None:
    """Let the streams write what their encoding has no letter for, as `\\u2026`: a locale ends no build."""
    codecs.register_error("spelled", spelled)
    for name, _ in STREAMS:
        stream = getattr(sys, name)
        if stream is not None and stream.errors == "strict":
            stream.reconfigure(errors="spelled")


def spelled(error: UnicodeError) -> tuple[str, int]:
    """What stands for the letters that an encoding does not have: what JSON writes, for it may be in there.

    Raises the error if it is none of encoding.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)), error.end


@contextmanager
def stdout_for_later() -> Iterator[None]:
    """Send to stderr what is written to stdout meanwhile, be it by models, what they call, or other processes."""
    flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        flush()
        os.dup2(kept, 1)
        os.close(kept)
        reopen_closed()


def flush() -> None:
    """Write what is left to be written; a stream that cannot be written to is given up."""
    for name, _ in STREAMS:
        try:
            if stream := getattr(sys, name):
                stream.flush()
        except (OSError, ValueError):
            setattr(sys, name, None)  # or the interpreter tries again when it ends, and complains


def is_unwritable(error: OSError) -> bool:
    """Whether it may be a stream that raised this: there is no room, or nothing any more that could be written to."""
    return error.filename is None and error.errno in (ENOSPC, EDQUOT, EFBIG, EIO, EBADF)
