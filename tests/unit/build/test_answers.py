"""Answers of one's own engine, and those that others' engines have given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fftcas.build.answers import FEW, Answers, Exchange
from fftcas.build.columns import is_columns
from fftcas.build.statements import Statement, is_plain
from fftcas.engines.base import Unstable
from fftcas.relation import RelationName
from fftcas.store import Store
from fftcas.store.remote.answers import Given

KEYS = [bytes([number]) * 32 for number in range(FEW + 1)]
OWN = bytes([FEW + 1]) * 32
THEIRS = {"numbers": {KEYS[0]: b"0", KEYS[1]: b"one"}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as store:
        yield store


def numbers(store: Store, exchange: Exchange) -> Answers:
    return Answers(store, "numbers", exchange, bytes.isdigit)


def test_others_are_asked_when_much_is_unknown(store: Store) -> None:
    asked: list[int] = []

    def read() -> Given:
        asked.append(1)
        return THEIRS

    store.put_records("numbers", {OWN: b"9"})
    answers = numbers(store, Exchange(read))
    assert answers.get_many([OWN, *KEYS[:FEW]]) == [b"9"] + [None] * FEW
    assert not asked
    assert answers.get_many(KEYS)[:2] == [b"0", None], "what is no answer is not taken"
    answers.get_many(KEYS)
    assert asked == [1]


def test_others_are_asked_for_the_first_answer_of_a_store_only(store: Store) -> None:
    assert numbers(store, Exchange(lambda: THEIRS)).get_many(KEYS[:2]) == [b"0", None]
    store.put_records("numbers", {OWN: b"9"})
    mine = numbers(store, Exchange(lambda: THEIRS))
    assert mine.get_many(KEYS[:1]) == [None]
    assert mine.get_many([OWN]) == [b"9"]
    assert mine.get_many(KEYS[:1]) == [None]


def test_what_was_taken_is_kept_and_not_given_on(store: Store) -> None:
    exchange = Exchange(lambda: THEIRS)
    answers = numbers(store, exchange)
    answers.get_many(KEYS)
    answers.put(KEYS[2], b"2")
    answers.put(KEYS[3], b"three")
    assert answers.get_many(KEYS[:4]) == [b"0", None, b"2", b"three"]
    answers.close()
    assert exchange.asked == {"numbers": {KEYS[2]: b"2"}}
    again = numbers(store, Exchange(lambda: {"numbers": {KEYS[4]: b"4"}}))
    again.get_many(KEYS)
    again.put(KEYS[4], b"44")
    assert again.get_many([KEYS[4]]) == [b"44"], "one's own engine is believed first"
    again.close()
    assert numbers(store, Exchange()).get_many([KEYS[4]]) == [b"44"]
    assert numbers(store, Exchange()).get_many(KEYS[:4]) == [b"0", None, b"2", b"three"]


def test_of_texts_that_read_or_tell_more_nothing_is_taken() -> None:
    assert is_plain(Statement(names_columns=True, one_query=True).to_json())
    assert is_plain(Statement().to_json())
    name = RelationName("users")
    for more in (
        Statement(relations=(name,)),
        Statement(files=("/etc/passwd",)),
        Statement(dated=("a.txt",)),
        Statement(opaque=("x()",)),
        Statement(unstable=(Unstable("now()", 1, "\x1b[2J"),)),
        Statement(reads_itself=True),
        Statement(tells_paths=True),
    ):
        assert not is_plain(more.to_json())
    assert not is_plain(b"{}")


@pytest.mark.parametrize("answer", [b'[["a","b"],null]', b"[]", b"[null]", b"[[]]"])
def test_lists_of_columns_are_taken(answer: bytes) -> None:
    assert is_columns(answer)


@pytest.mark.parametrize(
    "answer", [b'["a"]', b"[[1]]", b"null", b'{"a":[]}', b"[", b"[" * 100_000, b"\xff", b'[["a",null]]']
)
def test_other_lists_are_not(answer: bytes) -> None:
    assert not is_columns(answer)
