"""What differs between two tables: columns, and rows by key or as multisets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Row = Mapping[str, "str | None"]
"""Values as text by column; None is NULL."""


@dataclass(frozen=True)
class ChangedRow:
    """A row that both tables have under the same key: its key, and old and new value of the columns that differ."""

    key: Row
    cells: Mapping[str, tuple[str | None, str | None]]


@dataclass(frozen=True)
class TableDiff:
    """The difference between two tables; rows are compared in the columns that both have.

    Rows are matched by `key`, a column (or several) that is unique in both. Where it is empty they are compared as
    multisets: then no row counts as changed. `touched` counts by column the rows in which it differs. The samples
    are the first few rows of each kind.
    """

    old_rows: int
    new_rows: int
    new_columns: tuple[str, ...] = ()
    lost_columns: tuple[str, ...] = ()
    retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    reordered: bool = False
    key: tuple[str, ...] = ()
    added: int = 0
    removed: int = 0
    changed: int = 0
    touched: Mapping[str, int] = field(default_factory=dict)
    added_samples: tuple[Row, ...] = ()
    removed_samples: tuple[Row, ...] = ()
    changed_samples: tuple[ChangedRow, ...] = ()

    @property
    def same_schema(self) -> bool:
        return not (self.new_columns or self.lost_columns or self.retyped or self.reordered)

    @property
    def same_rows(self) -> bool:
        return not (self.added or self.removed or self.changed)

    @property
    def same(self) -> bool:
        """True if the tables hold the same rows, in whatever order."""
        return self.same_schema and self.same_rows
