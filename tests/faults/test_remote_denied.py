"""A remote of which some may not be read: that is a miss, said once, and all else goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "remote"))

from remote_cases import expected, fetch, fill, objects, publish, rows
from test_remote_damage import as_nobody

from fftcas.store import Store
from fftcas.store.remote import Remote, RemoteMode, Signer, reach_for
from fftcas.store.remote.doctor import examine

SIGNER = Signer.new("ci")


@pytest.mark.parametrize("mode", [RemoteMode.RO, RemoteMode.RW, RemoteMode.REQUIRED])
@pytest.mark.parametrize("folder", ["claims", "packs"])
def test_one_object_that_may_not_be_read(tmp_path: Path, place: Path, folder: str, mode: RemoteMode) -> None:
    with Store.open(tmp_path / "a") as store:
        keys = fill(store, 5)
        publish(place, store, keys)
    mine = tmp_path / "mine"
    mine.mkdir()
    for path in [place, *place.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    victim = objects(place, folder)[0]
    victim.chmod(0)
    said: list[str] = []
    with as_nobody(tmp_path, mine), Store.open(mine / "store") as store:
        remote = Remote.open(str(place), mode, warn=said.append)
        remote.finder.find(keys)
        remote.intake.prefetch(keys, store)
        got = [key for key in keys if remote.intake.fetch(key, store)]
        (lost,) = set(keys) - set(got)
        remote.publish(fill(store, 5)[keys.index(lost)], store)
        report = remote.finish()
        health = examine(reach_for(str(place)))
    name = victim.relative_to(place)
    assert len(said) == 1
    assert str(name) in said[0]
    assert "may not be read" in said[0]
    assert not report.degraded
    assert report.published.failed == 0
    if mode is RemoteMode.RO:
        assert [(ill.name, ill.why) for ill in health.ill] == [
            (str(name), "it may not be read (Permission denied)"),
        ]
        assert health.deleted == ()
        assert victim.exists()
    else:
        assert report.published.claims == 1
        assert health.ill == ()
        with Store.open(tmp_path / "b") as other:
            assert fetch(place, other, keys, pytest.fail) == set(keys)
            assert rows(other, lost) == expected(keys.index(lost))


@contextmanager
def bucket(place: Path) -> Iterator[str]:
    """A remote's directory as a bucket that may be read and not be listed: it says 403 of what is missing."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            path = place / unquote(url.path).removeprefix("/bucket").lstrip("/")
            found = "list-type" not in url.query and path.is_file()
            data = path.read_bytes() if found else b"<Error><Code>AccessDenied</Code></Error>"
            first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
            part = data[int(first) : int(last) + 1] if found and first else data
            self.send_response((206 if first else 200) if found else 403)
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.send_header("ETag", '"x"')
            if found and first:
                self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")
            self.end_headers()
            self.wfile.write(part)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@pytest.mark.parametrize("trusts", [False, True])
def test_a_bucket_that_may_not_be_listed(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, trusts: bool
) -> None:
    pytest.importorskip("obstore")
    with Store.open(tmp_path / "a") as store:
        keys = fill(store, 5)
        publish(place, store, keys[:2], SIGNER if trusts else None)
    said: list[str] = []
    with bucket(place) as endpoint, Store.open(tmp_path / "b") as store:
        for name, value in {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        trust = [str(SIGNER.public)] if trusts else []
        remote = Remote.open("s3://bucket", RemoteMode.RO, trust=trust, warn=said.append)
        assert {key for key in keys if remote.intake.fetch(key, store)} == set(keys[:2])
        assert not remote.finish().degraded
    assert ("its keys cannot be listed" in remote.summary) is not trusts
    assert len(said) == 1
    assert "as missing ones where one may not list them" in said[0]
