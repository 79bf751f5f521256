"""A run's use of HTTP: what its nodes fetch, and whether the outputs it knows still rest on current responses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fftcas.build.options import HttpOptions
from fftcas.errors import LockError, UsageError
from fftcas.http.settings import HttpSettings
from fftcas.label import Label
from fftcas.project.nodes import Node, PythonModel
from fftcas.project.project import Project
from fftcas.store import Realisation, Store

if TYPE_CHECKING:
    from fftcas.http.context import HttpContext, HttpUsage
    from fftcas.http.lockfile import Lock
    from fftcas.store.remote.claim import Claim

NOT_KEPT = (
    "a request failed and the model went on without it: the output is not kept, and the model runs again next time"
)


@dataclass
class Fetched:
    """What a node's run fetched, once its code has run: None if it rests on no response.

    `failed`: a request failed and the model went on, so that nobody knows what the output rests on.
    """

    usage: HttpUsage | None = None
    failed: bool = False
    warnings: list[str] = field(default_factory=list)


class Http:
    """The requests of one run: they share settings, the run's start, and the lock file. Threads may share it.

    Raises UsageError for a setting that cannot be, LockError if the lock file is wanted and cannot be used.
    """

    def __init__(
        self, project: Project, store: Store, options: HttpOptions, say: Callable[[str], None] = lambda line: None
    ) -> None:
        settings = HttpSettings.read(project.environ)
        mode, offline = options.mode or settings.mode, options.offline or settings.offline
        self.project = project
        self.store = store
        self.options = options
        self.settings = replace(settings, mode=mode, offline=offline)
        self.lock = _lock(project, options) if options.locked else None
        self.started = time.time()
        self._say = say
        self._notices = list(settings.notices)

    def current(self, node: Node, realisation: Realisation | None, *, ask: bool) -> bool:
        """Whether an output that is known needs no new run because of the responses it rests on.

        Unless `ask`, no server is asked, and what one would have to be asked for is not current. Without a
        realisation it is not known what a model fetched: where that matters, it has to run.
        """
        if realisation is None:
            wanted = self.options.locked or self.options.prove or node.label in self.options.refresh
            return not (wanted and isinstance(node, PythonModel))
        if not realisation.http:
            return True
        from fftcas.http.freshness import rests_on_current

        return rests_on_current(self._context(node.label), realisation.http, realisation.http_max_age, ask=ask)

    def adopt(self, node: Node, claim: Claim) -> None:
        """Let the responses that came with an output serve where the store's own have expired."""
        if claim.responses:
            from fftcas.http.sharing import adopt

            adopt(self._context(node.label), claim.realisation, [response.note for response in claim.responses])

    def changed(self, realisation: Realisation) -> str | None:
        """Which of the responses that an output rests on are not the current ones, in words; None if none is known."""
        if self.lock is not None:
            return "it rests on other responses than those that are locked"
        entries = self._context().cache.entries(realisation.http)
        other = [entry for request, entry in entries.items() if entry.response != realisation.http[request]]
        more = f", and {len(other) - 1} more" if len(other) > 1 else ""
        return f"another response to {other[0].method} {other[0].url}{more}" if other else None

    def rested(self, realisation: Realisation | None) -> HttpUsage | None:
        """What is told of an output that was taken from the store; None if it rests on no response."""
        if realisation is None or not realisation.http:
            return None
        from fftcas.http.freshness import rested

        return rested(self._context(), realisation.http)

    @contextmanager
    def fetching(self, node: Node) -> Iterator[Fetched]:
        """A node's own code has to run inside of the block."""
        fetched = Fetched()
        if not isinstance(node, PythonModel):
            yield fetched
            return
        from fftcas.http.context import fetching

        context = replace(self._context(node.label), say=self._say, warn=fetched.warnings.append)
        with fetching(context, declared=node.fetches) as usage:
            yield fetched
        if usage.requests:
            fetched.usage = usage
            while self._notices:
                fetched.warnings.append(self._notices.pop())
        if usage.failures:
            fetched.failed = True
            fetched.warnings.append(NOT_KEPT)

    def _context(self, label: Label | None = None) -> HttpContext:
        from fftcas.http.context import HttpContext

        return HttpContext(
            self.store,
            self.settings,
            label.text if label else "",
            self.project.root,
            refresh=label in self.options.refresh,
            started=self.started,
            lock=self.lock,
        )


def _lock(project: Project, options: HttpOptions) -> Lock:
    from fftcas.http.lockfile import NAME, read_lock

    if options.refresh:
        raise UsageError("locked responses cannot be refreshed", hint="`fftcas lock --update` renews them")
    lock = read_lock(project.root)
    if lock is None:
        raise LockError(f"the project has no {NAME}", hint="`fftcas lock` writes it; then commit it")
    return lock
