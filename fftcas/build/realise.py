"""Realising derivations: a node's output is taken from the store, or made by running the node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from fftcas.build.clock import Clock, now
from fftcas.build.decide import Decision, cached
from fftcas.build.edited import refuse_edited
from fftcas.build.executor import Executor
from fftcas.build.externals import Externals
from fftcas.build.failures import located
from fftcas.build.http import Fetched, Http
from fftcas.build.options import BuildOptions
from fftcas.build.outcome import Identity, Outcome, Status
from fftcas.build.sharing import Sharing
from fftcas.build.target import Target
from fftcas.derivation import Derivation
from fftcas.digest import Digest
from fftcas.engines.base import Session
from fftcas.errors import FftcasError, StoreError
from fftcas.project.nodes import Node, PythonModel, SqlModel
from fftcas.project.project import Project
from fftcas.project.provenance import Provenance
from fftcas.project.python_astray import astray
from fftcas.relation import RelationKind, Stamp
from fftcas.store import MissingBlob, Realisation, Store, Together, measure_table
from fftcas.table import Manifest, Table

SMALL = 1 << 20
"""Bytes of a small table, at most; of all that a small node reads, and of a seed's file."""

AT_ONCE = 0.5
"""Seconds of work that are put in place together: so much may be lost when a build is killed."""

ASTRAY = (
    "it runs the code of {}, which no key tells of: the output is not kept, and the model runs in every build; "
    "put that folder into PYTHONPATH, and its code counts"
)


