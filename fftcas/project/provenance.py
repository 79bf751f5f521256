"""Where a node's recipe comes from, for people: kept beside its derivation, no part of any key.

Lines and functions are noted by short digests: enough to name, later, the one that was edited.
"""

from __future__ import annotations

import ast
import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from blake3 import blake3

from fftcas.digest import Value
from fftcas.errors import ProjectError
from fftcas.project.environment import is_secret
from fftcas.project.files import Files
from fftcas.project.macro_facts import MacroText, imported_templates, macro_texts, named_variables, used_macros
from fftcas.project.nodes import Node, PythonModel, SqlModel
from fftcas.project.project import Project

DIGITS = 6
"""Hexadecimal digits that stand for a line or a function."""


@dataclass(frozen=True)
class Provenance:
    """Tells of the nodes of one project where they come from."""

    project: Project

    def of(self, node: Node) -> Mapping[str, Value]:
        """A node's notes; only its path where its files can no longer be read."""
        where: dict[str, Value] = {"path": node.path}
        try:
            if isinstance(node, SqlModel):
                return {**where, "sql": node.sql.text, **self._sql(node)}
            if isinstance(node, PythonModel):
                return {**where, "code": self._python(node)}
        except (ProjectError, SyntaxError):
            return where
        return where

    @cached_property
    def _files(self) -> Files:
        return Files(self.project.root)

    @cached_property
    def _macros(self) -> dict[str, MacroText]:
        return macro_texts(self._files)

    def _sql(self, node: SqlModel) -> dict[str, Value]:
        texts = {path: self._files.text(path) for path in self._templates(node)}
        macros = used_macros("\n".join(texts.values()), self._macros)
        for path in [path for text in texts.values() for path in imported_templates(text, self._files)]:
            texts[path] = self._files.text(path)
        everything = [*texts.values(), *(macro.text for macro in macros.values())]
        named = {pair for text in everything for pair in named_variables(text)}
        values: dict[str, Mapping[str, Any]] = {"var": self.project.vars, "env": self.project.environ}
        seen = {
            kind: {
                name: shown(values[kind].get(name))
                for of_kind, name in sorted(named)
                if of_kind == kind and not (kind == "env" and is_secret(name))
            }
            for kind in values
        }
        return {
            "files": {path: line_digests(text) for path, text in texts.items()},
            "macros": {
                name: {"path": macro.path, "line": macro.line, "lines": line_digests(macro.text)}
                for name, macro in sorted(macros.items())
            },
            **seen,
        }

    def _templates(self, node: SqlModel) -> list[str]:
        """The model's file, and those of the ephemeral models that are part of its text."""
        found: dict[str, None] = {}
        waiting: list[Node] = [node]
        while waiting:
            current = waiting.pop()
            if current is node or (isinstance(current, SqlModel) and current.materialized == "ephemeral"):
                found[current.path] = None
                waiting += [self.project.nodes[label] for label in current.inputs]
        return list(found)

    def _python(self, node: PythonModel) -> dict[str, Value]:
        recipe: Any = node.recipe.get("python")
        modules = recipe.get("modules", {}) if isinstance(recipe, Mapping) else {}
        folder = posixpath.dirname(node.path)
        candidates = [f"{base}{name.replace('.', '/')}" for name in modules for base in (f"{folder}/", "")]
        paths = [path for stem in candidates for path in (f"{stem}.py", f"{stem}/__init__.py")]
        files = [node.path, *(path for path in paths if self._files.is_file(path))]
        return {path: definitions(ast.parse(self._files.text(path))) for path in dict.fromkeys(files)}


def shown(value: Any) -> str | None:
    """A variable's value as text; None if it is not set."""
    return value if isinstance(value, str) or value is None else json.dumps(value, default=str, ensure_ascii=False)


def line_digests(text: str) -> str:
    """The short digests of a text's lines, one after the other; indentation does not count."""
    return "".join(_short(line.strip()) for line in text.splitlines())


def lines_of(digests: str) -> list[str]:
    """The short digests of the single lines."""
    return [digests[i : i + DIGITS] for i in range(0, len(digests), DIGITS)]


def definitions(tree: ast.Module) -> dict[str, Value]:
    """What a module defines at its top: the name, its line and a short digest; `` is what else it does."""
    found: dict[str, Value] = {}
    rest: list[ast.stmt] = []
    for node in tree.body:
        name = _defined(node)
        if name is None:
            rest.append(node)
        else:
            found[name] = [node.lineno, _short(_dump([node]))]
    if rest:
        found[""] = [rest[0].lineno, _short(_dump(rest))]
    return found


def _defined(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return f"{node.name}()"
    if isinstance(node, ast.ClassDef):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else None


def _dump(nodes: Iterable[ast.stmt]) -> str:
    for node in nodes:
        for inner in ast.walk(node):
            body = getattr(inner, "body", None)
            if isinstance(body, list) and body and _is_text(body[0]) and isinstance(inner, _DOCUMENTED):
                del body[0]
    return "".join(ast.dump(node, annotate_fields=False) for node in nodes if not _is_text(node))


_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _short(text: str) -> str:
    return blake3(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]
