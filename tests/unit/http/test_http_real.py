"""The real store, Python's own file server, processes without a network, and imports."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fftcas.http import get, get_json
from fftcas.http.context import HttpContext, fetching
from fftcas.http.freshness import rested, rests_on_current
from fftcas.http.settings import HttpSettings
from fftcas.store.store import Store

ROOT = Path(__file__).parents[3]
SETTINGS = HttpSettings(attempts=1, timeout=5.0)


@pytest.fixture(name="store")
def store_fixture(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as store:
        yield store


@contextmanager
def file_server(directory: Path, log: Path) -> Iterator[str]:
    """`python -m http.server` over the directory."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(directory)]
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        for _ in range(200):
            match = re.search(r"port (\d+)", log.read_text())
            if match:
                break
            time.sleep(0.05)
        assert match
        yield f"http://127.0.0.1:{match[1]}"
    finally:
        server.terminate()
        server.wait()


def test_a_file_server_confirms_with_304_and_sends_what_changed(store: Store, tmp_path: Path) -> None:
    files, log = tmp_path / "files", tmp_path / "log"
    files.mkdir()
    users = files / "users.json"
    users.write_text("[1]")
    os.utime(users, (1_000_000_000, 1_000_000_000))
    with file_server(files, log) as url:
        with fetching(HttpContext(store, SETTINGS)) as first:
            assert get_json(f"{url}/users.json") == [1]
        refresh = HttpContext(store, SETTINGS, refresh=True)
        assert rests_on_current(refresh, first.responses)
        assert '"GET /users.json HTTP/1.1" 304' in log.read_text()
        users.write_text("[2]")
        os.utime(users, (1_000_001_000, 1_000_001_000))
        refresh = HttpContext(store, SETTINGS, refresh=True)
        assert not rests_on_current(refresh, first.responses)
        with fetching(refresh) as second:
            assert get_json(f"{url}/users.json") == [2]
    assert (second.cache_hits, first.responses == second.responses) == (1, False)
    with fetching(HttpContext(store, SETTINGS)):
        assert get(f"{url}/users.json") == b"[2]"


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.call(["unshare", "-rn", "true"], stderr=subprocess.DEVNULL) != 0,
    reason="needs network namespaces",
)
def test_without_any_network(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "users.json").write_text("[1]")
    place = tmp_path / "store"
    with (
        Store.open(place) as store,
        file_server(files, tmp_path / "log") as url,
        fetching(HttpContext(store, SETTINGS)),
    ):
        get(f"{url}/users.json")
    code = f"from fftcas.http import get; print(get('{url}/users.json')); get('{url}/other.json')"
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "FFTCAS_STORE": str(place), "FF_HTTP_OFFLINE": "1"}
    command = ["unshare", "-rn", sys.executable, "-c", code]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.stdout == "b'[1]'\n", done.stderr
    assert f"GET {url}/other.json is not in the store" in done.stderr
    store = Store.open(store.path)


def test_ten_thousand_responses_are_checked_in_half_a_second(store: Store, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "a").write_text("a")
    with file_server(files, tmp_path / "log") as url, fetching(HttpContext(store, SETTINGS)) as usage:
        get(f"{url}/a")
    ((request, response),) = usage.responses.items()
    (entry,) = store.get_records("http", [bytes.fromhex(request)])
    assert entry
    many = {f"{7919 * n:064x}": response for n in range(10_000)}
    store.put_records("http", {bytes.fromhex(name): entry for name in many})
    context = HttpContext(store, SETTINGS)
    started = time.process_time()
    assert rests_on_current(context, many)
    assert rested(context, many).requests == 10_000
    assert time.process_time() - started < 0.5


def test_checking_imports_nothing_heavy() -> None:
    heavy = ("urllib3", "pandas", "pyarrow", "http.client", "ssl", "email", "fftcas.http.api", "fftcas.http.transport")
    code = f"import sys, fftcas.http, fftcas.http.freshness; print([m for m in {heavy} if m in sys.modules])"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.check_output([sys.executable, "-c", code], env=environ, text=True) == "[]\n"


def test_the_face_is_what_is_announced() -> None:
    import fftcas.http

    assert fftcas.http.__all__ == sorted(fftcas.http.__all__)
    assert all(callable(getattr(fftcas.http, name)) for name in fftcas.http.__all__)
    with pytest.raises(AttributeError):
        _ = fftcas.http.nothing
