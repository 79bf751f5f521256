"""Servers that misbehave: each fails the call with URL, status, first bytes and the line that asked."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from http_bench import Asked, Bench, Server, bench_fixture, reply, server_fixture  # noqa: F401

from fftcas.http import HttpError, get, get_df, get_json
from fftcas.http.context import HttpContext, fetching


def failure(context: HttpContext, url: str, call: Callable[..., object] = get_json, **wishes: object) -> HttpError:
    with pytest.raises(HttpError) as caught, fetching(context):
        call(url, **wishes)
    assert url.partition("?")[0] in caught.value.what
    assert caught.value.where is not None
    assert caught.value.where.path == "test_http_faults.py"
    return caught.value


BAD_BODIES = {
    "malformed": (reply(b'{"a": 1,}'), "not JSON"),
    "empty": (reply(b""), "the body is empty"),
    "html": (reply(b"<html>Log in</html>", type_="text/html"), "calls it text/html"),
    "truncated": (reply(b"[1, 2", length=100), "5 bytes came of 100"),
    "short length": (reply(b"[1, 2]", length=3), "not JSON"),
    "bad gzip": (reply(b"no gzip", Content_Encoding="gzip"), "gzip stream is damaged"),
    "cut gzip": (reply(gzip.compress(b"[1, 2]" * 50)[:-12], Content_Encoding="gzip"), "gzip stream is truncated"),
    "brotli": (reply(b"\x0b\x02\x80", Content_Encoding="br"), "'br', which was not asked for"),
    "not utf-8": (reply(b'["\xff\xfe"]'), "not utf-8: byte 2 is 0xff"),
    "unknown charset": (reply(b"[]", type_="application/json; charset=klingon"), "charset=klingon"),
    "codec that is no charset": (reply(b"[]", type_="application/json; charset=hex"), "charset=hex"),
    "duplicate keys": (reply(b'[{"id": 1, "id": 2}]'), "the key 'id' twice"),
    "too deep": (reply(b"[" * 100_000), "nested too deeply"),
    "a number too long": (reply(b"[" + b"9" * 5000 + b"]"), "not usable JSON"),
    "bad chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]", "connection failed"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "connection failed"),
    "cut in the headers": (b"HTTP/1.1 200 OK\r\nContent-Ty", "ended without a body"),
    "empty answer": (b"", "connection failed"),
    "status 404": (reply(b"no such user\n\x1b[31m", 404, type_="text/plain"), "404 Not Found"),
    "status 500": (reply(b"oops", 500), "500 Internal Server Error (2 attempts)"),
    "status 429": (reply(b"slow down", 429), "429 Too Many Requests (2 attempts)"),
    "status 304": (reply(b"", 304), "304 Not Modified"),
    "status 799": (reply(b"", 799), "799"),
}


@pytest.mark.parametrize(("answer", "told"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_bad_answer_fails_the_call(bench: Bench, server: Server, answer: bytes, told: str) -> None:
    error = failure(bench.context, server.on("/bad", answer))
    assert told in str(error)
    assert "\x1b" not in str(error)


def test_the_first_bytes_of_an_error_are_shown(bench: Bench, server: Server) -> None:
    error = failure(bench.context, server.on("/bad", reply(b"no such   user\n\x1b[31m", 404, type_="text/plain")))
    assert "text/plain: no such user [31m" in str(error)
    assert (error.status, len(server.asked)) == (404, 1)


def test_nothing_of_a_bad_body_is_kept(bench: Bench, server: Server) -> None:
    url = server.on("/cut", reply(b"[1, 2", length=100), reply(b"[1, 2", length=100), reply(b"[1, 2]"))
    failure(bench.context, url)
    assert bench.store.everything() == b""
    with fetching(bench.context):
        assert get_json(url) == [1, 2]


def test_a_truncated_body_is_asked_for_again(bench: Bench, server: Server) -> None:
    url = server.on("/cut", reply(b"[1, 2", length=100), reply(b"[1, 2]"))
    with fetching(bench.context):
        assert get_json(url) == [1, 2]


def test_gzip_and_charsets_are_read(bench: Bench, server: Server) -> None:
    packed = server.on("/gzip", reply(gzip.compress(b"[1]") + gzip.compress(b""), Content_Encoding="gzip"))
    latin = server.on("/latin", reply('["é"]'.encode("latin-1"), type_="application/json; charset=ISO-8859-1"))
    marked = server.on("/bom", reply(b'\xef\xbb\xbf["x"]'))
    wide = server.on("/wide", reply('["x"]'.encode("utf-16")))
    with fetching(bench.context):
        assert [get_json(url) for url in (packed, latin, marked, wide)] == [[1], ["é"], ["x"], ["x"]]


def test_bodies_are_limited(bench: Bench, server: Server) -> None:
    context = bench.but(max_bytes=1000)
    error = failure(context, server.on("/big", reply(b"x" * 1001)), get)
    assert "larger than 1,000 bytes (FF_HTTP_MAX_BYTES)" in str(error)
    assert len(server.asked) == 1


def test_a_gzip_bomb_is_cut_off(bench: Bench, server: Server) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(300)) + packer.flush()
    started = time.monotonic()
    error = failure(bench.but(max_bytes=1_000_000), server.on("/bomb", reply(bomb, Content_Encoding="gzip")), get)
    assert "larger than" in str(error)
    assert time.monotonic() - started < 2


def dripping(pause: float, head: bytes = b"") -> Callable[[Asked, socket.socket], None]:
    def answer(_: Asked, line: socket.socket) -> None:
        try:
            line.sendall(head)
            for _n in range(200):
                line.sendall(b"x")
                time.sleep(pause)
        except OSError:
            return

    return answer


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Y: "])
def test_a_server_that_drips_is_cut_off(bench: Bench, server: Server, head: bytes) -> None:
    url = server.on("/slow", dripping(0.02, head))
    started = time.monotonic()
    error = failure(bench.but(total_timeout=0.3), url)
    assert "not answered within 0.3 seconds" in str(error)
    assert time.monotonic() - started < 2


def test_a_silent_server_is_given_up(bench: Bench, server: Server) -> None:
    url = server.on("/silent", lambda *_: time.sleep(3))
    started = time.monotonic()
    assert "no answer for 0.1 seconds (2 attempts)" in str(failure(bench.context, url, timeout=0.1))
    assert time.monotonic() - started < 2


def test_nobody_listens(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "refused" in str(failure(bench.context, f"http://127.0.0.1:{port}/x"))


def test_names_that_do_not_resolve(bench: Bench) -> None:
    assert "cannot be resolved" in str(failure(bench.context, "http://no-such-host.invalid/x"))


def test_retry_after_is_honoured_and_bounded(bench: Bench, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server.on("/n", reply(b"", 429, Retry_After="1"), reply(b"[1]"))
    started = time.monotonic()
    with fetching(bench.context):
        assert get_json(url) == [1]
    assert time.monotonic() - started >= 1
    server.on("/n", reply(b"", 503, Retry_After="3600"))
    error = failure(bench.later(refresh=True), url)
    assert error.hint == "the server asks to wait 3600 seconds"
    waits: list[float] = []
    monkeypatch.setattr("fftcas.http.transport.time.sleep", waits.append)
    server.on("/n", reply(b"", 503, Retry_After="Sun, 06 Nov 1994 08:49:37 GMT"))
    failure(bench.later(refresh=True), url)
    assert waits == [0.0]


def test_redirects_are_followed_and_loops_found(bench: Bench, server: Server) -> None:
    server.on("/c", reply(b"[1]"))
    url = server.on("/a", reply(b"", 302, Location="/b"))
    server.on("/b", reply(b"", 301, Location=server.url("/c")))
    with fetching(bench.context):
        assert get_json(url) == [1]
    server.on("/b", reply(b"", 302, Location="/a"))
    assert "redirect loop" in str(failure(bench.later(refresh=True), url))
    server.on("*", lambda asked, _: reply(b"", 302, Location=f"{asked.path}x"))
    assert "more than 10 redirects" in str(failure(bench.later(), server.url("/endless")))


def test_a_redirect_to_a_forbidden_host_is_refused(bench: Bench, server: Server) -> None:
    url = server.on("/a", reply(b"", 302, Location="http://localhost:1/x?token=canary"))
    error = failure(bench.but(allowed_domains=("127.0.0.1",)), url)
    assert "'localhost' is not in FF_HTTP_ALLOWED_DOMAINS" in str(error)
    assert "canary" not in str(error)
    for location in (
        "http://169.254.169.254/latest/meta-data",
        "http://metadata.google.internal/",
        "file:///etc/passwd",
    ):
        server.on("/a", reply(b"", 302, Location=location))
        assert "redirect" in failure(bench.later(), url).what


def test_forbidden_hosts_are_refused_before_a_socket_is_opened(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection was opened"))
    assert "link-local" in str(failure(bench.context, "http://169.254.169.254/latest"))
    assert "link-local" in str(failure(bench.context, "http://[::ffff:169.254.169.254]/latest"))
    assert "ALLOWED" in str(failure(bench.but(allowed_domains=("example.org",)), "http://notexample.org/"))


def test_the_peer_is_checked_whatever_its_name(bench: Bench, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    import ipaddress

    from fftcas.http import policy

    monkeypatch.setattr(policy, "FORBIDDEN_NETWORKS", [ipaddress.ip_network("127.0.0.0/8")])
    url = server.on("/x", reply(b"[1]")).replace("127.0.0.1", "localhost")
    assert "127.0.0.1 is a link-local or metadata address" in str(failure(bench.context, url))
    assert server.asked == []
    with fetching(bench.but(allowed_domains=("localhost",))):
        assert get_json(url) == [1]


def test_credentials_do_not_follow_to_another_host(bench: Bench, server: Server) -> None:
    other = server.on("/other", reply(b"[1]")).replace("127.0.0.1", "localhost")
    url = server.on("/a", reply(b"", 302, Location=other))
    with fetching(bench.context):
        get(url, headers={"Authorization": "Bearer canary", "X-Mine": "canary", "Accept": "text/csv"})
    assert "canary" in str(server.asked[0].headers)
    assert "canary" not in str(server.asked[1].headers)
    assert server.asked[1].headers["accept"] == "text/csv"


def test_the_rate_is_one_for_all_threads(bench: Bench, server: Server) -> None:
    server.on("*", reply(b"[1]"))
    context = bench.but(rate=20.0)

    def work(number: int) -> None:
        with fetching(context):
            get(server.url(f"/{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.times) == 30
    assert max(server.times) - min(server.times) >= 0.4


def test_proxies_are_used(bench: Bench, server: Server) -> None:
    server.on("http://api.example.org/users", reply(b"[1]"))
    context = bench.but(proxies=(("http", server.url().replace("//", "//me:canary@")),))
    with fetching(context):
        assert get_json("http://api.example.org/users") == [1]
    assert server.asked[0].headers["proxy-authorization"].startswith("Basic ")
    direct = bench.but(proxies=(("http", "http://127.0.0.1:1"), ("no", "127.0.0.1")))
    with fetching(direct):
        assert get_json(server.on("/direct", reply(b"[2]"))) == [2]


def secure_server(directory: Path, serve: Callable[[socket.socket], None]) -> tuple[str, Path]:
    """The URL of a TLS server on loopback that takes connections until the test ends, and its certificate."""
    key, certificate = directory / "key.pem", directory / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            line, _ = listener.accept()
            try:
                serve(context.wrap_socket(line, server_side=True))
            except OSError:
                line.close()

    threading.Thread(target=accept, daemon=True).start()
    return f"https://localhost:{listener.getsockname()[1]}/x", certificate


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")


@needs_openssl
def test_a_certificate_that_nobody_trusts(bench: Bench, tmp_path: Path) -> None:
    url, _ = secure_server(tmp_path, lambda line: line.close())
    error = failure(bench.context, url)
    assert "TLS failed" in str(error)
    assert "self-signed" in str(error) or "self signed" in str(error)
    assert "attempts" not in str(error)


@needs_openssl
def test_tls_with_a_trusted_certificate(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [reply(b"[1]"), b"HTTP/1.1 200 OK\r\nX: "]

    def serve(line: ssl.SSLSocket) -> None:
        line.recv(4096)
        line.sendall(answers[0])
        dripping(0.02)(Asked("", "", {}, b""), line)

    url, certificate = secure_server(tmp_path, serve)  # type: ignore[arg-type]
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with fetching(bench.context):
        assert get_json(url) == [1]
    del answers[0]
    started = time.monotonic()
    assert "not answered within 0.3 seconds" in str(failure(bench.but(total_timeout=0.3, ttl=1e-9), url))
    assert time.monotonic() - started < 3


def test_connections_are_used_again(bench: Bench, server: Server) -> None:
    server.on("*", reply(b"[1]", ETag='"v"'), reply(b"[2]"), reply(b"", 304), reply(b"[3]"))
    for path, refresh in (("/1", False), ("/2", False), ("/1", True), ("/3", False)):
        with fetching(bench.later(refresh=refresh)):
            get(server.url(path))
    assert (len(server.asked), server.connections) == (4, 1)


def test_endless_pages_end(bench: Bench, server: Server) -> None:
    server.on("*", reply(b'[{"id": 1}]'))
    url = server.url("/users")

    def forever(_: str, params: dict[str, int] | None, __: object) -> dict[str, object]:
        return {"next_request": {"params": {"page": (params or {"page": 1})["page"] + 1}}}

    error = failure(bench.but(max_pages=60), url, get_df, paginator=forever)
    assert "no end after 60 pages (FF_HTTP_MAX_PAGES)" in str(error)
    assert any("50 pages" in line for line in bench.said)
    error = failure(bench.context, url, get_df, paginator=lambda *_: {"next_request": {"url": url}})
    assert "page 2 is the same request as page 1" in str(error)


@pytest.mark.parametrize(
    "answer", ["next", 7, {"next_request": "x"}, {"next_request": {"uri": "x"}}, {"next_request": {"url": 1}}]
)
def test_a_paginator_that_says_nonsense(bench: Bench, server: Server, answer: object) -> None:
    error = failure(bench.context, server.on("/users", reply(b"[]")), paginator=lambda *_: answer)
    assert "paginator" in str(error)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://example.org/x", "not an http or https URL"),
        ("users", "not an http or https URL"),
        ("http://", "not an http or https URL"),
        ("http://a:b:c/x", "not a URL"),
        ("http://exa mple.org:x/", "not a URL"),
        ("http://example.org/a\r\nX: y", "not a URL"),
        ("http://[::1/x", "not a URL"),
        (None, "not a URL"),
        ("http://" + "a" * 70 + ".é.org/", "not a URL"),
    ],
)
def test_what_is_no_url(bench: Bench, url: str, told: str) -> None:
    with pytest.raises(HttpError, match=told), fetching(bench.context):
        get(url)


@pytest.mark.parametrize(
    "wishes",
    [
        {"ttl": "soon"},
        {"max_age": -1},
        {"timeout": 0},
        {"timeout": True},
        {"stale_if_error": "yes"},
        {"headers": {"A b": "c"}},
        {"headers": {"A": "b\r\nc"}},
        {"headers": "A: b"},
        {"params": "a=b"},
        {"params": 5},
        {"params": ["a"]},
    ],
)
def test_arguments_that_make_no_sense(bench: Bench, wishes: dict[str, object]) -> None:
    with pytest.raises(HttpError), fetching(bench.context):
        get("http://127.0.0.1:1/", **wishes)  # type: ignore[arg-type]
