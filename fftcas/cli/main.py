"""The command line: `fftcas COMMAND`. Commands are imported when they are called, so that each starts fast."""

from __future__ import annotations

import gc
import importlib
import logging
import sys
from collections.abc import Sequence

import click

from fftcas.cli.commands import COMMANDS
from fftcas.errors import FftcasError, closest


class Commands(click.Group):
    """A group whose commands are imported at the first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, for which no command has to be imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = closest(args[0], COMMANDS)
            raise click.UsageError(f"no such command: {args[0]}" + (f"\n  hint: {hint}" if hint else ""), ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fftcas", message="fftcas %(version)s")
def cli() -> None:
    """Build a DAG of SQL and Python data models; never do the same work twice."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. Errors are printed to stderr as one block."""
    if logging.lastResort is not None:  # what the store has to say is told as other warnings are
        logging.lastResort.setFormatter(logging.Formatter("warning: %(message)s"))
    gc.set_threshold(100_000)  # next to nothing here lies in cycles; what lives is gone through again and again
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        code = cli.main(args=given, standalone_mode=False, obj=given)
        return code if isinstance(code, int) else 0
    except FftcasError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        print(f"error: {error.format_message()}", file=sys.stderr)
        return 2
    except (click.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe went away (`fftcas ls | head`): not an error; keep the interpreter from reporting it.
        sys.stdout = None
        return 0