@dataclass(frozen=True)
class Realiser:
    """Puts outputs in place for one run. Its methods may be called from several threads."""

    project: Project
    store: Store
    target: Target
    options: BuildOptions
    run_id: str
    host: str
    sharing: Sharing
    http: Http
    externals: Externals
    executor: Executor

    @cached_property
    def provenance(self) -> Provenance:
        return Provenance(self.project)

    def restore(self, node: Node, derivation: Derivation, realisation: Realisation, reason: str) -> Outcome | None:
        """Put a stored table back; None if the store turns out not to hold it whole."""
        manifest = self.store.manifest(realisation.output)
        if manifest is None:
            return None
        try:
            table = self.sharing.stored(manifest)
            return self.put_in_place(node, derivation, realisation, manifest, table, reason)
        except MissingBlob:
            self.store.weed(manifest)
            return None

    def put_in_place(
        self,
        node: Node,
        derivation: Derivation,
        realisation: Realisation,
        manifest: Manifest,
        table: Table,
        reason: str = "",
    ) -> Outcome:
        """Put a known table in place as its rows come. Raises MissingBlob if they end too soon, and EngineError."""
        clock = Clock()
        with self.target.session(one_thread=manifest.size <= SMALL) as session:
            staged = session.stage_table(node.relation, table)
            session.publish(staged, self.stamp(node, derivation, manifest))
        return replace(
            self.restored(node, derivation, realisation, manifest, reason),
            started_at=clock.started_at,
            finished_at=now(),
            seconds=clock.seconds,
        )

    def restore_together(self, decisions: Sequence[Decision]) -> list[Outcome]:
        """Put small stored tables back, all of them or none. Raises MissingBlob and EngineError."""
        clock = Clock()
        tables = [(*known(decision), decision.reason) for decision in decisions]
        with self.target.session(one_thread=True) as session:
            session.publish_tables(
                (self.sharing.stored(manifest), self.stamp(node, derivation, manifest))
                for node, derivation, _, manifest, _ in tables
            )
        each = clock.seconds / len(decisions)
        return [
            replace(self.restored(*table), started_at=clock.started_at, finished_at=now(), seconds=each)
            for table in tables
        ]

    def restored(
        self, node: Node, derivation: Derivation, realisation: Realisation, manifest: Manifest, reason: str
    ) -> Outcome:
        """The outcome of a node whose table is put back, without its times."""
        return Outcome(
            node.label,
            Status.RESTORED,
            self.sharing.told(derivation.key, reason),
            derivation.key,
            Identity.of(manifest),
            rows=manifest.rows,
            bytes=manifest.size,
            saved_seconds=realisation.seconds,
            source=self.sharing.source(derivation.key),
            http=self.http.rested(realisation),
            output_changed=self.changed(node, manifest.output),
        )

    def build(self, *decisions: Decision) -> tuple[list[Outcome], tuple[FftcasError, Clock] | None]:
        """Run nodes, none of which reads another, keep their outputs as the cache mode says, and put them in place, all
        of them at once. After some time no other is begun, nor after one that fails.

        The outcomes are those of the first nodes, and the error is that of the one after them, with its clock. Where
        there are several nodes, the outputs of all have to be kept, and the engine has one thread for them.
        """
        clock, store = Clock(), Together(self.store)
        own = clock
        outcomes: list[Outcome] = []
        begun = 0
        error: FftcasError | None = None
        with self.target.session(one_thread=len(decisions) > 1) as session:
            try:
                with session.at_once():
                    for decision in decisions:
                        begun, own = begun + 1, Clock()
                        outcomes.append(self._build(session, store, decision))
                        if clock.seconds > AT_ONCE:
                            break
                    store.end()
            except FftcasError as reason:
                error = reason
                try:
                    if outcomes and len(decisions) > 1:
                        self.put_again(session, store, decisions[: len(outcomes)], outcomes)
                    else:
                        outcomes = []
                except FftcasError as trouble:
                    error, outcomes = trouble, []  # the first of them fails, by what befell all
        for derivation in (decision.derivation for decision in decisions[: len(outcomes)]):
            if derivation is not None and derivation.key in store.committed:
                self.sharing.give(derivation)
        return outcomes, (error, own) if error is not None and len(outcomes) < begun else None

    def put_again(
        self, session: Session, store: Together, decisions: Sequence[Decision], outcomes: Sequence[Outcome]
    ) -> None:
        """Put in place what was undone because of a later node, and has to be kept by the store. Raises FftcasError."""
        manifests = [outcome.identity.manifest if outcome.identity else None for outcome in outcomes]
        store.end()
        try:
            tables = [
                (self.store.read_table(manifest), self.stamp(decision.node, decision.derivation, manifest))
                for decision, manifest in zip(decisions, manifests, strict=True)
                if manifest is not None and decision.derivation is not None
            ]
            if tables:
                session.publish_tables(tables)
        except MissingBlob as error:
            raise StoreError("what has just been stored is gone", why=str(error)) from error

    def _build(self, session: Session, store: Together, decision: Decision) -> Outcome:
        """Run one node; what becomes of it is held back by session and store."""
        node, derivation, clock = decision.node, decision.derivation, Clock()
        assert derivation is not None
        scanned = self.executor.may_run(session, node, derivation)
        with self.http.fetching(node) as fetched, astray() as strays:
            staged = self.executor.make(session, node)
        query_seconds = clock.seconds
        unknown = isinstance(node, PythonModel) and not node.unseen and min(strays, default=None)
        if unknown:
            fetched.warnings.append(ASTRAY.format(unknown))
        refuse_edited(self.project, node, derivation, self.externals)
        output = session.read(staged)
        rests_on_known = not (fetched.failed or unknown)
        writes = self.options.cache.writes and cached(node) and rests_on_known
        manifest = store.write_table(output) if writes else measure_table(output)
        if writes:
            store.commit(*self.realised(node, derivation, manifest, query_seconds, fetched))
        stamp = self.stamp(node, derivation, manifest)
        session.publish(staged, stamp if rests_on_known else replace(stamp, fingerprint=""))
        return Outcome(
            node.label,
            Status.BUILT,
            decision.reason,
            derivation.key,
            Identity.of(manifest),
            rows=manifest.rows,
            bytes=manifest.size,
            bytes_scanned=scanned,
            started_at=clock.started_at,
            finished_at=now(),
            seconds=clock.seconds,
            query_seconds=query_seconds,
            http=fetched.usage,
            warnings=tuple(fetched.warnings),
            output_changed=self.changed(node, manifest.output),
        )

    def view(self, node: SqlModel, decision: Decision) -> Outcome:
        """Create a view from its definition; it counts as restored if its derivation was seen before."""
        clock = Clock()
        derivation, known = decision.derivation, decision.realisation is not None
        assert derivation is not None
        stamp = replace(self.stamp(node, derivation, None), definition=decision.definition)
        bound = self.executor.bind(node)
        with self.target.session(one_thread=True) as session, located(self.project, node, bound) as sql:
            session.publish_view(node.relation, sql, stamp, self.externals.root(node))
        if self.options.cache.writes and not known:
            self.store.commit(*self.realised(node, derivation, None, clock.seconds, Fetched()))
            self.sharing.give(derivation)
        return Outcome(
            node.label,
            Status.RESTORED if known else Status.BUILT,
            self.sharing.told(derivation.key, decision.reason),
            derivation.key,
            decision.identity,
            started_at=clock.started_at,
            finished_at=now(),
            seconds=clock.seconds,
            query_seconds=clock.seconds,
            source=self.sharing.source(derivation.key) if known else None,
            output_changed=self.changed(node, derivation.key),
        )

    def realised(
        self, node: Node, derivation: Derivation, manifest: Manifest | None, seconds: float, fetched: Fetched
    ) -> tuple[Realisation, bytes, Manifest | None]:
        """What the store is to commit."""
        realisation = Realisation(
            derivation=derivation.key,
            recipe=derivation.recipe_digest,
            output=manifest.output if manifest else derivation.key,
            label=node.label.text,
            kind=node.kind,
            rows=manifest.rows if manifest else None,
            bytes=manifest.size if manifest else 0,
            seconds=seconds,
            built_at=now(),
            run_id=self.run_id,
            host=self.host,
            inputs={source.label: source.output for source in derivation.inputs},
            http=fetched.usage.responses if fetched.usage else {},
            http_max_age=fetched.usage.max_age if fetched.usage else {},
        )
        document = replace(derivation, notes={**derivation.notes, **self.provenance.of(node)}).to_json()
        return realisation, document, manifest

    def stamp(self, node: Node, derivation: Derivation, manifest: Manifest | None) -> Stamp:
        return Stamp(
            node_name=node.name,
            relation=node.relation,
            kind=RelationKind.TABLE if manifest else RelationKind.VIEW,
            fingerprint=derivation.key,
            output=manifest.output if manifest else derivation.key,
            engine=self.project.profile.engine,
            built_at=now(),
            manifest=manifest.json if manifest else None,
        )

    def changed(self, node: Node, output: Digest) -> bool:
        before = self.target.stamps().get(node.relation)
        return before is None or before.output != output


def known(decision: Decision) -> tuple[Node, Derivation, Realisation, Manifest]:
    """What is put back for a decision to restore a table."""
    manifest = decision.identity.manifest if decision.identity else None
    assert decision.derivation is not None
    assert decision.realisation is not None
    assert manifest is not None
    return decision.node, decision.derivation, decision.realisation, manifest
