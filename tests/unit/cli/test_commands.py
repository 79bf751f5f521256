"""The list of commands says what the commands themselves say."""

from __future__ import annotations

import click

from fftcas.cli.commands import COMMANDS
from fftcas.cli.main import cli


def test_each_summary_is_the_first_sentence_of_its_commands_help() -> None:
    context = click.Context(cli)
    for name, (_, summary) in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(200) == summary


def test_help_lists_every_command() -> None:
    text = click.Context(cli).get_help()
    assert all(f"\n  {name} " in text for name in COMMANDS)
