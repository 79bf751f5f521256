"""What a build and its workers say to each other: JSON objects, one a line, and tables as Arrow streams."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from fftcas.table import Column, Table

if TYPE_CHECKING:
    import pyarrow as pa


class LostError(Exception):
    """The other process is gone, or no longer understood."""


class Channel:
    """One end of a connected socket. All methods raise LostError if the other end is closed."""

    def __init__(self, end: socket.socket) -> None:
        end.set_inheritable(False)  # what a model starts must not keep it open
        self._end = end
        self._incoming = end.makefile("rb")
        self._outgoing = end.makefile("wb")

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a JSON object."""
        with _lost():
            self._outgoing.write(json.dumps(message).encode() + b"\n")
            self._outgoing.flush()

    def receive(self) -> dict[str, Any]:
        """Wait for a JSON object."""
        with _lost():
            line = self._incoming.readline()
            if not line.endswith(b"\n"):
                raise LostError
            message: dict[str, Any] = json.loads(line)
            return message

    def send_table(self, table: Table) -> None:
        """Send a table, whose stream is read. Raises what the stream raises."""
        self.send({"columns": [astuple(column) for column in table.columns]})
        self.send_rows(table.schema, table.batches)

    def receive_table(self) -> Table:
        """A table, to be read to its end before anything else is received."""
        columns = tuple(Column(*column) for column in self.receive()["columns"])
        reader = self.receive_rows()

        def batches() -> Iterator[pa.RecordBatch]:
            with _lost():
                yield from reader

        return Table(columns, reader.schema, batches())

    def send_rows(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        """Send Arrow data. Raises what `batches` raises."""
        import pyarrow as pa

        with _lost():
            writer = pa.ipc.new_stream(pa.PythonFile(self._outgoing, "w"), schema)
            for batch in batches:
                writer.write_batch(batch)
            writer.close()
            self._outgoing.flush()

    def receive_rows(self) -> pa.RecordBatchReader:
        """Arrow data, to be read to its end before anything else is received."""
        import pyarrow as pa

        with _lost():
            return pa.ipc.open_stream(pa.PythonFile(self._incoming, "r"))

    def close(self) -> None:
        """Hang up: the other process hears that this was the end."""
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._end.close()

    def leave(self) -> None:
        """Let go of this end in a forked child, so that the other one hears when the parent is gone."""
        os.close(self._end.detach())


@contextmanager
def _lost() -> Iterator[None]:
    """ValueErrors are those of JSON, of files that are closed, and of pyarrow."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise LostError(str(error)) from error
