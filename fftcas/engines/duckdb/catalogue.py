"""What the database holds, by name: read once, since this process alone writes to it, and kept up to date."""

from __future__ import annotations

import threading
from collections.abc import Callable

import duckdb

from fftcas.engines.duckdb import meta
from fftcas.engines.duckdb.errors import interruptible
from fftcas.engines.duckdb.names import Place
from fftcas.relation import RelationName

Key = tuple[str, str, str]

COLLATES = "sql ILIKE '%collate%'"


class Catalogue:
    """The kinds of relations, and which of them have a stamp. Threads may share it, each naming other relations."""

    def __init__(self, connection: Callable[[], duckdb.DuckDBPyConnection], place: Place) -> None:
        self._connection = connection
        self._place = place
        self._lock = threading.Lock()
        self._kinds: dict[Key, str] | None = None
        self._stamped: set[Key] = set()
        self._collates = False

    @property
    def collates(self) -> bool:
        """Whether a relation may have columns with a collation."""
        self._loaded()
        return self._collates

    def kind(self, relation: RelationName) -> str | None:
        """`TABLE` or `VIEW`, or None if there is no such relation."""
        return self._loaded().get(self._key(relation))

    def put(self, relation: RelationName, kind: str) -> None:
        """The relation was created."""
        self._loaded()[self._key(relation)] = kind

    def collate(self) -> None:
        """A relation was created that may have columns with a collation."""
        self._collates = True

    def drop(self, relation: RelationName) -> None:
        """The relation was dropped, or renamed."""
        self._loaded().pop(self._key(relation), None)

    def is_stamped(self, relation: RelationName) -> bool:
        """Whether a stamp is kept for the relation, be it there or not."""
        self._loaded()
        return self._key(relation) in self._stamped

    def stamp(self, relation: RelationName) -> None:
        """The relation was stamped."""
        self._stamped.add(self._key(relation))

    def _key(self, relation: RelationName) -> Key:
        full = self._place.full(relation)
        return str(full.database).lower(), str(full.schema).lower(), full.name.lower()

    def _loaded(self) -> dict[Key, str]:
        with self._lock, interruptible():
            if self._kinds is None:
                connection = self._connection()
                try:
                    # In 2.0, a result that is not fetched to its end blocks the connection.
                    rows = connection.execute(
                        f"SELECT 'TABLE', database_name, schema_name, table_name, {COLLATES} FROM duckdb_tables() "
                        "UNION ALL "
                        f"SELECT 'VIEW', database_name, schema_name, view_name, {COLLATES} FROM duckdb_views()"
                    ).fetchall()
                    self._collates = any(collates for *_, collates in rows)
                    self._stamped = {self._key(relation) for relation in meta.stamped(connection, self._place)}
                finally:
                    connection.close()
                self._kinds = {(d.lower(), s.lower(), n.lower()): kind for kind, d, s, n, _ in rows}
            return self._kinds
