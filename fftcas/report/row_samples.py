"""Sample rows of a table's difference, one line each."""

from __future__ import annotations

from collections.abc import Iterator

from fftcas.report.paint import crop
from fftcas.table_diff import Row, TableDiff

VALUE = 30
WIDTH = 74


def sample_lines(diff: TableDiff) -> Iterator[str]:
    """`+ id=4, email=…`, `- id=3, …`, `~ id=2: email a → b`; then how many more there are."""
    for changed in diff.changed_samples:
        cells = ", ".join(f"{name} {value(old)} → {value(new)}" for name, (old, new) in changed.cells.items())
        yield crop(f"~ {pairs(changed.key)}: {cells}", WIDTH)
    for row in diff.added_samples:
        yield crop(f"+ {pairs(row)}", WIDTH)
    for row in diff.removed_samples:
        yield crop(f"- {pairs(row)}", WIDTH)
    shown = len(diff.changed_samples) + len(diff.added_samples) + len(diff.removed_samples)
    more = diff.changed + diff.added + diff.removed - shown
    if more:
        yield f"and {more:,} more"


def pairs(row: Row) -> str:
    return ", ".join(f"{name}={value(text)}" for name, text in row.items())


def value(text: str | None) -> str:
    """A value in a few characters, NULL told from the text NULL."""
    if text is None:
        return "NULL"
    short = text if len(text) <= VALUE and text.isprintable() else crop(text, VALUE)
    return f"'{short}'" if text != text.strip() or short in ("", "NULL") else short
