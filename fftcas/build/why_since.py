"""What the files of a project change, compared with a commit: recipe by recipe, and what texts read; nothing is run."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from fftcas.build.decide import context
from fftcas.build.keys import full_recipe
from fftcas.build.looking import looking
from fftcas.build.reads import is_built, reads
from fftcas.build.reasons import told_rows
from fftcas.build.statements import Statement
from fftcas.build.why import Explanation, state
from fftcas.derivation import Derivation
from fftcas.digest import Value
from fftcas.engines import diff_rows, typed_rows
from fftcas.explain.causes import Cause, recipe_difference
from fftcas.explain.rows import listing
from fftcas.label import Label
from fftcas.named_files import matching, means_file
from fftcas.project.git_tree import edited_since, tree_at
from fftcas.project.nodes import Node, Seed, SqlModel
from fftcas.project.project import Project
from fftcas.project.provenance import Provenance
from fftcas.project.seed_data import read_seed
from fftcas.store import Store
from fftcas.table import Table

LoadAt = Callable[[Path], Project]
"""Reads the project from another directory, for the same profile, variables and environment."""


def explain_since(project: Project, ref: str, targets: Collection[Label], load_at: LoadAt) -> list[Explanation]:
    """What a build of the working tree would do in a database that holds the tables of that commit.

    Explanations for the targets and all that they read, in build order. Raises UsageError for an unknown commit, and
    ProjectError if the project was not valid there.
    """
    with tree_at(project.root, ref) as tree:
        sides, files = (_Side(load_at(tree)), _Side(project)), _edited_files(project, ref, tree)
        found: list[Explanation] = []
        moving: set[Label] = set()
        wanted = project.graph.ancestors(targets)
        for node in [project.nodes[label] for label in project.graph if label in wanted]:
            if not is_built(node):
                continue
            read = reads(project, node)
            edited = dict.fromkeys(file for label in (node.label, *read.views) for file in files.get(label, ()))
            causes = (*_causes(node, *sides), *(state(f"{file} changed") for file in edited))
            below = tuple(label for label in read.tables if label in moving)
            if causes:
                words = ", ".join(cause.words for cause in causes)
                found.append(Explanation(node, "build", words, causes, waits_for=below))
            elif below:
                words = f"if {listing([label.text for label in below], 2)} gives other rows"
                found.append(Explanation(node, "wait", words, waits_for=below))
            else:
                found.append(Explanation(node, "fresh", "unchanged"))
                continue
            moving.add(node.label)
        return found


def changed_since(project: Project, ref: str, load_at: LoadAt) -> set[Label]:
    """The nodes whose own definition, or a file that their text reads, is not what it was at a commit.

    New ones are included; reformatting is no change.
    """
    with tree_at(project.root, ref) as tree:
        old, new = _Side(load_at(tree)), _Side(project)
        defined = {label for label in project.nodes if old.recipe(label) != new.recipe(label)}
        return defined | _edited_files(project, ref, tree).keys()


def _edited_files(project: Project, ref: str, tree: Path) -> dict[Label, list[str]]:
    """The files that SQL models read by their own texts and that are not what they are at the commit, in `tree`."""
    edited = edited_since(project.root, ref) - project.read - {node.path for node in project.nodes.values()}
    if not edited:
        return {}
    models = [node for node in project.nodes.values() if isinstance(node, SqlModel)]
    with Store.open() as store, looking(project, store) as decider:
        decider.statements.learn(models)
        read = {model.label: _read(decider.statements.of(model), (tree, project.root)) for model in models}
    return {label: sorted(files & edited) for label, files in read.items() if files & edited}


def _read(statement: Statement, sides: Collection[Path]) -> set[str]:
    """The paths, from the project's root, of the files that a text reads on one of the sides."""
    found: set[str] = set()
    for root in sides:
        named = (str(name) for name in statement.relations if means_file(name, root))
        files = (file for literal in (*statement.files, *named) for file in matching(literal, root))
        found |= {os.path.relpath(root / file, root) for file in files}
    return found


class _Side:
    """One of the two states of the project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.context = context(project)
        self.provenance = Provenance(project)

    def recipe(self, label: Label) -> object:
        node = self.project.nodes.get(label)
        return None if node is None else self.derivation(node, {}).recipe_digest

    def noted(self, node: Node) -> Derivation:
        return self.derivation(node, self.provenance.of(node))

    def derivation(self, node: Node, notes: Mapping[str, Value]) -> Derivation:
        """The node's derivation as far as it is known without data."""
        read = reads(self.project, node)
        notes = {**notes, "views": [view.text for view in read.views]}
        return Derivation(full_recipe(self.project, node, read, self.context), (), notes)


def _causes(node: Node, old: _Side, new: _Side) -> tuple[Cause, ...]:
    before = old.project.nodes.get(node.label)
    if before is None:
        return (state("is new"),)
    if old.recipe(node.label) == new.recipe(node.label):
        return ()
    found = recipe_difference(old.noted(before), new.noted(node)).causes
    if not (isinstance(node, Seed) and isinstance(before, Seed)):
        return found
    rows = diff_rows(_table(old, before), _table(new, node))
    return tuple(told_rows(cause, node, rows) for cause in found)


def _table(side: _Side, seed: Seed) -> Table:
    return typed_rows(read_seed(side.project.root / seed.path, seed), seed.types)
