"""Fetching over HTTP: every response is kept in the store, and is an input of the model that asked for it.

from fftcas.http import get_df

users = get_df("https://api.example.org/users", params={"active": True}, ttl=3600)
"""

from fftcas.http.api import get, get_df, get_json, post, post_json
from fftcas.http.errors import HttpError

__all__ = ["HttpError", "get", "get_df", "get_json", "post", "post_json"]
