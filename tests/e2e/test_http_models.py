"""What models may do with their fetches: catch failures, refuse answers, use threads and processes."""

from __future__ import annotations

import textwrap

from api_server import Api
from harness import Demo
from http_project import A, ok, project_fixture, run, server_fixture  # noqa: F401


def model(demo: Demo, name: str, body: str, above: str = "") -> None:
    """Write a model that fetches; `URL` is the server's."""
    head = "import os\nimport pandas as pd\nfrom fftcas import model\nfrom fftcas.http import HttpError, get_df\n"
    head += f"URL = os.environ['API_URL']\n{textwrap.dedent(above)}\n@model(name='{name}')\ndef fetched():\n"
    demo.write(f"models/api/{name}.ff.py", head + textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 4) + "\n")


def test_what_is_made_without_all_pages_is_not_kept(project: Demo, server: Api) -> None:
    model(
        project,
        "a",
        """
        pages = lambda url, params, payload: {"next_request": {"params": {"page": 2}}} if not params else None
        try:
            return get_df(URL + "/a", paginator=pages)
        except HttpError:
            return pd.DataFrame({"id": [-1], "name": ["nobody"]})
        """,
    )
    done = ok(run(project, server, A, FF_HTTP_MAX_PAGES="1"))
    assert "is not kept" in done.result(A)["warnings"][0]
    assert ok(run(project, server, A)).built == {A}
    assert project.sql("select id from cache_demo.a") == [(1,), (1,)]
