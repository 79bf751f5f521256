"""Places to import from that only a model's own code names: they are there for its run, as is what comes from there.

What an installed package adds to them stays, since that is imported once: a place within it, or a finder of its own.
Which files have run is known from the interpreter, in whatever way they were found.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.machinery import ExtensionFileLoader, ModuleSpec, all_suffixes
from pathlib import Path
from types import ModuleType
from typing import Any

from fftcas.project.files import Files
from fftcas.project.python_import import IMPORTING, is_below

CODE = tuple(all_suffixes())
OURS = str(Path(__file__).parents[1])
PLACES = ("path", "meta_path", "path_hooks")
"""What of `sys` says where modules come from."""
_ASTRAY: ContextVar[set[str] | None] = ContextVar("_ASTRAY", default=None)
_RAN: list[set[str]] = []
"""The files whose code has run, for the model that may add places."""
_STAYS: set[str] = set()
"""The files of modules from such places that cannot be imported twice."""


@contextmanager
def astray() -> Iterator[set[str]]:
    """Gather the files of code that a model runs, and that no key tells of."""
    found: set[str] = set()
    token = _ASTRAY.set(found)
    try:
        yield found
    finally:
        _ASTRAY.reset(token)


@contextmanager
def own_places(files: Files) -> Iterator[None]:
    """Undo afterwards what is added to the places that modules come from, and forget those that came from there.

    Nobody else imports meanwhile.
    """
    _watch()
    with IMPORTING:
        before, ran, writes = _Before(), set(_STAYS), sys.dont_write_bytecode
        sys.dont_write_bytecode = True  # it goes by whole seconds, and would hide an edit
        _RAN.append(ran)
        try:
            yield
        finally:
            _RAN.remove(ran)
            sys.dont_write_bytecode = writes
            before.come_back()
            found = _ASTRAY.get()
            if found is not None:
                found |= {os.path.normpath(file) for file in ran if not _is_known(file, files, before)}
            before.forget()


@functools.cache
def _watch() -> None:
    """Have the interpreter tell what it runs. It has no way to stop that."""

    def told(event: str, arguments: tuple[Any, ...]) -> None:
        if _RAN and event == "exec":
            _RAN[-1].add(getattr(arguments[0], "co_filename", ""))
        elif _RAN and event == "import" and arguments[1]:  # what is not written in Python
            _RAN[-1].add(arguments[1])

    sys.addaudithook(told)


def _is_known(file: str, files: Files, before: _Before) -> bool:
    """Whether a key tells of a file's code, or it is none: what is compiled from a text has other names."""
    if not file.endswith(CODE) or before.is_installed(file):
        return True
    root, real = os.path.realpath(files.root), os.path.realpath(file)
    if is_below(real, root) and os.path.relpath(real, root) in files.walk(".", (".py",)):
        return True
    names = [name for name, module in list(sys.modules.items()) if getattr(module, "__file__", None) == file]
    return any(before.finds(name, file) for name in names)


class _Before:
    """The interpreter as it is when a model begins."""

    def __init__(self) -> None:
        self._places = {name: (getattr(sys, name), list(getattr(sys, name))) for name in PLACES}
        self._modules = dict(sys.modules)
        self._specs: dict[str, ModuleSpec | None] = {}
        installed = [each for each in sys.path if each.endswith(("site-packages", "dist-packages"))]
        self._installed = (str(Path(os.__file__).parent), OURS, *installed)

    def come_back(self) -> None:
        """Have modules looked for where they were looked for before."""
        for name, (places, old) in self._places.items():
            added = [each for each in getattr(sys, name) if each not in old and self._is_of_package(each)]
            places[:] = [*added, *old]
            setattr(sys, name, places)

    def forget(self) -> None:
        """Have those modules imported anew that have come from elsewhere in the meantime."""
        new = {name: module for name, module in list(sys.modules.items()) if self._modules.get(name) is not module}
        strays = {name: module for name, module in new.items() if self._is_stray(name, module)}
        loaders = {name: getattr(module, "__loader__", None) for name, module in strays.items()}
        stay = {_top(name) for name, loader in loaders.items() if isinstance(loader, ExtensionFileLoader)}
        for name, module in strays.items():
            if _top(name) not in stay:
                sys.modules.pop(name, None)
            elif file := getattr(module, "__file__", None):
                _STAYS.add(file)

    def is_installed(self, place: str) -> bool:
        return any(is_below(place, each) for each in self._installed)

    def finds(self, name: str, file: str | None) -> bool:
        """Whether a module of this name is found, and that file is it or lies in it."""
        top = _top(name)
        if top not in self._specs:
            found = (finder.find_spec(top, None) for finder in sys.meta_path if hasattr(finder, "find_spec"))
            self._specs[top] = next((spec for spec in found if spec is not None), None)
        spec = self._specs[top]
        if spec is None or file is None:
            return spec is not None
        folders = spec.submodule_search_locations
        return file == spec.origin if folders is None else any(is_below(file, folder) for folder in folders)

    def _is_stray(self, name: str, module: ModuleType) -> bool:
        """Whether a module was found in another place; what was made by code was found in none."""
        file = getattr(module, "__file__", None)
        if file is None:
            return hasattr(module, "__path__") and not self.finds(name, file)
        return not self.is_installed(file) and not self.finds(name, file)

    def _is_of_package(self, added: object) -> bool:
        """Whether a place lies within an installed package, or a finder or a hook is defined in one."""
        module = sys.modules.get(getattr(added, "__module__", ""))
        place = added if isinstance(added, str) else getattr(module, "__file__", None)
        return place is not None and self.is_installed(place)


def _top(name: str) -> str:
    return name.partition(".")[0]
