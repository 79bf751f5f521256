"""Nodes: the typed things that a project is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from fftcas.digest import Value
from fftcas.errors import Location
from fftcas.label import Label
from fftcas.project.sql import Sql
from fftcas.relation import RelationKind, RelationName


@dataclass(frozen=True)
class Node:
    """What every node has.

    `name` is FFT's node name (`stg_users.ff`), `path` is relative to the project with `/` between folders, `inputs` are
    the labels that must be up to date before this one, `recipe` holds the node's own ingredients by name.
    """

    label: Label
    name: str
    path: str
    relation: RelationName
    inputs: tuple[Label, ...] = ()
    tags: frozenset[str] = frozenset()
    recipe: Mapping[str, Value] = field(default_factory=dict)
    kind: ClassVar[str]

    @property
    def materialization(self) -> str:
        """`table`, `view` or `ephemeral`; what is no model is what its kind says."""
        return self.kind


@dataclass(frozen=True)
class Seed(Node):
    """A CSV or Parquet file under `seeds/`; `types` are the declared column types, in the engine's words."""

    types: Mapping[str, str] = field(default_factory=dict)
    kind: ClassVar[str] = "seed"


@dataclass(frozen=True)
class Source(Node):
    """A table that the project reads and does not build. `fingerprint` is `content`, `version`, `none` or a column.

    `where` is the place where it is declared.
    """

    fingerprint: str = "content"
    where: Location | None = field(default=None, compare=False)
    kind: ClassVar[str] = "source"


@dataclass(frozen=True)
class SqlModel(Node):
    """A SQL model. `materialized` is `table`, `view` or `ephemeral`."""

    sql: Sql = field(default_factory=lambda: Sql(""))
    materialized: str = "table"
    cache: bool = True
    kind: ClassVar[str] = "sql"

    @property
    def materialization(self) -> str:
        return self.materialized


@dataclass(frozen=True)
class PythonModel(Node):
    """A Python model: a function in the module at `path`, called with one frame per input, in their order.

    `require` maps an input to the columns its frame must have; `columns` maps an input to the only columns it is given.
    `fetches` says that our HTTP functions may be called, and `unseen` are modules that nobody can follow.
    """

    require: Mapping[Label, tuple[str, ...]] = field(default_factory=dict)
    columns: Mapping[Label, tuple[str, ...]] = field(default_factory=dict)
    materialized: str = "table"
    cache: bool = True
    fetches: bool = False
    unseen: tuple[str, ...] = ()
    kind: ClassVar[str] = "python"

    @property
    def materialization(self) -> str:
        return self.materialized


def relation_kind(node: Node) -> RelationKind | None:
    """What the node is in the database: a table, a view, or None for what has no relation of its own to build."""
    if isinstance(node, Source):
        return None
    if isinstance(node, SqlModel | PythonModel):
        return None if node.materialized == "ephemeral" else RelationKind(node.materialized)
    return RelationKind.TABLE
