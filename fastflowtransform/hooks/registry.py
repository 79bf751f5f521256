"""Registration of hooks, without effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["fft_hook"]

Function = TypeVar("Function", bound=Callable[..., Any])


def fft_hook(*arguments: Any, **options: Any) -> Callable[[Function], Function]:
    """Accepted, and without effect: fftcas does not run hooks."""
    return lambda function: function
