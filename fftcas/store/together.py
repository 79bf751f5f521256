"""Small outputs that are written in one transaction for all of them: a commit takes longer than their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fftcas.digest import Digest
from fftcas.store import tables
from fftcas.store.blobs import Blob
from fftcas.store.realisation import Realisation
from fftcas.table import Manifest, Table

if TYPE_CHECKING:
    from fftcas.store.store import Store


class Together:
    """Takes outputs as the store does, and holds them back until the `end`."""

    def __init__(self, store: Store) -> None:
        self.committed: set[Digest] = set()
        """The derivations whose outputs exist."""
        self._store = store
        self._outputs: list[tuple[Realisation, bytes, Manifest | None]] = []
        self._held: list[Blob] = []
        self._bytes = 0

    def write_table(self, table: Table) -> Manifest:
        """Hash and pack a stream's chunks; should they turn out to be many, they are written before the end."""
        return tables.write_table(table, self._store.blobs.blob, self._put)

    def commit(self, realisation: Realisation, document: bytes, manifest: Manifest | None) -> None:
        """Note that this output is to exist in the end."""
        self._outputs.append((realisation, document, manifest))

    def end(self) -> None:
        """Write all that is held back: from here on the outputs exist. May be called again if it fails."""
        self._flush()
        if self._outputs:
            self._store.commit_all(self._outputs)
            self.committed |= {realisation.derivation for realisation, *_ in self._outputs}
            self._outputs = []

    def _flush(self) -> None:
        if self._held:
            self._store.blobs.put(self._held)
            self._held, self._bytes = [], 0

    def _put(self, blobs: Sequence[Blob]) -> None:
        self._held += blobs
        self._bytes += sum(blob.memory for blob in blobs)
        if self._bytes > tables.WRITE_BYTES:
            self._flush()
