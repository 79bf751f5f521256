"""The target database of a run: what it is known to hold, and the engine, opened only when it is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from threading import Lock
from typing import Any

from fftcas.build.outcome import Identity
from fftcas.digest import digest_value
from fftcas.engines import database_state, open_engine
from fftcas.engines.base import Engine, Session
from fftcas.errors import NodeError
from fftcas.project.nodes import Source, relation_kind
from fftcas.project.project import Project
from fftcas.relation import RelationKind, RelationName, Stamp
from fftcas.store import Store
from fftcas.table import Column

RECORD = "target"
"""Records of this kind hold what a database was last seen to hold, under the digest of where it is."""


class Target:
    """The target database. While its file is as the last run left it, what it holds is known without opening it.

    `read_only` is for those who only want to know: the database is not changed, nor made if there is none.
    """

    def __init__(self, project: Project, store: Store, *, read_only: bool = False) -> None:
        self.read_only = read_only
        self.project = project
        self.store = store
        self._engine: Engine | None = None
        self._lock = Lock()
        self._sessions: set[Session] = set()
        self._key = bytes.fromhex(digest_value("target 1", _plain(project.profile.options)))
        self._stamps: Mapping[RelationName, Stamp] = {}
        self._sources: dict[RelationName, Identity] = {}
        self._recall()

    def stamps(self) -> Mapping[RelationName, Stamp]:
        """What the relations of this database held when the run began."""
        return self._stamps

    def engine(self) -> Engine:
        """The engine, opened at the first call."""
        with self._lock:
            if self._engine is None:
                profile = self.project.profile
                self._engine = open_engine(profile.engine, profile.options, read_only=self.read_only)
                if self.read_only:
                    return self._engine
                schemas = {n.relation.schema for n in self.project.nodes.values() if relation_kind(n)} - {None}
                self._engine.prepare(sorted(schema for schema in schemas if schema))
            return self._engine

    def source(self, node: Source) -> Identity:
        """The identity of a table that this project does not build. Raises NodeError if it does not exist."""
        if node.relation not in self._sources:
            engine = self.engine()
            columns = engine.describe(node.relation)
            if columns is None:
                raise NodeError(
                    f"source {node.label} does not exist: {engine.quote(node.relation)}",
                    hint="load the table, or correct schema and identifier in sources.yml",
                )
            self._sources[node.relation] = Identity(engine.fingerprint(node.relation), columns)
        return self._sources[node.relation]

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A connection for the calling thread."""
        with self.engine().session() as session:
            self._sessions.add(session)
            try:
                yield session
            finally:
                self._sessions.discard(session)

    def interrupt(self) -> None:
        """Stop the statements that run in any session."""
        for session in tuple(self._sessions):
            session.interrupt()

    def close(self) -> None:
        """Close the engine, and remember what the database holds now."""
        if self._engine is None:
            return
        stamps = {} if self.read_only else self._engine.stamps()
        self._engine.close()
        self._engine = None
        if self.read_only:
            return
        state = database_state(self.project.profile.engine, self.project.profile.options)
        if state is not None:
            memory = {
                "state": state,
                "stamps": [asdict(stamp) for stamp in stamps.values()],
                "sources": [[asdict(r), i.output, [asdict(c) for c in i.columns]] for r, i in self._sources.items()],
            }
            self.store.put_records(RECORD, {self._key: json.dumps(memory).encode()})

    def _recall(self) -> None:
        state = database_state(self.project.profile.engine, self.project.profile.options)
        (data,) = self.store.get_records(RECORD, [self._key])
        memory = json.loads(data) if data else {}
        if state is not None and memory.get("state") == state:
            self._stamps = {stamp.relation: stamp for stamp in map(_stamp, memory["stamps"])}
            self._sources = {
                RelationName(**relation): Identity(output, tuple(Column(**column) for column in columns))
                for relation, output, columns in memory["sources"]
            }
        else:
            self._stamps = self.engine().stamps()


def remembered_state(project: Project, store: Store) -> str | None:
    """The state of the database in which it holds what is remembered of it."""
    key = bytes.fromhex(digest_value("target 1", _plain(project.profile.options)))
    (data,) = store.get_records(RECORD, [key])
    return json.loads(data).get("state") if data else None


def _stamp(fields: Mapping[str, Any]) -> Stamp:
    relation, kind = RelationName(**fields["relation"]), RelationKind(fields["kind"])
    return Stamp(**{**fields, "relation": relation, "kind": kind})


def _plain(options: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in options.items()}
