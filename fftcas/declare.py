"""What Python models import: the decorators that declare a model, and the values that it may depend on.

Models are found by reading their files, not by importing them (`fftcas.project.python_models`), so at run time the
decorators only remember what stands at which line.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, overload

from fftcas.errors import NodeError

Function = TypeVar("Function", bound=Callable[..., Any])

MODELS = "__fftcas_models__"
"""The global of a model's module that holds its models, by the line of their decorator.

They have no other name that can be trusted: a decorator below ours gives anything that can be called.
"""

MODEL_RUNS = "FFTCAS_MODEL_RUNS"
"""Set in the environment while a Python model runs, so that processes that it starts know of it."""

MACROS_RUN = "FFTCAS_MACROS_RUN"
"""Set in the environment while templates are rendered, in which Python macros run."""

_mine: ContextVar[Mapping[str, Any] | None] = ContextVar("fftcas_vars", default=None)
_all: list[Mapping[str, Any]] = []
"""The vars of all that runs: threads that a model starts know no context of it."""


@overload
def model(function: Function, /) -> Function: ...


@overload
def model(
    name: str | None = None,
    deps: Iterable[str] | str | None = None,
    require: object = None,
    requires: object = None,
    *,
    columns: object = None,
    tags: Iterable[str] | str | None = None,
    kind: str = "python",
    materialized: str | None = None,
    meta: Mapping[str, Any] | None = None,
    cache: bool = True,
    description: str = "",
) -> Callable[[Function], Function]: ...


def model(name: Any = None, *more: Any, **declaration: Any) -> Any:
    """Declare a function as a model: it gets one data frame for each of `deps`, in their order, and returns one.

    All arguments are literals. `require` names the columns that a frame must have, `columns` the only ones it is given.
    """
    return _remember(name, depth=2) if callable(name) else _remember


@overload
def engine_model(function: Function, /) -> Function: ...


@overload
def engine_model(
    *, only: Iterable[str] | str | None = None, env_match: Mapping[str, str] | None = None, **declaration: Any
) -> Callable[[Function], Function]: ...


def engine_model(
    function: Any = None, /, *, only: Any = None, env_match: Mapping[str, str] | None = None, **declaration: Any
) -> Any:
    """Declare a model that exists only on some engines, or only where environment variables have certain values."""
    if function is not None:
        return _remember(function, depth=2)
    return _remember if wanted(only, env_match, os.environ) else _pass


def wanted(only: Iterable[str] | str | None, env_match: Mapping[str, str] | None, environ: Mapping[str, str]) -> bool:
    """Whether an engine model belongs to the project on the engine that the environment names."""
    engines = {only} if isinstance(only, str) else set(only or ())
    if engines and environ.get("FF_ENGINE", "").lower() not in {engine.lower() for engine in engines}:
        return False
    return all(environ.get(name) == value for name, value in (env_match or {}).items())


def env(name: str, default: str | None = None) -> str | None:
    """An environment variable; its value is part of the model's key (a secret's is not)."""
    return os.environ.get(name, default)


def var(name: str, default: Any = None) -> Any:
    """A var from the command line or project.yml; its value is part of the model's key.

    Raises NodeError in a process that a model has started, and that knows nothing of them.
    """
    running = _all[-1:]  # another thread may end in between
    seen = _mine.get() or (running[0] if running else {})
    if not running and MODEL_RUNS in os.environ:
        raise NodeError(
            f"var('{name}') in a process that the model has started",
            why="the vars are known in the model's own process only",
            hint="ask for it there, and give the others the value",
        )
    return copy.deepcopy(seen[name]) if name in seen else default  # so that nobody changes what the next one sees


@contextmanager
def seeing(values: Mapping[str, Any]) -> Iterator[None]:
    """Show vars to the project's Python code, in this thread and in those that it starts."""
    token = _mine.set(values)
    _all.append(values)
    try:
        yield
    finally:
        _all.remove(values)
        _mine.reset(token)


def _remember(function: Function, depth: int = 1) -> Function:
    """Remember the function for the line that called this, or that called who called this, and so on."""
    frame = sys._getframe(depth)
    frame.f_globals.setdefault(MODELS, {})[frame.f_lineno] = function
    return function


def _pass(function: Function) -> Function:
    return function
