"""Views: when the one in the database is still the one that the project defines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fftcas.build.outcome import Identity
from fftcas.build.reads import is_view
from fftcas.digest import Digest, Value, digest_value
from fftcas.label import Label
from fftcas.project.nodes import SqlModel
from fftcas.project.project import Project
from fftcas.project.references import Home
from fftcas.relation import RelationName


def definition(
    project: Project,
    home: Home,
    node: SqlModel,
    identities: Mapping[Label, Identity],
    outside: Callable[[SqlModel], Value],
    context: Mapping[str, Value],
) -> Digest:
    """Digest of all that a view was created from: its recipe, the names that it uses, and the columns it was bound to.

    Engines bind a view's columns when it is created: where a table below changes its columns, the view has to be
    created again although its text is the same. `outside` is what it is bound to that is no node.
    """

    def spelled(relation: RelationName) -> str:
        full = home.locate(relation)
        # The database is part of a view's text only where it is called like a schema: see `Place.quote`.
        return str(full if str(full.schema).lower() == home.database.lower() else relation)

    def bound(label: Label) -> Value:
        below = project.nodes[label]
        if isinstance(below, SqlModel) and is_view(below):
            return [spelled(below.relation), definition(project, home, below, identities, outside, context)]
        return [spelled(below.relation), [[column.name, column.type] for column in identities[label].columns]]

    options: Mapping[str, Value] = {name: str(value) for name, value in project.profile.options.items() if value}
    place = [options.get("schema"), options.get("catalog"), spelled(node.relation)]
    below = [bound(label) for label in node.sql.inputs]
    return digest_value("view 2", [node.recipe, context, place, below, outside(node)])
