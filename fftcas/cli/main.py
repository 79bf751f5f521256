"""The command line: `fftcas COMMAND`. Commands are imported when they are called, so that each starts fast."""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from fftcas.cli.commands import COMMANDS, HELP
from fftcas.version import __version__

if TYPE_CHECKING:
    from fftcas.cli.look import Look


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
            from fftcas.errors import closest

            hint = closest(args[0], COMMANDS)
            raise click.UsageError(f"no such command: {args[0]}" + (f"\n  hint: {hint}" if hint else ""), ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="fftcas %(version)s")
def cli() -> None:
    """Build a DAG of SQL and Python data models; never do the same work twice."""


def main(arguments: Sequence[str], look: Look | None = None) -> int:
    """Run the command line; returns the exit code. Errors are printed to stderr as one block.

    With a `look`, a command that remembers what it said will do so.
    """
    if HELP.isdisjoint(arguments):
        import logging
        import os

        # NumPy comes along with pyarrow, and its idle threads would wait for work with all their might.
        os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

        if logging.lastResort is not None:  # what the store has to say is told as other warnings are
            logging.lastResort.setFormatter(logging.Formatter("warning: %(message)s"))
    try:
        code: Any = cli.main(args=list(arguments), prog_name="fftcas", standalone_mode=False, obj=look)
        return code if isinstance(code, int) else 0
    except SystemExit as error:  # click's own end of a pipe whose reader is gone
        if isinstance(error.__context__, OSError) and error.__context__.errno == errno.EPIPE:
            raise BrokenPipeError from error
        raise
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        # Without a command click has the help for an error. Before 8.2 it wrote that, and was content.
        asks = isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ()))
        print(error.format_message() if asks else f"error: {error.format_message()}", file=sys.stderr)
        return 2
    except (click.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        from fftcas.errors import FftcasError  # of no use to those who ask for help
        from fftcas.report.paint import visible

        if not isinstance(error, FftcasError):
            raise
        print(f"error: {visible(str(error))}", file=sys.stderr)
        return error.exit_code
