"""Objects that are made to trip a parser: each is a miss, said once, and nothing waits for what it stopped."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from remote_cases import claim_parts, expected, fetch, fill, objects, publish, rows, write_claim

from fftcas.store import Store
from fftcas.store.remote import Remote, RemoteMode, Signer, reach_for
from fftcas.store.remote.claim import Claim
from fftcas.store.remote.doctor import examine
from fftcas.store.remote.fetch import Fetcher
from fftcas.store.remote.gc import RemotePolicy, collect

CI = Signer.new("ci")
DEEP = "[" * 100_000
HUGE = 10**400
D = "a" * 64

CLAIMS: dict[str, dict[str, Any]] = {
    "endless seconds": {"realisation": {"seconds": float("inf")}},
    "seconds beyond a float": {"realisation": {"seconds": HUGE}},
    "seconds of which two have no sum": {"realisation": {"seconds": 1.7e308}},
    "an age beyond a float": {"realisation": {"http_max_age": {D: HUGE}}},
    "an age that is none": {"realisation": {"http_max_age": {D: float("nan")}}},
    "a deep manifest": {"manifest": DEEP},
    "a column of endless bytes": {"manifest": f'{{"rows":1,"columns":[["a","INT",true,"{D}",Infinity]]}}'},
    "endless rows": {"manifest": '{"rows":1e999,"columns":[]}'},
    "a deep document": {"document": DEEP},
    "seconds below none": {"realisation": {"seconds": -5}},
    "a time that is none": {"realisation": {"built_at": "yesterday"}},
    "a time without a zone": {"realisation": {"built_at": "2026-01-31T12:00:00"}},
    "a time before all times": {"realisation": {"built_at": "0001-01-01T00:00:00+14:00"}},
    "notes that are a list": {"notes": []},
    "notes of other types": {"notes": {"sql": 5}},
    "macros that are text": {"notes": {"macros": {"m": "text"}}},
    "definitions without a line": {"notes": {"code": {"m.py": {"f()": ["1", "abc"]}}}},
    "views that are no labels": {"notes": {"views": ["@"]}},
}
HEADS = {
    "deep": DEEP,
    "endless": f'{{"fftcas-pack":1,"frames":[["{D}",Infinity,"{D}"]]}}',
    "with text for a length": f'{{"fftcas-pack":1,"frames":[["{D}","1","{D}"]]}}',
    "without frames": '{"fftcas-pack":1,"frames":5}',
}


@pytest.fixture
def keys(tmp_path: Path, place: Path) -> list[str]:
    """The derivations of three published tables."""
    with Store.open(tmp_path / "a") as store:
        keys = fill(store, 3)
        publish(place, store, keys)
        return keys


def claim_of(place: Path, key: str) -> Path:
    return next(path for path in objects(place, "claims") if path.name.startswith(key))


def forge_head(place: Path, claim: Path, head: str, size: int = 0) -> None:
    """Give a claim a pack with this head, which has the right name."""
    name = blake3(head.encode()).hexdigest()
    path = place / "packs" / name[:2] / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(head + "\n" + " " * size)
    body = claim_parts(claim)[1]
    body["packs"] = [[name, len(head), len(head) + 1 + size]]
    write_claim(claim, body)


def is_a_miss(tmp_path: Path, place: Path, keys: list[str], **how: object) -> None:
    """The first table is, once it is asked for by name and once it is fetched ahead; the others come."""
    for turn, ahead in enumerate([False, True]):
        said: list[str] = []
        with Store.open(tmp_path / f"b{turn}") as store:
            remote = Remote.open(str(place), RemoteMode.RO, warn=said.append, **how)  # type: ignore[arg-type]
            remote.finder.find(keys)
            if ahead:
                remote.intake.prefetch(keys, store)
            assert {key for key in keys if remote.intake.fetch(key, store)} == set(keys[1:])
            assert not remote.finish().degraded
            assert rows(store, keys[1]) == expected(1)
        assert len(said) == 1, said


@pytest.mark.parametrize("how", CLAIMS)
def test_a_claim_is_a_miss(tmp_path: Path, place: Path, keys: list[str], how: str) -> None:
    path = claim_of(place, keys[0])
    body = claim_parts(path)[1]
    changes = CLAIMS[how]
    body["realisation"] |= changes.get("realisation", {})
    body |= {name: value for name, value in changes.items() if name not in ("realisation", "notes")}
    if "notes" in changes:
        body["document"] = json.dumps({**json.loads(body["document"]), "notes": changes["notes"]})
    write_claim(path, body)
    is_a_miss(tmp_path, place, keys)


@pytest.mark.parametrize(
    "key",
    ["garbage", "a:b", "x" * 300, 5, [], f"evil\u202e:{str(CI.public).partition(':')[2]}"],
    ids=["garbage", "two parts", "long", "number", "list", "control character"],  # the last one is new each time
)
@pytest.mark.parametrize("trusts", [False, True])
def test_a_key_that_is_none_is_a_miss(tmp_path: Path, place: Path, key: object, trusts: bool) -> None:
    with Store.open(tmp_path / "a") as store:
        keys = fill(store, 3)
        publish(place, store, keys, CI)
    path = claim_of(place, keys[0])
    seal, _, body = path.read_bytes().partition(b"\n")
    path.write_bytes(json.dumps({**json.loads(seal), "key": key}).encode() + b"\n" + body)
    is_a_miss(tmp_path, place, keys, trust=[str(CI.public)] if trusts else [])


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("how", HEADS)
def test_a_pack_is_a_miss(tmp_path: Path, place: Path, keys: list[str], how: str, large: bool) -> None:
    forge_head(place, claim_of(place, keys[0]), HEADS[how], size=2 << 20 if large else 0)
    is_a_miss(tmp_path, place, keys)


@pytest.mark.parametrize("mode", [RemoteMode.RO, RemoteMode.RW])
def test_a_marker_that_is_none_turns_the_remote_off(place: Path, mode: RemoteMode) -> None:
    (place / "fftcas.json").write_text(DEEP)
    assert "off (its fftcas.json is not one)" in Remote.open(str(place), mode).summary


def test_upkeep_goes_on(place: Path, keys: list[str]) -> None:
    path = claim_of(place, keys[0])
    for number, (folder, change) in enumerate([("pr+1", {"seconds": HUGE}), ("pr+2", {"http_max_age": {D: HUGE}})]):
        body = claim_parts(path)[1]
        body["realisation"] |= change
        body["namespace"] = folder.replace("+", "/")
        forged = place / "claims" / folder / path.parent.name / path.name
        forged.parent.mkdir(parents=True)
        write_claim(forged, body)
        if number == 0:
            forge_head(place, forged, HEADS["deep"])
    (place / "gc").mkdir()
    (place / "gc/1-aa.json").write_text(DEEP)
    assert collect(reach_for(str(place)), RemotePolicy(older_than=3600.0)).claims_kept == 5
    assert len(examine(reach_for(str(place))).ill) == 3
    assert examine(reach_for(str(place))).ill == ()


@pytest.mark.parametrize("wrong", [RecursionError("too deep"), AttributeError("no such thing"), ZeroDivisionError()])
def test_a_parser_may_fail_in_any_way(
    tmp_path: Path, place: Path, keys: list[str], wrong: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:

    def check(value: object, manifest: object, index: int) -> None:
        raise wrong

    monkeypatch.setattr("fftcas.store.remote.fetch.check_chunks", check)
    said: list[str] = []
    with Store.open(tmp_path / "b") as store:
        assert fetch(place, store, keys, said.append) == set()
    assert len(said) == len(keys)


@pytest.mark.parametrize("quick", [False, True])
def test_whatever_stops_fetching_ahead_nothing_waits_for_it(
    tmp_path: Path, place: Path, keys: list[str], quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    loose: list[object] = []
    monkeypatch.setattr("threading.excepthook", loose.append)
    monkeypatch.setattr("fftcas.store.remote.intake._BATCH", 1)
    asked: list[str] = []
    together = Fetcher.together

    def stop(self: Fetcher, claims: list[Claim], store: Store) -> object:
        asked.extend(claim.realisation.derivation for claim in claims)
        if len(asked) <= len(keys):
            raise AttributeError("who would have thought")
        return together(self, claims, store)

    monkeypatch.setattr(Fetcher, "together", stop)
    with Store.open(tmp_path / "b") as store:
        remote = Remote.open(str(place), RemoteMode.RO)
        remote.finder.find(keys)
        remote.reach._workers.quick = quick
        remote.intake.prefetch(keys, store)
        got: list[object] = []
        reader = threading.Thread(
            target=lambda: got.extend(remote.intake.fetch(key, store) for key in keys), daemon=True
        )
        reader.start()
        reader.join(20)
        assert len([each for each in got if each]) == len(keys)
        assert remote.finish().problems == ("who would have thought",)
    assert sorted(asked) == sorted(keys * 2)
    assert loose == []
