"""Users from an HTTP API; each response is kept in the store and counts as an input."""

import os

import pandas as pd

from fftcas import model
from fftcas.http import get_df

PUBLIC_API = "https://jsonplaceholder.typicode.com/users"


@model(name="http_users", tags=["http"])
def http_users() -> pd.DataFrame:
    users = get_df(os.environ.get("FF_DEMO_API_URL") or PUBLIC_API)
    return users.rename(columns={"id": "api_user_id"})[["api_user_id", "username", "email"]]
