"""Which columns of its inputs a node reads; the engine's binder is asked once, and the answer is kept in the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from threading import Lock

from fftcas.build.answers import Answers, Exchange
from fftcas.build.keys import Definition
from fftcas.build.outcome import Identity
from fftcas.build.reads import ColumnsRead, Reads
from fftcas.build.statements import stand_ins
from fftcas.digest import Value, digest_value
from fftcas.engines import open_binder
from fftcas.engines.base import Binder, Query
from fftcas.label import Label
from fftcas.project.nodes import Node, PythonModel, SqlModel
from fftcas.project.project import Project
from fftcas.store import Store
from fftcas.version import __version__

RECORD = "columns read"
"""Records of this kind hold, under the digest of a statement and the columns it could read, those that it does read."""


class Columns:
    """Answers for the nodes of one project; safe to call from several threads."""

    def __init__(self, project: Project, store: Store, context: Mapping[str, Value], exchange: Exchange) -> None:
        self.project = project
        self.store = store
        self._answers = Answers(store, RECORD, exchange, is_columns)
        self.context = context
        self._binder: Binder | None = None
        self._lock = Lock()

    def read_by(
        self,
        definitions: Sequence[Definition],
        identities: Mapping[Label, Identity],
        named: Callable[[Node, Reads], bool],
    ) -> list[ColumnsRead]:
        """The columns that each node reads of each of its tables; None means all of them.

        `named` says whether a node's text, and those of the views that it looks through, name each column.
        """
        keys = [self._key(definition, identities) for definition in definitions]
        answers: dict[bytes, list[list[str] | None]] = {}
        for key, definition, answer in zip(keys, definitions, self._answers.get_many(keys), strict=True):
            columns = None if answer is None else json.loads(answer)
            if columns is not None and len(columns) == len(definition.reads.tables):
                answers[key] = columns
        unknown = {key: each for key, each in zip(keys, definitions, strict=True) if key not in answers}
        found = self._ask(list(unknown.values()), identities, named) if unknown else ()
        for (key, definition), columns in zip(unknown.items(), found, strict=True):
            answers[key] = [as_list(columns.get(table)) for table in definition.reads.tables]
            self._answers.put(key, json.dumps(answers[key]).encode())
        return [
            dict(zip(definition.reads.tables, map(as_set, answers[key]), strict=True))
            for key, definition in zip(keys, definitions, strict=True)
        ]

    def _key(self, definition: Definition, identities: Mapping[Label, Identity]) -> bytes:
        """What an answer is kept under. In a full recipe is the node's own text, and those of the views."""
        tables = definition.reads.tables
        known: Value = [[[c.name, c.type, c.nullable] for c in identities[table].columns] for table in tables]
        asked: dict[str, Value] = {
            "recipe": definition.digest,
            "columns": known,
            "engine": self.context.get("engine"),
            "fftcas": __version__,
        }
        return bytes.fromhex(digest_value("columns 5", asked))

    def close(self) -> None:
        self._answers.close()
        if self._binder is not None:
            self._binder.close()

    def _ask(
        self,
        definitions: Sequence[Definition],
        identities: Mapping[Label, Identity],
        named: Callable[[Node, Reads], bool],
    ) -> Iterator[ColumnsRead]:
        """What the binder says of all that these nodes ask of the database."""
        binder, nodes = self.binder(), self.project.nodes
        queries = [list(self._queries(each, identities, named)) for each in definitions]
        found = iter(binder.columns_read([query for some in queries for query in some]))
        for definition, some in zip(definitions, queries, strict=True):
            merged: dict[Label, frozenset[str] | None] = {table: frozenset() for table in definition.reads.tables}
            for columns in islice(found, len(some)):
                for table in merged:
                    merged[table] = union(merged[table], columns.get(nodes[table].relation))
            yield merged

    def _queries(
        self, definition: Definition, identities: Mapping[Label, Identity], named: Callable[[Node, Reads], bool]
    ) -> Iterator[Query]:
        binder, nodes = self.binder(), self.project.nodes
        node, read = definition.node, definition.reads
        inputs = {nodes[table].relation: identities[table].columns for table in read.tables}
        views = {nodes[view].relation: self._bound(nodes[view], binder) for view in self._in_order(read)}
        for statement in self._statements(node, binder):
            yield Query(statement, inputs, views, named(node, read))

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
        # A secret's value must not get into an answer; that of a text which means nothing without it is: all columns.
        return node.sql.bind(names, binder.quote(node.relation), stand_ins(node.sql))

    def binder(self) -> Binder:
        """The engine's binder, opened at the first call."""
        with self._lock:
            if self._binder is None:
                self._binder = open_binder(self.project.profile.engine, self.project.profile.options, self.store)
            return self._binder


def is_columns(answer: bytes) -> bool:
    """Whether it holds the names of columns, or null, for each of some tables."""
    try:
        tables = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    lists = [columns for columns in tables if columns is not None] if isinstance(tables, list) else [None]
    return all(isinstance(columns, list) and all(isinstance(name, str) for name in columns) for columns in lists)


def columns_declared(definition: Definition) -> ColumnsRead | None:
    """The columns that a Python model says it reads of each table; None where the binder has to be asked."""
    node, read = definition.node, definition.reads
    if not isinstance(node, PythonModel) or read.views:
        return None
    return {label: as_set(node.columns.get(label)) for label in read.tables}


def union(left: frozenset[str] | None, right: frozenset[str] | None) -> frozenset[str] | None:
    """The columns of both; None, all columns, wins."""
    return None if left is None or right is None else left | right


def as_set(columns: list[str] | tuple[str, ...] | None) -> frozenset[str] | None:
    return None if columns is None else frozenset(columns)


def as_list(columns: frozenset[str] | None) -> list[str] | None:
    return None if columns is None else sorted(columns)
