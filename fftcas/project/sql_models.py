"""SQL models: from template files to nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fftcas.errors import Location
from fftcas.graph import Graph
from fftcas.label import Label
from fftcas.project.files import Files
from fftcas.project.memory import Memory
from fftcas.project.model_config import ModelConfig
from fftcas.project.nodes import SqlModel
from fftcas.project.references import Draft, Home, References, label_at
from fftcas.project.rendered import Call, Rendered
from fftcas.project.rendering import Renderer
from fftcas.project.sql import THIS, Sql, ref, secret
from fftcas.project.sql_statements import read_statements
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
    drafts: Sequence[SqlDraft],
    references: References,
    relations: Mapping[Label, RelationName],
    home: Home,
    memory: Memory | None = None,
) -> Iterator[SqlModel]:
    """The models' nodes. `relations` has the relation of every node of the project. Raises ProjectError.

    What `memory` knows of their statements is not worked out again.
    """
    located = {label: home.locate(relation) for label, relation in relations.items()}
    wanted = [(draft, draft.rendered) for draft in drafts if draft.rendered]
    texts = {draft.label: (draft.path, resolved(draft.path, rendered, references)) for draft, rendered in wanted}
    statements = read_statements(texts, located, memory)
    models = {draft.label: sql_node(draft, of.config, statements[draft.label].sql) for draft, of in wanted}
    bodies: dict[Label, Sql] = {}
    ephemeral = {label: model for label, model in models.items() if model.materialized == "ephemeral"}
    for label in Graph({k: tuple(i for i in m.inputs if i in ephemeral) for k, m in models.items()}):
        model = replace(models[label], sql=models[label].sql.expand(bodies))
        if label in ephemeral:
            bodies[label] = model.sql
        same = model.sql is models[label].sql
        sql = statements[label].ingredient if same else model.sql.ingredient(located, located[label])
        yield replace(model, recipe={"sql": sql, "materialized": model.materialized})


def resolved(path: str, rendered: Rendered, references: References) -> str:
    """A model's text with a marker for each of its references. Raises ProjectError."""

    def marker(call: Call) -> str:
        if call.kind == "ref":
            return ref(references.ref(call.arguments[0], call.where))
        if call.kind == "source":
            return ref(references.source(call.arguments[0], call.arguments[1], call.where))
        return THIS if call.kind == "this" else secret(call.arguments[0])

    return rendered.resolve(marker, path)


def sql_node(draft: SqlDraft, config: ModelConfig, sql: Sql) -> SqlModel:
    """A node with its direct references; those to ephemeral models are not expanded yet."""
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
