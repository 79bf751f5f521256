"""Derivations of nodes: from a node's recipe, and from what its inputs hold at this moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fftcas.build.outcome import Identity
from fftcas.build.reads import Reads, reads
from fftcas.derivation import Derivation, Input, recipe
from fftcas.digest import Digest, Value
from fftcas.label import Label
from fftcas.project.nodes import Node, PythonModel
from fftcas.project.project import Project

ColumnsRead = Mapping[Label, frozenset[str] | None]
"""For every table that a node reads the columns it reads there; None means all."""


def derive(
    project: Project,
    node: Node,
    identities: Mapping[Label, Identity],
    columns_read: Callable[[Node, Reads], ColumnsRead],
    representative: Callable[[Digest], Digest],
    context: Mapping[str, Value],
) -> Derivation:
    """The derivation of `node`, given the identity of every table that it reads in the end.

    `columns_read` tells which columns it reads of each; `representative` maps a projection's digest to that of the
    class of projections which are known to hold the same rows.
    """
    read = reads(project, node)
    ingredients: dict[str, Value] = {**node.recipe}
    if read.wiring:
        ingredients["reads"] = list(read.wiring)
    if read.views:
        ingredients["views"] = [
            {"recipe": project.nodes[view].recipe, "reads": list(wiring)}
            for view, wiring in zip(read.views, read.view_wirings, strict=True)
        ]
    columns = columns_read(node, read) if read.tables else {}
    inputs = tuple(seen(label, identities[label], columns.get(label), representative) for label in read.tables)
    return Derivation(recipe(node.kind, ingredients, context), inputs)


def seen(
    label: Label, identity: Identity, names: frozenset[str] | None, representative: Callable[[Digest], Digest]
) -> Input:
    """What a reader of the columns `names` (None: all) sees of a table or source."""
    columns = tuple((c.name, c.type) for c in identity.columns if names is None or c.name in names)
    manifest = identity.manifest
    content = identity.output if manifest is None else representative(manifest.projection(names))
    return Input(columns, content, label.text, identity.output)


def declared_columns(node: PythonModel, read: Reads) -> ColumnsRead:
    """The columns that a Python model is given of the tables it names itself."""
    return {label: frozenset(names) for label, names in node.columns.items() if label in read.tables}
