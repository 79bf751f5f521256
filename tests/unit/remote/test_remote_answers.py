"""Engines' answers travel with a signature, and are worth nothing without it where keys are trusted."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from remote_cases import fill, objects, publish

from fftcas.store import Store
from fftcas.store.remote import Remote, RemoteMode, Signer, Trust, answers, reach_for
from fftcas.store.remote.directory import Directory
from fftcas.store.remote.doctor import examine
from fftcas.store.remote.gc import RemotePolicy, collect
from fftcas.store.remote.transport import Denied

CI, OTHER = Signer.new("ci"), Signer.new("other")
SCOPE, ELSEWHERE = "a" * 64, "b" * 64
ASKED = {"statement": {b"\x01" * 32: b"[1]", b"\x02" * 32: b"[2]"}, "columns": {b"\x03" * 32: b"[3]"}}
MORE = {"statement": {b"\x04" * 32: b"[4]"}}
BOTH = {**ASKED, "statement": {**ASKED["statement"], **MORE["statement"]}}
DAY = 24 * 3600.0


def give(place: Path, asked: answers.Given = ASKED, scope: str = SCOPE, **how: Any) -> tuple[str, ...]:
    """Publish answers; returns what the report complains of."""
    remote = Remote.open(str(place), RemoteMode.RW, **how)
    remote.publish_answers(scope, asked)
    report = remote.finish()
    assert not report.published.failed
    return report.problems


def read(place: Path, scope: str = SCOPE, warn: Callable[[str], None] | None = None, **how: Any) -> answers.Given:
    remote = Remote.open(str(place), RemoteMode.RO, warn=warn, **how)
    found = remote.answers.read(scope)
    remote.finish()
    return found


def test_answers_are_found_and_added_to(place: Path) -> None:
    assert give(place) == ()
    assert read(place) == ASKED
    give(place, MORE)
    assert read(place) == BOTH
    assert read(place, ELSEWHERE) == {}


def test_with_trust_only_signed_answers_count(tmp_path: Path, place: Path) -> None:
    trust = [str(CI.public)]
    with Store.open(tmp_path / "a") as store:
        publish(place, store, fill(store, 1), OTHER)  # by which its key becomes known
    give(place)
    give(place, MORE, signer=OTHER)
    assert read(place, trust=trust) == {}
    give(place, ASKED, signer=CI, trust=trust)
    assert read(place, trust=trust) == ASKED
    assert read(place) == BOTH, "all signers are believed"


def test_a_signer_vouches_for_nothing_that_another_has_said(place: Path) -> None:
    give(place, ASKED, signer=OTHER)
    give(place, MORE, signer=CI)
    assert read(place, trust=[str(CI.public)]) == MORE


def test_main_reads_nothing_of_a_request(place: Path) -> None:
    trust = [str(CI.public)]
    give(place, ASKED, signer=CI, trust=trust)
    give(place, MORE, namespace="pr/7", trust=trust)
    assert read(place, trust=trust) == ASKED
    request = read(place, namespace="pr/7", trust=trust)
    assert request == BOTH
    (theirs,) = objects(place / "answers", "pr+7")
    for name in (f"{SCOPE}.{CI.public.id}", f"{SCOPE}.unsigned"):
        shutil.copy(theirs, place / "answers" / "main" / name)
    assert read(place, trust=trust, warn=lambda line: None) == {}


def forged(document: dict[str, Any], how: str) -> bytes:
    """What someone who may write there puts in the place of answers."""
    if how == "another scope":
        document["scope"] = ELSEWHERE
    elif how == "another namespace":
        document["namespace"] = "pr/1"
    elif how == "answers that are numbers":
        document["answers"]["statement"] = {"01": 5}
    elif how == "keys that are none":
        document["answers"]["statement"] = {"../x": "[]"}
    elif how == "a list of kinds":
        document["answers"] = [[]]
    elif how == "no answers":
        del document["answers"]
    elif how == "many kinds":
        document["answers"] |= {str(number): {} for number in range(answers.KINDS)}
    elif how == "many answers":
        document["answers"]["statement"] = {f"{number:06x}": "" for number in range(answers.MOST + 1)}
    elif how == "half a letter":
        document["answers"]["statement"] = {"01": "\ud800"}
    body = json.dumps(document).encode() if how != "nested" else b"[" * 100_000
    seal = {"fftcas-answers": 1, "digest": blake3(body).hexdigest(), "key": None, "signature": None}
    if how == "another kind":
        seal["fftcas-claim"] = seal.pop("fftcas-answers")
    elif how == "a long seal":
        seal["more"] = "x" * (1 << 13)
    return json.dumps(seal).encode() + b"\n" + body + (b" " if how == "a damaged body" else b"")


FORGED = ["another scope", "another namespace", "another kind", "answers that are numbers", "keys that are none"]
FORGED += ["a list of kinds", "no answers", "nested", "a damaged body", "half a letter"]
FORGED += ["many kinds", "many answers", "a long seal"]


@pytest.mark.parametrize("how", FORGED)
def test_what_holds_no_answers_is_said_once_and_given_anew(place: Path, how: str) -> None:
    give(place)
    (path,) = objects(place, "answers")
    path.write_bytes(forged(json.loads(path.read_bytes().partition(b"\n")[2]), how))
    said: list[str] = []
    remote = Remote.open(str(place), RemoteMode.RW, warn=said.append)
    assert remote.answers.read(SCOPE) == remote.answers.read(SCOPE) == {}
    assert len(said) == 1
    remote.publish_answers(SCOPE, MORE)
    remote.finish()
    assert read(place) == MORE


def test_the_doctor_finds_bad_answers(place: Path) -> None:
    give(place)
    give(place, namespace="pr/7")
    assert examine(reach_for(str(place))).ill == ()
    (path,) = objects(place / "answers", "main")
    path.write_bytes(path.read_bytes()[:-1])
    health = examine(reach_for(str(place)))
    assert [ill.why for ill in health.ill] == ["it is damaged"]
    assert health.deleted == (f"answers/main/{path.name}",)
    (unsigned,) = objects(place, "answers")
    assert examine(reach_for(str(place)), Trust((CI.public,))).ill == ()  # a request's own need no signature
    unsigned.rename(place / "answers" / "stray")
    assert [ill.why for ill in examine(reach_for(str(place))).ill] == ["it is neither a claim nor answers"]


def test_answers_that_nobody_uses_are_collected(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as store:
        publish(place, store, fill(store, 1))
    give(place)
    (path,) = objects(place, "answers")
    week = path.stat().st_mtime - 7 * DAY
    os.utime(path, (week, week))
    policy, now = RemotePolicy(older_than=2 * DAY), path.stat().st_mtime + 7 * DAY
    assert collect(reach_for(str(place)), policy, clock=lambda: now).condemned == 1
    give(place, MORE)  # which makes them young again
    again = collect(reach_for(str(place)), policy, clock=lambda: now + DAY + 60)
    assert (again.deleted, again.claims_kept) == ((), 1)
    os.utime(path, (week, week))
    collect(reach_for(str(place)), policy, clock=lambda: now)
    for plan in objects(place, "gc"):
        os.utime(plan, (week, week))
    assert collect(reach_for(str(place)), policy, clock=lambda: now).deleted == (f"answers/main/{path.name}",)


class Difficult(Directory):
    """A place where answers may neither be read nor written, or which does not answer when it is asked for them."""

    asked = 0

    def __init__(self, path: Path, hangs: threading.Event | None = None) -> None:
        super().__init__(path)
        self.hangs = hangs

    def refuse(self, name: str) -> None:
        if name.startswith("answers/"):
            self.asked += 1
            if self.hangs is None:
                raise Denied(13, "not for you")
            self.hangs.wait(60)

    def get(self, name: str, start: int, stop: int) -> bytes | None:
        self.refuse(name)
        return super().get(name, start, stop)

    def put(self, name: str, data: bytes, replace: bool = False) -> bool:
        self.refuse(name)
        return super().put(name, data, replace)

    def touch(self, name: str) -> None:
        self.refuse(name)
        super().touch(name)


@pytest.mark.parametrize("mode", [RemoteMode.RW, RemoteMode.REQUIRED])
def test_who_may_not_touch_answers_shares_all_else(tmp_path: Path, place: Path, mode: RemoteMode) -> None:
    give(place)
    (path,) = objects(place, "answers")
    os.utime(path, (0, 0))
    with Store.open(tmp_path / "a") as store:
        remote = Remote.open(str(place), mode, warn=pytest.fail)
        remote.reach.transport = Difficult(place)
        assert remote.answers.read(SCOPE) == {}
        for key in fill(store, 1):
            remote.publish(key, store)
        remote.publish_answers(SCOPE, MORE)
        report = remote.finish()
    assert (report.published.claims, report.published.failed, report.degraded) == (1, 0, False)
    assert "what the engine answered was not published" in " ".join(report.problems)


def test_a_place_that_hangs_is_waited_for_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFTCAS_REMOTE_TIMEOUT", "0.2")
    for number in range(5):
        (place / "keys").mkdir(exist_ok=True)
        (place / "keys" / f"{number:016x}").touch()
    give(place)
    hangs = threading.Event()
    remote = Remote.open(str(place), RemoteMode.RO, warn=lambda line: None)
    remote.reach.transport = difficult = Difficult(place, hangs)
    assert remote.answers.read(SCOPE) == {}
    remote.reach.reading = remote.reach.writing = False  # as after it was given up
    assert remote.answers.read(SCOPE) == {}
    assert remote.answers.add(SCOPE, MORE, None) is None
    assert difficult.asked == 1
    hangs.set()


def test_who_only_reads_gives_nothing(place: Path) -> None:
    give(place)
    remote = Remote.open(str(place), RemoteMode.RO)
    remote.publish_answers(SCOPE, MORE)
    remote.finish()
    assert read(place) == ASKED


def test_that_answers_cannot_be_given_is_no_failure_of_the_remote(tmp_path: Path, place: Path) -> None:
    give(place)
    (path,) = objects(place, "answers")
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("in the way")
    assert "what the engine answered was not published" in " ".join(give(place))


@given(st.integers(0, 12), st.integers(0, 12))
def test_the_latest_answers_are_kept(known: int, asked: int) -> None:
    def some(first: int, count: int) -> dict[str, dict[bytes, bytes]]:
        return {"statement": {bytes([number]): b"x" * (answers.KEPT // 8) for number in range(first, first + count)}}

    kept = list(answers.latest({**some(0, known), "junk": {}}, some(100, asked)).get("statement", {}))
    both = [bytes([number]) for number in [*range(known), *range(100, 100 + asked)]]
    assert kept == both[-7:]
