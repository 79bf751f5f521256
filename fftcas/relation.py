"""Relations: the physical tables and views in the target database, and the stamps that say what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fftcas.digest import Digest


class RelationKind(StrEnum):
    TABLE = "table"
    VIEW = "view"


@dataclass(frozen=True)
class RelationName:
    """Where a relation lives. A schema or database of None means the profile's own."""

    name: str
    schema: str | None = None
    database: str | None = None

    def __str__(self) -> str:
        return ".".join(part for part in (self.database, self.schema, self.name) if part)


META = RelationName("_ff_meta")
"""The table that says what the relations of a database hold."""


@dataclass(frozen=True)
class Stamp:
    """A row of `_ff_meta`: which output a relation holds.

    `fingerprint` is the derivation key, `output` the output digest. `manifest` is the JSON of a table's manifest,
    so that the database tells the whole story even if the store is gone. `definition` is the digest of a view's
    SQL and of the columns it was bound to (None for tables). `built_at` is ISO 8601 in UTC.
    """

    node_name: str
    relation: RelationName
    kind: RelationKind
    fingerprint: Digest
    output: Digest
    engine: str
    built_at: str
    manifest: str | None = None
    definition: Digest | None = None
