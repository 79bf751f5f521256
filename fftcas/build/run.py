"""A run: the targets and all that they read are brought up to date, node by node, each as cheaply as can be."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fftcas.build.columns import columns_read
from fftcas.build.equality import prove_equal
from fftcas.build.keys import derive
from fftcas.build.options import BuildOptions
from fftcas.build.outcome import Identity, Outcome, Status
from fftcas.build.realise import Clock, Realiser, cached, now
from fftcas.build.schedule import Job, run_nodes
from fftcas.build.target import Target
from fftcas.build.views import definition
from fftcas.derivation import Derivation
from fftcas.digest import Digest, Value
from fftcas.engines import engine_version
from fftcas.errors import FftcasError
from fftcas.explain.changes import short_reason
from fftcas.label import Label
from fftcas.project.nodes import Node, Source, SqlModel
from fftcas.project.project import Project
from fftcas.relation import RelationKind, Stamp
from fftcas.store.store import Store
from fftcas.table import Manifest


@dataclass(frozen=True)
class Run:
    """What a run did; `outcomes` are in the graph's order. Times are ISO 8601 in UTC."""

    run_id: str
    started_at: str
    finished_at: str
    seconds: float
    outcomes: tuple[Outcome, ...]
    interrupted: bool = False

    def count(self, status: Status) -> int:
        return sum(outcome.status is status for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        if self.interrupted:
            return 130
        return max((o.error.exit_code for o in self.outcomes if o.error is not None), default=0)


def build(
    project: Project,
    targets: Sequence[Label],
    store: Store,
    options: BuildOptions,
    *,
    started: Callable[[Label], None] = lambda label: None,
    done: Callable[[Outcome], None] = lambda outcome: None,
) -> Run:
    """Bring `targets` and all that they read up to date.

    `started` is called when a node begins to be restored or run, `done` when a node is done, both in this thread. A
    node that fails is an outcome, not an exception. Raises FftcasError if store or database cannot be used.
    """
    clock = Clock()
    run_id = new_run_id(clock.started_at)
    wanted = project.graph.ancestors(targets)
    outcomes: dict[Label, Outcome] = {}
    target = Target(project, store)
    interrupted = False
    try:
        realiser = Realiser(project, store, target, options, run_id, socket.gethostname())
        builder = _Builder(realiser, started)

        def keep(outcome: Outcome) -> None:
            outcomes[outcome.label] = outcome
            if outcome.identity is not None:
                builder.identities[outcome.label] = outcome.identity
            if not isinstance(project.nodes[outcome.label], Source) or not outcome.ok:
                done(outcome)

        run_nodes(
            project.graph,
            wanted,
            builder.start,
            jobs=options.jobs,
            keep_going=options.keep_going,
            skipped=builder.skipped,
            done=keep,
            interrupt=target.interrupt,
        )
    except KeyboardInterrupt:
        interrupted = True
    finally:
        target.close()
    shown = [label for label in project.graph if label in outcomes]
    shown = [label for label in shown if not isinstance(project.nodes[label], Source) or not outcomes[label].ok]
    return Run(run_id, clock.started_at, now(), clock.seconds, tuple(outcomes[label] for label in shown), interrupted)


def new_run_id(started_at: str) -> str:
    """A name for a run that sorts by time, e.g. `20260131T120000-1f2e3d`."""
    return started_at[:19].replace("-", "").replace(":", "") + "-" + secrets.token_hex(3)


class _Builder:
    """Decides, for each node of one run, what is the least that has to be done."""

    def __init__(self, realiser: Realiser, started: Callable[[Label], None]) -> None:
        self.realiser = realiser
        self.project = realiser.project
        self.store = realiser.store
        self.target = realiser.target
        self.options = realiser.options
        self.started = started
        self.context = context(self.project)
        self.identities: dict[Label, Identity] = {}
        self.failed_first: dict[Label, Label] = {}

    def start(self, label: Label) -> Outcome | Job:
        """Answer at once if the node is fresh, else with the job that restores or runs it."""
        node = self.project.nodes[label]
        clock = Clock()
        try:
            return self.decide(node)
        except FftcasError as error:
            return failure(node.label, error, clock)

    def decide(self, node: Node) -> Outcome | Job:
        if isinstance(node, Source):
            return Outcome(node.label, Status.FRESH, "source", identity=self.target.source(node))
        if isinstance(node, SqlModel) and node.materialized == "ephemeral":
            return Outcome(node.label, Status.FRESH, "inlined where it is read")
        derivation = self.derive(node)
        if isinstance(node, SqlModel) and node.materialized == "view":
            return self.decide_view(node, derivation)
        if self.may_read(node):
            fresh = self.fresh(node, derivation)
            if fresh is not None:
                return fresh
        return self.job(node, lambda: self.realise(node, derivation))

    def decide_view(self, node: SqlModel, derivation: Derivation) -> Outcome | Job:
        wanted = definition(self.project, node, self.identities)
        stamp = self.target.stamps().get(node.relation)
        if self.may_read(node) and stamp is not None and stamp.definition == wanted:
            return Outcome(node.label, Status.FRESH, "unchanged", derivation.key, Identity(derivation.key))
        known = self.may_read(node) and self.store.realisation(derivation.key) is not None
        reason = self.missing(stamp, RelationKind.VIEW) if known else self.reason(node, derivation)
        return self.job(node, lambda: self.realiser.view(node, derivation, wanted, known, reason))

    def fresh(self, node: Node, derivation: Derivation) -> Outcome | None:
        """The outcome of a node whose relation already holds the derivation's output, else None."""
        stamp = self.target.stamps().get(node.relation)
        manifest = held(stamp)
        if stamp is None or manifest is None:
            return None
        if stamp.fingerprint != derivation.key:
            realisation = self.store.realisation(derivation.key)
            if realisation is None or realisation.output != stamp.output:
                return None
        return Outcome(
            node.label,
            Status.FRESH,
            "unchanged",
            derivation.key,
            Identity.of(manifest),
            rows=manifest.rows,
            bytes=manifest.bytes,
        )

    def realise(self, node: Node, derivation: Derivation) -> Outcome:
        """Take the output from the store if it is there, or if its inputs can be proven equal to others; else run."""
        if not self.may_read(node):
            return self.realiser.build(node, derivation, self.reason(node, derivation))
        realisation = self.store.realisation(derivation.key)
        if realisation is None and prove_equal(self.realiser, derivation):
            derivation = self.derive(node)
            fresh = self.fresh(node, derivation)
            if fresh is not None:
                return fresh
            realisation = self.store.realisation(derivation.key)
        if realisation is not None:
            stamp = self.target.stamps().get(node.relation)
            reason = self.missing(stamp, RelationKind.TABLE)
            restored = self.realiser.restore(node, derivation, realisation, reason)
            if restored is not None:
                return restored
            return self.realiser.build(node, derivation, "its output is no longer in the store")
        return self.realiser.build(node, derivation, self.reason(node, derivation))

    def job(self, node: Node, work: Job) -> Job:
        self.started(node.label)

        def run() -> Outcome:
            clock = Clock()
            try:
                return work()
            except FftcasError as error:
                return failure(node.label, error, clock)

        return run

    def derive(self, node: Node) -> Derivation:
        return derive(
            self.project,
            node,
            self.identities,
            lambda reader, read: columns_read(self.project, self.store, reader, read, self.identities),
            self.store.same,
            self.context,
        )

    def may_read(self, node: Node) -> bool:
        return self.options.cache.reads and node.label not in self.options.forced and cached(node)

    def reason(self, node: Node, derivation: Derivation) -> str:
        """Why the node has to run."""
        if node.label in self.options.forced:
            return "rebuild was asked for"
        if not self.options.cache.reads:
            return f"--cache {self.options.cache}"
        if not cached(node):
            return "cache: false"
        stamp = self.target.stamps().get(node.relation)
        return short_reason(self.previous(node, stamp), derivation) or "its output is not in the store"

    def previous(self, node: Node, stamp: Stamp | None) -> Derivation | None:
        """The derivation that the relation was made from, or that the node was last built from."""
        key: Digest | None = stamp.fingerprint if stamp else None
        if key is None:
            last = self.store.history(str(self.project.root), node.label.text, limit=1)
            key = last[0].derivation if last else None
        document = self.store.derivation_document(key) if key else None
        return Derivation.from_json(document) if document else None

    def missing(self, stamp: Stamp | None, kind: RelationKind) -> str:
        """Why a relation whose output is known has to be put back."""
        if stamp is None:
            return f"the {kind} was not there"
        return "the database held another output"

    def skipped(self, label: Label, failed: Label) -> Outcome:
        root = self.failed_first.setdefault(label, self.failed_first.get(failed, failed))
        return Outcome(label, Status.SKIPPED, f"{root} failed")


def held(stamp: Stamp | None) -> Manifest | None:
    """The manifest of the table that a relation holds by its stamp, if it is a table."""
    if stamp is None or stamp.kind is not RelationKind.TABLE or stamp.manifest is None:
        return None
    return Manifest.from_json(stamp.manifest)


def failure(label: Label, error: FftcasError, clock: Clock) -> Outcome:
    return Outcome(
        label,
        Status.FAILED,
        error.what.splitlines()[0] if error.what else "failed",
        started_at=clock.started_at,
        finished_at=now(),
        seconds=clock.seconds,
        error=error,
    )


def context(project: Project) -> dict[str, Value]:
    """The ingredients that all nodes share: profile, `FF_*` variables, epoch, and engine."""
    shared: dict[str, Value] = {**project.context}
    if not project.settings.cache.portable:
        shared["engine"] = f"{project.profile.engine} {engine_version(project.profile.engine)}"
    return shared
