"""On whose behalf a fetch happens, and what it used.

A build wraps the run of a model in `fetching`; `current` finds that again, in the model's own thread and in threads
that the model starts. Outside of any build there is one context for the process, with the user's store.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from fftcas.declare import MACROS_RUN, MODEL_RUNS
from fftcas.digest import Digest
from fftcas.errors import NodeError
from fftcas.http.cache import BlobStore, Entry, ResponseCache
from fftcas.http.errors import OURS, call_site
from fftcas.http.settings import HttpSettings

if TYPE_CHECKING:
    from fftcas.http.lockfile import Lock

_IMPORTING = ("importlib", "_frozen_importlib")
_log = logging.getLogger("fftcas.http")


@dataclass(frozen=True)
class HttpContext:
    """`label` is the node's, `root` the project's directory. `started` is the run's start in seconds since the epoch:
    a response that was confirmed since is fresh, so that a run sees one answer to one request. `refresh` asks for all
    others again. With a `lock`, exactly its responses are given out. `say` gets progress, `warn` what is odd."""

    store: BlobStore
    settings: HttpSettings
    label: str = ""
    root: Path | None = None
    refresh: bool = False
    started: float = field(default_factory=time.time)
    lock: Lock | None = None
    say: Callable[[str], None] = _log.info
    warn: Callable[[str], None] = _log.warning

    @property
    def cache(self) -> ResponseCache:
        return ResponseCache(self.store)

    def fresh(self, entry: Entry, max_age: float | None, now: float) -> bool:
        """Whether a response needs no question to the server. `max_age` is what the call said; None leaves it to the
        settings, whose 0 means for ever."""
        age = max(0.0, now - entry.checked_at)
        if max_age is not None and age >= max_age:
            return False
        if entry.checked_at >= self.started:
            return True
        if self.refresh:
            return False
        return max_age is not None or age < (self.settings.ttl or math.inf)


@dataclass
class HttpUsage:
    """What a node fetched: calls, how many the cache answered, bytes of all bodies, and what the node now rests on.

    `failures` counts the calls that failed: an output that was made all the same rests on what nobody recorded.
    `responses` maps request digests to response digests, `max_age` those requests that say how old (in seconds) their
    response may become.
    """

    requests: int = 0
    cache_hits: int = 0
    bytes: int = 0
    used_offline: bool = False
    failures: int = 0
    responses: dict[Digest, Digest] = field(default_factory=dict)
    max_age: dict[Digest, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The `http` object of run_results.json."""
        return {
            "requests": self.requests,
            "cache_hits": self.cache_hits,
            "bytes": self.bytes,
            "used_offline": self.used_offline,
        }

    def note_failure(self) -> None:
        """Count one call that failed. Threads may call it at once."""
        with _lock:
            self.failures += 1

    def note(
        self, request: Digest, response: Digest, size: int, *, hit: bool, offline: bool, max_age: float | None
    ) -> None:
        """Count one call. Threads may call it at once."""
        with _lock:
            self.requests += 1
            self.cache_hits += hit
            self.bytes += size
            self.used_offline |= hit and offline
            self.responses[request] = response
            if max_age is not None:
                self.max_age[request] = min(max_age, self.max_age.get(request, max_age))


@dataclass(frozen=True)
class Fetching:
    """A context and what was used in it, in one process. `declared`: the model's own code names our functions."""

    context: HttpContext
    usage: HttpUsage
    declared: bool = True
    process: int = field(default_factory=os.getpid)


_lock = threading.Lock()
_mine: ContextVar[Fetching | None] = ContextVar("fftcas_http", default=None)
_all: list[Fetching] = []
_handed_out = threading.Event()
"""Set once code has our functions that no model's own code tells of: an installed package, for one."""


@contextmanager
def fetching(context: HttpContext, *, declared: bool = True) -> Iterator[HttpUsage]:
    """Fetches inside of the block are made in this context; gives what they used."""
    mine = Fetching(context, HttpUsage(), declared)
    token = _mine.set(mine)
    with _lock:
        _all.append(mine)
    try:
        yield mine.usage
    finally:
        with _lock:
            _all.remove(mine)
        _mine.reset(token)


def current() -> Fetching:
    """The context of the caller.

    Raises StoreError, UsageError; NodeError in a thread whose model cannot be told, in a process of a model's own, and
    in a macro.
    """
    mine = _mine.get()
    running = [mine] if mine else list(_all)  # unlocked: another thread may have held the lock when this process forked
    if any(each.process != os.getpid() for each in running) or (not running and MODEL_RUNS in os.environ):
        raise NodeError(
            "a fetch in a process that the model has started",
            where=call_site(running[0].context.root if running else None),
            why="what a model fetches is recorded with it, and nothing that happens in another process is",
            hint="fetch in the model's own process, where threads may be used, and give the others what came",
        )
    if not _handed_out.is_set():
        running = [each for each in running if each.declared] or running
    if len(running) == 1:
        return running[0]
    if running:
        for each in running:
            each.usage.note_failure()
        raise NodeError(
            "a fetch in a thread that several running models may have started",
            why="what a model fetches is recorded with it, and it cannot be told which one this is",
            hint="start threads' work with contextvars.copy_context().run(...), or build with --jobs 1",
        )
    if MACROS_RUN in os.environ:
        raise NodeError(
            "a fetch in a Python macro",
            why="it would be made by each command, for what it gives is no input of a model",
            hint="fetch in a Python model, and ref() its table",
        )
    return Fetching(_process_context(), HttpUsage())


def note_asker() -> None:
    """Remember whether others than models that say so have our functions, when somebody asks for one."""
    from fftcas.project.python_import import ProjectLoader, note_fetching

    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in (*OURS, *_IMPORTING):
        frame = frame.f_back
    spec = frame.f_globals.get("__spec__") if frame else None
    mine = _mine.get()
    outside = not isinstance(getattr(spec, "loader", None), ProjectLoader)
    if outside or (mine is not None and not mine.declared):
        _handed_out.set()
    if outside and frame is not None:
        note_fetching(str(frame.f_globals.get("__name__")))


def _process_context() -> HttpContext:
    # No run, so that there is no start after which a response counts as fresh.
    return HttpContext(_process_store(), HttpSettings.read(os.environ), started=math.inf)


@cache
def _process_store() -> BlobStore:
    from fftcas.store.store import Store

    return Store.open()
