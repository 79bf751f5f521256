"""What Python models import: the decorators that declare a model, and the values that it may depend on.

Models are found by reading their files, not by importing them (`fftcas.project.python_models`), so at run time the
decorators only remember the function.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

MODELS = "__fftcas_models__"
"""The global of a model's module that holds its model functions by name."""

VARS: ContextVar[Mapping[str, Any]] = ContextVar("VARS", default=MappingProxyType({}))
"""The project's vars, while a model runs."""


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
) -> Callable[[Function], Function]:
    """Declare a function as a model: it gets one data frame for each of `deps`, in their order, and returns one.

    All arguments are literals. `require` names the columns that a frame must have, `columns` the only ones it is given.
    """
    return _remember


def engine_model(
    *, only: Iterable[str] | str | None = None, env_match: Mapping[str, str] | None = None, **declaration: Any
) -> Callable[[Function], Function]:
    """Declare a model that exists only on some engines, or only where environment variables have certain values."""
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


def _remember(function: Function) -> Function:
    function.__globals__.setdefault(MODELS, {})[function.__name__] = function
    return function


def _pass(function: Function) -> Function:
    return function
