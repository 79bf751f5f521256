"""The remote in an object store: in memory, and on real S3 servers where their packages are installed."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from remote_cases import expected, fetch, fill, publish, rows
from s3_servers import KEYS, free_port, serve

from fftcas.errors import RemoteError
from fftcas.store import Store
from fftcas.store.remote import Remote, RemoteMode, reach_for
from fftcas.store.remote.bucket import Bucket, shown
from fftcas.store.remote.doctor import examine
from fftcas.store.remote.gc import RemotePolicy, collect


@pytest.fixture(scope="module")
def obstore() -> None:
    if importlib.util.find_spec("obstore") is None:
        pytest.skip("the package obstore is not installed")


@pytest.fixture(scope="module", params=["moto", "weed"])
def server(request: pytest.FixtureRequest, obstore: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from serve(request.param, tmp_path_factory.mktemp(request.param))


def test_a_bucket_does_what_a_directory_does(server: str, tmp_path: Path) -> None:
    url = f"{server}/{tmp_path.name}"
    first = Remote.open(url, RemoteMode.RW)
    assert first.summary == f"remote: {url}, read-write, 0 outputs"
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = [*fill(a, 8), *fill(a, 1, rows=200_000, start=500)]
        for key in keys:
            first.publish(key, a)
        for number in range(2):  # the second time they are added to what is there
            first.publish_answers("a" * 64, {"statement": {bytes([number]): b"[]"}})
            assert first._giving is not None
            first._giving.join()
        report = first.finish()
        assert (report.published.claims, report.published.failed) == (9, 0), report.problems
        second = Remote.open(url, RemoteMode.RO)
        assert second.summary == f"remote: {url}, read-only, 9 outputs"
        assert second.answers.read("a" * 64) == {"statement": {b"\x00": b"[]", b"\x01": b"[]"}}
        assert second.finder.find(keys) == set(keys)
        second.intake.prefetch(keys, b)
        assert all(second.intake.fetch(key, b) for key in keys)
        assert rows(b, keys[3]) == expected(3)
        assert len(rows(b, keys[8])) == 200_000
        assert second.finder.near("//marts:t3")[0].realisation.derivation == keys[3]
    reach = reach_for(url)
    assert examine(reach).ill == ()
    policy = RemotePolicy(older_than=0.0, grace=0.0)
    assert collect(reach, policy, clock=lambda: time.time() + 10_000).condemned == 19
    assert len(collect(reach, policy, clock=lambda: time.time() + 20_000).deleted) == 19
    assert list(reach.transport.list("claims")) == []


def test_the_first_writer_of_a_name_wins(server: str, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    bucket = Bucket(f"{server}/{tmp_path.name}", 10)
    with ThreadPoolExecutor(8) as pool:
        wins = list(pool.map(lambda n: bucket.put("tmp/race", str(n).encode()), range(16)))
    assert wins.count(True) == 1
    assert bucket.get("tmp/race", 0, 100) == str(wins.index(True)).encode()


def test_ranges_and_missing_objects(server: str, tmp_path: Path) -> None:
    bucket = Bucket(f"{server}/{tmp_path.name}", 10)
    bucket.put("packs/aa/x", b"0123456789")
    assert bucket.get("packs/aa/x", 3, 6) == b"345"
    assert bucket.get("packs/aa/x", 8, 100) == b"89"
    assert bucket.get("packs/aa/x", 10, 100) == b""
    assert bucket.get("packs/aa/none", 0, 10) is None
    bucket.put("near/empty", b"")
    assert bucket.get("near/empty", 0, 10) == b""
    assert {name: entry.size for name, entry in bucket.stat(["packs/aa/x", "packs/aa/none"]).items()} == {
        "packs/aa/x": 10
    }
    before = bucket.stat(["packs/aa/x"])["packs/aa/x"].modified
    time.sleep(1.1)
    bucket.touch("packs/aa/x")
    assert bucket.stat(["packs/aa/x"])["packs/aa/x"].modified > before
    assert not bucket.put("packs/aa/x", b"another")
    assert bucket.put("packs/aa/x", b"another", replace=True)
    assert bucket.get("packs/aa/x", 0, 100) == b"another"
    bucket.delete("packs/aa/x")
    bucket.delete("packs/aa/x")
    assert bucket.get("packs/aa/x", 0, 10) is None


def test_a_server_that_ignores_conditional_writes_is_found_out(obstore: None, tmp_path: Path) -> None:
    for url in serve("rclone", tmp_path):
        remote = Remote.open(url, RemoteMode.RW)
        assert "the server ignores conditional writes" in remote.summary
        with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
            keys = fill(a, 2)
            for key in keys:
                remote.publish(key, a)
            report = remote.finish()
            assert report.published.failed == 0, report.problems
            assert fetch_from(url, b, keys) == set(keys)


def fetch_from(url: str, store: Store, keys: list[str]) -> set[str]:
    remote = Remote.open(url, RemoteMode.RO)
    return {key for key in keys if remote.intake.fetch(key, store)}


def test_a_bucket_that_does_not_answer(obstore: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("FFTCAS_REMOTE_TIMEOUT", "3")
    started = time.monotonic()
    remote = Remote.open("s3://bucket/x", RemoteMode.RW)
    assert ", off (" in remote.summary
    assert time.monotonic() - started < 8


def test_offline_no_bucket_is_asked(obstore: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Bucket, "get", lambda *range: pytest.fail("a connection was opened"))
    remote = Remote.open("s3://bucket/x", RemoteMode.RW, offline=True)
    assert remote.summary == "remote: s3://bucket/x, off (offline, and no connection is opened)"
    assert remote.finder.find(["0" * 64]) == set()
    with pytest.raises(RemoteError, match="is required and cannot be used"):
        Remote.open("s3://bucket/x", RemoteMode.REQUIRED, offline=True)
    assert "read-write" in Remote.open(str(tmp_path), RemoteMode.RW, offline=True).summary


def test_secrets_of_a_url_are_not_shown() -> None:
    assert shown("s3://user:secret@bucket/x?key=secret") == "s3://bucket/x"
    assert shown("GET http://me:se?cret@[::1]:9/x?sig=a/b failed") == "GET http://[::1]:9/x failed"
    assert shown("/mnt/a@b?c") == "/mnt/a@b?c"


def test_secrets_of_an_endpoint_are_not_shown(obstore: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFTCAS_REMOTE_TIMEOUT", "1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:SECRET@127.0.0.1:1/x?sig=SECRET")
    summary = Remote.open("s3://bucket", RemoteMode.RW).summary
    assert "127.0.0.1:1/x" in summary
    assert "SECRET" not in summary


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(RemoteError, match="needs the package obstore"):
        Bucket("s3://bucket/x", 1)


def test_publishing_to_a_directory_needs_no_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    place = tmp_path / "remote"
    place.mkdir()
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = fill(a, 1)
        publish(place, a, keys)
        assert fetch(place, b, keys) == set(keys)
