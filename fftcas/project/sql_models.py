"""SQL models: from template files to nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fftcas.errors import Location
from fftcas.graph import Graph
from fftcas.label import Label
from fftcas.project.files import Files
from fftcas.project.nodes import SqlModel
from fftcas.project.references import Draft, Home, References, label_at
from fftcas.project.rendered import Call, Rendered
from fftcas.project.rendering import Renderer
from fftcas.project.sql import THIS, Sql, ref, secret, statement
from fftcas.relation import RelationName

NOT_MODELS = ("models/macros/", "models/macros_py/")


@dataclass(frozen=True)
class SqlDraft(Draft):
    """A rendered SQL model; None if its config says that it is not wanted."""

    rendered: Rendered | None


def read_sql_models(files: Files, renderer: Renderer) -> list[SqlDraft]:
    """All SQL models, rendered, in the order of their paths. Raises ProjectError."""
    paths = [path for path in files.walk("models", (".sql",)) if not path.startswith(NOT_MODELS)]
    names = [path.rpartition("/")[2].removesuffix(".sql") for path in paths]
    labels = [model_label(path, name.removesuffix(".ff")) for path, name in zip(paths, names, strict=True)]
    relations = [RelationName(label.name) for label in labels]
    rendered = renderer.render(list(zip(paths, relations, strict=True)))
    return [SqlDraft(*facts) for facts in zip(labels, names, paths, relations, rendered, strict=True)]


def model_label(path: str, name: str) -> Label:
    """The label of a model in the file at `path`. Raises ProjectError if it breaks the grammar."""
    package = path.rpartition("/")[0].removeprefix("models").removeprefix("/")
    return label_at(Location(path), package, name)


def sql_nodes(
    drafts: Sequence[SqlDraft], references: References, relations: Mapping[Label, RelationName], home: Home
) -> Iterator[SqlModel]:
    """The models' nodes. `relations` has the relation of every node of the project. Raises ProjectError."""
    models = {draft.label: sql_node(draft, draft.rendered, references) for draft in drafts if draft.rendered}
    located = {label: home.locate(relation) for label, relation in relations.items()}
    bodies: dict[Label, Sql] = {}
    ephemeral = {label: model for label, model in models.items() if model.materialized == "ephemeral"}
    for label in Graph({k: tuple(i for i in m.inputs if i in ephemeral) for k, m in models.items()}):
        model = replace(models[label], sql=models[label].sql.expand(bodies))
        if label in ephemeral:
            bodies[label] = model.sql
        sql = model.sql.ingredient(located, located[label])
        yield replace(model, recipe={"sql": sql, "materialized": model.materialized})


def sql_node(draft: SqlDraft, rendered: Rendered, references: References) -> SqlModel:
    """A node with its direct references; those to ephemeral models are not expanded yet."""

    def marker(call: Call) -> str:
        if call.kind == "ref":
            return ref(references.ref(call.arguments[0], call.where))
        if call.kind == "source":
            return ref(references.source(call.arguments[0], call.arguments[1], call.where))
        return THIS if call.kind == "this" else secret(call.arguments[0])

    sql = statement(rendered.resolve(marker, draft.path), draft.path)
    config = rendered.config
    return SqlModel(
        label=draft.label,
        name=draft.name,
        path=draft.path,
        relation=draft.relation,
        inputs=sql.inputs,
        tags=config.tags,
        sql=sql,
        materialized=config.materialized,
        cache=config.cache,
    )
