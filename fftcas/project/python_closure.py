"""All the code that a Python model consists of: its module, the project's modules that it imports, and packages."""

from __future__ import annotations

import ast
import posixpath
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from fftcas.digest import Digest
from fftcas.errors import Location, ProjectError
from fftcas.project.files import Files
from fftcas.project.python_code import Code, too_deep
from fftcas.project.python_facts import Facts, facts, parse
from fftcas.project.python_import import installed_spec
from fftcas.project.python_imported import Import
from fftcas.project.python_installed import FRAMES, installed
from fftcas.project.python_names import aliases, is_watched


@dataclass(frozen=True)
class Closure:
    """What a model's module reaches. `modules` maps names to code, the model's own module aside. `any_var` says that
    it may read any var, and `open_ends` that it imports in ways that are not followed.

    `lazy` says that a module of the project, or one that fetches, is imported inside a function, so while the model
    runs, and `by_name` that modules may be looked for by their names then, as by what pickles. `fetches` says that our
    HTTP functions may be called, `docs` that docstrings count, and `lines` that all of the text does. `places` has the
    paths of all the files where some code looks at what functions or files are called, else nothing. `unseen` are
    modules that may lie anywhere, and `own` the top-level ones of the project, with where they are imported.
    """

    modules: dict[str, Digest]
    distributions: dict[str, str | None]
    env: tuple[str, ...]
    vars: tuple[str, ...]
    any_var: bool
    open_ends: bool
    lazy: bool
    by_name: bool
    fetches: bool
    docs: bool
    lines: bool
    places: tuple[str, ...]
    unseen: tuple[str, ...]
    own: dict[str, Location]
    warnings: tuple[str, ...]


@dataclass
class _Reached:
    """What was followed so far: files of the project, and top-level modules with where each is imported first: from
    outside, and the project's own; `deferred` are those from outside that are imported inside functions."""

    files: dict[str, Facts] = field(default_factory=dict)
    packages: dict[str, Location] = field(default_factory=dict)
    own: dict[str, Location] = field(default_factory=dict)
    deferred: set[str] = field(default_factory=set)
    lazy: bool = False


