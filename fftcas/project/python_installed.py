"""Modules from outside a project, and what tells of their code: a version, or the digest of their files."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from fftcas.digest import Value, digest_bytes, digest_value
from fftcas.project.python_facts import Facts, facts
from fftcas.project.python_names import OURS, aliases

CODE = "code "
"""Begins what stands for the version of a module that is known by its files."""

FRAMES = ("pandas", "numpy", "pyarrow")
"""What a model is given and returns is made of these, whatever it imports; their distributions are called as they."""


@dataclass(frozen=True)
class Installed:
    """What stands for a module in a key: `versions` by what they are of, and the `facts` of files that have none."""

    versions: dict[str, str | None]
    facts: tuple[Facts, ...]


@functools.cache
def installed(module: str) -> Installed:
    """A top-level module from outside the project; nothing for Python's own.

    Distributions that give it count by their versions. What has no version, or one that stays while its code is edited,
    counts by the digest of its files, and with all that they import. A module that is not there has no version.
    """
    versions: dict[str, str | None] = {}
    codes: dict[str, Value] = {}
    seen: list[Facts] = []
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in codes or name in sys.stdlib_module_names or name in OURS:
            continue
        given_by = _distributions(name)
        versions |= {each: _version(each) for each in given_by}
        if given_by and not any(_source(each) == EDITABLE for each in given_by):
            continue
        try:
            texts = [(at, file.read_bytes()) for at, file in _files_of(name)]
        except (ImportError, OSError, ValueError):
            texts = []
        codes[name] = [[at, digest_bytes(text)] for at, text in texts] or None
        read = [each for _, text in texts for each in _facts_of(text)]
        waiting += [each.module.partition(".")[0] for one in read for each in one.imports if not each.level]
        seen += read
    if module in codes:
        of = f"{module} (editable)" if _distributions(module) else module
        versions[of] = None if codes[module] is None else CODE + _digest(codes, module)
    return Installed(versions, tuple(seen))


def _digest(codes: dict[str, Value], module: str) -> str:
    return digest_value("module 1", codes[module]) if len(codes) == 1 else digest_value("modules 1", codes)


@functools.cache
def _distributions(module: str) -> tuple[str, ...]:
    """The names of the distributions that give a top-level module. Not each that is called like it does: some only
    stand for another."""
    if module in FRAMES:
        return (module,)
    try:
        record = importlib.metadata.distribution(module).read_text("RECORD") or ""
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return tuple(sorted(set(_packages().get(module, ()))))
    if any(f"\n{module}{end}" in f"\n{record}" for end in ("/__init__.", ".")):
        return (module,)
    return tuple(sorted(set(_packages().get(module, ())))) or (module,)


@functools.cache
def _packages() -> dict[str, list[str]]:
    """The distributions by the modules that they give; reads what each of them has installed, so only if need be."""
    found: dict[str, list[str]] = {}
    for module, names in importlib.metadata.packages_distributions().items():
        found[module] = [name for name in names if name]  # what was not uninstalled as a whole has no name
    return found


EDITABLE = "editable"


def _source(distribution: str) -> str | None:
    """What was installed: None if it came from an index, `EDITABLE`, or something that has no version of its own."""
    try:
        text = importlib.metadata.distribution(distribution).read_text("direct_url.json")
        told = json.loads(text) if text else None
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None
    if not isinstance(told, dict):
        return None
    return EDITABLE if (told.get("dir_info") or {}).get("editable") else "direct"


def _version(name: str) -> str | None:
    """A distribution's version; of one that came from no index, with a digest of the files: other commits or folders
    may have the same version."""
    try:
        found = importlib.metadata.distribution(name)
        version: str | None = found.version
    except (importlib.metadata.PackageNotFoundError, TypeError, KeyError, ValueError):
        return None
    if _source(name) != "direct":
        return version
    lines = (found.read_text("RECORD") or "").splitlines()
    files = sorted(line for line in lines if "sha256=" in line and ".dist-info/" not in line and line[:3] != "../")
    return f"{version} ({digest_value('installed files 1', files)[:12]})"


def _files_of(module: str) -> list[tuple[str, Path]]:
    """The files of an importable module, each with its place in it; the whole archive if it lies in one. Raises
    ImportError and ValueError."""
    found = importlib.util.find_spec(module)
    if found is None:
        return []
    archive = getattr(found.loader, "archive", None)
    if archive is not None:
        return [("", Path(archive))]
    folders = [Path(place) for place in found.submodule_search_locations or ()]
    if not folders and found.origin and found.has_location:
        return [("", Path(found.origin))]
    return [(file.relative_to(top).as_posix(), file) for top in folders for file in sorted(top.rglob("*.py"))]


def _facts_of(text: bytes) -> list[Facts]:
    try:
        tree = ast.parse(text)
        return [facts(tree, aliases(tree))]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
