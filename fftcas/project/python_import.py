"""Running a project's Python files: always what is on disk now, without traces in the interpreter.

While a file runs, its own folder and the project's root can be imported from. Bytecode caches are neither read nor
written: they go by whole seconds, and would hide an edit made right after a build.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

TIME_ZONE = "UTC"
"""That of Python models, as of SQL: the machine's is no part of any key."""
IMPORTING = threading.RLock()
"""Held while project files are imported: modules are known to the interpreter by name, and names may repeat."""


@dataclass(eq=False)
class Importing:
    """A run of a file: the folders that it may import from, and the modules that it has imported when it begins."""

    folders: tuple[str, ...]
    modules: dict[str, ModuleType] = field(default_factory=dict)


_MINE: ContextVar[Importing | None] = ContextVar("_MINE", default=None)
_RUNNING: list[Importing] = []
_LATE: list[Importing] = []
"""The model that imports while it runs, for the threads that it starts."""
_PACKAGE = "fftcas_project"
_NAMESPACES: set[str] = set()
"""Folders without `__init__.py` that were imported as packages."""
_FETCHING: set[str] = set()
"""Packages from outside that have our HTTP functions."""


class ProjectLoader(importlib.machinery.SourceFileLoader):
    source = b""
    """The text that ran: the file may be edited at any time."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        self.source = self.get_data(path)
        code: CodeType = compile(self.source, path, "exec", dont_inherit=True, optimize=0)  # asserts count, whatever -O
        return code


class _Folder(ModuleType):
    """A folder of the project as a package, whose `__init__.py` runs when someone asks for what it has."""

    def __init__(self, name: str, place: Path) -> None:
        super().__init__(name)
        self.__path__ = [str(place)]
        self.__package__ = name
        self._running = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        file = Path(self.__path__[0]) / "__init__.py"
        with self._running:
            if "__file__" not in vars(self) and (name == "__all__" or name[:2] != "__") and file.is_file():
                self.__file__ = str(file)
                code = ProjectLoader(self.__name__, self.__file__).get_code(self.__name__)
                try:
                    exec(code or "", vars(self))
                except AttributeError as error:  # would say that there is no such name
                    raise ImportError(f"{file} cannot be imported: {error}") from error
        if name in vars(self):
            return vars(self)[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class ProjectFinder(MetaPathFinder):
    """Finds modules in the folders that the running model may import from."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        late = _LATE[-1:]  # another thread may end in between
        mine = _MINE.get() or (late[0] if late else None)
        if mine is None:
            return None
        folders = mine.folders
        own = folders if path is None else [folder for folder in path if is_below(folder, folders[-1])]
        namespaces: list[str] = []
        for folder in own:
            spec = importlib.machinery.FileFinder(folder, (ProjectLoader, [".py"])).find_spec(fullname)
            if spec is not None and spec.loader is not None:
                return spec
            namespaces += (spec.submodule_search_locations or []) if spec else []
        if not namespaces:
            return None
        # A folder without __init__.py gives way to an installed package, as everywhere in Python.
        installed = installed_spec(fullname, path)
        if installed is not None:
            return installed
        _NAMESPACES.add(fullname)
        found = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
        found.submodule_search_locations = namespaces
        return found


def installed_spec(module: str, path: Sequence[str] | None = None) -> importlib.machinery.ModuleSpec | None:
    """What Python finds outside the project for a module; None if nothing, or a folder without `__init__.py`."""
    found = importlib.machinery.PathFinder.find_spec(module, path)
    return found if found is not None and found.loader is not None else None


def taken(module: str) -> str | None:
    """The file of a module from outside that has been imported under a name, so that every import of it gives that."""
    found = sys.modules.get(module)
    own = isinstance(getattr(getattr(found, "__spec__", None), "loader", None), ProjectLoader)
    return None if own else getattr(found, "__file__", None)


