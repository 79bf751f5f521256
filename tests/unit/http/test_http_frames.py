"""Responses as data frames: columns, their order and types, and pages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from http_bench import Bench, Server, bench_fixture, reply, server_fixture  # noqa: F401

from fftcas.http import HttpError, get, get_df, get_json
from fftcas.http.context import fetching

USERS = [
    {"id": 1, "name": "Ada", "address": {"city": "Lyon", "geo": {"lat": 1.5}}},
    {"id": 2, "name": "Ben", "address": {"city": "Graz", "geo": {"lat": 3.0}}, "tags": ["a"]},
]


def frame(bench: Bench, server: Server, payload: object, **wishes: Any) -> Any:
    url = server.on("/users", reply(json.dumps(payload).encode()))
    with fetching(bench.later(refresh=True)):
        return get_df(url, **wishes)


def test_a_list_of_objects(bench: Bench, server: Server) -> None:
    users = frame(bench, server, USERS)
    assert list(users.columns) == ["id", "name", "address", "tags"]
    assert users["address"][0] == {"city": "Lyon", "geo": {"lat": 1.5}}
    assert str(users["id"].dtype) == "int64"


def test_normalized_columns_stand_where_their_object_stood(bench: Bench, server: Server) -> None:
    users = frame(bench, server, USERS, normalize=True)
    assert list(users.columns) == ["id", "name", "address.city", "address.geo.lat", "tags"]


def test_an_object_is_one_row(bench: Bench, server: Server) -> None:
    assert frame(bench, server, {"a": {"b": 1}, "c": 2}).to_dict("records") == [{"c": 2, "a.b": 1}]


def test_paths_into_the_payload(bench: Bench, server: Server) -> None:
    payload = {"data": {"users": USERS}}
    assert len(frame(bench, server, payload, json_path=["data", "users"])) == 2
    assert len(frame(bench, server, USERS, json_path=["no", "such"])) == 2
    orders = [{"id": 7, "lines": [{"sku": "a"}, {"sku": "b"}]}, {"id": 8, "lines": [{"sku": "c"}]}]
    lines = frame(bench, server, orders, record_path="lines", meta=["id"])
    assert lines.to_dict("list") == {"sku": ["a", "b", "c"], "id": [7, 7, 8]}


def test_types_are_set_where_that_is_possible(bench: Bench, server: Server) -> None:
    users = frame(bench, server, USERS, dtype={"id": "float64", "name": "int64", "no": "int64"})
    assert [str(users[column].dtype) for column in ("id", "name")] == ["float64", "str"]
    assert ["'name' cannot be made int64" in bench.said[0], "'no'" in bench.said[1]] == [True, True]


@pytest.mark.parametrize("payload", [1, "text", None, True])
def test_what_is_no_table(bench: Bench, server: Server, payload: object) -> None:
    with pytest.raises(HttpError, match="not a list of objects or an object"):
        frame(bench, server, payload)


@pytest.mark.parametrize(
    ("payload", "wishes"),
    [
        ([{"a": 1}, 5], {"normalize": True}),
        ({"a": 1}, {"record_path": "b"}),
        ([{"a": 1}], {"record_path": ["a", "b"]}),
        ([{"a": [{"b": 1}]}], {"record_path": "a", "meta": ["zz"]}),
        (5, {"record_path": "b"}),
        ([[1, 2], {"a": 1}], {}),
        ([{"a": 1}, 5], {}),
    ],
)
def test_wishes_that_do_not_fit(bench: Bench, server: Server, payload: object, wishes: dict[str, Any]) -> None:
    with pytest.raises(HttpError, match="unusable response"):
        frame(bench, server, payload, **wishes)


def test_an_empty_list_is_an_empty_frame(bench: Bench, server: Server) -> None:
    assert frame(bench, server, []).empty


def pages(server: Server, count: int) -> str:
    for number in range(1, count + 1):
        rows = [{"id": 10 * number + n} for n in range(2)]
        following = f"/pages/{number + 1}" if number < count else None
        server.on(f"/pages/{number}", reply(json.dumps({"rows": rows, "next": following}).encode()))
    return server.url("/pages/1")


def by_link(_: str, __: object, payload: Any) -> dict[str, Any] | None:
    return {"next_request": {"url": payload["next"]}} if payload["next"] else None


def test_pages_are_put_below_each_other(bench: Bench, server: Server) -> None:
    with fetching(bench.context) as usage:
        rows = get_df(pages(server, 3), paginator=by_link, json_path=["rows"])
    assert rows.to_dict("list") == {"id": [10, 11, 20, 21, 30, 31]}
    assert list(rows.index) == [0, 1, 2, 3, 4, 5]
    assert (usage.requests, len(usage.responses)) == (3, 3)


def test_pages_as_json_and_as_bytes(bench: Bench, server: Server) -> None:
    url = pages(server, 2)
    with fetching(bench.context) as usage:
        assert [page["next"] for page in get_json(url, paginator=by_link)] == ["/pages/2", None]
        bodies = get(url, paginator=lambda _, __, body: by_link("", None, json.loads(body)))
    assert [body[:8] for body in bodies] == [b'{"rows":'] * 2
    assert usage.cache_hits == 2


def test_parameters_stay_unless_the_next_url_brings_its_own(bench: Bench, server: Server) -> None:
    url = server.on("/users", reply(b"[1]"), reply(b"[2]"), reply(b"[]"))

    def follow(_: str, __: object, payload: list[int]) -> dict[str, Any] | None:
        return {"next_request": {"url": f"?page={payload[0] + 1}"}} if payload else {}

    with fetching(bench.context):
        get_json(url, params={"page": 1, "size": 5}, headers={"X-Key": "k"}, paginator=follow)
    asked = [asked.path for asked in server.asked]
    assert asked == ["/users?page=1&size=5", "/users?page=2&size=5", "/users?page=3&size=5"]
    assert all(asked.headers["x-key"] == "k" for asked in server.asked)


def test_headers_with_credentials_do_not_go_to_another_host(bench: Bench, server: Server) -> None:
    url = server.on("/users", reply(b"[1]"))
    other = server.on("/other", reply(b"[]")).replace("127.0.0.1", "localhost")
    with fetching(bench.context):
        get_json(
            url,
            headers={"Authorization": "Bearer canary"},
            paginator=lambda _, __, payload: {"next_request": {"url": other}} if payload else None,
        )
    assert "canary" not in str(server.asked[1].headers)


def test_an_output_that_is_none(bench: Bench, server: Server) -> None:
    for output, told in (("polars", "pandas, spark or bigframes"), ("spark", "needs a session")):
        with pytest.raises(HttpError, match=told):
            frame(bench, server, [], output=output)
