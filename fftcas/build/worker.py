"""A process in which Python models run for a build, which sends it one call after the other."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fftcas import errors
from fftcas.build.channel import Channel, LostError
from fftcas.engines import detached_frame
from fftcas.engines.base import EngineError
from fftcas.errors import FftcasError, Location
from fftcas.label import Label
from fftcas.project.nodes import PythonModel
from fftcas.project.python_result import as_arrow
from fftcas.project.python_run import call_model
from fftcas.relation import RelationName
from fftcas.streams import write_anything

FETCHING = "fftcas.http.context"
"""The module that is loaded once one of our HTTP functions was called. Here nobody would record what they fetch."""


@dataclass(frozen=True)
class Call:
    """A model's run: the model, what it sees of its project, and how many frames follow."""

    label: str
    path: str
    folder: str
    environ: Mapping[str, str]
    vars: Mapping[str, Any]
    engine: str
    inputs: int

    @property
    def root(self) -> Path:
        return Path(self.folder)

    @property
    def node(self) -> PythonModel:
        label = Label.parse(self.label)
        return PythonModel(label, label.name, self.path, RelationName(label.name))


def main(end: int, log: str) -> None:
    """Answer calls that come through the socket `end` until it is closed; logs without a handler look like `log`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # end at once, and say nothing
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(logging.Formatter(log))
    write_anything()
    channel = Channel(socket.socket(fileno=end))
    os.register_at_fork(after_in_child=channel.leave)
    import pandas  # noqa: F401, before this process says that it can begin

    running: Future[None] | None = None
    with ThreadPoolExecutor(1, "model") as models:
        try:
            channel.send({"ready": True})
            while True:
                call = Call(**channel.receive())
                try:
                    running = models.submit(answer, channel, call, frames(channel, call))
                except EngineError as error:
                    channel.send({"refused": error.what})
                    return
        except LostError:
            if running is not None and wait([running], timeout=1).not_done:
                os._exit(1)  # the build is gone, and nobody waits for this model


def frames(channel: Channel, call: Call) -> list[Any]:
    """The model's frames, made of the tables that come after the call."""
    return [detached_frame(call.engine, channel.receive_table()) for _ in range(call.inputs)]


def answer(channel: Channel, call: Call, given: Sequence[Any]) -> None:
    """Run the model and send what it returns, or what it raises."""
    try:
        os.chdir(call.folder)
        try:
            node = call.node
            result = as_arrow(node, call_model(call, node, given))
        except FftcasError as error:
            reply: dict[str, Any] = {"error": told(error)}
        else:
            reply = {"done": True}
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        if FETCHING in sys.modules:
            reply = {"refused": "it fetches"}
        channel.send(reply)
        if "done" in reply:
            channel.send_rows(result.schema, result.to_batches())
    except LostError:
        os._exit(1)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def told(error: FftcasError) -> dict[str, Any]:
    """An error as JSON."""
    kind = next(each.__name__ for each in type(error).__mro__ if each.__module__ == errors.__name__)
    where = error.where and [error.where.path, error.where.line]
    return {"kind": kind, "what": error.what, "where": where, "why": error.why, "hint": error.hint}


def retold(message: Mapping[str, Any]) -> FftcasError:
    """The error that `told` has told of."""
    kind: type[FftcasError] = getattr(errors, message["kind"])
    where = message["where"] and Location(*message["where"])
    return kind(message["what"], where=where, why=message["why"], hint=message["hint"])
