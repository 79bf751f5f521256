"""The proof of a hit: what a node's output was made of, when and by whom, and that its bytes are what they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fftcas.build.decide import Verdict
from fftcas.build.looking import looking
from fftcas.build.plan import plan
from fftcas.derivation import Derivation
from fftcas.label import Label
from fftcas.project.nodes import Node
from fftcas.project.project import Project
from fftcas.relation import Stamp
from fftcas.store import MissingBlob, Realisation, RunRecord, Store
from fftcas.table import Manifest


@dataclass(frozen=True)
class Proof:
    """Why a node does not have to run.

    `derivation` holds the ingredients, with notes. `made` is the realisation, `run` the run that made it, as far as
    they are kept; `stamp` says what the relation holds. `verified` is the number of bytes that were read and found to
    be what their names say; None if the store no longer holds them all.
    """

    node: Node
    verdict: str
    derivation: Derivation
    rows_read: Mapping[str, int | None]
    made: Realisation | None = None
    run: RunRecord | None = None
    stamp: Stamp | None = None
    manifest: Manifest | None = None
    verified: int | None = None


def prove_hit(project: Project, store: Store, label: Label) -> Proof | None:
    """The proof for one node; None if a build would run it."""
    with looking(project, store) as decider:
        planned = plan(project, project.graph.ancestors([label]), decider)[-1]
        decision = planned.decision
        if decision is None or decision.derivation is None or decision.verdict is Verdict.BUILD:
            return None
        derivation = decider.reasons.noted(planned.node, decision.derivation)
        made = decision.realisation or store.realisation(derivation.key)
        manifest = decision.identity.manifest if decision.identity else None
        run_id = made.run_id if made else None
        return Proof(
            planned.node,
            decision.verdict,
            derivation,
            {source.label: _rows(store, source.output) for source in derivation.inputs},
            made,
            next((run for run in store.runs(str(project.root), 200) if run.run_id == run_id), None),
            decider.target.stamps().get(planned.node.relation),
            manifest,
            _verified(store, manifest) if manifest else None,
        )


def _rows(store: Store, output: str) -> int | None:
    manifest = store.manifest(output)
    return manifest.rows if manifest else None


def _verified(store: Store, manifest: Manifest) -> int | None:
    """Reads every chunk; the store checks each against its name."""
    try:
        for _ in store.read_table(manifest).batches:
            pass
    except MissingBlob:
        return None
    return manifest.size
