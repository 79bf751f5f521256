"""Canaries: credentials are planted everywhere they may stand, and found nowhere afterwards."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from http_bench import Bench, Server, bench_fixture, reply, server_fixture  # noqa: F401

from fftcas.http import get, get_json, post_json
from fftcas.http.context import fetching

MODEL = textwrap.dedent(
    """
    import json, logging, os, sys, traceback
    from fftcas.http import get, get_json, post_json

    logging.basicConfig(level=logging.DEBUG)
    url = sys.argv[1]
    c = "can{}ary-{}".replace("{}", "", 1).format  # tracebacks quote this text
    bearer = {"Authorization": "Bearer " + os.environ["API_TOKEN"], "X-Api-Key": c("header")}
    calls = [
        lambda: get(url + "/ok", headers=bearer, params={"api_key": c("query"), "page": 1}),
        lambda: get(url.replace("//", "//me:" + c("user") + "@") + "/ok?sig=" + c("sig")),
        lambda: get(url + "/ok/" + os.environ["API_TOKEN"]),
        lambda: post_json(url + "/ok", json={"client_secret": c("body")}, headers=bearer),
        lambda: get(url + "/echo", headers=bearer),
        lambda: get(url + "/cookie", headers={"Cookie": "session=" + c("cookie")}),
        lambda: post_json(url + "/login", data={"password": c("password")}),
        lambda: get_json(url + "/fail", headers=bearer, params={"token": c("query")}),
        lambda: get_json(url + "/html?token=" + c("query"), headers=bearer),
        lambda: get(url + "/redirect?token=" + c("query"), headers=bearer),
        lambda: get("http://127.0.0.1:1/x?token=" + c("query"), headers=bearer),
        lambda: get("http://no-such-host.invalid/x?token=" + c("query"), headers=bearer),
        lambda: get("https" + url[4:] + "/x?token=" + c("query"), headers=bearer),
        lambda: get("http://[bad?token=" + c("query")),
        lambda: get("http://me:" + c("user") + "@host:bad/"),
        lambda: get(url, headers={"X-A": c("header") + chr(10) + "b"}),
    ]
    for number, call in enumerate(calls):
        try:
            print(number, "ok", len(call()))
        except Exception:
            traceback.print_exc()
    """
)


def test_nothing_planted_is_left_anywhere(server: Server, tmp_path: Path) -> None:
    server.on("*", lambda asked, _: reply(b'{"n": 1}', Set_Cookie="session=canary-set"))
    server.on("/echo", lambda asked, _: reply(json.dumps(dict(asked.headers)).encode()))
    server.on("/login", reply(b'{"access_token": "canary-access"}', Cache_Control="no-store"))
    server.on("/fail", lambda asked, _: reply(json.dumps([asked.path, dict(asked.headers)]).encode(), 500))
    server.on("/html", lambda asked, _: reply(str(asked).encode(), type_="text/html"))
    server.on("/redirect", reply(b"", 302, Location="http://169.254.169.254/?token=canary-location"))
    model = tmp_path / "model.py"
    model.write_text(MODEL)
    environ = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "FFTCAS_STORE": str(tmp_path / "store"),
        "API_TOKEN": "canary-env-token",
        "FF_HTTP_BACKOFF": "0.01",
        "FF_HTTP_TIMEOUT": "0.5",
        "FF_HTTP_MAX_RETRIES": "2",
    }
    for _ in range(2):
        command = [sys.executable, str(model), server.url().rstrip("/")]
        done = subprocess.run(command, capture_output=True, env=environ, cwd=tmp_path, timeout=60)
        said = done.stdout + done.stderr
        assert done.stdout.count(b" ok ") == 7, said.decode()
        assert b"canary" not in said, said.decode()
    model.unlink()
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert kept
    for planted in (b"canary", base64.b64encode(b"me:canary-user")):
        assert [path.name for path, data in kept.items() if planted in data] == []
    sent = json.dumps([[asked.path, dict(asked.headers), asked.body.decode()] for asked in server.asked])
    for canary in ("env-token", "header", "query", "sig", "body", "cookie", "password"):
        assert f"canary-{canary}" in sent


def test_a_response_that_repeats_a_credential_is_given_out_and_not_kept(bench: Bench, server: Server) -> None:
    url = server.on("/echo", lambda asked, _: reply(json.dumps(asked.headers["authorization"]).encode()))
    with fetching(bench.context) as usage:
        assert get_json(url, headers={"Authorization": "Bearer canary"}) == "Bearer canary"
    assert bench.store.blobs == {}
    assert usage.requests == len(usage.responses) == 1
    assert "repeats a credential" in bench.said[0]


def test_a_login_is_not_kept(bench: Bench, server: Server) -> None:
    url = server.on("/login", reply(b'{"access_token": "canary"}', Cache_Control="no-store"))
    with fetching(bench.context):
        assert post_json(url, json={"password": "canary-password"}) == {"access_token": "canary"}
    assert b"canary" not in bench.store.everything()


def test_others_may_still_log_their_requests(caplog: pytest.LogCaptureFixture, bench: Bench, server: Server) -> None:
    import urllib3

    url = server.on("/x", reply(b"1"))
    with caplog.at_level(logging.DEBUG, logger="urllib3.connectionpool"), fetching(bench.context):
        get(url)
        assert caplog.records == []
        urllib3.request("GET", url)
        assert len(caplog.records) > 0
