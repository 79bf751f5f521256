"""Differences between outputs, found in the store and remembered for as long as they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fftcas.digest import Digest
from fftcas.engines import diff_rows
from fftcas.engines.base import EngineError
from fftcas.store import MissingBlob, Store
from fftcas.table import Manifest, Table

if TYPE_CHECKING:
    from fftcas.table_diff import TableDiff

CHEAP_ROWS = 100_000
"""Tables with more rows are not compared only to give a reason."""


@dataclass(frozen=True)
class Differences:
    """Compares outputs by digest. `foreseen` holds tables that no build has made yet, by their output digest."""

    store: Store
    most_rows: int = CHEAP_ROWS
    foreseen: dict[Digest, tuple[Manifest, Callable[[], Table]]] = field(default_factory=dict)
    known: dict[tuple[Digest, Digest], TableDiff | None] = field(default_factory=dict)

    def __call__(self, old: Digest, new: Digest) -> TableDiff | None:
        """None if one of the two is not there (a view, a source, a lost table), or has too many rows."""
        if (old, new) not in self.known:
            self.known[old, new] = self._compare(old, new)
        return self.known[old, new]

    def _compare(self, old: Digest, new: Digest) -> TableDiff | None:
        before, after = self._table(old), self._table(new)
        if before is None or after is None or max(before[0].rows, after[0].rows) > self.most_rows:
            return None
        try:
            return diff_rows(before[1](), after[1]())
        except (MissingBlob, EngineError):
            return None

    def _table(self, output: Digest) -> tuple[Manifest, Callable[[], Table]] | None:
        if output in self.foreseen:
            return self.foreseen[output]
        manifest = self.store.manifest(output)
        return None if manifest is None else (manifest, lambda: self.store.read_table(manifest))
