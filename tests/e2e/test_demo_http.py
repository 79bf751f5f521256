"""The demo's HTTP model against the demo's own API."""

from __future__ import annotations

from harness import Demo

HTTP_USERS = "//http:http_users"


def test_responses_are_kept_and_serve_without_a_network(demo: Demo, api: str) -> None:
    done = demo.fftcas("build", HTTP_USERS, "-e", "dev_duckdb", FF_DEMO_API_URL=api)
    assert (done.exit_code, done.built) == (0, {HTTP_USERS})
    assert demo.types("http_users") == [("api_user_id", "BIGINT"), ("username", "VARCHAR"), ("email", "VARCHAR")]
    rows = demo.sql("select * from cache_demo.http_users order by 1")
    assert (len(rows), rows[0]) == (10, (1, "ada01", "ada@api.example.org"))

    done = demo.fftcas("build", HTTP_USERS, "-e", "dev_duckdb", FF_DEMO_API_URL=api, FF_HTTP_OFFLINE="1")
    assert (done.exit_code, done.statuses) == (0, {HTTP_USERS: "fresh"})
    http = done.result(HTTP_USERS)["http"]
    assert (http["requests"], http["cache_hits"], http["used_offline"]) == (1, 1, True)


def test_offline_with_nothing_kept_names_the_url(demo: Demo, api: str) -> None:
    done = demo.fftcas("build", HTTP_USERS, "-e", "dev_duckdb", "--offline", FF_DEMO_API_URL=api)
    assert (done.exit_code, done.statuses) == (1, {HTTP_USERS: "failed"})
    assert api in done.stderr
