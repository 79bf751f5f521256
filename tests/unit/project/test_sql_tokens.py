"""Canonical SQL: what counts, what does not, and that equal tokens mean equal results."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fftcas.project.sql_tokens import Token, canonical, tokenise, with_plain_spaces

sys.path.append(str(Path(__file__).parent))
from statements import FRAME_LIST, STATEMENTS, WORDS, outcome


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set threads to 1")
        connection.execute("create table t as select * from (values (1, 'x'), (2, 'y'), (3, 'x')) v(a, b)")
        yield connection


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("SELECT a.B -- note\n FROM t;", "select¦a¦.¦B¦from¦t"),
        ("/* a /* nested */ */ 1 /*+ hint */", "1¦/*+ hint */"),
        ("'it''s' || E'a\\'b' || x'0F', $q$ $$ ' $q$", "'it''s'¦||¦E'a\\'b'¦||¦x'0F'¦,¦$q$ $$ ' $q$"),
        ('"A ""q""" `b`', '"A ""q"""¦`b`'),
        ("1_000 1e-5 .5 1.5e3 $1 $name ?", "1_000¦1e-5¦.5¦1.5e3¦$1¦$name¦?"),
        ("2*-1 a->>'k' @-1 x::int b:=1", "2¦*¦-¦1¦a¦->>¦'k'¦@-¦1¦x¦::¦int¦b¦:=¦1"),
        ("1 AS Select, t.From, f(Order := 1)", "1¦as¦Select¦,¦t¦.¦From¦,¦f¦(¦Order¦:=¦1¦)"),
        ("CAST(a AS Integer), b::Date, c::Date as d", "cast¦(¦a¦as¦integer¦)¦,¦b¦::¦Date¦,¦c¦::¦date¦as¦d"),
        ("x BETWEEN 1 AND 2", "x¦between¦1¦and¦2"),
        ("FROM t Sum(a)", "from¦t¦Sum¦(¦a¦)"),
        ("E'a' \n 'b' -- engines disagree", "E'a'¦ \n 'b' -- engines disagree"),
        ("'never closed", "'never closed"),
        ("/* never closed", "/* never closed"),
        ("1, 2, $a$ never closed $b$ $", "1¦,¦2¦,¦$a$ never closed $b$ $"),
        ("\ue000ref://a:b\ue001 as x", "\ue000ref://a:b\ue001¦as¦x"),
        (";;", ""),
        ("select\u00a0a /* b */ , 'c'", "select¦\u00a0a /* b */ , 'c'"),
        ("a \ufeff$$b$$", "a¦\ufeff$$b$$"),
        ("$a\u3000$ b", "$a¦\u3000$ b"),
        ("'\u00a0', \"\u2003\" --\u00a0", "'\u00a0'¦,¦\"\u2003\""),
    ],
)
def test_tokens(text: str, tokens: str) -> None:
    assert "¦".join(canonical(text)) == tokens


def test_spaces_that_do_not_look_like_others_become_plain_ones() -> None:
    text = "select\u00a0$$ \u00a0 $$,\u2003e'\\'\u3000' --\u00a0\n, \"\ufeff\"\ufeff/*\u200b*/ from\u2060t"
    plain = "select $$ \u00a0 $$, e'\\'\u3000' --\u00a0\n, \"\ufeff\" /*\u200b*/ from t"
    assert with_plain_spaces(text) == plain


