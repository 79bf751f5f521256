"""What the names in a Python module stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

OURS = ("fftcas", "fastflowtransform")
WATCHED = ("os", "sys", "importlib", "imp", "builtins", "pkgutil", "pydoc", "runpy", "site", "zipimport", *OURS)
"""Modules in which it counts what is used."""
DECORATORS = ("model", "engine_model")
STARRED: dict[str, tuple[str, ...]] = {
    "os": ("environ", "environb", "getenv", "getenvb", "path"),
    "os.path": ("expandvars",),
    "sys": ("path",),
    "importlib": ("import_module", "reload"),
    **dict.fromkeys(OURS, (*DECORATORS, "env", "var")),
}
"""What of it `from module import *` gives."""


def aliases(tree: ast.AST) -> dict[str, str]:
    """What imported names stand for: `{'m': 'fftcas.model'}` for `from fftcas import model as m`.

    Of two things that a name stands for in different places, the watched one counts.
    """
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        for name, full in _bound(node):
            if not is_watched(found.get(name, "")):
                found[name] = full
    return found


def _bound(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that an import statement binds, and what for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            yield (alias.asname, alias.name) if alias.asname else (top, top)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module}.{alias.name}"
            if alias.name == "*":
                yield from ((name, f"{node.module}.{name}") for name in STARRED.get(node.module or "", ()))


def dotted(node: ast.expr, names: Mapping[str, str]) -> str:
    """The full name that an expression stands for, `fftcas.model`; empty if it is not a name.

    `names` may also have full names, which stand for others: `{'helpers.os': 'os'}`.
    """
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, names)
        full = f"{base}.{node.attr}" if base else ""
        return names.get(full, full)
    return ""


def is_ours(name: str, function: str) -> bool:
    """Whether a full name is that of one of our functions, in whatever module of ours."""
    return name.endswith(f".{function}") and name.partition(".")[0] in OURS


def is_watched(name: str) -> bool:
    """Whether a full name is that of a module in which it counts what is used, or in one."""
    return name.partition(".")[0] in WATCHED


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of a module, not those inside functions or classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        elif not isinstance(node, ast.ClassDef | ast.Lambda):
            yield from functions(node)


def is_declaration(decorator: ast.expr, names: Mapping[str, str]) -> bool:
    """Whether a decorator is `model` or `engine_model`, of fftcas or of FFT."""
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    package, _, name = dotted(function, names).partition(".")
    return package in OURS and name.rpartition(".")[2] in DECORATORS
