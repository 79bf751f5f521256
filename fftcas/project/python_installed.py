"""Modules from outside a project, and what tells of their code: a version, or the digest of their files."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from fftcas.digest import Value, digest_bytes, digest_value
from fftcas.project.python_names import OURS


@functools.cache
def distributions(module: str) -> tuple[tuple[str, str | None], ...]:
    """Names and versions of the installed distributions that give a top-level module; empty for Python's own.

    What has no version, or one that stays while its code is edited, is told by the digest of its files.
    """
    if module in sys.stdlib_module_names or module in OURS:
        return ()
    try:
        importlib.metadata.distribution(module)
        names = [module]
    except importlib.metadata.PackageNotFoundError:
        names = sorted(set(_packages().get(module, ())))
    known: list[tuple[str, str | None]] = [(name, importlib.metadata.version(name)) for name in names]
    if not known or any(_editable(name) for name in names):
        known.append((module if not known else f"{module} (editable)", _code_of(module)))
    return tuple(known)


CODE = "code "
"""Begins what stands for the version of a module that is known by its files."""


def _editable(distribution: str) -> bool:
    text = importlib.metadata.distribution(distribution).read_text("direct_url.json")
    return text is not None and '"editable": true' in text


def _code_of(module: str) -> str | None:
    """A digest of the files of an importable module, and of those that they import and no distribution has; None if
    there is no such module."""
    codes: dict[str, Value] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in codes:
            continue
        try:
            files = _files_of(name)
            codes[name] = None if files is None else [[at, digest_bytes(file.read_bytes())] for at, file in files]
        except (ImportError, OSError, ValueError):
            files = codes[name] = None
        waiting += [top for _, file in files or () for top in _imported(file) if not _has_distribution(top)]
    if codes[module] is None:
        return None
    return CODE + (digest_value("module 1", codes[module]) if len(codes) == 1 else digest_value("modules 1", codes))


def _files_of(module: str) -> list[tuple[str, Path]] | None:
    """The files of an importable module, each with its place in it. Raises ImportError and ValueError."""
    found = importlib.util.find_spec(module)
    if found is None:
        return None
    folders = [Path(place) for place in found.submodule_search_locations or ()]
    if not folders and found.origin and found.has_location:
        return [("", Path(found.origin))]
    return [(file.relative_to(top).as_posix(), file) for top in folders for file in sorted(top.rglob("*.py"))]


def _imported(file: Path) -> Iterator[str]:
    """The top-level modules that a file imports."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _has_distribution(module: str) -> bool:
    return module in sys.stdlib_module_names or module in OURS or module in _packages()


@functools.cache
def _packages() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())
