"""Deciding: what is the least that has to be done for a node, now that its inputs are known. Nothing is done here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from fftcas.build.answers import Exchange
from fftcas.build.columns import Columns, columns_declared
from fftcas.build.externals import Externals
from fftcas.build.http import Http
from fftcas.build.keys import Definition, derive
from fftcas.build.options import BuildOptions
from fftcas.build.outcome import Identity
from fftcas.build.reads import ColumnsRead, is_built
from fftcas.build.reasons import Reasons
from fftcas.build.statements import Statements
from fftcas.build.target import Target
from fftcas.build.views import definition
from fftcas.derivation import Derivation
from fftcas.digest import Digest, Value
from fftcas.engines.drivers import engine_version
from fftcas.errors import FftcasError
from fftcas.explain.causes import Compare
from fftcas.label import Label
from fftcas.project.nodes import Node, PythonModel, Source, SqlModel
from fftcas.project.project import Project
from fftcas.project.provenance import Provenance
from fftcas.project.references import home
from fftcas.relation import RelationKind, Stamp
from fftcas.store import Realisation, Store
from fftcas.table import Manifest


class Verdict(StrEnum):
    """What has to be done: nothing; put the relation back; run the node."""

    FRESH = "fresh"
    RESTORE = "restore"
    BUILD = "build"


@dataclass(frozen=True)
class Decision:
    """What has to be done for a node, and why; for what has to run, `Decider.reason` finds out.

    `identity` is what its readers see, if that is known before anything is done. `realisation` is what is put back,
    `definition` is the digest that a view will be stamped with. `stale` is what was known, but rests on responses that
    are not current, or of which only their servers can say whether they are.
    """

    node: Node
    verdict: Verdict
    reason: str
    derivation: Derivation | None = None
    identity: Identity | None = None
    realisation: Realisation | None = None
    definition: Digest | None = None
    stale: Realisation | None = None


class Decider:
    """Decides for the nodes of one run; `identities` has to hold what the inputs of a node are known to hold."""

    def __init__(
        self,
        project: Project,
        store: Store,
        target: Target,
        options: BuildOptions,
        http: Http | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        self.project = project
        self.store = store
        self.target = target
        self.options = options
        self.http = http or Http(project, store, options.http)
        self.context = context(project)
        exchange = exchange or Exchange()
        self.columns = Columns(project, store, self.context, exchange)
        self.statements = Statements(project, store, self.columns.binder, exchange)
        self.externals = Externals(project, target, self.statements)
        self.reasons = Reasons(project, store, target, Provenance(project))
        self.identities: dict[Label, Identity] = {}
        self._home = home(project.profile)
        self._definitions: dict[Label, Definition] = {}
        self._foreseen: dict[Label, ColumnsRead] = {}

    def close(self) -> None:
        self.statements.close()
        self.columns.close()

    def decide(self, node: Node, *, ask: bool = False) -> Decision:
        """`ask`: servers may be asked whether their responses are still the same. Raises FftcasError if an input
        cannot be read."""
        if isinstance(node, Source):
            return Decision(node, Verdict.FRESH, "source", identity=self.target.source(node))
        if not is_built(node):
            return Decision(node, Verdict.FRESH, "inlined where it is read")
        derivation = self.derive(node)
        if isinstance(node, SqlModel) and node.materialized == "view":
            return self._view(node, derivation)
        return self._table(node, derivation, ask)

    def derive(self, node: Node) -> Derivation:
        """The node's derivation, now. Raises FftcasError if an input cannot be read."""
        (found,) = self.derive_all([node])
        if isinstance(found, FftcasError):
            raise found
        return found

    def foresee(self, nodes: Iterable[Node]) -> None:
        """Ask the engine at once what it is asked of each of these nodes next, whose inputs are done.

        Only which columns they read: files, views and equivalences may change until the node's turn comes.
        """
        definitions = [self.definition(node) for node in nodes if is_built(node)]
        with suppress(FftcasError):  # each of them will meet it, too
            found = self.columns_read(definitions)
            self._foreseen |= {each.node.label: columns for each, columns in zip(definitions, found, strict=True)}

    def derive_all(self, nodes: Iterable[Node]) -> Iterator[Derivation | FftcasError]:
        """`derive` for several nodes, none of which reads another: the engine is asked once for all of them."""
        definitions = [self.definition(node) for node in nodes]
        for each, columns in zip(definitions, self.columns_read(definitions), strict=True):
            try:
                externals = self.externals.inputs(each.node, each.reads)
                yield derive(each, self.identities, columns, externals, self.store.same)
            except FftcasError as error:
                yield error

    def definition(self, node: Node) -> Definition:
        """What of a node stays the same in a run: it is decided for more than once."""
        known = self._definitions.get(node.label)
        if known is None:
            known = self._definitions[node.label] = Definition.of(self.project, node, self.context)
        return known

    def columns_read(self, definitions: Sequence[Definition]) -> list[ColumnsRead]:
        """The columns that each node reads of each table: all, where it also reads what may gain or lose columns."""
        known: dict[Label, ColumnsRead] = {}
        for each in definitions:
            columns = self._foreseen.get(each.node.label, columns_declared(each))
            if columns is not None:
                known[each.node.label] = columns
        asked = [
            each
            for each in definitions
            if each.reads.tables and each.node.label not in known and self.externals.closed(each.node, each.reads)
        ]
        found = self.columns.read_by(asked, self.identities, self.externals.names_columns)
        known |= {each.node.label: columns for each, columns in zip(asked, found, strict=True)}
        return [known.get(each.node.label, {}) for each in definitions]

    def may_read(self, node: Node) -> bool:
        """Whether the node's output may be taken from where it is known: its relation, or the store."""
        return self.options.cache.reads and node.label not in self.options.forced and cached(node)

    def reason(
        self,
        node: Node,
        derivation: Derivation,
        compare: Compare = lambda old, new: None,
        output: Callable[[], Digest | None] = lambda: None,
    ) -> str:
        """Why the node has to run, in a line; rows are told of as far as `compare` knows them."""
        forced = self.forced(node)
        if forced is not None:
            return forced
        found = self.reasons.difference(node, derivation, compare, output)
        if found is None:
            return "first build"
        return found.words or "its output is not in the store"

    def forced(self, node: Node) -> str | None:
        """Why the node runs whatever is known about it, if it does."""
        if node.label in self.options.forced:
            return "rebuild was asked for"
        if not self.options.cache.reads:
            return f"--cache {self.options.cache}"
        return None if cached(node) else "cache: false"

    def _table(self, node: Node, derivation: Derivation, ask: bool) -> Decision:
        if self.may_read(node):
            stamp = self.target.stamps().get(node.relation)
            realisation = self.store.realisation(derivation.key)
            if not self.http.current(node, realisation, ask=ask):
                return Decision(node, Verdict.BUILD, "", derivation, stale=realisation)
            held = manifest_of(stamp)
            if stamp is not None and held is not None:
                # The key says nothing about responses: what was made of older ones has the same.
                fetched = realisation is not None and realisation.http
                same = realisation is not None and realisation.output == stamp.output
                if same or (stamp.fingerprint == derivation.key and not fetched):
                    return Decision(node, Verdict.FRESH, "unchanged", derivation, Identity.of(held), realisation)
            manifest = self.store.manifest(realisation.output) if realisation else None
            if manifest is not None and self.store.holds(manifest):
                reason = missing(stamp, RelationKind.TABLE)
                return Decision(node, Verdict.RESTORE, reason, derivation, Identity.of(manifest), realisation)
        self.reasons.look_back(node)
        return Decision(node, Verdict.BUILD, "", derivation)

    def _view(self, node: SqlModel, derivation: Derivation) -> Decision:
        wanted = definition(self.project, self._home, node, self.identities, self.externals.bound_to, self.context)
        identity = Identity(derivation.key)
        if self.may_read(node):
            stamp = self.target.stamps().get(node.relation)
            if stamp is not None and stamp.definition == wanted:
                return Decision(node, Verdict.FRESH, "unchanged", derivation, identity)
            realisation = self.store.realisation(derivation.key)
            if realisation is not None:
                reason = missing(stamp, RelationKind.VIEW)
                return Decision(node, Verdict.RESTORE, reason, derivation, identity, realisation, wanted)
        return Decision(node, Verdict.BUILD, "", derivation, identity, definition=wanted)


def manifest_of(stamp: Stamp | None) -> Manifest | None:
    """The manifest of the table that a relation holds by its stamp, if it is a table."""
    if stamp is None or stamp.kind is not RelationKind.TABLE or stamp.manifest is None:
        return None
    return Manifest.from_json(stamp.manifest)


def missing(stamp: Stamp | None, kind: RelationKind) -> str:
    """Why a relation whose output is known has to be put back."""
    if stamp is None:
        return f"the {kind} was not there"
    return "another output was there" if kind is RelationKind.TABLE else "another view was there"


def cached(node: Node) -> bool:
    """False if the model says `cache: false`: its output is neither taken from the store nor put there."""
    return not isinstance(node, SqlModel | PythonModel) or node.cache


def context(project: Project) -> dict[str, Value]:
    """The ingredients that all nodes share: profile, `FF_*` variables, epoch, and engine."""
    shared: dict[str, Value] = {**project.context}
    if not project.settings.cache.portable:
        shared["engine"] = f"{project.profile.engine} {engine_version(project.profile.engine)}"
    return shared
