"""Small outputs that are written in one transaction for all of them: a commit takes longer than their rows."""

from __future__ import annotations

from collections.abc import Sequence

from fftcas.digest import Digest
from fftcas.store import tables
from fftcas.store.blobs import Blob, Blobs
from fftcas.store.realisation import Realisation
from fftcas.table import Manifest, Table


class Together:
    """Takes outputs as the store does, and holds them back. See `Store.at_once`."""

    def __init__(self, blobs: Blobs) -> None:
        self.outputs: list[tuple[Realisation, bytes, Manifest | None]] = []
        self._blobs = blobs
        self._held: list[Blob] = []
        self._bytes = 0

    def write_table(self, table: Table) -> Manifest:
        """Hash and pack a stream's chunks; should they turn out to be many, they are written at once."""
        return tables.write_table(table, self._blobs.blob, self._put)

    def commit(self, realisation: Realisation, document: bytes, manifest: Manifest | None) -> None:
        """Note that this output is to exist in the end."""
        self.outputs.append((realisation, document, manifest))

    @property
    def committed(self) -> set[Digest]:
        """The derivations whose outputs are to exist, or do by now."""
        return {realisation.derivation for realisation, *_ in self.outputs}

    def flush(self) -> None:
        """Write the chunks."""
        held, self._held, self._bytes = self._held, [], 0
        if held:
            self._blobs.put(held)

    def _put(self, blobs: Sequence[Blob]) -> None:
        self._held += blobs
        self._bytes += sum(blob.memory for blob in blobs)
        if self._bytes > tables.WRITE_BYTES:
            self.flush()