def test_a_line_break_between_two_strings_joins_them() -> None:
    assert canonical("'a'\n'b'") == canonical("'a' -- note\n\n 'b'") == ("'a'", "\n", "'b'")
    assert canonical("'a' 'b'") == ("'a'", " ", "'b'")
    assert canonical("'a' /* \n */ 'b'") != canonical("'a'\n'b'")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select 'a'", "select 'A'"),
        ("select 'a b'", "select 'a  b'"),
        ('select "a"', 'select "A"'),
        ("select a", "select A"),
        ('select "a"', "select 'a'"),
        ("select 1 as Select", "select 1 as select"),
        ("select 1.0", "select 1"),
        ("select a <= b", "select a < = b"),
        ("select a - -b", "select a --b"),
        ("select 1a", "select 1 a"),
        ("select $$a$$", "select $q$a$q$"),
        ("/*+ x */ select 1", "/*+ y */ select 1"),
        ("select count(*) Sum", "select count(*) sum"),
        ("select null::date", "select null::DATE"),
    ],
)
def test_these_are_two_statements(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


SPACES = st.sampled_from([" ", "\n", "\t", "  ", " -- it's\n", ' /* " */ ', "\r\n", "\n-- x\n\n"])
CASES = st.sampled_from([str.lower, str.upper, str.capitalize, str.swapcase])


@st.composite
def respelled(draw: st.DrawFn) -> tuple[str, str]:
    """A statement, and the same one with other white space, comments and case of the words that may be folded."""
    statement = draw(st.sampled_from(STATEMENTS))
    pieces = []
    for token, text in zip(tokenise(statement), canonical(statement), strict=True):
        foldable = token.kind == "name" and text != token.text
        pieces.append(draw(CASES)(token.text) if foldable else token.text)
    return statement, "".join(piece + draw(SPACES) for piece in pieces) + draw(st.sampled_from(["", ";", " ; "]))


@given(respelled())
@settings(deadline=None)
def test_another_spelling_is_the_same_statement(
    database: duckdb.DuckDBPyConnection, statements: tuple[str, str]
) -> None:
    statement, other = statements
    assert canonical(statement) == canonical(other)
    assert outcome(database, other) == outcome(database, statement) is not None


def spellings(word: str, frame: str) -> list[str]:
    holes = frame.replace("{{", "").count("{}")
    choices = itertools.product([word, word.capitalize(), word.upper()], repeat=min(holes, 2))
    return [frame.format(*(choice + choice)) for choice in choices]


def assert_equal_tokens_mean_equal_results(database: duckdb.DuckDBPyConnection, word: str, frame: str) -> None:
    by_tokens: dict[tuple[str, ...], list[str]] = {}
    for statement in spellings(word, frame):
        by_tokens.setdefault(canonical(statement), []).append(statement)
    for statements in by_tokens.values():
        assert len({str(outcome(database, statement)) for statement in statements}) == 1, statements


@given(word=st.sampled_from(WORDS), frame=st.sampled_from(FRAME_LIST))
@settings(deadline=None, max_examples=300)
def test_equal_tokens_mean_equal_results(database: duckdb.DuckDBPyConnection, word: str, frame: str) -> None:
    assert_equal_tokens_mean_equal_results(database, word, frame)


@pytest.mark.long
def test_equal_tokens_mean_equal_results_for_every_word_in_every_place(database: duckdb.DuckDBPyConnection) -> None:
    for word, frame in itertools.product(WORDS, FRAME_LIST):
        assert_equal_tokens_mean_equal_results(database, word, frame)


def changed(token: Token) -> str:
    """Another token in its place."""
    if token.kind == "string":
        return token.text[:-1] + " " + token.text[-1]
    if token.kind == "quoted":
        return token.text.swapcase()
    if token.kind == "number":
        return token.text + "1"
    return token.text + "x" if token.kind == "name" else token.text + ","


@given(statement=st.sampled_from(STATEMENTS), data=st.data())
def test_a_changed_token_is_another_statement(statement: str, data: st.DataObject) -> None:
    token = data.draw(st.sampled_from(tokenise(statement)))
    other = statement[: token.start] + changed(token) + statement[token.end :]
    assert canonical(other) != canonical(statement)


@given(st.text(alphabet="ab'\"$-/*+.;:=() \n\r1eE_`\\\ue000\ue001", max_size=30))
def test_any_text_has_tokens_that_cover_it(text: str) -> None:
    position = 0
    for token in tokenise(text):
        assert text[token.start : token.end] == token.text
        assert token.start >= position
        position = token.end
