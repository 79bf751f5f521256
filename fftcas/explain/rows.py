"""The difference between two tables in a few words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fftcas.amounts import counted

if TYPE_CHECKING:
    from fftcas.table_diff import TableDiff


def rows_words(diff: TableDiff) -> str:
    """`+1 row, 2 rows changed (email)`; `the same rows` where there is nothing to tell."""
    return ", ".join(_parts(diff)) or "the same rows"


def _parts(diff: TableDiff) -> Iterator[str]:
    if diff.new_columns:
        yield f"new {_columns(diff.new_columns)}"
    if diff.lost_columns:
        yield f"without {_columns(diff.lost_columns)}"
    for name, (old, new) in list(diff.retyped.items())[:3]:
        yield f"{name} {old} → {new}"
    if diff.reordered:
        yield "columns in another order"
    if diff.added:
        yield f"+{counted(diff.added, 'row')}"
    if diff.removed:
        yield f"-{counted(diff.removed, 'row')}"
    if diff.changed:
        yield f"{counted(diff.changed, 'row')} changed ({listing(list(diff.touched))})"


def _columns(names: Sequence[str]) -> str:
    return f"column{'s' if len(names) > 1 else ''} {listing(names)}"


def listing(names: Sequence[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    more = len(names) - most
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:most])} and {more} more"
