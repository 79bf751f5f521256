"""Inputs that change while a node runs: what it made then is neither the old nor the new output."""

from __future__ import annotations

from fftcas.build.externals import Externals
from fftcas.build.reads import reads
from fftcas.derivation import Derivation
from fftcas.digest import digest_file
from fftcas.errors import NodeError
from fftcas.project.nodes import Node, PythonModel, Seed
from fftcas.project.project import Project
from fftcas.project.python_models import same_code


def refuse_edited(project: Project, node: Node, derivation: Derivation, externals: Externals) -> None:
    """Raise NodeError if a file or a view that the node has read is not what its key was derived from.

    SQL models and macros are not read again when a node runs, nor are variables: only seeds' files, Python files, and
    what statements read that is no node.
    """
    changed: list[str] = []
    if isinstance(node, Seed) and _digest(project, node) != node.recipe["file"]:
        changed.append(node.path)
    if isinstance(node, PythonModel) and not same_code(project.root, node, project.environ):
        changed.append(f"the Python code of {node.path}")
    now = externals.inputs(node, reads(project, node))
    changed += [each.label for each in now if each not in derivation.inputs]
    if changed:
        raise NodeError(
            f"{changed[0]} changed while {node.label} was built",
            why="what was built may be made of the old and of the new: it was thrown away",
            hint="build again",
        )


def _digest(project: Project, seed: Seed) -> str | None:
    try:
        return digest_file(project.root / seed.path)
    except OSError:
        return None
