"""Where a store may lie, and what its files must look like before they are opened."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lmdb
import pytest

from fftcas.errors import StoreError
from fftcas.store import Store
from fftcas.store.header import read_header
from fftcas.store.place import NETWORK, file_system, prepare_place, store_path

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /home rw shared:2 - nfs4 server:/home rw,vers=4.2
31 22 0:41 / /home/me/with\\040space rw - fuse.sshfs me@host: rw
32 22 0:42 / /mnt rw master:1 - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"FFTCAS_STORE": "/s", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/s"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/fftcas"),
        ({"FFTCAS_STORE": "", "XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/fftcas"),
    ],
)
def test_the_default_place(environ: dict[str, str], path: str) -> None:
    assert store_path(environ) == Path(path)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/home/you", "nfs4"), ("/home/me/with space/x", "fuse.sshfs"), ("/homeless", "ext4"), ("/mnt/a/b", "tmpfs")],
)
def test_the_file_system_of_a_path(path: str, kind: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fftcas.store.place._mounts", lambda: f"1 1 0:1 / {tmp_path} rw - cifs x rw")
    with pytest.raises(StoreError, match=r"network file system .cifs.*\n  hint: set FFTCAS_STORE"):
        prepare_place(tmp_path / "store")
    assert all(NETWORK.fullmatch(kind) for kind in ("nfs", "nfs4", "9p", "fuse.sshfs", "fuse.gcsfuse", "smb3"))
    assert not any(NETWORK.fullmatch(kind) for kind in ("ext4", "btrfs", "xfs", "overlay", "tmpfs", "zfs", "fuseblk"))


def test_a_new_store_is_for_its_owner_only(tmp_path: Path) -> None:
    prepare_place(tmp_path / "a" / "store")
    assert (tmp_path / "a" / "store").stat().st_mode & 0o777 == 0o700


def test_a_directory_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StoreError, match="not empty"):
        prepare_place(tmp_path)


def test_a_store_that_others_can_write_is_refused(tmp_path: Path) -> None:
    prepare_place(tmp_path / "s")
    (tmp_path / "s").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "s")
    with pytest.raises(StoreError, match="can be written by others"):
        prepare_place(tmp_path / "link")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_store_of_another_user_is_refused(tmp_path: Path) -> None:
    prepare_place(tmp_path / "s")
    os.chown(tmp_path / "s", 12345, 12345)
    with pytest.raises(StoreError, match="belongs to another user"):
        prepare_place(tmp_path / "s")


def test_a_newer_format_is_refused_by_number(tmp_path: Path) -> None:
    prepare_place(tmp_path / "s")
    (tmp_path / "s" / "format").write_text("fftcas store 7\n")
    with pytest.raises(StoreError, match="has format 7, and this fftcas knows format 1"):
        Store.open(tmp_path / "s")


def test_a_file_in_the_place_of_the_store_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("x")
    with pytest.raises(StoreError):
        Store.open(tmp_path / "s")


def test_the_header_of_a_data_file(tmp_path: Path) -> None:
    path = tmp_path / "data.mdb"
    assert read_header(path) is None
    with lmdb.open(str(tmp_path), map_size=1 << 24) as env:
        for number in range(5):
            with env.begin(write=True) as txn:
                txn.put(b"%d" % number, b"x" * 50_000)
        assert env.info()["last_txnid"] == 5
    header = read_header(path)
    assert header is not None
    assert header.transaction == 5
    assert header.size == path.stat().st_size


@pytest.mark.parametrize("content", [b"x", b"SQLite format 3\0" + bytes(9000), bytes(100_000), os.urandom(20_000)])
def test_a_foreign_data_file_is_set_aside(tmp_path: Path, content: bytes) -> None:
    Store.open(tmp_path / "s").close()
    (tmp_path / "s" / "blobs" / "data.mdb").write_bytes(content)
    warnings: list[str] = []
    with Store.open(tmp_path / "s", warn=warnings.append) as store:
        digest = store.put_blob(b"hello")
        assert store.get_blob(digest) == b"hello"
    assert len(warnings) == 1
    assert "blobs were damaged" in warnings[0]
    (aside,) = (tmp_path / "s" / "blobs").glob("quarantine-*")
    assert aside.read_bytes() == content


def test_a_short_file_whose_end_is_unused_is_kept(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s") as store:
        digest = store.put_blob(b"hello")
    data = tmp_path / "s" / "blobs" / "data.mdb"
    with lmdb.open(str(data.parent), map_size=1 << 24) as env:
        with env.begin(write=True) as txn:
            txn.put(b"z" * 33, b"x" * 200_000)
        with env.begin(write=True) as txn:
            txn.delete(b"z" * 33)
    size = data.stat().st_size
    os.truncate(data, size - 100_000)
    with Store.open(tmp_path / "s", warn=pytest.fail) as store:
        assert store.get_blob(digest) == b"hello"
    assert data.stat().st_size == size


def test_the_address_space_limit_is_respected(tmp_path: Path) -> None:
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
from pathlib import Path
from fftcas.errors import StoreError
from fftcas.store import Store
import os
with Store.open(Path({str(tmp_path / "s")!r})) as store:
    try:
        for _ in range(80):
            store.put_blob(os.urandom(8 << 20))
    except StoreError as error:
        print(error)
"""
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert "address space" in child.stdout


def test_opening_imports_no_heavy_package(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from fftcas.store import Store
with Store.open(Path({str(tmp_path / "s")!r})) as store:
    store.get_blob(store.put_blob(b"x" * 1000))
    store.put_records("stat", {{b"a": b"b"}})
    store.get_records("stat", [b"a"])
assert not {{"pyarrow", "duckdb", "pandas", "numpy"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
