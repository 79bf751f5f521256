"""A project of two models that fetch and one that reads, and the API that they ask."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from api_server import Api
from harness import Demo, Done

A, B, READER = "//api:a", "//api:b", "//api:reader"

MODEL = """
import os
from fftcas import model
from fftcas.http import get_df

@model(name="{name}")
def fetched():
    return get_df(os.environ["API_URL"] + "/{name}"{more})
"""


@pytest.fixture(name="server")
def server_fixture() -> Iterator[Api]:
    server = Api({"/a": [{"id": 1, "name": "one"}], "/b": [{"id": 2}]})
    yield server
    server.stop()


@pytest.fixture(name="project")
def project_fixture(demo: Demo) -> Demo:
    """Two models that fetch, and one that reads one of them."""
    for folder in ("models", "seeds"):
        shutil.rmtree(demo.project / folder)
    (demo.project / "budgets.yml").unlink()
    fetch(demo, "a")
    fetch(demo, "b")
    demo.write("models/api/reader.ff.sql", "select count(*) as n, max(name) as name from {{ ref('a') }}")
    return demo


def fetch(demo: Demo, name: str, more: str = "") -> None:
    demo.write(f"models/api/{name}.ff.py", MODEL.format(name=name, more=more))


def run(demo: Demo, server: Api, *arguments: str, command: str = "build", **environment: str) -> Done:
    server.asked.clear()
    server.heads.clear()
    environment = {"API_URL": server.url, "FF_HTTP_BACKOFF": "0", **environment}
    return demo.fftcas(command, "-e", "dev_duckdb", *arguments, **environment)


def ok(done: Done) -> Done:
    assert done.exit_code == 0, done.stdout + done.stderr
    return done
