"""The target database of a run: what it is known to hold, and the engine, opened only when it is needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple, replace
from threading import Lock
from typing import Any, cast

from fftcas.build.outcome import Identity
from fftcas.build.publishing import Publishing
from fftcas.digest import Digest, digest_value
from fftcas.engines import database_state, database_times, open_engine
from fftcas.engines.base import Engine, EngineError, Session
from fftcas.errors import NodeError, ProjectError
from fftcas.project.nodes import Source, relation_kind
from fftcas.project.project import Project
from fftcas.project.references import home
from fftcas.relation import RelationKind, RelationName, Stamp
from fftcas.store import Store, measure_table
from fftcas.table import Column

WHOLE = ("content", "version", "none")
"""What `fingerprint:` may say, besides the name of a column."""

RECORD = "target"
"""Records of this kind hold what a database was last seen to hold, under the digest of where it is."""

DIGEST = re.compile("[0-9a-f]{64}")


class OvertakenError(Exception):
    """Someone wrote to the database after it was looked at, and before it was opened: what was decided may be wrong.

    No error of a node, nor of a run that can begin again: see `Target.look_again`.
    """


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
        self._key = _key(project)
        self._home = home(project.profile)
        self._stamps: Mapping[RelationName, Stamp] = {}
        self._published: dict[RelationName, Stamp | None] = {}
        self.state: str | None = None
        """The state of the database in which it holds what is known of it; None while that is not known."""
        self._overtaken = False
        self._reading = Lock()
        self._columns: dict[RelationName, tuple[Column, ...] | None] = {}
        self._contents: dict[tuple[RelationName, str, tuple[str, ...] | None], Digest] = {}
        self._seen: dict[tuple[RelationName, str, tuple[str, ...] | None], object] = {}
        self._state_of_views = object()
        """Another object each time that a table is published: what views hold may rest on it."""
        self.views: set[RelationName] = set()
        """Those that this project does not make and whose content was asked for."""
        self._look()

    def stamps(self) -> Mapping[RelationName, Stamp]:
        """What the relations of this database held when the run began."""
        return self._stamps

    def engine(self) -> Engine:
        """The engine, opened at the first call: from then on nobody else writes.

        Raises OvertakenError, at every call, if someone did since the database was looked at.
        """
        with self._lock:
            if self._engine is None:
                profile = self.project.profile
                found = None if self.read_only else self._state()
                try:
                    opened = open_engine(profile.engine, profile.options, read_only=self.read_only)
                except ProjectError as error:
                    error.where = profile.where
                    raise
                if self.read_only:
                    self._engine = opened
                    return opened
                if found is not None and not found.startswith(f"{database_times(profile.engine, profile.options)} "):
                    found = None  # it was written to while it was opened
                self._overtaken = self.state is not None and found != self.state
                self._engine, self.state = opened, found
                schemas = {n.relation.schema for n in self.project.nodes.values() if relation_kind(n)} - {None}
                self._engine.prepare(sorted(schema for schema in schemas if schema))
            if self._overtaken:
                raise OvertakenError
            return self._engine

    @property
    def is_open(self) -> bool:
        """Whether the engine is open, and what is known of the database is what it holds."""
        return self._engine is not None and not self._overtaken

    def open(self) -> None:
        """Open the engine before anything is decided, and look again if someone wrote meanwhile."""
        try:
            self.engine()
        except OvertakenError:
            self.look_again()

    def look_again(self) -> None:
        """Forget what was known of the database before it was opened, and look at what it holds now."""
        self._overtaken = False
        self._columns, self._contents, self._seen = {}, {}, {}
        self.views.clear()
        self._look()

    def source(self, node: Source) -> Identity:
        """The identity of a table that this project does not build. Raises NodeError if it does not exist."""
        columns = self.describe(node.relation)
        if columns is None:
            raise NodeError(
                f"source {node.label} does not exist: {self.engine().quote(node.relation)}",
                where=node.where,
                hint="load the table, or correct schema and identifier in sources.yml",
            )
        how = node.fingerprint
        if how not in WHOLE and how not in {column.name for column in columns}:
            raise NodeError(
                f"source {node.label} has no column '{how}', which its fingerprint is to be taken from",
                where=node.where,
                why=f"it has: {', '.join(column.name for column in columns)}",
                hint="fingerprint: is content, version, none, or a column that grows with every change",
            )

        def narrowed(names: frozenset[str] | None) -> Digest:
            some = names is not None and not names.issuperset(column.name for column in columns)
            return self.content(node.relation, how, names if some else None)

        return Identity(digest_value("source 1", how), columns, narrowed=narrowed)

    def describe(self, relation: RelationName) -> tuple[Column, ...] | None:
        """The columns of a relation that this project does not build; None if there is none."""
        with self._reading:
            if relation not in self._columns:
                self._columns[relation] = self.engine().describe(relation)
            return self._columns[relation]

    def content(self, relation: RelationName, how: str, names: frozenset[str] | None) -> Digest:
        """The fingerprint of a relation that this project does not build, as its reader of these columns sees it.

        `how` is `content`, `none` (it counts as unchanged), the column of which the greatest value tells of a change,
        or `version`, for which a DuckDB file has nothing cheaper than its content.
        """
        if how == "none":
            return digest_value("source without fingerprint 1", None)
        wanted = None if names is None else tuple(sorted(names))
        with self._reading:
            key = (relation, how, wanted)
            now = self._state_of_views
            if key not in self._contents or (relation in self.views and self._seen.get(key) is not now):
                engine = self.engine()
                found = engine.fingerprint(relation, wanted) if how in WHOLE else engine.marker(relation, how)
                self._contents[key], self._seen[key] = found, now
                if engine.is_view(relation):
                    self.views.add(relation)
            return self._contents[key]

    @contextmanager
    def session(self, *, one_thread: bool = False) -> Iterator[Session]:
        """A connection for the calling thread: see `Engine.session`."""
        with self.engine().session(one_thread=one_thread) as session:
            self._sessions.add(session)
            try:
                yield cast(Session, Publishing(session, self._note))
            finally:
                self._sessions.discard(session)

    def _note(self, relation: RelationName, stamp: Stamp | None) -> None:
        """A relation takes its place."""
        self._published[relation] = stamp
        self._state_of_views = object()

    def interrupt(self) -> None:
        """Stop the statements that run in any session."""
        for session in tuple(self._sessions):
            session.interrupt()

    def close(self) -> None:
        """Close the engine, and remember what the database holds now.

        That is what it was known to hold and what this run has put there: nobody else can write while it is open. What
        a view holds rests on more: on files, or on the tables of this very run.
        """
        if self._engine is None:
            return
        views = [stamp.relation for stamp in self._published.values() if stamp and stamp.kind is RelationKind.VIEW]
        with suppress(EngineError):  # without their texts they are made again
            self._engine.keep_view_texts(views)
        engine, self._engine = self._engine, None
        try:
            engine.close()
        except EngineError:  # a worker was left behind: nobody knows what it does yet
            self.state = None
            return
        if self.read_only:
            return
        self.state = None if self._overtaken else self._state()
        if self.state is None:
            return
        replaced = {self._place(relation) for relation in self._published}
        held = [stamp for relation, stamp in self._stamps.items() if self._place(relation) not in replaced]
        held += [stamp for stamp in self._published.values() if stamp is not None]
        memory = {
            "state": self.state,
            "stamps": [_plain_stamp(stamp) for stamp in held],
            "columns": [
                [astuple(r), c and [astuple(each) for each in c]]
                for r, c in self._columns.items()
                if self._place(r) not in replaced
            ],
            "contents": [
                [astuple(r), how, names, c]
                for (r, how, names), c in self._contents.items()
                if r not in self.views and self._place(r) not in replaced
            ],
        }
        self.store.put_records(RECORD, {self._key: json.dumps(memory).encode()})

    def _place(self, relation: RelationName) -> str:
        """Where a relation lies; of two relations that lie there the later one has replaced the other."""
        return str(self._home.locate(relation)).lower()

    def _state(self) -> str | None:
        return database_state(self.project.profile.engine, self.project.profile.options)

    def _look(self) -> None:
        """Recall what the database held when it was last closed in this state, or else find out what it holds."""
        if self._engine is None:
            self.state = self._state()
        (data,) = self.store.get_records(RECORD, [self._key])
        memory = json.loads(data) if data else {}
        if self.state is not None and memory.get("state") == self.state:
            self._stamps = {stamp.relation: stamp for stamp in map(_stamp, memory["stamps"])}
            self._columns = {
                RelationName(*relation): columns and tuple(Column(*column) for column in columns)
                for relation, columns in memory["columns"]
            }
            self._contents = {
                (RelationName(*relation), how, None if names is None else tuple(names)): content
                for relation, how, names, content in memory["contents"]
            }
        else:
            if self._engine is None:
                self.state = None
            self._stamps = self._verified(self.engine().stamps())

    def _verified(self, stamps: Mapping[RelationName, Stamp]) -> dict[RelationName, Stamp]:
        """The stamps of a database that someone else may have written to; that of a table whose content is not what
        was stamped names no output any more, nor does what is no stamp of ours. Every table is read."""
        with self.session() as session:

            def holds(stamp: Stamp) -> bool:
                if not DIGEST.fullmatch(stamp.fingerprint):
                    return False
                table = stamp.kind is RelationKind.TABLE
                return not table or measure_table(session.read(stamp.relation)).output == stamp.output

            return {
                relation: stamp if holds(stamp) else replace(stamp, fingerprint="", output="")
                for relation, stamp in stamps.items()
            }


def remembered_state(project: Project, store: Store) -> str | None:
    """The state of the database in which it holds what is remembered of it."""
    (data,) = store.get_records(RECORD, [_key(project)])
    return json.loads(data).get("state") if data else None


def _key(project: Project) -> bytes:
    return bytes.fromhex(digest_value("target 5", _plain(project.profile.options)))


def _stamp(fields: Mapping[str, Any]) -> Stamp:
    relation, kind = RelationName(**fields["relation"]), RelationKind(fields["kind"])
    return Stamp(**{**fields, "relation": relation, "kind": kind})


def _plain_stamp(stamp: Stamp) -> dict[str, Any]:
    return {**vars(stamp), "relation": vars(stamp.relation)}


def _plain(options: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in options.items()}
