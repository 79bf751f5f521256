"""A DuckDB session: one thread's cursor, which stages, reads and publishes relations."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import duckdb
import pyarrow as pa

from fftcas.engines.base import EngineError, Estimate, Staged
from fftcas.engines.duckdb import meta
from fftcas.engines.duckdb.anchoring import anchored
from fftcas.engines.duckdb.arrow import plain_columns, registered, typed_columns
from fftcas.engines.duckdb.catalogue import Catalogue
from fftcas.engines.duckdb.collations import SOURCES, drop_collations
from fftcas.engines.duckdb.errors import interruptible, translated
from fftcas.engines.duckdb.estimate import estimate
from fftcas.engines.duckdb.filling import fill, fill_at_once, variables_read
from fftcas.engines.duckdb.names import Place, hidden, quote_name
from fftcas.engines.duckdb.query import check_query
from fftcas.engines.duckdb.reading import chosen, cursor, describe, read, whole
from fftcas.engines.duckdb.reads import parse
from fftcas.engines.duckdb.views import view_text
from fftcas.relation import RelationName, Stamp
from fftcas.table import Column, Table

if TYPE_CHECKING:
    import pandas as pd

TRIES = 3


class DuckDBSession:
    """See `fftcas.engines.base.Session`.

    What is staged lies in a transaction that stays open until it is published, or undone when the session ends.
    """

    def __init__(
        self, root: duckdb.DuckDBPyConnection, place: Place, catalogue: Catalogue, publishing: threading.Lock
    ) -> None:
        self._place = place
        self._catalogue = catalogue
        self._publishing = publishing
        self._root = root
        self._cursor = cursor(root, place)
        self._readings: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
        self._staged: RelationName | None = None
        """What the staged table is called within the transaction, if there is one."""
        self._whole: duckdb.DuckDBPyRelation | None = None
        """All rows of the staged table, if it was made of a query."""
        self._stream: Iterator[pa.RecordBatch] = iter(())
        """The staged table's rows, as far as they were read."""
        self._held: list[Stamp] | None = None
        """The stamps of what takes its place all at once, while there is such a thing."""

    def close(self) -> None:
        try:
            self._undo()
        finally:
            self._cursor.close()

    def interrupt(self) -> None:
        for running in [self._cursor, *self._readings]:
            with suppress(duckdb.Error):  # a stream that ended has closed its cursor
                running.interrupt()

    def stage_query(self, relation: RelationName, sql: str, *, checked: bool = False) -> Staged:
        if not checked:
            check_query(self._cursor, sql)
        with self._staging(relation) as target:
            return self._create(relation, target, sql)

    def stage_table(self, relation: RelationName, table: Table) -> Staged:
        with translated(), self._staging(relation) as target:
            rows = fill(self._cursor, self._place.quote(target), table)
        return Staged(relation, table.columns, rows)

    def stage_arrow(self, relation: RelationName, data: pa.Table, types: Mapping[str, str]) -> Staged:
        data = plain_columns(data)
        with self._staging(relation) as target, registered(self._cursor, data) as source:
            values = typed_columns(self._cursor, source, data.schema, types)
            return self._create(relation, target, f"SELECT {values} FROM {source}")

    def read(self, relation: RelationName | Staged, columns: Sequence[str] | None = None) -> Table:
        if isinstance(relation, Staged):
            wanted = chosen(relation.columns, relation.relation, columns)
            self._end_stream()
            name = self._name(relation)
            table = read(self._cursor, self._place, name, wanted, rows=relation.rows, all_rows=self._whole)
            self._stream = table.batches
            return table
        # A cursor of its own: any other statement on the session's cursor would end the stream.
        reading = cursor(self._root, self._place)
        self._readings.add(reading)
        try:
            if self._catalogue.kind(relation) is None:
                raise EngineError(f"there is no relation {relation}")
            found = describe(reading, self._place, relation, collates=self._catalogue.collates)
            return read(reading, self._place, relation, chosen(found, relation, columns), closing=True)
        except BaseException:
            reading.close()
            raise

    def frame(self, relation: RelationName | Staged, columns: Sequence[str] | None = None) -> pd.DataFrame:
        name = self._name(relation) if isinstance(relation, Staged) else relation
        with translated():
            try:
                frame: pd.DataFrame = self._cursor.execute(self.select(name, columns)).df()
            except (OverflowError, ValueError) as error:  # dates and intervals that Python has no values for
                raise EngineError(f"a data frame cannot hold what is in {name}: {error}") from error
            return frame

    def select(self, relation: RelationName, columns: Sequence[str] | None = None) -> str:
        wanted = "*" if columns is None else ", ".join(map(quote_name, columns))
        return f"SELECT {wanted} FROM {self._place.quote(relation)}"

    def estimate(self, sql: str) -> Estimate:
        check_query(self._cursor, sql)  # EXPLAIN runs what follows its query
        with translated(lines_before=1):
            return estimate(self._cursor, self._place, sql)

    def publish(self, staged: Staged, stamp: Stamp) -> None:
        target = self._name(staged)
        self._end_stream()
        with self._publishing, translated(), self._undone_on_error():
            if target != staged.relation:
                self._clear(staged.relation)
                rename = f"ALTER TABLE {self._place.quote(target)} RENAME TO {quote_name(staged.relation.name)}"
                self._cursor.execute(rename)
            if self._held is None:
                self._stamp([stamp], "TABLE")
            else:
                self._held.append(stamp)
                self._staged = None

    @contextmanager
    def at_once(self) -> Iterator[None]:
        self._undo()
        self._held = []
        try:
            with self._undone_on_error():
                yield
                if self._held:
                    with self._publishing, translated():
                        self._stamp(self._held, "TABLE")
        finally:
            self._held = None

    def publish_tables(self, tables: Iterable[tuple[Table, Stamp]]) -> None:
        self._undo()
        stamps = []
        with self._publishing, translated(), variables_read(self._cursor), self._transaction():
            for table, stamp in tables:
                self._clear(stamp.relation)
                fill_at_once(self._cursor, self._place.quote(stamp.relation), table)
                stamps.append(stamp)
            self._cursor.execute("PRAGMA enable_optimizer")  # among many stamps, those that are replaced are looked for
            self._stamp(stamps, "TABLE")

    def publish_view(self, relation: RelationName, sql: str, stamp: Stamp, root: Path | None = None) -> None:
        check_query(self._cursor, sql)
        with translated():
            if root is not None:
                (parsed,) = parse(self._cursor, [sql])
                sql = anchored(parsed, root, self._is_there)
            text = view_text(self._cursor, self._place, relation, sql)
        with self._publishing, translated(lines_before=1), self._transaction():
            self._clear(relation)
            self._cursor.execute(f"CREATE VIEW {self._place.quote(relation)} AS\n{text}")
            if SOURCES.search(text):
                self._catalogue.collate()
            self._stamp([stamp], "VIEW")

    def _is_there(self, name: RelationName) -> bool:
        """Whether a name in a text means a relation: one without a schema may also be in `main`."""
        bare = name.schema is None or name.schema.lower() == self._place.database.lower()
        places = [RelationName(name.name, schema) for schema in (self._place.schema, "main")] if bare else [name]
        return any(self._catalogue.kind(place) for place in places)

    def discard(self) -> None:
        """Undo what is staged: the session is over for whoever had it."""
        self._undo()

    @contextmanager
    def _staging(self, relation: RelationName) -> Iterator[RelationName]:
        """Begins the transaction in which a table is staged; gives its name there. What was staged before is gone.

        A view keeps its name until the end: the table may be made of it.
        """
        target = hidden(relation) if self._catalogue.kind(relation) == "VIEW" else relation
        if self._held and self._staged is not None:
            raise EngineError(f"{self._staged} is staged, and not published yet")
        if not self._held:
            self._undo()
        self._whole = None
        with nullcontext() if self._held else self._transaction():
            yield target
            self._staged = target

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Begins a transaction, which is undone on an error and stays open else."""
        with self._undone_on_error():
            with translated():
                self._cursor.execute("BEGIN")
            yield

    @contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._undo(even_if_unstaged=True)
            raise

    def _undo(self, *, even_if_unstaged: bool = False) -> None:
        self._end_stream()
        if self._staged is None and not even_if_unstaged:
            return
        self._staged = None
        interrupt: KeyboardInterrupt | None = None
        for _ in range(TRIES):
            try:
                with interruptible():
                    self._cursor.execute("ROLLBACK")
                break
            except duckdb.TransactionException:
                break  # none is open
            except duckdb.Error:
                continue  # an interrupt may hit this statement, too
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def _end_stream(self) -> None:
        """While rows of a result are left, DuckDB 2 runs nothing else on its connection."""
        stream, self._stream = self._stream, iter(())
        if isinstance(stream, Generator):
            stream.close()

    def _create(self, relation: RelationName, target: RelationName, sql: str) -> Staged:
        """Make the staged table of a query's rows."""
        name = self._place.quote(target)
        with translated(lines_before=1):
            rows: Any = self._cursor.execute(f"CREATE OR REPLACE TABLE {name} AS\n{sql}").fetchall()
            if not rows:  # PIVOT is two statements, and gives no count
                rows = self._cursor.execute(f"SELECT count(*) FROM {name}").fetchall()
            if self._catalogue.collates or SOURCES.search(sql):
                drop_collations(self._cursor, name)
            self._whole = whole(self._cursor, self._place, target)
            columns = zip(self._whole.columns, self._whole.types, strict=True)
        return Staged(relation, tuple(Column(column, str(kind)) for column, kind in columns), int(rows[0][0]))

    def _name(self, staged: Staged) -> RelationName:
        """What a staged table is called in this session."""
        if self._staged not in (staged.relation, hidden(staged.relation)):
            raise EngineError(f"{staged.relation} is not staged any more")
        return self._staged

    def _stamp(self, stamps: Sequence[Stamp], kind: str) -> None:
        """Write the stamps of relations of one kind, and end the transaction."""
        replaced = [stamp for stamp in stamps if self._catalogue.is_stamped(stamp.relation)]
        meta.write(self._cursor, self._place, stamps, replaced)
        self._cursor.execute("COMMIT")
        self._staged = None
        for stamp in stamps:
            self._catalogue.put(stamp.relation, kind)
            self._catalogue.stamp(stamp.relation)

    def _clear(self, relation: RelationName) -> None:
        """Drop whatever has the relation's name."""
        kind = self._catalogue.kind(relation)
        if kind is not None:
            self._cursor.execute(f"DROP {kind} {self._place.quote(relation)}")
