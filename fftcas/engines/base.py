"""What fftcas asks of an engine: to run statements, and to take tables in and give them out as Arrow batches.

Nothing above this floor names an engine or its dialect. A node's output is first *staged*, where only its session sees
it and it can be read and stored, and then *published*: with its stamp, it takes the relation's place all at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fftcas.digest import Digest
from fftcas.errors import Location, NodeError
from fftcas.relation import RelationName, Stamp
from fftcas.table import Column, Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class EngineError(NodeError):
    """The engine refused a statement, or cannot hold or give what was asked of it.

    `message` is what the engine said; `line` counts from 1 in the SQL text that was given to it, and `caret` is that
    line with the engine's own mark below the spot. Both are None where the engine does not point.
    """

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        caret: str | None = None,
        where: Location | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, where=where, why=caret, hint=hint)
        self.message = message
        self.line = line
        self.caret = caret


@dataclass(frozen=True)
class Staged:
    """A table that was made for `relation`, and that nobody but its session sees yet."""

    relation: RelationName
    columns: tuple[Column, ...]
    rows: int


@dataclass(frozen=True)
class Scan:
    """What a statement reads of one relation: columns, and the bytes that these hold in all rows."""

    relation: str
    columns: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class Estimate:
    """What a statement will read, the largest scan first."""

    scans: tuple[Scan, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(scan.bytes for scan in self.scans)


class Session(Protocol):
    """One thread's connection. Methods raise EngineError; a failed call leaves relations and stamps as they were.

    One table is staged at a time, until it is published, another is staged, or the session ends.
    """

    def at_once(self) -> AbstractContextManager[None]:
        """What is staged and published within takes its place when this ends, all of it; on an error, nothing does.

        For small tables, none of which reads another one of them; each is published before the next is staged.
        """

    def stage_query(self, relation: RelationName, sql: str, *, checked: bool = False) -> Staged:
        """Run a SELECT and keep its rows, staged. `checked`: the parser has taken the text for one query already."""

    def stage_table(self, relation: RelationName, table: Table) -> Staged:
        """Put a stored table back, with exactly the logical types that `table.columns` say."""

    def stage_arrow(self, relation: RelationName, data: pa.Table, types: Mapping[str, str]) -> Staged:
        """Stage plain Arrow data (seeds, frames) with the engine's own types, or those in `types` by column name."""

    def read(self, relation: RelationName | Staged, columns: Sequence[str] | None = None) -> Table:
        """A stream of the rows of a relation, or of what is staged, in carrier types that `stage_table` takes back
        without loss. That of what is staged ends with the session's next call.

        Raises EngineError, naming column and type, if a column's type cannot be stored.
        """

    def frame(self, relation: RelationName | Staged, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The rows of a relation, or of what is staged, as the data frame that Python models get."""

    def select(self, relation: RelationName, columns: Sequence[str] | None = None) -> str:
        """A query for a relation's rows: all columns, or these."""

    def estimate(self, sql: str) -> Estimate:
        """What a query would read, by the engine's own statistics; nothing is run."""

    def publish(self, staged: Staged, stamp: Stamp) -> None:
        """The staged table takes the relation's place, whatever stood there, and is stamped, all at once."""

    def publish_tables(self, tables: Iterable[tuple[Table, Stamp]]) -> None:
        """Stored tables take their relations' places, whatever stood there, and are stamped, all of them at once.

        For small tables, which are held in memory one at a time.
        """

    def publish_view(self, relation: RelationName, sql: str, stamp: Stamp, root: Path | None = None) -> None:
        """A view on `sql` takes the relation's place, whatever stood there, and is stamped, all at once.

        `root` is where the relative paths of files in there start, if it reads files: the view gets whole ones.
        """

    def interrupt(self) -> None:
        """Stop the statement that runs in this session; may be called from another thread."""


@dataclass(frozen=True)
class Reads:
    """What a statement reads by name: tables and views, or files of that name where there are none, spelled as in the
    text; and files given as literals.

    `dated` are those of the files of which it may read when they were written; `tells_paths` says that its rows may
    tell where files are, if it reads some.
    `opaque` names whatever else it reads, of which nobody can tell whether it changed: the catalogue, a URL.
    `names_columns` says that it names each column that it reads, so that others may come and go unseen; `one_query`
    that the parser took the text for one query.
    """

    relations: frozenset[RelationName]
    files: frozenset[str]
    opaque: frozenset[str] = frozenset()
    names_columns: bool = False
    one_query: bool = False
    dated: frozenset[str] = frozenset()
    tells_paths: bool = False


@dataclass(frozen=True)
class Unstable:
    """What makes two runs of a statement differ on the same rows: the words for it, its line (from 1), and why."""

    what: str
    line: int
    why: str


@dataclass(frozen=True)
class Query:
    """A query, the columns of what it reads, directly or through `views`, and the texts of these.

    Views come in the order of their making, each after those that it reads. `named` says that `Binder.reads` found
    query and views to name each column that they read.
    """

    sql: str
    inputs: Mapping[RelationName, tuple[Column, ...]]
    views: Mapping[RelationName, str] = field(default_factory=dict)
    named: bool = False


class Binder(Protocol):
    """Answers about SQL texts from the engine's own parser and binder, without the target database."""

    def quote(self, relation: RelationName) -> str:
        """The relation's name as SQL text, the same as `Engine.quote` gives."""

    def quote_column(self, name: str) -> str:
        """A column's name as SQL text."""

    def columns_read(self, queries: Sequence[Query]) -> list[Mapping[RelationName, frozenset[str] | None]]:
        """The columns that each query reads of each of its inputs; None stands for all of them. Never raises.

        Two states of the inputs that agree in these columns, in the columns' order and in the count of rows, give the
        same result. Many queries take less time together than one by one.
        """

    def parse(self, queries: Sequence[str]) -> None:
        """Parse several queries at once, which takes less time than one by one: what follows is asked about them."""

    def reads(self, sql: str) -> Reads:
        """What a query reads by name, common table expressions apart. Raises EngineError if that cannot be told."""

    def unstable(self, sql: str) -> list[Unstable]:
        """What may make two runs of the query differ, by line. Never raises."""

    def close(self) -> None: ...


class Engine(Protocol):
    """A target database, opened for one run."""

    name: str
    """As profiles spell it, e.g. `duckdb`."""
    version: str
    """Major and minor version, e.g. `2.0`: part of every derivation key."""

    def quote(self, relation: RelationName) -> str:
        """The relation's name as SQL text, qualified where it must be."""

    def prepare(self, schemas: Sequence[str]) -> None:
        """Create what must exist before nodes run: the schemas, and the table of stamps."""

    def stamps(self) -> Mapping[RelationName, Stamp]:
        """The stamps whose relation is really there: of the stamped kind, with the stamped columns and row count.

        The stamp of a view whose text is not what was noted names no output.
        """

    def keep_view_texts(self, views: Sequence[RelationName]) -> None:
        """Note the texts of views that were made, by which `stamps` finds out that someone else has replaced one."""

    def session(self, *, one_thread: bool = False) -> AbstractContextManager[Session]:
        """A connection for the calling thread. What is staged and not published when it ends leaves nothing.

        With `one_thread` the engine runs its statements in one thread of its own, unless another session at the same
        time has all of them: that is cheaper for small tables, and gives their rows in the same order each time.
        """

    def describe(self, relation: RelationName) -> tuple[Column, ...] | None:
        """The columns of an existing relation, or None if there is none."""

    def is_view(self, relation: RelationName) -> bool:
        """Whether there is a view of this name: what it gives may change although the database does not."""

    def fingerprint(self, relation: RelationName, columns: Sequence[str] | None = None) -> Digest:
        """An exact, order-free fingerprint of a relation's columns and rows, or of some columns and the row count."""

    def marker(self, relation: RelationName, column: str) -> Digest:
        """A digest of the row count and of the greatest value of a column. Raises EngineError."""

    def close(self) -> None:
        """Close the database. Raises EngineError while a statement runs that nobody could stop."""
