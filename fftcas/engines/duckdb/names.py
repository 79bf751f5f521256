"""Names in DuckDB's SQL, and where relations lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fftcas.project.profiles import duckdb_name
from fftcas.relation import RelationName


def quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Place:
    """The database and schema that stand where a relation's name has none."""

    database: str
    schema: str

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Place:
        """The place that a profile's options mean."""
        return cls(duckdb_name(options), str(options.get("schema") or "main"))

    def full(self, relation: RelationName) -> RelationName:
        """The relation with its schema and database."""
        return RelationName(relation.name, relation.schema or self.schema, relation.database or self.database)

    def quote(self, relation: RelationName) -> str:
        """SQL for a relation: two parts, so that views survive a renamed file.

        Where a schema is called like the database, DuckDB takes two parts to be ambiguous; there it needs three.
        """
        full = self.full(relation)
        parts = [full.schema, full.name]
        if full.database != self.database or str(full.schema).lower() == self.database.lower():
            parts.insert(0, full.database)
        return ".".join(quote_name(str(part)) for part in parts)

    def quote_schema(self, schema: str) -> str:
        return f"{quote_name(self.database)}.{quote_name(schema)}"


def hidden(relation: RelationName) -> RelationName:
    """A name that nothing else has."""
    return replace(relation, name="__fftcas_" + relation.name)
