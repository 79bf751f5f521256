"""Arguments are taken apart without click as click takes them apart."""

from __future__ import annotations

import click
import pytest

from fftcas.cli import arguments
from fftcas.cli.commands import COMMANDS, LABELS, PATTERNS, TELLING
from fftcas.cli.common import Pattern, parse_variables
from fftcas.cli.main import cli
from fftcas.errors import UsageError


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def test_options_that_are_known_are_those_of_the_commands() -> None:
    assert set(arguments.OPTIONS) == set(TELLING)
    for name, own in arguments.OPTIONS.items():
        options = {word: option for option in command(name).params for word in option.opts}
        for word, sets in {**arguments.ANYWHERE, **own}.items():
            option = options[word]
            assert isinstance(option, click.Option)
            assert (option.name, option.is_flag, option.nargs) == (sets, sets in arguments.FLAGS, 1)
            assert option.multiple == (sets in arguments.SEVERAL)


def test_commands_whose_arguments_are_patterns_are_known() -> None:
    def takes_patterns(name: str) -> bool:
        found = [each for each in command(name).params if isinstance(each, click.Argument)]
        return [(each.nargs, isinstance(each.type, Pattern)) for each in found] == [(-1, True)]

    assert set(PATTERNS) <= {name for name in COMMANDS if takes_patterns(name)}
    assert all(command(name).params[0].nargs == 1 for name in LABELS)


LINES = [
    ("ls",),
    ("ls", "//a", "-//b/...", "-2+//c", "-tag:x", "b"),
    ("ls", "--select", "a", "--exclude", "b", "--select", "c", "-o", "json", "d"),
    ("ls", "-C", "dir", "-e", "prod", "--", "-//x", "--select", "--"),
    ("ls", "--", "--", "a"),
    ("ls", "", "a b"),
    ("query", "deps(a)", "-", "b"),
    ("query", "--", "-o", "json"),
    ("query", "--output", "tree", "x"),
    ("dag", "x", "--dot"),
    ("dag", "--project", "dir", "--env", "prod"),
    ("why-rebuild", "x", "-//y"),
]


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_lines_mean_what_click_says(line: tuple[str, ...]) -> None:
    name, *given = line
    asked = arguments.read(name, given)
    if asked is None:
        assert "-" in given
        return
    theirs = command(name).make_context(name, list(given)).params
    operands = theirs["expression" if name == "query" else "patterns"]
    assert tuple(asked.operands) == operands
    for option in {*arguments.ANYWHERE.values(), *arguments.OPTIONS[name].values()}:
        ours = asked.options.get(option)
        if option in arguments.FLAGS:
            assert theirs[option] == (ours is not None)
        elif option in arguments.SEVERAL:
            assert list(theirs[option]) == (ours or [])
        elif ours is not None:
            assert theirs[option] == ours[0]


@pytest.mark.parametrize(
    "line",
    [
        ("ls", "-ojson"),
        ("ls", "--output=json"),
        ("ls", "-o"),
        ("ls", "-o", ""),
        ("ls", "-o", "-C"),
        ("ls", "-o", "json", "-o", "tree"),
        ("ls", "--vars", "a=1"),
        ("ls", "--dot"),
        ("ls", "-"),
        ("ls", "-x"),
        ("query", "-//x"),
        ("dag", "--dot", "--dot"),
        ("why-rebuild", "--json"),
        ("build", "--jobs", "1"),
    ],
    ids=" ".join,
)
def test_what_is_written_in_other_ways_is_left_to_click(line: tuple[str, ...]) -> None:
    assert arguments.read(line[0], line[1:]) is None


def test_the_version_is_what_click_would_print(capsys: pytest.CaptureFixture[str]) -> None:
    from fftcas.cli.entry import run
    from fftcas.cli.main import main

    assert run(["--version"]) == main(["--version"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second


def test_values_of_vars_are_those_of_project_yml() -> None:
    given = ["n=3", "day=2024-01-01", "empty=", "cols={b: 1, a: [x]}"]
    assert parse_variables(given) == {"n": 3, "day": "2024-01-01", "empty": "", "cols": {"b": 1, "a": ["x"]}}


@pytest.mark.parametrize("value", ["[1", "{1: a}", "!!set {x}", "!!binary eA==", "&x [*x]", '"\\ud800"', "[" * 5000])
def test_values_of_vars_that_are_none(value: str) -> None:
    with pytest.raises(UsageError, match="the value of --vars x is not YAML"):
        parse_variables([f"x={value}"])
