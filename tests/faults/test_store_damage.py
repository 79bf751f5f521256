"""Disks that lie: flipped bits, cut files, lost blobs, failing writes. A wrong table must never come out."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import store_worker

from fftcas.errors import StoreError
from fftcas.store import MissingBlob, Store, gc
from fftcas.store.data_file import damage
from fftcas.store.doctor import examine_store
from fftcas.store.environment import Environment
from fftcas.store.header import read_header
from fftcas.store.tables import chunk_list

TABLES = (1, 2, 3, 80)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "s") as store:
        for number in TABLES:
            store_worker.realise(store, number)
    return tmp_path / "s"


def check(store: Store) -> int:
    """Tables that come back; the others are misses. Raises AssertionError if one comes back wrong."""
    good = 0
    for number in TABLES:
        try:
            good += store_worker.verify(store, number)
        except MissingBlob:
            store.disown(store_worker.derivation(number))
    return good


def lose(store: Store, number: int) -> bool:
    """Like `verify`, for a store whose records may be damaged: no manifest or document is a miss as well."""
    realisation = store.realisation(store_worker.derivation(number))
    if realisation is None or store.manifest(realisation.output) is None:
        return False
    if store.derivation_document(realisation.derivation) is None:
        return False
    try:
        return store_worker.verify(store, number)
    except MissingBlob:
        return False


def heal(store: Store) -> None:
    for number in TABLES:
        if not lose(store, number):
            store_worker.realise(store, number)
    assert all(store_worker.verify(store, number) for number in TABLES)


def keys(environment: Environment) -> list[bytes]:
    return environment.read(lambda txn: [bytes(key) for key, _ in txn.cursor()])


def flip(environment: Environment, key: bytes, chance: random.Random) -> None:
    def work(txn: Any) -> None:
        value = bytearray(txn.get(key))
        value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
        txn.put(key, bytes(value))

    environment.write(work)


@pytest.mark.parametrize("flips", [1, pytest.param(50, marks=pytest.mark.long)])
def test_bit_flips_in_every_object(path: Path, flips: int) -> None:
    chance = random.Random(flips)
    count: Counter[str] = Counter()
    warnings: list[str] = []
    with Store.open(path, warn=warnings.append) as store:
        for environment in (store.blobs.environment, store.records.environment):
            for key in [key for key in keys(environment) if not key.startswith(b"h")]:
                for _ in range(flips):
                    flip(environment, key, chance)
                    count[environment.path.name] += 1
                    heal(store)
    print(f"bit flips in values: {dict(count)}, {len(warnings)} found by readers, 0 wrong tables")
    assert examine_store(path, warnings.append).values


def in_child(work: Callable[[], int]) -> int:
    """What `work` returns, or the negative number of the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 99
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("rounds", [60, pytest.param(2000, marks=pytest.mark.long)])
def test_bit_flips_anywhere_in_the_files(path: Path, tmp_path: Path, rounds: int) -> None:
    """LMDB may die of a broken page; then the doctor, which reads in a child, mends the store."""
    chance = random.Random(rounds)
    outcomes: Counter[str] = Counter()

    def read() -> int:
        with Store.open(tmp_path / "broken", warn=lambda text: None) as store:
            return sum(lose(store, number) for number in TABLES)

    for _ in range(rounds):
        shutil.rmtree(tmp_path / "broken", ignore_errors=True)
        shutil.copytree(path, tmp_path / "broken")
        data = tmp_path / "broken" / chance.choice(["blobs", "records"]) / "data.mdb"
        content = bytearray(data.read_bytes())
        at = chance.randrange(len(content))
        content[at] ^= 1 << chance.randrange(8)
        data.write_bytes(content)
        good = in_child(read)
        if good == len(TABLES):
            outcomes["unused byte"] += 1
        elif 0 <= good < len(TABLES):
            outcomes["miss"] += 1
        else:
            assert good < 0, "a wrong table, or an error that is not for people"
            outcomes["died, mended by the doctor"] += 1
            examine_store(tmp_path / "broken", lambda text: None)
            assert in_child(read) >= 0
    print(f"{rounds} bit flips in the files: {dict(outcomes)}, 0 wrong tables")


