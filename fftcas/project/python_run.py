"""Calling a Python model."""

from __future__ import annotations

import ast
import posixpath
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from fftcas.declare import MODEL_RUNS, MODELS, seeing
from fftcas.errors import FftcasError, Location, NodeError
from fftcas.label import Label
from fftcas.project.environment import is_secret
from fftcas.project.files import Files
from fftcas.project.nodes import PythonModel
from fftcas.project.python_astray import own_places
from fftcas.project.python_closure import Closure, Modules
from fftcas.project.python_declaration import declarations
from fftcas.project.python_import import environment, import_file, importable, taken
from fftcas.streams import reopen_closed


class Surroundings(Protocol):
    """What a model sees of its project: where that is, environment variables, and vars."""

    @property
    def root(self) -> Path: ...

    @property
    def environ(self) -> Mapping[str, str]: ...

    @property
    def vars(self) -> Mapping[str, Any]: ...


def call_model(project: Surroundings, node: PythonModel, frames: Sequence[Any]) -> object:
    """What the model's function returns for `frames`, one per input. Safe to call from several threads.

    Raises NodeError with the traceback of whatever the model raises, and errors of ours as they are.
    """
    file = str(project.root / node.path)
    with ExitStack() as stack:
        stack.callback(reopen_closed)
        stack.enter_context(environment({**project.environ, MODEL_RUNS: "1"}))
        stack.enter_context(seeing(project.vars))
        files, folder = Files(project.root), posixpath.dirname(node.path)
        closure = Modules(files).closure(node.path)
        if closure.open_ends:
            stack.enter_context(own_places(files))
        stack.enter_context(importable(project.root, folder, late=closure.lazy, by_name=closure.by_name))
        _check_names(closure)
        try:
            return _function(project, node)(*frames)
        except (FftcasError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise _failed(error, node, file, project.environ) from error


def check_required(node: PythonModel, label: Label, required: Sequence[str], have: Sequence[str]) -> None:
    """Raise NodeError unless an input has the columns that `require` (or `columns`) names."""
    missing = [column for column in required if column not in have]
    if missing:
        raise NodeError(
            f"{node.label} requires columns that {label} does not have: {', '.join(missing)}",
            where=Location(node.path),
            why=f"{label} has: {', '.join(have)}",
        )


def _check_names(closure: Closure) -> None:
    """Raise NodeError where the code would get another module than the project's, which its key tells of."""
    for module, where in closure.own.items():
        if (other := taken(module)) is not None:
            raise NodeError(
                f"'{module}' is the name of a file of the project, and of another module that is in use",
                where=where,
                why=f"imported before was {other}",
                hint="give the project's file another name",
            )


def _function(project: Surroundings, node: PythonModel) -> Callable[..., object]:
    module, source = import_file(project.root, node.path)
    found = declarations(ast.parse(source), node.path, project.environ)
    declared = next((each for each in found if each.label == node.label), None)
    if declared is None:
        raise NodeError(
            f"{node.label} is not in its file any more",
            where=Location(node.path),
            why="the file was edited after the project was read",
            hint="build again",
        )
    models: Mapping[int | None, Callable[..., object]] = getattr(module, MODELS, {})
    if declared.where.line in models:
        return models[declared.where.line]
    # Declared by an installed FastFlowTransform's decorator, or by one that was wrapped.
    function: Callable[..., object] | None = getattr(module, declared.function.name, None)
    if function is None:
        raise NodeError(
            f"{node.label} is not declared when its file runs",
            where=declared.where,
            why="the function stands where the code does not come to, or is deleted again",
            hint="declare it at the top of the file, under no condition",
        )
    return function


def _failed(error: BaseException, node: PythonModel, file: str, environ: Mapping[str, str]) -> NodeError:
    own = _own_frames(error.__traceback__, file)
    if isinstance(error, SyntaxError) and own is None:
        where = Location(node.path, error.lineno)
    else:
        where = Location(node.path, own.tb_lineno if own else None)
    text = "".join(traceback.format_exception(type(error), error, own))
    return NodeError(f"{node.label} raised {type(error).__name__}", where=where, why=without_secrets(text, environ))


def _own_frames(trace: TracebackType | None, file: str) -> TracebackType | None:
    """The traceback from the model's own file on."""
    while trace is not None and trace.tb_frame.f_code.co_filename != file:
        trace = trace.tb_next
    return trace


def without_secrets(text: str, environ: Mapping[str, str]) -> str:
    """The text with the values of secret variables blotted out."""
    for name, value in environ.items():
        if is_secret(name) and len(value) > 3:
            text = text.replace(value, "***")
    return text
