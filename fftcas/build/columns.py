"""Which columns of its inputs a node reads; the engine's binder is asked once, and the answer is kept in the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from threading import Lock

from fftcas.build.answers import Answers
from fftcas.build.outcome import Identity
from fftcas.build.reads import ColumnsRead, Reads
from fftcas.digest import Digest, Value, digest_value
from fftcas.engines import open_binder
from fftcas.engines.base import Binder
from fftcas.label import Label
from fftcas.project.nodes import Node, PythonModel, SqlModel
from fftcas.project.project import Project
from fftcas.store import Store
from fftcas.version import __version__

RECORD = "columns read"
"""Records of this kind hold, under the digest of a statement and the columns it could read, those that it does read."""


class Columns:
    """Answers for the nodes of one project; safe to call from several threads."""

    def __init__(self, project: Project, store: Store, context: Mapping[str, Value]) -> None:
        self.project = project
        self.store = store
        self._answers = Answers(store, RECORD)
        self.context = context
        self._binder: Binder | None = None
        self._lock = Lock()

    def read_by(
        self, node: Node, read: Reads, recipe: Digest, identities: Mapping[Label, Identity], *, named: bool
    ) -> ColumnsRead:
        """The columns that `node` reads of each table; None means all of them.

        `recipe` is the digest of its full recipe, in which its own text is, and those of the views that it looks
        through. `named`: these name each column.
        """
        if isinstance(node, PythonModel) and not read.views:
            return {label: as_set(node.columns.get(label)) for label in read.tables}
        known: Value = [[[c.name, c.type, c.nullable] for c in identities[table].columns] for table in read.tables]
        asked: dict[str, Value] = {
            "recipe": recipe,
            "columns": known,
            "engine": self.context.get("engine"),
            "fftcas": __version__,
        }
        key = bytes.fromhex(digest_value("columns 4", asked))
        answer = self._answers.get(key)
        if answer is None:
            found = self._ask(node, read, identities, named)
            answer = json.dumps([as_list(found.get(table)) for table in read.tables]).encode()
            self._answers.put(key, answer)
        names: list[list[str] | None] = json.loads(answer)
        return {table: as_set(columns) for table, columns in zip(read.tables, names, strict=True)}

    def close(self) -> None:
        self._answers.close()
        if self._binder is not None:
            self._binder.close()

    def _ask(self, node: Node, read: Reads, identities: Mapping[Label, Identity], named: bool) -> ColumnsRead:
        binder = self.binder()
        nodes = self.project.nodes
        inputs = {nodes[table].relation: identities[table].columns for table in read.tables}
        texts = {nodes[view].relation: self._bound(nodes[view], binder) for view in self._in_order(read)}
        merged: dict[Label, frozenset[str] | None] = {table: frozenset() for table in read.tables}
        for statement in self._statements(node, binder):
            found = binder.columns_read(statement, inputs, texts, named=named)
            for table in read.tables:
                merged[table] = union(merged[table], found.get(nodes[table].relation))
        return merged

    def _statements(self, node: Node, binder: Binder) -> list[str]:
        """What the node asks of the database: its SQL, or one SELECT for each argument of a Python model."""
        if isinstance(node, SqlModel):
            return [self._bound(node, binder)]
        assert isinstance(node, PythonModel)
        relations = {label: binder.quote(self.project.nodes[label].relation) for label in node.inputs}
        return [
            f"SELECT {self._list(binder, node.columns.get(label))} FROM {name}" for label, name in relations.items()
        ]

    def _list(self, binder: Binder, columns: tuple[str, ...] | None) -> str:
        return "*" if columns is None else ", ".join(binder.quote_column(column) for column in columns)

    def _in_order(self, read: Reads) -> list[Label]:
        """The views that are looked through, each after those that it reads."""
        return sorted(read.views, key=lambda view: (self.project.graph.level[view], view))

    def _bound(self, node: Node, binder: Binder) -> str:
        assert isinstance(node, SqlModel)
        names = {label: binder.quote(self.project.nodes[label].relation) for label in node.sql.inputs}
        # A secret's value is of no interest here, and must not get into an answer.
        secrets = dict.fromkeys(self.project.secrets, "")
        return node.sql.bind(names, binder.quote(node.relation), secrets)

    def binder(self) -> Binder:
        """The engine's binder, opened at the first call."""
        with self._lock:
            if self._binder is None:
                self._binder = open_binder(self.project.profile.engine, self.project.profile.options, self.store)
            return self._binder


def union(left: frozenset[str] | None, right: frozenset[str] | None) -> frozenset[str] | None:
    """The columns of both; None, all columns, wins."""
    return None if left is None or right is None else left | right


def as_set(columns: list[str] | tuple[str, ...] | None) -> frozenset[str] | None:
    return None if columns is None else frozenset(columns)


def as_list(columns: frozenset[str] | None) -> list[str] | None:
    return None if columns is None else sorted(columns)
