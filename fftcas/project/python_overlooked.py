"""Files in which a model was meant, as it seems, and none is declared: told, lest anybody wait for it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from fftcas.errors import Location
from fftcas.project.python_names import DECORATORS, aliases, dotted, functions, is_declaration

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def overlooked(tree: ast.Module, path: str) -> Iterator[str]:
    """A warning for what seems to be a model, in a file that declares none for any environment."""
    names = aliases(tree)
    if any(is_declaration(each, names) for function in functions(tree) for each in function.decorator_list):
        return
    inside = {id(part) for each in ast.walk(tree) if isinstance(each, FUNCTION) for part in ast.walk(each)}
    known = {*names} | {name for node in ast.walk(tree) for name in _named(node)}
    found = [node for node in ast.walk(tree) if _is_applied(node, names, inside) or _seems(node, names, known)]
    lines = [part.lineno for node in found for part in (node, *getattr(node, "decorator_list", ()))]
    if lines or path.endswith(".ff.py"):
        yield (
            f"{Location(path, min(lines, default=None))}: no model is declared here: "
            "write @model, imported from fftcas in this file, above a function that is in no other"
        )


def _is_applied(node: ast.AST, names: Mapping[str, str], inside: Collection[int]) -> bool:
    """Whether our decorator is called; inside of a function that makes a decorator of it."""
    return isinstance(node, ast.Call) and id(node) not in inside and is_declaration(node, names)


def _seems(node: ast.AST, names: Mapping[str, str], known: Collection[str]) -> bool:
    """Whether a function is a model in the wrong place, of a decorator from elsewhere, or dbt's. `x.model` is something
    else where `x` is known, and not ours."""
    if not isinstance(node, FUNCTION):
        return False
    for decorator in node.decorator_list:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        foreign = isinstance(function, ast.Attribute) and not is_declaration(function, names)
        if foreign and ast.unparse(function).partition(".")[0] in known:
            continue
        if dotted(function, names).rpartition(".")[2] in DECORATORS:
            return True
    return node.name == "model" and [each.arg for each in node.args.args] == ["dbt", "session"]


def _named(node: ast.AST) -> Iterator[str]:
    """The names that something in a module binds."""
    if isinstance(node, (*FUNCTION, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name
