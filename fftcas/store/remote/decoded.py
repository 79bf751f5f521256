"""Small tables that were decoded to be checked, until they are put in place: to read them from the store costs as much
again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from fftcas.digest import Digest
from fftcas.store.tables import Chunk, streamed
from fftcas.table import Manifest, Table

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 64 << 20
"""Bytes that are kept: what is beyond comes from the store."""

CHUNK = 2048
"""Bytes that a chunk takes up beside its values."""


@dataclass(frozen=True)
class Rows:
    """A table of which every chunk was verified: each column's list of them, and what is in them."""

    manifest: Manifest
    lists: Sequence[list[Chunk]]
    batches: Mapping[Digest, pa.RecordBatch]

    @property
    def bytes(self) -> int:
        """What it takes up, about."""
        return self.manifest.size + CHUNK * len(self.batches)

    def table(self) -> Table:
        def rows(chunk: Chunk) -> pa.RecordBatch:
            return self.batches[chunk.digest]

        first = [rows(chunks[0]) for chunks in self.lists]
        return streamed(self.manifest, self.manifest.columns, self.lists, rows, first)


class Decoded:
    """The tables that are kept, by their output digests. Threads may share it."""

    def __init__(self) -> None:
        self._rows: dict[Digest, Rows] = {}
        self._bytes = 0
        self._lock = Lock()

    def keep(self, rows: Rows) -> None:
        """Keep a table, if there is room for it."""
        with self._lock:
            if rows.manifest.output not in self._rows and self._bytes + rows.bytes <= MOST:
                self._rows[rows.manifest.output] = rows
                self._bytes += rows.bytes

    def take(self, output: Digest) -> Table | None:
        """A table, which is kept no longer."""
        with self._lock:
            rows = self._rows.pop(output, None)
            self._bytes -= rows.bytes if rows else 0
        return rows.table() if rows else None
