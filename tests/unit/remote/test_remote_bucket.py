"""The remote in an object store: in memory, and on real S3 servers where their packages are installed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from remote_cases import expected, fetch, fill, publish, rows

from fftcas.errors import RemoteError
from fftcas.store import Store
from fftcas.store.remote import Remote, RemoteMode, reach_for
from fftcas.store.remote.bucket import Bucket, shown
from fftcas.store.remote.doctor import examine
from fftcas.store.remote.gc import RemotePolicy, collect

KEYS = {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret", "AWS_REGION": "us-east-1"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[bytes], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            pytest.skip(f"the server ended with {server.returncode}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.skip("the server did not start in time")


def program(name: str) -> str:
    """A program beside this interpreter, or on the path."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"the program {name} is not installed")
    return found


@pytest.fixture(scope="module")
def obstore() -> None:
    if importlib.util.find_spec("obstore") is None:
        pytest.skip("the package obstore is not installed")


def commands(name: str, folder: Path, port: int) -> list[str]:
    if name == "moto":
        return [program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    if name == "rclone":
        (folder / "bucket").mkdir()
        return [
            *(program("rclone"), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"),
            *("--auth-key", "testkey,testsecret"),
        ]
    identity = {
        "name": "test",
        "credentials": [{"accessKey": "testkey", "secretKey": "testsecret"}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = [f"-{role}.port={free_port()}" for role in ("master", "volume", "filer")]
    grpc = [f"-{role}.port.grpc={free_port()}" for role in ("master", "volume", "filer", "s3")]
    return [
        *(program("weed"), "server", "-ip=127.0.0.1", f"-dir={folder}", "-volume.max=20", "-filer", "-s3"),
        *(f"-s3.port={port}", f"-s3.config={folder / 's3.json'}", *ports, *grpc),
    ]


@pytest.fixture(scope="module", params=["moto", "weed"])
def server(request: pytest.FixtureRequest, obstore: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from serve(request.param, tmp_path_factory.mktemp(request.param))


def serve(name: str, folder: Path) -> Iterator[str]:
    """A bucket on a real server; its URL."""
    port = free_port()
    before = dict(os.environ)
    with subprocess.Popen(
        commands(name, folder, port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
    ) as running:
        try:
            wait_for(port, running)
            os.environ.update(KEYS, AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}", AWS_ALLOW_HTTP="true")
            if name != "rclone":
                make_bucket(port)
            yield "s3://bucket/some/folder"
        finally:
            os.environ.clear()
            os.environ.update(before)
            running.kill()


def make_bucket(port: int) -> None:
    """Create the bucket with a signed request; object stores make none by themselves."""
    import datetime
    import hashlib
    import hmac

    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    empty = hashlib.sha256(b"").hexdigest()
    headers = f"host:127.0.0.1:{port}\nx-amz-content-sha256:{empty}\nx-amz-date:{stamp}\n"
    names = "host;x-amz-content-sha256;x-amz-date"
    canonical = hashlib.sha256(f"PUT\n/bucket\n\n{headers}\n{names}\n{empty}".encode()).hexdigest()
    key = b"AWS4testsecret"
    for part in [stamp[:8], "us-east-1", "s3", "aws4_request"]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{canonical}"
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    authorization = f"AWS4-HMAC-SHA256 Credential=testkey/{scope}, SignedHeaders={names}, Signature={signature}"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/bucket",
        method="PUT",
        headers={"x-amz-date": stamp, "x-amz-content-sha256": empty, "Authorization": authorization},
    )
    for _ in range(50):
        try:
            urllib.request.urlopen(request, timeout=5).close()
            return
        except urllib.error.HTTPError as error:
            if error.code == 409:
                return
            time.sleep(0.2)
    pytest.skip("the bucket could not be made")


def test_a_bucket_does_what_a_directory_does(server: str, tmp_path: Path) -> None:
    url = f"{server}/{tmp_path.name}"
    first = Remote.open(url, RemoteMode.RW)
    assert first.summary == f"remote: {url}, read-write, 0 outputs"
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = [*fill(a, 8), *fill(a, 1, rows=200_000, start=500)]
        for key in keys:
            first.publish(key, a)
        report = first.finish()
        assert (report.published.claims, report.published.failed) == (9, 0), report.problems
        second = Remote.open(url, RemoteMode.RO)
        assert second.summary == f"remote: {url}, read-only, 9 outputs"
        assert second.find(keys) == set(keys)
        second.prefetch(keys, b)
        assert all(second.fetch(key, b) for key in keys)
        assert rows(b, keys[3]) == expected(3)
        assert len(rows(b, keys[8])) == 200_000
        assert second.near("//marts:t3")[0].realisation.derivation == keys[3]
    reach = reach_for(url)
    assert examine(reach).ill == ()
    policy = RemotePolicy(older_than=0.0, grace=0.0)
    assert collect(reach, policy, clock=lambda: time.time() + 10_000).condemned == 18
    assert len(collect(reach, policy, clock=lambda: time.time() + 20_000).deleted) == 18
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
    return {key for key in keys if remote.fetch(key, store)}


def test_a_bucket_that_does_not_answer(obstore: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("FFTCAS_REMOTE_TIMEOUT", "3")
    started = time.monotonic()
    remote = Remote.open("s3://bucket/x", RemoteMode.RW)
    assert ", off (" in remote.summary
    assert time.monotonic() - started < 8


def test_secrets_of_a_url_are_not_shown() -> None:
    assert shown("s3://user:secret@bucket/x?key=secret") == "s3://bucket/x"


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
