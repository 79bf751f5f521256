"""The line that is to be completed, taken apart without click, as click takes it apart."""

from __future__ import annotations

import itertools

import pytest
from click.shell_completion import get_completion_class

from fftcas.cli.completing import simple_line
from fftcas.cli.main import cli

LINES = [
    "fftcas",
    "fftcas ",
    "fftcas ls",
    "fftcas ls ",
    "fftcas  ls   //marts:a",
    "fftcas build -C some/where //marts:a //marts",
    "fftcas build //marts:a //marts:a",
    "fftcas query --output=json deps",
]


@pytest.mark.parametrize(("shell", "line"), list(itertools.product(("bash", "zsh"), LINES)))
def test_bash_and_zsh(shell: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for cursor in range(1, 7):
        assert_same(shell, line, str(cursor), monkeypatch)


@pytest.mark.parametrize("line", LINES)
def test_fish(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same("fish", line, "" if line.endswith(" ") else line.split()[-1], monkeypatch)


def assert_same(shell: str, line: str, cursor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", cursor)
    kind = get_completion_class(shell)
    assert kind is not None
    found = simple_line(shell)
    theirs = kind(cli, {}, "fftcas", "_FFTCAS_COMPLETE").get_completion_args()
    assert found == theirs or (found is None and theirs[1].startswith("-"))


@pytest.mark.parametrize("line", ["fftcas ls 'a", 'fftcas ls "a b', "fftcas ls a\\ b", "fftcas ls é", "fftcas ls -o"])
def test_what_is_not_simple_is_left_to_click(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", "2")
    assert simple_line("bash") is None
    assert simple_line("tcsh") is None


@pytest.mark.parametrize("words", [[], ["ls"], ["query", "-o"], ["build", "--cache"], ["init"], ["show"], ["gc"]])
@pytest.mark.parametrize("begun", ["", "a", "t", "w", "j", "r", "/", "//", "@", "_", "state"])
def test_what_may_follow_only_has_to_begin_as_what_is_written(words: list[str], begun: str) -> None:
    kind = get_completion_class("bash")
    assert kind is not None

    def values(written: str) -> list[str]:
        found = kind(cli, {}, "fftcas", "_FFTCAS_COMPLETE").get_completions(list(words), written)
        return [item.value for item in found]

    assert [value for value in values("") if value.startswith(begun)] == values(begun)
