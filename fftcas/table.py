"""Tables in motion and at rest: columns, streams of Arrow batches, and the manifest that names a stored table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from fftcas.digest import Digest, digest_bytes, digest_value

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """A column's name, logical type (as the engine spells it, e.g. `DECIMAL(18,3)`) and nullability."""

    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """A table in motion: its columns and a stream of Arrow record batches.

    The batches' Arrow types are the carrier types that the engine chose for the logical types; one field per
    column, in the same order. The stream can be read once.
    """

    columns: tuple[Column, ...]
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


@dataclass(frozen=True)
class StoredColumn:
    """A column at rest: `digest` names the list of its chunks, `bytes` is its uncompressed size."""

    name: str
    type: str
    nullable: bool
    digest: Digest
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """A table at rest: row count and columns in order. The digest of its JSON is the table's output digest."""

    rows: int
    columns: tuple[StoredColumn, ...]

    @cached_property
    def json(self) -> str:
        columns = [[c.name, c.type, c.nullable, c.digest, c.bytes] for c in self.columns]
        return json.dumps({"rows": self.rows, "columns": columns}, separators=(",", ":"), ensure_ascii=True)

    @cached_property
    def output(self) -> Digest:
        """The output digest."""
        return digest_bytes(self.json.encode())

    @property
    def size(self) -> int:
        """Uncompressed size of all columns."""
        return sum(column.bytes for column in self.columns)

    @property
    def schema(self) -> tuple[Column, ...]:
        return tuple(Column(column.name, column.type, column.nullable) for column in self.columns)

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """Raises ValueError if the text is not a manifest."""
        try:
            document = json.loads(text)
            columns = tuple(
                StoredColumn(str(name), str(type_), bool(nullable), str(digest), _whole(size))
                for name, type_, nullable, digest, size in document["columns"]
            )
            manifest = cls(_whole(document["rows"]), columns)
            vars(manifest)["json"] = text if isinstance(text, str) else text.decode()  # not written once more
            return manifest
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"not a table manifest: {error}") from error

    def projection(self, names: Iterable[str] | None = None) -> Digest:
        """Identity of what is seen by a reader of these columns only (None: of all), rows in stored order.

        It covers row count, and names, types and content of the columns in the table's order.
        """
        wanted = None if names is None else set(names)
        columns = [c for c in self.columns if wanted is None or c.name in wanted]
        return digest_value("projection 1", [self.rows, [[c.name, c.type, c.nullable, c.digest] for c in columns]])


def _whole(value: object) -> int:
    if not isinstance(value, int):  # what is Infinity has no int
        raise ValueError("a number is missing")
    return value
