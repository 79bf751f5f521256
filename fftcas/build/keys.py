"""Derivations of nodes: from a node's recipe, and from what its inputs hold at this moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fftcas.build.outcome import Identity
from fftcas.build.reads import ColumnsRead, Reads, reads
from fftcas.derivation import Derivation, Input, recipe, recipe_digest
from fftcas.digest import Digest, Value
from fftcas.label import Label
from fftcas.project.nodes import Node
from fftcas.project.project import Project


@dataclass(frozen=True)
class Definition:
    """A node with what it reads in the end, and its full recipe: all that stays the same, whatever its inputs hold."""

    node: Node
    reads: Reads
    recipe: Mapping[str, Value]
    digest: Digest

    @classmethod
    def of(cls, project: Project, node: Node, context: Mapping[str, Value]) -> Definition:
        read = reads(project, node)
        recipe = full_recipe(project, node, read, context)
        return cls(node, read, recipe, recipe_digest(recipe))


def derive(
    definition: Definition,
    identities: Mapping[Label, Identity],
    columns: ColumnsRead,
    externals: tuple[Input, ...],
    representative: Callable[[Digest], Digest],
) -> Derivation:
    """The derivation of a node, given the identity of every table that it reads in the end.

    `columns` says which columns it reads of each, and `externals` what else it reads. `representative` maps a
    projection's digest to that of the class of projections which are known to hold the same rows.
    """
    read = definition.reads
    inputs = tuple(seen(label, identities[label], columns.get(label), representative) for label in read.tables)
    notes = {"views": [view.text for view in read.views]} if read.views else {}
    return Derivation.known(definition.digest, definition.recipe, (*inputs, *externals), notes)


def full_recipe(project: Project, node: Node, read: Reads, context: Mapping[str, Value]) -> dict[str, Value]:
    """All of a node's own definition: its ingredients, the shape of what it reads, and what all nodes share."""
    ingredients: dict[str, Value] = {**node.recipe}
    if read.wiring:
        ingredients["reads"] = list(read.wiring)
    if read.views:
        ingredients["views"] = [
            {"recipe": project.nodes[view].recipe, "reads": list(wiring)}
            for view, wiring in zip(read.views, read.view_wirings, strict=True)
        ]
    return recipe(node.kind, ingredients, context)


def seen(
    label: Label, identity: Identity, names: frozenset[str] | None, representative: Callable[[Digest], Digest]
) -> Input:
    """What a reader of the columns `names` (None: all) sees of a table or source."""
    columns = tuple((c.name, c.type) for c in identity.columns if names is None or c.name in names)
    manifest = identity.manifest
    if manifest is None:
        content = identity.output if identity.narrowed is None else identity.narrowed(names)
        return Input(columns, content, label.text, content)
    size = sum(column.bytes for column in manifest.columns if names is None or column.name in names)
    return Input(columns, representative(manifest.projection(names)), label.text, identity.output, size)
