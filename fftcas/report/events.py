"""The event log of a run: a JSON object per line, written as things happen, so that it tells of a crash as well."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from fftcas.build.clock import now
from fftcas.build.outcome import Outcome, Status
from fftcas.build.run import Run
from fftcas.errors import UsageError
from fftcas.label import Label

KEEP = 50
"""Event logs that are kept for a project."""


class EventLog:
    """Writes `<folder>/<run id>.jsonl`. Nodes that are fresh are counted, not listed: nothing happened to them."""

    def __init__(self, folder: Path, run_id: str, command: str) -> None:
        self.path = folder / f"{run_id}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.out: TextIO | None = self.path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n")
        except OSError as error:
            raise UsageError(
                f"cannot write {self.path}", why=error.strerror, hint="make the directory writable"
            ) from error
        for old in sorted(folder.glob("*.jsonl"))[:-KEEP]:
            with suppress(OSError):
                old.unlink()
        self.write("run_started", run_id=run_id, command=command)

    def started(self, label: Label) -> None:
        """A node began to be restored or run."""
        self.write("node_started", label=label.text)

    def done(self, outcome: Outcome) -> None:
        """A node is done."""
        if outcome.status is not Status.FRESH:
            self.write(
                "node_done",
                label=outcome.label.text,
                status=outcome.status.value,
                reason=outcome.reason,
                seconds=round(outcome.seconds, 6),
                rows=outcome.rows,
                bytes=outcome.bytes,
                bytes_scanned=outcome.bytes_scanned,
                error=str(outcome.error) if outcome.error else None,
            )

    def finish(self, run: Run) -> None:
        """The run is over; closes the log."""
        counts = {status.value: run.count(status) for status in Status}
        self.write("run_finished", exit_code=run.exit_code, seconds=round(run.seconds, 6), **counts)
        self._close()

    def write(self, event: str, **facts: Any) -> None:
        """Add a line. Where that is not possible any more the log ends: the run is worth more."""
        if self.out is None:
            return
        try:
            self.out.write(json.dumps({"at": now(), "event": event, **facts}, ensure_ascii=False) + "\n")
            self.out.flush()
        except OSError:  # the disk is full
            self._close()

    def _close(self) -> None:
        out, self.out = self.out, None
        if out is not None:
            with suppress(OSError):
                out.close()
