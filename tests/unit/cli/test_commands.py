"""The list of commands says what the commands themselves say."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from fftcas.build.options import CacheMode, Materialize
from fftcas.cli import modes
from fftcas.cli.commands import COMMANDS
from fftcas.cli.main import cli, main
from fftcas.http.settings import HttpCacheMode


def test_each_summary_is_the_first_sentence_of_its_commands_help() -> None:
    context = click.Context(cli)
    for name, (_, summary) in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(200) == summary


def test_help_lists_every_command() -> None:
    text = click.Context(cli).get_help()
    assert all(f"\n  {name} " in text for name in COMMANDS)


def test_without_a_command_there_is_help_and_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    printed = capsys.readouterr()
    assert (printed.out + printed.err).startswith("Usage: ")


def test_options_choose_among_the_modes_that_there_are() -> None:
    assert list(modes.CACHE) == [mode.value for mode in CacheMode]
    assert list(modes.MATERIALIZE) == [mode.value for mode in Materialize]
    assert list(modes.HTTP_CACHE) == [mode.value for mode in HttpCacheMode]


def test_a_thread_that_a_model_has_left_does_not_keep_the_process() -> None:
    begin = "import sys, threading, time; from fftcas.cli import entry; entry.PATIENCE = 0.01; entry.run = lambda _: 3"
    left = "threading.Thread(target=time.sleep, args=(60,), name='left').start(); sys.exit(entry.main())"
    done = subprocess.run([sys.executable, "-c", f"{begin}; {left}"], capture_output=True, text=True, timeout=30)
    warning = "warning: a thread that a model has started was still running: left\n"
    assert (done.returncode, done.stderr) == (3, warning)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_of_what_it_is_about(arguments: list[str]) -> None:
    run = f"import sys; from fftcas.cli.main import main; assert main({arguments!r}) == 0"
    script = f"{run}; print('END', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = done.stdout.rpartition("END ")[2].split()
    ours = {name for name in modules if name.startswith("fftcas.")}
    others = {name for name in ours if not name.startswith(("fftcas.cli", "fftcas.version"))}
    assert others <= {"fftcas.report", "fftcas.report.graph"}
    assert "logging" not in modules
