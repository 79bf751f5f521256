"""What Python models import: the decorators that declare a model, and the values that it may depend on.

Models are found by reading their files, not by importing them (`fftcas.project.python_models`), so at run time the
decorators only remember what stands at which line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TypeVar, overload

Function = TypeVar("Function", bound=Callable[..., Any])

MODELS = "__fftcas_models__"
"""The global of a model's module that holds its models, by the line of their decorator.

They have no other name that can be trusted: a decorator below ours gives anything that can be called.
"""

VARS: ContextVar[Mapping[str, Any]] = ContextVar("VARS", default=MappingProxyType({}))
"""The project's vars, while a model runs."""


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
    """A var from the command line or project.yml; its value is part of the model's key."""
    return VARS.get().get(name, default)


def _remember(function: Function, depth: int = 1) -> Function:
    """Remember the function for the line that called this, or that called who called this, and so on."""
    frame = sys._getframe(depth)
    frame.f_globals.setdefault(MODELS, {})[frame.f_lineno] = function
    return function


def _pass(function: Function) -> Function:
    return function
