"""What is remembered of statements is what taking them apart again would give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import Memory
from statements import STATEMENTS

from fftcas.errors import ProjectError
from fftcas.label import Label
from fftcas.project import sql_statements
from fftcas.project.sql import THIS, ref, secret, statement
from fftcas.project.sql_statements import Statement, read_statements
from fftcas.project.sql_tokens import tokenise
from fftcas.relation import RelationName

A, B, M = (Label.parse(f"//m:{name}") for name in "abm")
RELATIONS = {label: RelationName(label.name, "s", "d") for label in (A, B, M)}
REMEMBERED = f"\n-- note\nselect a.x, '{secret('K')}' from {ref(A)} join {ref(B)} -- {ref(M)}\n;\n"
TEXTS = [
    *STATEMENTS,
    REMEMBERED,
    f"select '{ref(A)}', 1 from {THIS}",
    f"select (select max(x) from {ref(A)})",
    f"select t.a.x from {ref(A)}",
]


def read(text: str, memory: Memory | None, relations: dict[Label, RelationName] = RELATIONS) -> Statement:
    return read_statements({M: ("m.sql", text)}, relations, memory)[M]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_remembered(text: str) -> None:
    memory = Memory()
    fresh = read(text, None)
    assert read(text, memory) == fresh
    again = read(text, memory)
    assert again == fresh
    assert (again.sql.inputs, again.sql.tokens) == (fresh.sql.inputs, fresh.sql.tokens)


def test_a_known_text_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    fresh = read(REMEMBERED, memory)
    monkeypatch.setattr(sql_statements, "statement", None)
    assert read(REMEMBERED, memory) == fresh


@pytest.mark.parametrize("text", TEXTS[-4:])
def test_relations_that_are_renamed_or_moved(text: str) -> None:
    memory = Memory()
    read(text, memory)
    for moved in (RelationName("a", "t", "d"), RelationName("x", "s", "d")):
        relations = {**RELATIONS, A: moved}
        assert read(text, memory, relations) == read(text, None, relations)


def test_another_fftcas_takes_statements_apart_again(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    read(REMEMBERED, memory)
    monkeypatch.setattr(sql_statements, "__version__", "999")
    read(REMEMBERED, memory)
    assert memory.puts == 2


def test_what_is_no_statement_is_told_each_time() -> None:
    memory = Memory()
    for _ in range(2):
        with pytest.raises(ProjectError, match="a second one begins"):
            read("select 1; select 2", memory)
    assert memory.puts == 0


@given(st.lists(st.sampled_from([*STATEMENTS, *"'\"$;\n -/*e1.", "$a$", "/*+", "select 'a'", "--x\n"])).map("".join))
def test_the_tokens_of_a_statement_are_those_of_its_text(text: str) -> None:
    try:
        found = statement(text, "m.sql")
    except ProjectError:
        return
    assert found.tokens == tuple(tokenise(found.text))