@pytest.mark.parametrize("opened", [8, pytest.param(500, marks=pytest.mark.long)])
def test_truncation_at_500_offsets(path: Path, tmp_path: Path, opened: int) -> None:
    """All cuts are seen before the file is mapped; some of the stores are then opened, and begin afresh."""
    chance = random.Random(500)
    size = (path / "blobs" / "data.mdb").stat().st_size
    cuts = sorted(chance.sample(range(1, size), 500))
    (tmp_path / "cut").mkdir()
    shutil.copy(path / "blobs" / "data.mdb", tmp_path / "cut")
    for cut in reversed(cuts):
        os.truncate(tmp_path / "cut" / "data.mdb", cut)
        assert seen(tmp_path / "cut" / "data.mdb")
    kept = 0
    for cut in chance.sample(cuts, opened):
        shutil.rmtree(tmp_path / "broken", ignore_errors=True)
        shutil.copytree(path, tmp_path / "broken")
        os.truncate(tmp_path / "broken" / "blobs" / "data.mdb", cut)
        kept += damage(tmp_path / "broken" / "blobs") is None
        with Store.open(tmp_path / "broken", warn=lambda text: None) as store:
            heal(store)
    print(f"500 truncations seen, {opened} stores opened after it, {kept} had lost nothing")


def seen(data: Path) -> bool:
    try:
        header = read_header(data)
    except ValueError:
        return True
    return header is not None and header.size > data.stat().st_size


def test_lost_blobs_are_misses(path: Path) -> None:
    chance = random.Random(1)
    lost = 0
    with Store.open(path, warn=pytest.fail) as store:
        for _ in range(25):
            blobs = [key for key in keys(store.blobs.environment) if key.startswith(b"b")]
            gone = chance.sample(blobs, chance.randrange(1, 4))
            store.blobs.environment.write(lambda txn, gone=gone: [txn.delete(key) for key in gone])  # type: ignore[misc]
            lost += len(gone)
            heal(store)
    print(f"{lost} blobs deleted, every table healed")


def test_what_is_written_again_is_good_whatever_was_there(path: Path) -> None:
    with Store.open(path, warn=lambda text: None) as store:
        manifest = store.manifest(store.realisation(store_worker.derivation(3)).output)  # type: ignore[union-attr]
        assert manifest is not None
        first, last = manifest.columns[0], manifest.columns[-1]
        flip(store.blobs.environment, key_of(chunk_list(store.blobs, last)[0].digest), random.Random(1))
        store.blobs.environment.write(lambda txn: txn.delete(key_of(first.digest)))
        with pytest.raises(MissingBlob, match=first.digest[:16]):
            store_worker.verify(store, 3)  # which does not get as far as the other
        store_worker.realise(store, 3)
        assert store_worker.verify(store, 3)


def key_of(digest: str) -> bytes:
    return b"b" + bytes.fromhex(digest)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(mount)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def fill(store: Store, chance: random.Random) -> None:
    while True:
        store.put_blob(os.urandom(chance.randrange(1 << 18, 1 << 22)))


def test_a_full_disk_is_called_so_and_loses_nothing(small_disk: Path) -> None:
    chance = random.Random(3)
    with Store.open(small_disk / "s", warn=pytest.fail) as store:
        for number in TABLES:
            store_worker.realise(store, number)
        told = 0
        for _ in range(10):
            with pytest.raises(StoreError, match="the disk that holds the store is full"):
                fill(store, chance)
            told += 1
            assert all(store_worker.verify(store, number) for number in TABLES)
        store.blobs.release()
        done = gc.collect(store, gc.Policy(max_size=8 << 20, grace=0))
        assert done.blobs
        store.put_blob(os.urandom(1 << 20))
        assert check(store) == len(TABLES)
    print(f"disk full {told} times: all committed tables verified, gc and writing went on")


@pytest.mark.parametrize("step", [40_000, pytest.param(5_000, marks=pytest.mark.long)])
def test_every_write_may_fail(path: Path, step: int) -> None:
    """The n-th write fails because of a limit on the file's size; what was committed stays."""
    size = (path / "blobs" / "data.mdb").stat().st_size
    codes: Counter[int] = Counter()

    def write(limit: int) -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            with Store.open(path, warn=pytest.fail) as store:
                store_worker.realise(store, 20)
        except StoreError:
            return 1
        return 0

    for limit in range(step, size + (1 << 20), step):
        codes[in_child(lambda limit=limit: write(limit))] += 1  # type: ignore[misc]
        with Store.open(path, warn=pytest.fail) as store:
            assert all(store_worker.verify(store, number) for number in TABLES)
            store.disown(store_worker.derivation(20))
            gc.collect(store, gc.Policy(max_size=1 << 30, grace=0))
    print(f"{sum(codes.values())} limits: {codes[1]} writes failed with an error for people, 0 tables lost")
    assert set(codes) <= {0, 1}
    assert codes[1]
