"""Where a build's Python models run: one at a time in this process, and beside it in processes of their own.

Models in one interpreter wait for each other. The first one runs here, at no cost; others that come while it runs take
whatever is free first: this process again, or a worker, which takes half a second to start. So short models never wait
for a worker, and long ones do not wait for long. One that was done sooner than that the last time has no worker started
for it before it has waited as long. Models that may fetch run in threads of this process: they wait more
than they work, and what they fetch is recorded here.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any

from fftcas.build.channel import Channel, LostError
from fftcas.build.worker import Call, retold
from fftcas.engines.base import EngineError, Session
from fftcas.errors import Location, NodeError
from fftcas.project.nodes import PythonModel
from fftcas.project.project import Project
from fftcas.project.python_result import as_arrow
from fftcas.project.python_run import call_model
from fftcas.store import Store
from fftcas.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

BEGIN = (
    "import json, sys; given = json.loads(sys.argv.pop()); sys.path[:] = given['path']; "
    "from fftcas.build.worker import main; main(given['end'], given['log'])"
)
"""What a worker runs; its last argument says where modules are, which socket it has, and what logs look like."""

START = 0.5
"""Seconds that a worker takes to start, about."""

PATIENCE = 2.0
"""Seconds that a worker has to end by itself."""


class RefusedError(Exception):
    """This call cannot be made in a worker."""


class Workers:
    """The places where the Python models of one run may run: `jobs` at most. Threads may share it."""

    def __init__(self, project: Project, store: Store, jobs: int) -> None:
        self._project = project
        self._store = store
        self._most = jobs - 1
        self._at_once = max(1, (os.cpu_count() or 1) // 2)  # to start one keeps a core busy
        self._vars = _travelling(project.vars)
        self._environ, self._path = dict(os.environ), list(sys.path)  # as they are before a model changes them
        self._changed = Condition()
        self._here = False
        self._alive: list[Worker] = []
        self._idle: list[Worker] = []
        self._starting = 0
        self._interrupted = False

    def call(self, session: Session, node: PythonModel) -> pa.Table:
        """What the model makes of its inputs. Raises FftcasError."""
        if node.fetches:
            return self._run_here(session, node)
        anywhere = self._vars is not None
        starts_at = time.monotonic() + (START if anywhere and self._was_short(node) else 0.0)
        while True:
            worker = self._take(anywhere, starts_at)
            try:
                return self._run_here(session, node) if worker is None else self._send(worker, session, node)
            except RefusedError:
                anywhere = False
            finally:
                self._give(worker)

    def interrupt(self) -> None:
        """End all workers, and whoever waits for one."""
        with self._changed:
            self._interrupted = True
            for worker in self._alive:
                worker.process.kill()
            self._changed.notify_all()

    def close(self) -> None:
        """End the workers: those that are idle in their own way."""
        with self._changed:
            self._most = 0
            for worker in self._alive:
                worker.channel.close()
                if worker not in self._idle:
                    worker.process.kill()
            ending = tuple(self._alive)
        for worker in ending:
            worker.end(PATIENCE)

    def _run_here(self, session: Session, node: PythonModel) -> pa.Table:
        nodes = self._project.nodes
        frames = [session.frame(nodes[label].relation, node.columns.get(label)) for label in node.inputs]
        try:
            os.chdir(self._project.root)  # a model that fetches may be elsewhere at this moment
            return as_arrow(node, call_model(self._project, node, frames))
        finally:
            os.chdir(self._project.root)  # the relative paths of all others start there

    def _send(self, worker: Worker, session: Session, node: PythonModel) -> pa.Table:
        nodes = self._project.nodes
        try:
            tables = [session.read(nodes[label].relation, node.columns.get(label)) for label in node.inputs]
        except EngineError as error:  # a type that only this process knows
            raise RefusedError from error
        assert self._vars is not None
        call = Call(
            label=node.label.text,
            path=node.path,
            folder=str(self._project.root),
            environ=self._project.environ,
            vars=self._vars,
            engine=self._project.profile.engine,
            inputs=len(tables),
        )
        return worker.call(node, call, tables)

    def _was_short(self, node: PythonModel) -> bool:
        seconds = self._store.seconds(node.label.text)
        return seconds is not None and seconds < START

    def _take(self, anywhere: bool, starts_at: float) -> Worker | None:
        """Wait for a place: None is this process, and the only one unless `anywhere`. Before `starts_at` on the clock
        that never goes back no worker is started for it."""
        with self._changed:
            while not self._interrupted:
                if not self._here:
                    self._here = True
                    return None
                if anywhere and self._idle:
                    return self._idle.pop()
                early = starts_at - time.monotonic()
                if anywhere and early <= 0 and self._starting < self._at_once and len(self._alive) < self._most:
                    self._start()
                self._changed.wait(early if early > 0 else None)
        raise NodeError("the run was interrupted")

    def _give(self, worker: Worker | None) -> None:
        with self._changed:
            if worker is None:
                self._here = False
            elif worker.usable:
                self._idle.append(worker)
            else:
                self._alive.remove(worker)
            self._changed.notify_all()

    def _start(self) -> None:
        try:
            worker = Worker(self._project.root, self._environ, self._path)
        except OSError:  # no process or no file is to be had: models run here
            self._most = 0
            return
        self._alive.append(worker)
        self._starting += 1
        Thread(target=self._welcome, args=(worker,), name="worker", daemon=True).start()

    def _welcome(self, worker: Worker) -> None:
        begun = worker.begun()
        with self._changed:
            self._starting -= 1
            if begun:
                self._idle.append(worker)
            else:  # it has said why
                self._alive.remove(worker)
                self._most = 0
            self._changed.notify_all()


class Worker:
    """A process for one model at a time. Raises OSError if it cannot be started."""

    def __init__(self, folder: Path, environ: Mapping[str, str], path: Sequence[str]) -> None:
        ours, theirs = socket.socketpair()
        end = theirs.fileno()
        given = {"path": path, "end": end, "log": _log_format()}
        # As multiprocessing does; and -P, so that no file of the project is taken for a module of Python's own.
        options = [*subprocess._args_from_interpreter_flags(), "-P"]  # type: ignore[attr-defined]
        command = [sys.executable, *options, "-c", BEGIN, json.dumps(given)]
        with theirs:
            self.process = subprocess.Popen(command, cwd=folder, env=environ, pass_fds=[end])
        self.channel = Channel(ours)
        self.usable = True

    def begun(self) -> bool:
        """Wait until it can begin; False if it cannot."""
        try:
            return bool(self.channel.receive()["ready"])
        except LostError:
            self.end()
            return False

    def call(self, node: PythonModel, call: Call, tables: Sequence[Table]) -> pa.Table:
        """Run a model there. Raises RefusedError if it has to run here, and FftcasError."""
        try:
            self.channel.send(asdict(call))
            for table in tables:
                self.channel.send_table(table)
        except (EngineError, LostError) as error:  # the model has not begun
            self.end()
            raise RefusedError from error
        try:
            reply = self.channel.receive()
            if "done" in reply:
                return self.channel.receive_rows().read_all()
        except (LostError, OSError, ValueError):
            raise self._ended(node) from None
        if "refused" in reply:
            self.end()
            raise RefusedError(reply["refused"])
        raise retold(reply["error"])

    def end(self, patience: float = 0.0) -> None:
        """End the process if it does not end by itself within `patience` seconds."""
        self.usable = False
        self.channel.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
            return
        self.process.kill()
        self.process.wait()

    def _ended(self, node: PythonModel) -> NodeError:
        self.end(PATIENCE)
        code = self.process.returncode
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        return NodeError(
            f"the process that ran {node.label} ended: {how}",
            where=Location(node.path),
            why="a Python model that runs beside another one has a process of its own",
            hint="if memory is short, or the model needs this process to itself, build with --jobs 1",
        )


def _travelling(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values, if JSON gives them back as they are."""
    try:
        again: dict[str, Any] = json.loads(json.dumps(values))
    except (TypeError, ValueError):
        return None
    return again if again == values else None


def _log_format() -> str:
    """What logs look like that nobody handles."""
    record = logging.makeLogRecord({"msg": "%(message)s"})
    return logging.lastResort.format(record) if logging.lastResort else "%(message)s"
