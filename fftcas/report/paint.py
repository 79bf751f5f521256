"""Colours, on a terminal only, and words for times that several reports share."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

_ACTS = re.compile(
    r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\x1b(?!\[(?:[012]|3[1236])m)"
)
"""What terminals act on, but for ends of lines, tabs, and the colours of `CODES`."""

CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}


class Paint:
    """Paints text for a stream: as it is asked to on a terminal, not at all elsewhere or with NO_COLOR."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.colours = has_colours(out or sys.stdout)

    def __call__(self, text: str, colour: str) -> str:
        return f"\033[{CODES[colour]}m{text}\033[0m" if self.colours and text else text


def has_colours(out: TextIO) -> bool:
    """Whether a stream is a terminal, and NO_COLOR is not set."""
    return out.isatty() and not os.environ.get("NO_COLOR")


def visible(text: str) -> str:
    """A text with its control characters spelled as JSON does: names, values and definitions may have been made by
    others, to do things to whoever looks at them."""
    return text if text.isprintable() else _ACTS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def ago(moment: str, now: datetime | None = None) -> str:
    """How long ago an ISO 8601 time is: `just now`, `5 min ago`, `3 h ago`, `12 days ago`."""
    seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min ago"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h ago"
    return f"{seconds // 86400:.0f} days ago"


def fit(reason: str, width: int) -> str:
    """A reason in at most `width` characters: labels lose their package before anything is cut off."""
    return reason if len(reason) <= width else crop(re.sub(r"(?<![:\w])//[\w/.-]*:", "", reason), width)


def crop(text: str, width: int) -> str:
    """The text in one line of at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: max(width - 1, 1)] + "…"
