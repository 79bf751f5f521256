"""Links, pipes and folders in the places of objects: they are no objects, and give way to them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "remote"))

from remote_cases import expected, fetch, fill, objects, publish, rows

from fftcas.store import Store
from fftcas.store.remote import Remote, RemoteMode, reach_for
from fftcas.store.remote.doctor import examine

KINDS = ["link", "loose link", "pipe", "folder", "full folder"]


def put_stray(victim: Path, kind: str, outside: Path) -> None:
    """Put something else in the place of an object."""
    good = victim.read_bytes()
    victim.unlink()
    if kind == "pipe":
        os.mkfifo(victim)
    elif "folder" in kind:
        victim.mkdir()
        if kind == "full folder":
            (victim / "file").write_bytes(good)
    else:
        victim.symlink_to(outside)
        if kind == "link":
            outside.write_bytes(good)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("folder", ["claims", "packs", "near", "fftcas.json"])
def test_an_object_takes_the_place_of_a_stray(tmp_path: Path, place: Path, folder: str, kind: str) -> None:
    outside = tmp_path / "outside"
    with Store.open(tmp_path / "a") as store:
        keys = fill(store, 2)
        publish(place, store, keys)
        victim = place / folder if folder.endswith("json") else objects(place, folder)[0]
        put_stray(victim, kind, outside)
        held = outside.read_bytes() if outside.exists() else None
        with Store.open(tmp_path / "b") as other:
            remote = Remote.open(str(place), RemoteMode.REQUIRED)
            lost = [key for key in keys if remote.intake.fetch(key, other) is None]
            for key in lost or keys:
                remote.publish(key, store)
            assert remote.finish().published.failed == 0
    if folder != "near":  # which nobody misses
        assert victim.is_file()
        assert not victim.is_symlink()
    assert held == (outside.read_bytes() if outside.exists() else None)
    with Store.open(tmp_path / "c") as store:
        assert fetch(place, store, keys, pytest.fail) == set(keys)
        assert [rows(store, key) for key in keys] == [expected(0), expected(1)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("folder", ["claims", "packs", "near"])
def test_the_doctor_takes_strays_away(tmp_path: Path, place: Path, folder: str, kind: str) -> None:
    with Store.open(tmp_path / "a") as store:
        publish(place, store, fill(store, 2))
    victim = objects(place, folder)[0]
    put_stray(victim, kind, tmp_path / "outside")
    if folder == "near" and "folder" in kind:
        pytest.skip("one that may be anything")
    name = str(victim.relative_to(place))
    reach = reach_for(str(place))
    found = {ill.name: ill.why for ill in examine(reach, repair=False).ill}
    assert found[name] == "it is not a file"
    assert os.path.lexists(victim)
    assert name in examine(reach).deleted
    assert not os.path.lexists(victim)
    assert examine(reach).ill == ()


def test_the_doctor_takes_linked_folders_away(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as store:
        keys = fill(store, 1)
        publish(place, store, keys)
        linked = objects(place, "packs")[0].parent
        linked.rename(tmp_path / "moved")
        linked.symlink_to(tmp_path / "moved")
        assert str(linked.relative_to(place)) in examine(reach_for(str(place))).deleted
        assert len(list((tmp_path / "moved").iterdir())) == 1
        assert publish(place, store, keys).published.failed == 0
    with Store.open(tmp_path / "b") as store:
        assert fetch(place, store, keys, pytest.fail) == set(keys)
