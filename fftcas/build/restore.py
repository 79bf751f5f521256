"""Putting a whole database back as a run left it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import chdir, closing
from dataclasses import dataclass, replace

from fftcas.build.clock import now
from fftcas.build.run import new_run_id
from fftcas.build.target import Target
from fftcas.build.why_run import KEPT
from fftcas.digest import Digest
from fftcas.errors import FftcasError
from fftcas.label import Label
from fftcas.project.project import Project
from fftcas.project.references import home
from fftcas.project.sql import Sql
from fftcas.relation import RelationKind, RelationName, Stamp
from fftcas.store import MissingBlob, Relation, RunRecord, Store

GONE = "its rows are no longer in the store"
NO_TEXT = "it was a view, and its text was not kept with that run"


@dataclass(frozen=True)
class Restored:
    """What became of a relation: `restored`, `fresh` (it held this output already), or `lost`, with the reason."""

    label: Label
    status: str
    rows: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Left:
    """What a run left of a node, and where. `view` is the text of a view, `sources` say where those lay it reads."""

    output: Digest
    relation: RelationName
    view: Sql | None = None
    sources: Mapping[Label, RelationName] | None = None


def left_by(project: Project, store: Store, run: RunRecord) -> dict[Label, Left]:
    """What the database held after a run: its outputs, and those of earlier runs that it did not touch.

    Relations are where the project has them now, or where they were if it has them no more.
    """
    runs = store.runs(str(project.root), KEPT)
    at = next(index for index, each in enumerate(runs) if each.run_id == run.run_id)
    found: dict[Label, Left] = {}
    taken: set[str] = set()
    for each in runs[at:]:
        outputs = {Label.parse(label): output for label, output in each.outputs.items()}
        if each.profile != run.profile or outputs.keys() <= found.keys():
            continue
        places = store.places(each)
        for label in sorted(outputs.keys() - found.keys()):
            one = _left(project, label, outputs[label], places)
            where = str(home(project.profile).locate(one.relation)).lower()
            if where not in taken:  # else a later node has taken its place
                taken.add(where)
                found[label] = one
    return found


def _left(project: Project, label: Label, output: Digest, places: Mapping[str, Relation]) -> Left:
    place = places.get(label.text, Relation(RelationName(label.name)))
    relation = project.nodes[label].relation if label in project.nodes else place.name
    if place.view is None:
        return Left(output, relation)
    sql = Sql(place.view)
    return Left(
        output,
        relation,
        sql,
        {each: places[each.text].name for each in sql.inputs if each.text in places and each.repo},
    )


def restore(project: Project, store: Store, run: RunRecord, done: Callable[[Restored], None]) -> list[Restored]:
    """Put back what the relations held after a run, tables before views. Relations that it did not have stay.

    What the store no longer holds is left as it is. Raises FftcasError if the database cannot be written.
    """
    started = now()
    left = left_by(project, store, run)
    results: dict[Label, Restored] = {}
    with chdir(project.root), closing(Target(project, store)) as target:
        target.open()
        worker = _Restorer(project, store, target, left, results)
        for label in in_order(left):
            results[label] = worker.put_back(label, left[label])
            done(results[label])
    kept = {label.text: left[label].output for label, each in results.items() if each.status != "lost"}
    store.record_run(
        replace(
            run,
            run_id=new_run_id(started),
            started=started,
            finished=now(),
            command="restore",
            summary={
                status: sum(each.status == status for each in results.values()) for status in ("fresh", "restored")
            },
            saved=0.0,
            outputs=kept,
        ),
        _places(left, kept),
    )
    return list(results.values())


def in_order(left: Mapping[Label, Left]) -> list[Label]:
    """Tables, then views after those that they read."""
    reads = {label: set(each.view.inputs) for label, each in left.items() if each.view is not None}
    ordered = sorted(left.keys() - reads.keys())
    waiting = sorted(reads)
    while waiting:
        ready = [view for view in waiting if not reads[view] & set(waiting) - {view}] or waiting
        ordered += ready
        waiting = [view for view in waiting if view not in ready]
    return ordered


def _places(left: Mapping[Label, Left], kept: Mapping[str, Digest]) -> dict[str, Relation]:
    """What the record of the restoring says: where things are now."""
    found: dict[str, Relation] = {}
    for label, each in left.items():
        if label.text in kept:
            found[label.text] = Relation(each.relation, each.view.text if each.view else None)
            found |= {source.text: Relation(relation) for source, relation in (each.sources or {}).items()}
    return found


@dataclass(frozen=True)
class _Restorer:
    """`results` tells what became of the nodes before."""

    project: Project
    store: Store
    target: Target
    left: Mapping[Label, Left]
    results: Mapping[Label, Restored]

    def put_back(self, label: Label, left: Left) -> Restored:
        try:
            return self.table(label, left) if left.view is None else self.view(label, left, left.view)
        except MissingBlob:
            return Restored(label, "lost", reason=GONE)
        except FftcasError as error:
            return Restored(label, "lost", reason=error.what.splitlines()[0])

    def table(self, label: Label, left: Left) -> Restored:
        manifest = self.store.manifest(left.output)
        stamp = self.target.stamps().get(left.relation)
        if stamp is not None and stamp.output == left.output and stamp.kind is RelationKind.TABLE:
            return Restored(label, "fresh", manifest.rows if manifest else None)
        made = self.store.made(left.output, label.text)
        if manifest is None or not self.store.holds(manifest):
            return Restored(label, "lost", reason=NO_TEXT if made is not None and made.rows is None else GONE)
        stamp = replace(self.stamp(label, left, made.derivation if made else ""), manifest=manifest.json)
        with self.target.session() as session:
            session.publish(session.stage_table(left.relation, self.store.read_table(manifest)), stamp)
        return Restored(label, "restored", manifest.rows)

    def view(self, label: Label, left: Left, sql: Sql) -> Restored:
        """Make the view again, whatever is there: two views of one key may read relations of other names."""
        engine, secrets = self.target.engine(), self.project.secrets
        names = {source: engine.quote(relation) for source, relation in (left.sources or {}).items()}
        for source in sql.inputs:
            if source in self.left and self.results.get(source, Restored(source, "lost")).status != "lost":
                names[source] = engine.quote(self.left[source].relation)
            if source not in names:
                return Restored(label, "lost", reason=f"{source}, which it reads, is not what it was")
        for name in sql.secrets:
            if name not in secrets:
                return Restored(label, "lost", reason=f"{name}, which it needs, is not set")
        # No definition in the stamp: the next build looks whether the project still wants this view.
        stamp = replace(self.stamp(label, left, left.output), kind=RelationKind.VIEW)
        bound = sql.bind(names, engine.quote(left.relation), secrets)
        with self.target.session() as session:
            session.publish_view(left.relation, bound, stamp, self.project.root)
        return Restored(label, "restored")

    def stamp(self, label: Label, left: Left, derivation: Digest) -> Stamp:
        name = self.project.nodes[label].name if label in self.project.nodes else label.name
        engine = self.project.profile.engine
        return Stamp(name, left.relation, RelationKind.TABLE, derivation, left.output, engine, now())
