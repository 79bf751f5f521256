"""Fetching over HTTP: every response is kept in the store, and is an input of the model that asked for it.

from fftcas.http import get_df

users = get_df("https://api.example.org/users", params={"active": True}, ttl=3600)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fftcas.http.api import get, get_df, get_json, post, post_json
    from fftcas.http.errors import HttpError

__all__ = ["HttpError", "get", "get_df", "get_json", "post", "post_json"]


def __getattr__(name: str) -> Any:
    # A build that finds nothing to do checks responses and fetches none: it should not pay for the rest.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fftcas.http import api, context, errors

    if name == "HttpError":
        return errors.HttpError
    context.note_asker()
    return getattr(api, name)
