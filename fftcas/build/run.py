"""A run: the targets and all that they read are brought up to date, node by node, each as cheaply as can be."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from fftcas.build.answers import Exchange, scope
from fftcas.build.attempt import Attempt
from fftcas.build.budgets import Spent
from fftcas.build.clock import Clock, now
from fftcas.build.decide import Decider
from fftcas.build.executor import Executor
from fftcas.build.git import Edits, checkout
from fftcas.build.http import Http
from fftcas.build.options import BuildOptions
from fftcas.build.outcome import Outcome, Status
from fftcas.build.places import places
from fftcas.build.realise import Realiser
from fftcas.build.recording import Recording
from fftcas.build.sharing import Sharing
from fftcas.build.target import OvertakenError, Target
from fftcas.build.workers import Workers
from fftcas.errors import BudgetError, NodeError, UsageError
from fftcas.label import Label
from fftcas.project.project import Project
from fftcas.store import RunRecord, Store

if TYPE_CHECKING:
    from fftcas.store.remote import Remote, RemoteReport


@dataclass(frozen=True)
class Run:
    """What a run did; `outcomes` are in the graph's order. Times are ISO 8601 in UTC. `files` are read in SQL.

    `checked` counts the nodes that were run again to compare. `database` is the state of the database in which it holds
    what the run has found or left there, None if nobody knows; `commit` is what was checked out when it began.
    """

    run_id: str
    started_at: str
    finished_at: str
    seconds: float
    outcomes: tuple[Outcome, ...]
    interrupted: bool = False
    budgets: tuple[Spent, ...] = ()
    remote: RemoteReport | None = None
    files: tuple[str, ...] = ()
    checked: int = 0
    database: str | None = None
    commit: str | None = None

    def count(self, status: Status) -> int:
        return sum(outcome.status is status for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        if self.interrupted:
            return 130
        codes = {outcome.error.exit_code for outcome in self.outcomes if outcome.error is not None}
        codes |= {BudgetError.exit_code for spent in self.budgets if spent.status == "error"}
        # What is wrong with a file and shows only when its node runs is a failure of that node.
        return max((NodeError.exit_code if code == UsageError.exit_code else code for code in codes), default=0)


def build(
    project: Project,
    targets: Sequence[Label],
    store: Store,
    options: BuildOptions,
    *,
    command: str = "build",
    run_id: str | None = None,
    started: Callable[[Label], None] = lambda label: None,
    done: Callable[[Outcome], None] = lambda outcome: None,
    postponed: Callable[[Label], None] = lambda label: None,
    remote: Callable[[], Remote | None] = lambda: None,
    say: Callable[[str], None] = lambda line: None,
) -> Run:
    """Bring `targets` and all that they read up to date; meanwhile the project's directory is the current one.

    If another process writes to the database while the run begins, it begins again with what is there then.

    `remote` opens the remote, when it is needed for the first time. `started` is called when a node begins to be
    restored or run, `done` when a node is done, `postponed` when it will be in the end, all in this thread; `say` gets
    the progress of long fetches, in any. A node that fails is an outcome, not an exception. Raises FftcasError if store
    or database cannot be used, RemoteError if a required remote cannot, LockError if the lock file is wanted and cannot
    be used.
    """
    clock = Clock()
    here = checkout(project.root)
    record = RunRecord(
        run_id or new_run_id(clock.started_at),
        str(project.root),
        project.profile.name,
        clock.started_at,
        branch=here.branch,
        commit=here.commit,
        command=command,
    )
    http = Http(project, store, options.http, say)
    target = Target(project, store)
    sharing = Sharing(store, remote)
    whose = scope(project)
    exchange = Exchange(partial(sharing.answers, whose))
    workers = Workers(project, store, options.jobs)

    def begin() -> Attempt:
        decider = Decider(project, store, target, options, http, exchange)
        host, externals = socket.gethostname(), decider.externals
        executor = Executor(project, target, externals, workers)
        realiser = Realiser(project, store, target, options, record.run_id, host, sharing, http, externals, executor)
        recording = Recording(store, record, decider.identities, partial(places, project))
        return Attempt(targets, decider, realiser, recording, started, done, postponed)

    attempt = begin()
    interrupted = False
    edits = Edits(project.root, here)
    try:
        try:
            attempt.run()
        except OvertakenError:
            attempt.decider.close()
            attempt = begin()
            target.look_again()
            attempt.run()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        workers.close()
        attempt.decider.close()
        target.close()
        edits.wait()
    report = None
    try:
        if not interrupted:
            sharing.give_answers(whose, exchange.asked)
            report = sharing.finish()
    except KeyboardInterrupt:
        interrupted = True  # all is built; what was not published yet is left
    ordered = attempt.results()
    files = tuple(sorted(attempt.decider.externals.read))
    run = Run(
        record.run_id,
        clock.started_at,
        now(),
        clock.seconds,
        ordered,
        interrupted,
        attempt.builder.spent,
        report,
        files,
        len(attempt.checked),
        target.state,
        here.commit,
    )
    read = project.read.union(node.path for node in project.nodes.values())
    left = {outcome.label: outcome.identity.output for outcome in ordered if outcome.identity}
    store.record_run(
        replace(
            record,
            finished=run.finished_at,
            edited=edits.concern(read),
            summary={status.value: run.count(status) for status in Status},
            saved=sum(outcome.saved_seconds for outcome in ordered),
            outputs={label.text: output for label, output in left.items()},
        ),
        places(project, left),
    )
    return run


def new_run_id(started_at: str) -> str:
    """A name for a run that sorts by time, e.g. `20260131T120000-1f2e3d`."""
    return started_at[:19].replace("-", "").replace(":", "") + "-" + secrets.token_hex(3)
