"""Python macros: the functions in `models/macros_py/`, for use in templates."""

from __future__ import annotations

import posixpath
import traceback
from collections.abc import Callable
from typing import Any

from fftcas.errors import Location, ProjectError
from fftcas.project.files import Files
from fftcas.project.python_facts import parse
from fftcas.project.python_import import import_file, importable

FOLDER = "models/macros_py"


def python_macros(files: Files) -> dict[str, Callable[..., Any]]:
    """The public callables of all macro files; of two with one name the later file's. Raises ProjectError.

    Runs the files' code.
    """
    found: dict[str, Callable[..., Any]] = {}
    for path in files.walk(FOLDER, (".py",)):
        parse(files, path)
        with importable(files.root, posixpath.dirname(path)):
            try:
                module, _ = import_file(files.root, path)
            except (Exception, SystemExit) as error:  # the project's own code
                raise _failed(files, path, error) from error
        found |= {name: value for name, value in vars(module).items() if callable(value) and not name.startswith("_")}
    return found


def _failed(files: Files, path: str, error: BaseException) -> ProjectError:
    file = str(files.root / path)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = Location(path, lines[-1] if lines else None)
    return ProjectError("a macro file cannot be loaded", where=where, why=f"{type(error).__name__}: {error}")