@contextmanager
def importable(root: Path, folder: str, *, late: bool = False, by_name: bool = False) -> Iterator[None]:
    """Let this thread import from a folder of the project, and from its root.

    If `late`, all of it is one import: nobody else imports meanwhile, and threads that this one starts may. Nor does
    anybody if `by_name`: what is looked for by the names of its modules is its own.
    """
    if not any(isinstance(finder, ProjectFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, ProjectFinder())
    mine = Importing((str(root / folder), str(root)))
    with IMPORTING if late or by_name else nullcontext():
        lists = (_RUNNING, _LATE) if late else (_RUNNING,)
        token = _MINE.set(mine)
        for each in lists:
            each.append(mine)
        try:
            yield
        finally:
            for each in lists:
                each.remove(mine)
            _MINE.reset(token)


def import_file(root: Path, path: str) -> tuple[ModuleType, bytes]:
    """Run a Python file of the project, and what it imports, afresh; also returns its text. Raises whatever the code
    raises."""
    with IMPORTING, _afresh():
        name = _package(root, path.split("/")[:-1]) + "." + Path(path).stem.replace(".", "_")
        file = str(root / path)
        loader = ProjectLoader(name, file)
        spec = importlib.util.spec_from_file_location(name, file, loader=loader)
        assert spec is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        return module, loader.source


def _package(root: Path, folders: Sequence[str]) -> str:
    """A package for each folder on the way to a file, so that it can say `from . import helpers`."""
    name, place = _PACKAGE, root
    for folder in ["", *folders]:
        if folder:
            name, place = f"{name}.{folder.replace('.', '_')}", place / folder
        if name not in sys.modules:
            sys.modules[name] = _Folder(name, place)
    return name


def note_fetching(module: str) -> None:
    """Import the package of a module from outside anew for each model that runs from now on: an answer that it keeps
    would be recorded for the first one only."""
    if _RUNNING and module != "__main__":
        _FETCHING.add(module.partition(".")[0])


@contextmanager
def _afresh() -> Iterator[None]:
    """Drop the modules of other runs, so that an edited helper is seen and nothing that a model has left in one; those
    of models that still run are put back where they are in nobody's way."""
    for name, module in list(sys.modules.items()):
        if _is_one_runs(name, module):
            del sys.modules[name]
    before = set(sys.modules)
    try:
        yield
    finally:
        mine = _MINE.get()
        if mine is not None:
            found = {name: sys.modules[name] for name in sys.modules.keys() - before}
            mine.modules = {name: module for name, module in found.items() if _is_one_runs(name, module)}
        for other in () if mine in _LATE else tuple(_RUNNING):  # what is imported late must not find them
            for name, module in other.modules.items():
                sys.modules.setdefault(name, module)


def _is_one_runs(name: str, module: ModuleType) -> bool:
    """Whether a module is for one run of a file only."""
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    top = name.partition(".")[0]
    nowhere = name in _NAMESPACES and getattr(module, "__file__", None) is None
    return isinstance(loader, ProjectLoader) or nowhere or top == _PACKAGE or top in _FETCHING


def is_below(folder: str, root: str) -> bool:
    return folder == root or folder.startswith(root + os.sep)


class _Environment:
    """The process's variables and time zone, exchanged while the first of several runs begins and until the last one
    ends."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.saved: dict[str, str] = {}

    def enter(self, environ: Mapping[str, str]) -> None:
        with self.lock:
            if self.users == 0:
                self.saved = dict(os.environ)
                os.environ.update(environ, TZ=TIME_ZONE)
                time.tzset()
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                os.environ.clear()
                os.environ.update(self.saved)
                time.tzset()


_ENVIRONMENT = _Environment()


@contextmanager
def environment(environ: Mapping[str, str]) -> Iterator[None]:
    """Show `environ` to the project's Python code as the process's environment variables, and UTC as its time zone."""
    _ENVIRONMENT.enter(environ)
    try:
        yield
    finally:
        _ENVIRONMENT.leave()
