"""A DuckDB session: one thread's cursor, which stages, reads and publishes relations."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import duckdb
import pyarrow as pa

from fftcas.engines.base import EngineError, Estimate, Staged
from fftcas.engines.duckdb import meta
from fftcas.engines.duckdb.arrow import insert_stream, plain_columns, registered, typed_columns
from fftcas.engines.duckdb.carriers import carriers
from fftcas.engines.duckdb.catalogue import Catalogue
from fftcas.engines.duckdb.errors import engine_error, translated
from fftcas.engines.duckdb.estimate import estimate
from fftcas.engines.duckdb.names import Place, hidden, quote_name
from fftcas.engines.duckdb.reading import chosen, cursor, describe, read
from fftcas.engines.duckdb.views import view_text
from fftcas.relation import RelationName, Stamp
from fftcas.table import Table

if TYPE_CHECKING:
    import pandas as pd

TRIES = 6


class DuckDBSession:
    """See `fftcas.engines.base.Session`."""

    def __init__(
        self, root: duckdb.DuckDBPyConnection, place: Place, catalogue: Catalogue, publishing: threading.Lock
    ) -> None:
        self._place = place
        self._catalogue = catalogue
        self._publishing = publishing
        self._root = root
        self._cursor = cursor(root, place)
        self._readings: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
        self._staged: dict[RelationName, Staged] = {}

    def close(self) -> None:
        self._cursor.close()

    def interrupt(self) -> None:
        for running in [self._cursor, *self._readings]:
            with suppress(duckdb.Error):  # a stream that ended has closed its cursor
                running.interrupt()

    def stage_query(self, relation: RelationName, sql: str) -> Staged:
        _check_select(self._cursor, sql)
        return self._stage(relation, sql)

    def stage_table(self, relation: RelationName, table: Table) -> Staged:
        target = self._place.quote(hidden(relation))
        definitions = [
            f"{quote_name(column.name)} {column.type}{'' if column.nullable else ' NOT NULL'}"
            for column in table.columns
        ]
        names = [f"c{i}" for i in range(len(table.columns))]
        values = ", ".join(carrier.back(name) for carrier, name in zip(carriers(table.columns), names, strict=True))
        with translated():
            self._cursor.execute(f"CREATE OR REPLACE TABLE {target} ({', '.join(definitions)})")
            try:
                rows = insert_stream(self._cursor, f"INSERT INTO {target} SELECT {values} FROM", table, names)
            except BaseException:
                self._drop(hidden(relation))
                raise
        return self._keep(Staged(relation, hidden(relation), table.columns, rows))

    def stage_arrow(self, relation: RelationName, data: pa.Table, types: Mapping[str, str]) -> Staged:
        data = plain_columns(data)
        with registered(self._cursor, data) as source:
            values = typed_columns(self._cursor, source, data.schema, types)
            return self._stage(relation, f"SELECT {values} FROM {source}")

    def read(self, relation: RelationName, columns: Sequence[str] | None = None) -> Table:
        # A cursor of its own: any other statement on the session's cursor would end the stream.
        reading = cursor(self._root, self._place)
        self._readings.add(reading)
        try:
            staged = self._staged.get(relation)
            if staged is not None:
                return read(reading, self._place, relation, chosen(staged.columns, relation, columns), staged.rows)
            if self._catalogue.kind(relation) is None:
                raise EngineError(f"there is no relation {relation}")
            found = describe(reading, self._place, relation)
            return read(reading, self._place, relation, chosen(found, relation, columns))
        except BaseException:
            reading.close()
            raise

    def frame(self, relation: RelationName, columns: Sequence[str] | None = None) -> pd.DataFrame:
        with translated():
            try:
                frame: pd.DataFrame = self._cursor.execute(self.select(relation, columns)).df()
            except (OverflowError, ValueError) as error:  # dates and intervals that Python has no values for
                raise EngineError(f"a data frame cannot hold what is in {relation}: {error}") from error
            return frame

    def select(self, relation: RelationName, columns: Sequence[str] | None = None) -> str:
        wanted = "*" if columns is None else ", ".join(map(quote_name, columns))
        return f"SELECT {wanted} FROM {self._place.quote(relation)}"

    def estimate(self, sql: str) -> Estimate:
        with translated(lines_before=1):
            return estimate(self._cursor, self._place, sql)

    def publish(self, staged: Staged, stamp: Stamp) -> None:
        rename = f"ALTER TABLE {self._place.quote(staged.hidden)} RENAME TO {quote_name(staged.relation.name)}"
        self._publish(staged.relation, "TABLE", rename, 0, stamp)
        self._forget(staged.hidden)

    def publish_view(self, relation: RelationName, sql: str, stamp: Stamp) -> None:
        _check_select(self._cursor, sql)
        with translated():
            text = view_text(self._cursor, self._place, relation, sql)
        self._publish(relation, "VIEW", f"CREATE VIEW {self._place.quote(relation)} AS\n{text}", 1, stamp)

    def discard(self, staged: Staged) -> None:
        with translated():
            self._drop(staged.hidden)

    def _stage(self, relation: RelationName, sql: str) -> Staged:
        target = hidden(relation)
        try:
            with translated(lines_before=1):
                create = f"CREATE OR REPLACE TABLE {self._place.quote(target)} AS\n{sql}"
                rows: Any = self._cursor.execute(create).fetchall()
                if not rows:  # PIVOT is two statements, and gives no count
                    rows = self._cursor.execute(f"SELECT count(*) FROM {self._place.quote(target)}").fetchall()
        except EngineError:
            self._drop(target)
            raise
        return self._keep(Staged(relation, target, describe(self._cursor, self._place, target), int(rows[0][0])))

    def _keep(self, staged: Staged) -> Staged:
        self._staged[staged.hidden] = staged
        self._catalogue.put(staged.hidden, "TABLE")
        return staged

    def _forget(self, table: RelationName) -> None:
        self._staged.pop(table, None)
        self._catalogue.drop(table)

    def _publish(self, relation: RelationName, kind: str, create: str, lines_before: int, stamp: Stamp) -> None:
        with self._publishing:
            for attempt in range(TRIES):
                try:
                    self._cursor.execute("BEGIN")
                    try:
                        self._clear(relation)
                        self._cursor.execute(create)
                        meta.write(self._cursor, self._place, stamp, replace=self._catalogue.is_stamped(stamp.relation))
                        self._cursor.execute("COMMIT")
                        self._catalogue.put(relation, kind)
                        self._catalogue.stamp(stamp.relation)
                        return
                    except BaseException:
                        with suppress(duckdb.Error):
                            self._cursor.execute("ROLLBACK")
                        raise
                except (duckdb.TransactionException, duckdb.ConstraintException) as error:
                    if attempt == TRIES - 1:
                        raise engine_error(error, lines_before) from error
                    time.sleep(0.02 * 2**attempt)
                except duckdb.Error as error:
                    raise engine_error(error, lines_before) from error

    def _clear(self, relation: RelationName) -> None:
        """Drop whatever has the relation's name."""
        kind = self._catalogue.kind(relation)
        if kind is not None:
            self._cursor.execute(f"DROP {kind} {self._place.quote(relation)}")

    def _drop(self, table: RelationName) -> None:
        self._cursor.execute(f"DROP TABLE IF EXISTS {self._place.quote(table)}")
        self._forget(table)


def _check_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises EngineError unless the text is one query. (PIVOT comes as several statements, the query last.)"""
    with translated():
        kinds = [statement.type.name for statement in connection.extract_statements(sql)]
    queries = [kind for kind in kinds if kind in {"SELECT", "MULTI"}]
    if len(queries) != 1 or kinds[-1] != queries[0]:
        raise EngineError("a model is one SELECT statement", hint=f"this text holds: {', '.join(kinds) or 'nothing'}")
