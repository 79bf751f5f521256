"""Putting a whole database back as a run left it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from fftcas.build.clock import now
from fftcas.build.run import new_run_id
from fftcas.build.target import Target
from fftcas.build.why_run import KEPT
from fftcas.derivation import Derivation
from fftcas.digest import Digest
from fftcas.errors import FftcasError
from fftcas.label import Label
from fftcas.project.project import Project
from fftcas.project.sql import Sql
from fftcas.relation import RelationKind, RelationName, Stamp
from fftcas.store import MissingBlob, Realisation, RunRecord, Store


@dataclass(frozen=True)
class Restored:
    """What became of a relation: `restored`, `fresh` (it held this output already), or `lost`, with the reason."""

    label: Label
    status: str
    rows: int | None = None
    reason: str = ""


def outputs_at(project: Project, store: Store, run: RunRecord) -> dict[Label, Digest]:
    """What the database held after a run: its outputs, and those of earlier runs that it did not touch."""
    runs = store.runs(str(project.root), KEPT)
    at = next(index for index, each in enumerate(runs) if each.run_id == run.run_id)
    found: dict[Label, Digest] = {}
    for each in runs[at:]:
        if each.profile == run.profile:
            found = {**{Label.parse(label): output for label, output in each.outputs.items()}, **found}
    return found


def restore(project: Project, store: Store, run: RunRecord, done: Callable[[Restored], None]) -> list[Restored]:
    """Put back what the relations held after a run, tables before views. Relations that it did not have stay.

    What the store no longer holds is left as it is. Raises FftcasError if the database cannot be written.
    """
    started = now()
    outputs = outputs_at(project, store, run)
    with closing(Target(project, store)) as target:
        target.open()
        worker = _Restorer(project, store, target)
        made = {label: worker.realisation(label, output) for label, output in outputs.items()}
        views = [label for label, each in made.items() if each is not None and each.rows is None]
        results = []
        for label in sorted(made.keys() - set(views)) + worker.in_order(views, made):
            result = worker.put_back(label, outputs[label], made[label])
            results.append(result)
            done(result)
    kept = {each.label.text: outputs[each.label] for each in results if each.status != "lost"}
    store.record_run(
        replace(
            run,
            run_id=new_run_id(started),
            started=started,
            finished=now(),
            command="restore",
            summary={status: sum(each.status == status for each in results) for status in ("fresh", "restored")},
            saved=0.0,
            outputs=kept,
        )
    )
    return results


class _Restorer:
    def __init__(self, project: Project, store: Store, target: Target) -> None:
        self.project, self.store, self.target = project, store, target

    def realisation(self, label: Label, output: Digest) -> Realisation | None:
        made = self.store.history(str(self.project.root), label.text, KEPT)
        return next((each for each in made if each.output == output), None)

    def derivation(self, made: Realisation) -> Derivation | None:
        return self.store.derivation(made.derivation)

    def in_order(self, views: list[Label], made: dict[Label, Realisation | None]) -> list[Label]:
        """Views after those that they read."""
        ordered: list[Label] = []
        waiting = sorted(views)
        while waiting:
            ready = [v for v in waiting if not set(self.reads(made[v])) & set(waiting) - {v}] or waiting
            ordered += ready
            waiting = [view for view in waiting if view not in ready]
        return ordered

    def reads(self, made: Realisation | None) -> tuple[Label, ...]:
        derivation = self.derivation(made) if made else None
        sql: Any = derivation.notes.get("sql", "") if derivation else ""
        return Sql(sql).inputs

    def put_back(self, label: Label, output: Digest, made: Realisation | None) -> Restored:
        derivation = self.derivation(made) if made else None
        if made is None or derivation is None:
            return Restored(label, "lost", reason="the store does not know how it was made")
        relation = self.relation(label, derivation)
        stamp = self.target.stamps().get(relation)
        if stamp is not None and stamp.output == output and (made.rows is None) == (stamp.kind is RelationKind.VIEW):
            return Restored(label, "fresh", made.rows)
        try:
            if made.rows is None:
                return self.view(label, relation, made, derivation)
            return self.table(label, relation, made)
        except MissingBlob:
            return Restored(label, "lost", reason="its rows are no longer in the store")
        except FftcasError as error:
            return Restored(label, "lost", reason=error.what.splitlines()[0])

    def table(self, label: Label, relation: RelationName, made: Realisation) -> Restored:
        manifest = self.store.manifest(made.output)
        if manifest is None or not self.store.holds(manifest):
            return Restored(label, "lost", reason="its rows are no longer in the store")
        stamp = replace(self.stamp(label, relation, made), manifest=manifest.json)
        with self.target.session() as session:
            session.publish(session.stage_table(relation, self.store.read_table(manifest)), stamp)
        return Restored(label, "restored", manifest.rows)

    def view(self, label: Label, relation: RelationName, made: Realisation, derivation: Derivation) -> Restored:
        text: Any = derivation.notes.get("sql")
        if text is None:
            return Restored(label, "lost", reason="the view's SQL was not kept")
        sql, engine = Sql(text), self.target.engine()
        names = {source: engine.quote(self.relation(source, None)) for source in sql.inputs}
        with self.target.session() as session:
            # No definition in the stamp: the next build looks whether the project still wants this view.
            stamp = replace(self.stamp(label, relation, made), kind=RelationKind.VIEW)
            session.publish_view(relation, sql.bind(names, engine.quote(relation), self.project.secrets), stamp)
        return Restored(label, "restored")

    def relation(self, label: Label, derivation: Derivation | None) -> RelationName:
        """Where the node lives now, or where it lived if the project has it no more."""
        if label in self.project.nodes:
            return self.project.nodes[label].relation
        noted: Any = derivation.notes.get("relation") if derivation else None
        return RelationName(noted[1], noted[0]) if noted else RelationName(label.name)

    def stamp(self, label: Label, relation: RelationName, made: Realisation) -> Stamp:
        name = self.project.nodes[label].name if label in self.project.nodes else label.name
        engine = self.project.profile.engine
        return Stamp(name, relation, RelationKind.TABLE, made.derivation, made.output, engine, now())
