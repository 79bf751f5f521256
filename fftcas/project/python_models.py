"""Python models: from module files to nodes, without importing them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fftcas.digest import Digest, Value
from fftcas.errors import ProjectError
from fftcas.label import Label
from fftcas.project.environment import is_secret
from fftcas.project.files import Files
from fftcas.project.nodes import PythonModel
from fftcas.project.python_closure import Closure, Modules
from fftcas.project.python_code import Code
from fftcas.project.python_declaration import Declaration, declarations
from fftcas.project.python_facts import parse
from fftcas.project.python_overlooked import overlooked
from fftcas.project.references import Draft, References
from fftcas.project.sql_models import NOT_MODELS
from fftcas.relation import RelationName


@dataclass(frozen=True)
class PythonDraft(Draft):
    """A declared Python model; `code` is the digest of its own module, `closure` what that imports."""

    declared: Declaration
    code: Digest
    closure: Closure


def read_python_models(files: Files, environ: Mapping[str, str]) -> Iterator[PythonDraft]:
    """The Python models that the environment wants, in the order of their paths. Raises ProjectError."""
    modules = Modules(files)
    for path in files.walk("models", (".py",)):
        if not path.startswith(NOT_MODELS):
            yield from _drafts(path, files, modules, environ)


def without_models(files: Files, drafts: Collection[PythonDraft]) -> Iterator[str]:
    """Warnings for files that seem to have models, and declare none."""
    having = {draft.path for draft in drafts}
    for path in files.walk("models", (".py",)):
        if path not in having and not path.startswith(NOT_MODELS):
            yield from overlooked(parse(files, path), path)


def _drafts(path: str, files: Files, modules: Modules, environ: Mapping[str, str]) -> Iterator[PythonDraft]:
    """The models in one file."""
    tree = parse(files, path)
    found = list(declarations(tree, path, environ))
    if not found:
        return
    closure = modules.closure(path)
    code = Code(tree, path, docs=closure.docs, text=files.text(path) if closure.lines else None)
    for declared in found:
        own, label = code.digest(declared.function, named=bool(closure.places)), declared.label
        yield PythonDraft(label, declared.name, path, RelationName(label.name), declared, own, closure)


def same_code(root: Path, node: PythonModel, environ: Mapping[str, str]) -> bool:
    """Whether the files still hold the code that the model's recipe tells of."""
    files = Files(root)
    known: Any = node.recipe["python"]
    try:
        drafts = list(_drafts(node.path, files, Modules(files), environ))
    except ProjectError:
        return False
    return any((d.label, d.code, d.closure.modules) == (node.label, known["module"], known["modules"]) for d in drafts)


def python_node(
    draft: PythonDraft,
    references: References,
    ephemeral: Collection[Label],
    environ: Mapping[str, str],
    values: Mapping[str, Any],
) -> PythonModel:
    """The model's node. Raises ProjectError for unknown inputs, and for ephemeral ones: they have no rows."""
    declared = draft.declared
    labels = {dep: references.ref(dep, declared.where) for dep in declared.deps}
    for label in labels.values():
        if label in ephemeral:
            raise ProjectError(
                f"{draft.label} reads {label}, which is ephemeral",
                where=declared.where,
                why="an ephemeral model is text for other SQL models; it has no rows that a Python model could get",
                hint=f"make {label} a view or a table",
            )
    inputs = tuple(labels[dep] for dep in declared.deps)
    return PythonModel(
        label=draft.label,
        name=draft.name,
        path=draft.path,
        relation=draft.relation,
        inputs=inputs,
        tags=declared.tags,
        recipe={
            "python": python_ingredient(draft, environ, values),
            "require": by_position(declared.require, declared.deps),
            "columns": by_position(declared.columns, declared.deps),
        },
        require=by_label(declared.require, labels),
        columns=by_label(declared.columns, labels),
        cache=declared.cache,
        fetches=draft.closure.fetches,
        unseen=draft.closure.unseen,
    )


def python_ingredient(draft: PythonDraft, environ: Mapping[str, str], values: Mapping[str, Any]) -> Value:
    """The code that the model consists of, and the variables that it reads; of a secret, only its name."""
    closure = draft.closure
    secrets = [name for name in closure.env if is_secret(name)]
    names = sorted({*closure.vars, *values}) if closure.any_var else closure.vars
    return {
        "version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "module": draft.code,
        "modules": closure.modules,
        **({"places": closure.places} if closure.places else {}),
        "distributions": closure.distributions,
        # A list tells what is unset from what is empty.
        "env": {name: [environ[name]] if name in environ else [] for name in closure.env if name not in secrets},
        "secrets": secrets,
        "vars": {name: [_in_order(values[name])] if name in values else [] for name in names},
    }


def _in_order(value: Any) -> Value:
    """A var's value for the key, in which the order of a mapping counts: code that goes through it can see it.

    A mapping is the list of its pairs, each as a mapping; no list holds one of those, except an empty one.
    """
    if isinstance(value, Mapping):
        return [{key: _in_order(item)} for key, item in value.items()] or {}
    return [_in_order(item) for item in value] if isinstance(value, list) else value


def by_position(columns: Mapping[str, tuple[str, ...]], deps: tuple[str, ...]) -> Value:
    """Columns by the number of the input, so that its name does not count."""
    return {str(position): columns[dep] for position, dep in enumerate(deps) if dep in columns}


def by_label(columns: Mapping[str, tuple[str, ...]], labels: Mapping[str, Label]) -> dict[Label, tuple[str, ...]]:
    return {labels[dep]: names for dep, names in columns.items()}
