"""HTTP requests, recorded and cached by fftcas."""

from __future__ import annotations

from typing import Any

__all__ = ["get", "get_df", "get_json"]

get: Any
get_df: Any
get_json: Any


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import fftcas.http

    return getattr(fftcas.http, name)
