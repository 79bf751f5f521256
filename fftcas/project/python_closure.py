"""All the code that a Python model consists of: its module, the project's modules that it imports, and packages."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import posixpath
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fftcas.digest import Digest, digest_bytes, digest_value
from fftcas.errors import Location, ProjectError
from fftcas.project.files import Files
from fftcas.project.python_facts import OURS, Facts, Import, code_digest, facts, parse


@dataclass(frozen=True)
class Closure:
    """What a model's module reaches. `modules` maps names to code, the model's own module aside. `any_var` says that
    it may read any var.

    `lazy` says that a module of the project is imported inside a function, so while the model runs. `fetches` says that
    our HTTP functions may be called.
    """

    modules: dict[str, Digest]
    distributions: dict[str, str | None]
    env: tuple[str, ...]
    vars: tuple[str, ...]
    any_var: bool
    lazy: bool
    fetches: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Modules:
    """Reads the Python files of a project, each once."""

    files: Files
    known: dict[str, tuple[Facts, Digest]] = field(default_factory=dict)

    def closure(self, path: str) -> Closure:
        """Everything that the model in the file at `path` imports, directly or not. Raises ProjectError."""
        folder = posixpath.dirname(path)
        found: dict[str, Facts] = {}
        waiting = [path]
        packages: set[str] = set()
        warnings: list[str] = []
        lazy = False
        while waiting:
            current = waiting.pop()
            if current in found:
                continue
            seen = found[current] = self._read(current)[0]
            for statement in seen.imports:
                files = list(dict.fromkeys(self._resolve(statement, current, folder)))
                waiting += files
                lazy = lazy or (statement.lazy and bool(files))
                top = statement.module.partition(".")[0]
                if not files and top and not statement.level:
                    packages.add(top)
            if seen.unresolved:
                waiting += self.files.walk(".", (".py",))
                warnings.append(
                    f"{Location(current, seen.unresolved[0])}: cannot tell what is imported here, "
                    f"so every Python file of the project counts as part of {path}"
                )
            warnings += [
                f"{Location(current, line)}: cannot tell which environment variable is read here: "
                "it is not part of the model's key"
                for line in seen.hidden_env[:1]
            ]
        return Closure(
            {name: self._read(file)[1] for name, file in named(found.keys() - {path}, folder).items()},
            {name: version for top in packages for name, version in distributions(top)},
            tuple(sorted({name for seen in found.values() for name in seen.env})),
            tuple(sorted({name for seen in found.values() for name in seen.vars})),
            any(seen.any_var for seen in found.values()),
            lazy or any(seen.unresolved for seen in found.values()),
            any(seen.fetches or seen.unresolved for seen in found.values()),
            tuple(warnings),
        )

    def _read(self, path: str) -> tuple[Facts, Digest]:
        if path not in self.known:
            tree = parse(self.files, path)
            self.known[path] = (facts(tree), code_digest(tree))
        return self.known[path]

    def _resolve(self, statement: Import, importer: str, folder: str) -> Iterator[str]:
        """The project's files that an import statement runs, packages' `__init__` included."""
        bases = [folder, ""]
        if statement.level:
            here = posixpath.normpath(posixpath.join(posixpath.dirname(importer), "../" * (statement.level - 1)))
            if here.startswith(".."):
                raise ProjectError("this import leads outside the project", where=Location(importer, statement.line))
            bases = ["" if here == "." else here]
        parts = tuple(statement.module.split(".")) if statement.module else ()
        for base in dict.fromkeys(bases):
            yield from self._find(base, parts)
            for name in statement.names:
                yield from self._find(base, (*parts, name))
            if statement.names == ("*",):
                yield from self._all(posixpath.join(base, *parts))

    def _find(self, base: str, parts: tuple[str, ...]) -> Iterator[str]:
        folder = base
        for part in parts:
            path = posixpath.join(folder, part)
            if self.files.is_file(f"{path}/__init__.py"):
                yield f"{path}/__init__.py"
            elif self.files.is_file(f"{path}.py"):
                yield f"{path}.py"
                return
            folder = path
        package = posixpath.join(folder, "__init__.py")
        if self.files.is_file(package):
            yield package

    def _all(self, folder: str) -> Iterator[str]:
        """What `from package import *` may run besides the package: the modules that its `__all__` may name."""
        init = f"{folder}/__init__.py" if folder else "__init__.py"
        if self.files.is_file(init) and "__all__" in self.files.text(init):
            for path in self.files.walk(folder or ".", (".py",)):
                if posixpath.dirname(path.removesuffix("/__init__.py")) == folder:
                    yield path


def named(files: Iterable[str], folder: str) -> dict[str, str]:
    """The files by what they are called in a recipe; of two with one name, the one outside `folder` by its path."""
    found: dict[str, str] = {}
    for file in sorted(files, key=lambda file: (not file.startswith(f"{folder}/"), file)):
        name = module_name(file, folder)
        found[file if name in found else name] = file
    return found


def module_name(path: str, folder: str) -> str:
    """What a file is called in a recipe: by its place below the model's folder, so that both can move together."""
    inside = path.removeprefix(folder + "/")
    return inside.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


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
    """A digest of the files of an importable module; None if there is none."""
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if found is None:
        return None
    folders = [Path(place) for place in found.submodule_search_locations or ()]
    files = [(file.relative_to(top).as_posix(), file) for top in folders for file in sorted(top.rglob("*.py"))]
    if not folders and found.origin and found.has_location:
        files = [("", Path(found.origin))]
    try:
        return CODE + digest_value("module 1", [[name, digest_bytes(file.read_bytes())] for name, file in files])
    except OSError:
        return None


@functools.cache
def _packages() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())
