"""The decorators of Python models and of data tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fftcas.declare import engine_model, model

__all__ = ["dq_test", "engine_model", "model"]

Function = TypeVar("Function", bound=Callable[..., Any])


def dq_test(*arguments: Any, **options: Any) -> Callable[[Function], Function]:
    """Accepted, and without effect: fftcas does not run custom data tests."""
    return lambda function: function
