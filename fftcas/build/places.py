"""Where a run leaves what it makes: what is kept of it, so that the database can be put back without the project."""

from __future__ import annotations

from collections.abc import Iterable

from fftcas.build.reads import is_view
from fftcas.label import Label
from fftcas.project.nodes import SqlModel
from fftcas.project.project import Project
from fftcas.store import Relation


def places(project: Project, labels: Iterable[Label]) -> dict[str, Relation]:
    """The relations of these nodes, and of the sources that views among them read; of views also the text.

    The text is this project's own, as it is bound here: what the store knows of a view's derivation may come from
    another label, another project or another machine, where the same key had other names.
    """
    found: dict[str, Relation] = {}
    for label in labels:
        node = project.nodes[label]
        if isinstance(node, SqlModel) and is_view(node):
            found[label.text] = Relation(node.relation, node.sql.text)
            sources = (source for source in node.sql.inputs if source.repo)
            found |= {source.text: Relation(project.nodes[source].relation) for source in sources}
        else:
            found[label.text] = Relation(node.relation)
    return found
