"""The identity of requests, and what is shown of them."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fftcas.http.masking import first_bytes, mask_url, redact, secret_name
from fftcas.http.request import BadRequest, Params, Request, make_request, same_site

KEY = b"k" * 32


def request(url: str, method: str = "GET", *, key: bytes = KEY, **given: object) -> Request:
    return make_request(method, url, key=lambda: key, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("HTTP://Example.ORG:80", "http://example.org/"),
        ("https://example.org:443/a#part", "https://example.org/a"),
        ("http://example.org/?b=1&a=2", "http://example.org/?a=2&b=1"),
        ("http://example.org/é x", "http://example.org/%C3%A9%20x"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://example.org./", "http://example.org/"),
    ],
)
def test_the_same(one: str, two: str) -> None:
    assert request(one).digest == request(two).digest


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("http://example.org/a", "https://example.org/a"),
        ("http://example.org/a", "http://example.org/A"),
        ("http://example.org/a", "http://example.org/a/"),
        ("http://example.org/?a=1&a=2", "http://example.org/?a=2&a=1"),
        ("http://example.org/?a=", "http://example.org/"),
        ("http://example.org:8080/", "http://example.org/"),
        ("http://example.org/?a=", "http://example.org/?a"),
        ("http://example.org/?a=M%FCller", "http://example.org/?a=M%F6ller"),
        ("http://example.org/?M%FCller=1", "http://example.org/?M%F6ller=1"),
        ("http://example.org/?a=%FC", "http://example.org/?a=%EF%BF%BD"),
        ("http://me:%FCber@example.org/", "http://me:%F6ber@example.org/"),
    ],
)
def test_not_the_same(one: str, two: str) -> None:
    assert request(one).digest != request(two).digest


def test_golden() -> None:
    """A change here makes every stored response and every lock file miss."""
    made = request("http://example.org/a?b=1", params={"c": [2, 3]}, headers={"Accept": "text/csv"})
    assert made.url == "http://example.org/a?b=1&c=2&c=3"
    assert made.digest == made.public == "89d892cb2396cac5876344b4a07079c6aa2b1a1a2a7b07862b988c5c1b05faa0"


def test_ignored_headers_do_not_count() -> None:
    plain = request("http://example.org/")
    assert request("http://example.org/", headers={"User-Agent": "me", "Cache-Control": "no-cache"}) == Request(
        **{**vars(plain), "headers": {"user-agent": "me", "cache-control": "no-cache"}}
    )


@pytest.mark.parametrize(
    "secret",
    [
        {"headers": {"Authorization": "Bearer canary"}},
        {"headers": {"Cookie": "a=canary"}},
        {"headers": {"X-Whatever": "canary"}},
        {"params": {"api_key": "canary"}},
        {"params": {"accessToken": "canary"}},
        {"params": {"X-Amz-Signature": "canary"}},
        {"params": {"q": "the-canary-value"}, "secrets": ["canary"]},
        {"body": b'{"client_secret": "canary"}'},
        {"body": b"a=b&password=canary"},
        {"body": b"q=canary", "secrets": ["canary"]},
    ],
)
def test_credentials_count_under_the_stores_key_only(secret: dict[str, object]) -> None:
    one, two = request("http://example.org/", **secret), request("http://example.org/", key=b"x" * 32, **secret)  # type: ignore[arg-type]
    assert one.private
    assert one.digest != two.digest
    assert one.public == two.public
    assert "canary" not in f"{one}{one!r}{one.plain_headers}"


def test_a_secret_in_the_path_or_the_user_information_is_hidden() -> None:
    in_path = request("http://example.org/botcanary/x", secrets=["canary"])
    assert (in_path.private, in_path.shown) == (True, "http://example.org/bot***/x")
    user = request("http://me:canary@example.org/")
    assert (user.private, user.shown, user.url) == (True, "http://example.org/", "http://example.org/")
    assert user.headers["authorization"].startswith("Basic ")
    assert "canary" in user.credentials


@given(st.text(max_size=60))
@example("\u2024")
def test_any_text_is_a_url_or_told_to_be_none(text: str) -> None:
    for url in (text, f"http://{text}", f"http://example.org/{text}", f"http://example.org/?{text}"):
        try:
            made = request(url)
        except BadRequest:
            continue
        assert made.url.isascii()
        assert request(made.url).url == made.url


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4))
def test_given_parameters_are_those_of_the_url(params: dict[str, str]) -> None:
    made = request("http://example.org/", params=params)
    assert request(made.url).digest == made.digest


@given(st.binary(min_size=1, max_size=8), st.binary(max_size=8), st.binary(max_size=8))
def test_bytes_are_sent_and_known_as_they_are(name: bytes, one: bytes, two: bytes) -> None:
    requests = [request("http://example.org/", params={name: value}) for value in (one, two)]
    for made, value in zip(requests, (one, two), strict=True):
        query = made.url.partition("?")[2]
        assert [unquote_to_bytes(part) for part in query.split("=")] == [name, value]
    assert (requests[0].digest == requests[1].digest) is (one == two)


@pytest.mark.parametrize(
    ("url", "params", "sent"),
    [
        ("?a=M%FCller&b+c&d=", {"x": 1}, "?a=M%FCller&b+c&d=&x=1"),
        ("?a=1&%FC=2&a=3", {"a": 4, b"\xfc": 5}, "?a=4&%FC=5"),
        ("?a=100%&b=%FC", None, "?a=100%25&b=%FC"),
        ("100%/%FC", None, "100%25/%FC"),
    ],
)
def test_what_is_given_is_sent(url: str, params: Params | None, sent: str) -> None:
    assert request(f"http://example.org/{url}", params=params).url == f"http://example.org/{sent}"


def test_a_header_of_bytes_is_sent_as_it_is() -> None:
    given = "à la Zürich, voilà".encode()
    assert request("http://example.org/", headers={"Accept": given}).headers["accept"].encode("latin-1") == given


def test_credentials_that_are_no_utf_8_are_hidden() -> None:
    made = request("http://example.org/?token=can%FCary&a=1")
    assert (made.private, made.shown) == (True, "http://example.org/?token=***&a=1")
    assert redact("you sent token=can%FCary", made.credentials) == "you sent token=***"
    assert first_bytes(b"you sent can\xfcary, \xfc", made.credentials) == "you sent ***, \ufffd"
    assert request("http://example.org/?canary", secrets=["canary"]).private


def test_half_a_character_is_told() -> None:
    for url, params in (("http://example.org/\ud800", {}), ("http://example.org/", {"a": "\ud800"})):
        with pytest.raises(BadRequest):
            request(url, params=params)


@pytest.mark.parametrize(
    "name", ["api_key", "apiKey", "X-API-Key", "token", "accessKey", "sig", "auth", "password", "key", "PWD", "pwd"]
)
def test_names_of_credentials(name: str) -> None:
    assert secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["id", "page", "keyword", "author", "monkey", "signal", "limit", "design", "page_token", "nextToken", "sort_key"],
)
def test_names_of_other_things(name: str) -> None:
    assert not secret_name(name)


def test_what_is_shown() -> None:
    assert mask_url("http://u:p@h/x?a=1&token=canary#f") == "http://***@h/x?a=1&token=***"
    assert mask_url("http://h/x?q=can%20ary", ["can ary"]) == "http://h/x?q=***"
    assert mask_url("http://[::1/x?token=canary") == "http://[::1/x"
    assert first_bytes(b"\x00\x1b[1m canary\r\n" + b"x" * 500, ["canary"]).startswith("[1m *** xxx")


def test_sites() -> None:
    assert same_site("http://a/x", "http://a/y")
    assert same_site("http://a/x", "https://a/y")
    assert not same_site("https://a/x", "http://a/y")
    assert not same_site("http://a/x", "http://a:8080/x")
    assert not same_site("http://a/x", "http://b/x")