@dataclass(frozen=True)
class Modules:
    """Reads the Python files of a project, each once."""

    files: Files
    _names: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _facts: dict[tuple[str, str], Facts] = field(default_factory=dict)
    _codes: dict[tuple[str, bool, bool], Digest] = field(default_factory=dict)
    _elsewhere: dict[str, bool] = field(default_factory=dict)

    def closure(self, path: str) -> Closure:
        """Everything that the model in the file at `path` imports, directly or not. Raises ProjectError."""
        folder = posixpath.dirname(path)
        reached = _Reached()
        self._follow([path], folder, reached)
        open_ends = any(seen.unresolved for seen in reached.files.values())
        unseen = self._unseen(reached) if open_ends else {}
        if open_ends:
            self._follow(self.files.walk(".", (".py",)), folder, reached, surely=False)
        found = reached.files
        docs, lines = any(seen.docs for seen in found.values()), any(seen.lines for seen in found.values())
        places = any(seen.places for seen in found.values())
        outside = [installed(top) for top in sorted({*FRAMES, *reached.packages})]
        reading = [*found.values(), *(seen for each in outside for seen in each.facts)]
        deferred = any(seen.fetches for top in reached.deferred for seen in installed(top).facts)
        others = named(found.keys() - {path}, folder)
        return Closure(
            modules={name: self._code(file, docs, lines) for name, file in others.items()},
            distributions={name: version for each in outside for name, version in each.versions.items()},
            env=tuple(sorted({name for seen in reading for name in seen.env})),
            vars=tuple(sorted({name for seen in reading for name in seen.vars})),
            any_var=any(seen.any_var for seen in reading),
            open_ends=open_ends,
            lazy=reached.lazy or deferred or open_ends,
            by_name=any(seen.by_name for seen in reading),
            fetches=any(seen.fetches for seen in reading) or open_ends,
            docs=docs,
            lines=lines,
            places=(path, *sorted(found.keys() - {path})) if places else (),
            unseen=tuple(unseen),
            own=reached.own,
            warnings=tuple(_warnings(found, path, unseen)),
        )

    def _follow(self, files: Iterable[str], folder: str, reached: _Reached, *, surely: bool = True) -> None:
        """Follow the imports of these files to all others of the project. Raises ProjectError.

        Unless they are `surely` part of the model, what they import may be a module from outside as well.
        """
        waiting = list(files)
        while waiting:
            current = waiting.pop()
            if current in reached.files:
                continue
            seen = reached.files[current] = self._read(current, folder)
            for statement in seen.imports:
                found = list(dict.fromkeys(self._resolve(statement, current, folder)))
                top = "" if statement.level else statement.module.partition(".")[0]
                alike = [file for file in found if top and _is_called(file, top, folder)]
                where = Location(current, statement.line)
                if alike and surely:
                    if top in sys.stdlib_module_names:
                        raise _hidden(top, alike[0], where)
                    reached.own.setdefault(top, where)
                elif top and found and self._is_elsewhere(top):
                    reached.packages.setdefault(top, where)
                    found = found if alike else []  # a mere folder gives way, as everywhere in Python
                waiting += found
                reached.lazy = reached.lazy or (statement.lazy and bool(found))
                if top and not found:
                    reached.packages.setdefault(top, where)
                    reached.deferred |= {top} if statement.lazy else set()

    def _unseen(self, reached: _Reached) -> dict[str, Location]:
        """The modules that are to be found nowhere, where some code makes known what lies elsewhere."""
        if not any(seen.elsewhere for seen in reached.files.values()):
            return {}
        own = {part for file in self.files.walk(".", (".py",)) for part in file.removesuffix(".py").split("/")}
        missing = {top for top in reached.packages if installed(top).versions.get(top, "") is None}
        return {top: where for top, where in sorted(reached.packages.items()) if top in missing - own}

    def _is_elsewhere(self, top: str) -> bool:
        """Whether there is a module of this name outside the project."""
        if top not in self._elsewhere:
            self._elsewhere[top] = top in sys.stdlib_module_names or installed_spec(top) is not None
        return self._elsewhere[top]

    def _read(self, path: str, folder: str) -> Facts:
        if (path, folder) not in self._facts:
            try:
                self._facts[path, folder] = facts(parse(self.files, path), self._bound(path, folder))
            except RecursionError:
                raise too_deep(path) from None
        return self._facts[path, folder]

    def _code(self, path: str, docs: bool, lines: bool) -> Digest:
        if (path, docs, lines) not in self._codes:
            text = self.files.text(path) if lines else None
            self._codes[path, docs, lines] = Code(parse(self.files, path), path, docs=docs, text=text).digest()
        return self._codes[path, docs, lines]

    def _bound(self, path: str, folder: str) -> dict[str, str]:
        """What the names in a file stand for, also those that come from other files of the project."""
        if (path, folder) in self._names:
            return self._names[path, folder]
        tree = parse(self.files, path)
        names = self._names[path, folder] = aliases(tree)  # so far: files may import each other
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    names |= _below(alias.name, self._given(Import(alias.name), path, folder))
            elif isinstance(node, ast.ImportFrom):
                origin = Import(node.module or "", node.level, line=node.lineno)
                given = self._given(origin, path, folder)
                for alias in node.names:
                    name = alias.asname or alias.name
                    if alias.name == "*":
                        names |= given
                    elif alias.name in given:
                        names[name] = given[alias.name]
                    else:
                        inner = replace(origin, module=".".join(filter(None, (node.module, alias.name))))
                        names |= _below(names.get(name, name), self._given(inner, path, folder))
        return names

    def _given(self, module: Import, importer: str, folder: str) -> dict[str, str]:
        """The names in a module of the project that stand for something watched."""
        bound = [self._bound(file, folder) for file in self._resolve(module, importer, folder)]
        return {name: full for names in bound for name, full in names.items() if "." not in name and is_watched(full)}

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


def _warnings(found: Mapping[str, Facts], path: str, unseen: Mapping[str, Location]) -> Iterator[str]:
    """What cannot be told of the files that the model at `path` consists of."""
    for current, seen in found.items():
        for line in seen.unresolved[:1]:
            yield (
                f"{Location(current, line)}: cannot tell what is imported here, "
                f"so every Python file of the project counts as part of {path}"
            )
        for line in seen.hidden_env[:1]:
            yield (
                f"{Location(current, line)}: cannot tell which environment variable is read here: "
                "it is not part of the model's key"
            )
    for module, where in unseen.items():
        yield f"{where}: nobody can tell where '{module}' lies, nor whether it changed: so {path} runs in every build"


def _below(module: str, given: Mapping[str, str]) -> dict[str, str]:
    return {f"{module}.{name}": full for name, full in given.items()}


def _is_called(file: str, top: str, folder: str) -> bool:
    """Whether a file is what an import of the top-level module runs, and not one that only lies in a folder of it."""
    return file.removesuffix(".py").removesuffix("/__init__") in (posixpath.join(folder, top), top)


def _hidden(top: str, file: str, where: Location) -> ProjectError:
    """Whichever was loaded first would win."""
    return ProjectError(
        f"'{top}' is a module of Python's own, and {file} is called like it",
        where=where,
        hint="give the file another name",
    )


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
