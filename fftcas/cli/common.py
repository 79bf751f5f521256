"""What commands share: the options that name project and profile, and the reading of a project."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fftcas.cli.arguments import subtracts

if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem

    from fftcas.project.project import Project

Command = TypeVar("Command", bound=Callable[..., Any])

MINUS = "\0"
"""Stands for the `-` of a pattern while click parses the arguments; no argument can contain it."""


class PatternCommand(click.Command):
    """A command whose arguments are patterns: `-//x/...` is one of them, not an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [MINUS + a[1:] if subtracts(a) else a for a in args])


class Pattern(click.ParamType):  # type: ignore[type-arg]  # click 8.1 takes none
    """A pattern; see `fftcas.project.selection`."""

    name = "pattern"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return "-" + value[1:] if value.startswith(MINUS) else value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from fftcas.cli.completion import complete_patterns

        return complete_patterns(ctx, param, incomplete)


def complete_label(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For arguments that are labels."""
    from fftcas.cli.completion import complete_labels

    return complete_labels(ctx, param, incomplete)


def project_options(command: Command) -> Command:
    """`--project`, `--env` and `--vars`."""
    for option in (
        click.option("--vars", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable; repeatable."),
        click.option("-e", "--env", "profile", metavar="PROFILE", help="The profile of profiles.yml [FFT_ACTIVE_ENV]."),
        click.option("-C", "--project", "directory", metavar="DIR", help="The project's directory [FFTCAS_PROJECT]."),
    ):
        command = option(command)
    return command


def load(directory: str | None, profile: str | None, variables: Sequence[str], *, make_store: bool = False) -> Project:
    """Read the project that the options mean; prints its warnings. Raises ProjectError or UsageError.

    What was rendered is remembered in the store, which is made if it is not there and `make_store` says so.
    """
    from pathlib import Path

    from fftcas.cli.memory import memory
    from fftcas.cli.watched import forget_noise
    from fftcas.errors import UsageError
    from fftcas.project.load import load_project

    forget_noise()
    root = Path(directory or os.environ.get("FFTCAS_PROJECT") or ".")
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise UsageError("the working directory is not there any more", hint="change to another one") from None
    with memory(make_store) as store:
        project = load_project(
            root,
            profile or os.environ.get("FFT_ACTIVE_ENV"),
            environ=os.environ,
            cwd=here,
            cli_vars=parse_variables(variables),
            memory=store,
        )
    for warning in project.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return project


def load_at(project: Project, variables: Sequence[str]) -> Callable[[Path], Project]:
    """Reads a project from another directory, for the same profile, variables and environment."""
    from fftcas.project.load import load_project

    values = parse_variables(variables)
    return lambda root: load_project(root, project.profile.name, environ=os.environ, cwd=root, cli_vars=values)


def parse_variables(variables: Sequence[str]) -> Mapping[str, Any]:
    """`NAME=VALUE` pairs; values are YAML as in project.yml, so that `n=3` is a number. Raises UsageError."""
    if not variables:
        return {}
    from fftcas.errors import ProjectError, UsageError
    from fftcas.project.yamlfile import parse_value, plain

    parsed: dict[str, Any] = {}
    for pair in variables:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--vars takes NAME=VALUE, not '{pair}'")
        try:
            parsed[name] = plain(parse_value(value, f"--vars {name}")) if value else ""
        except ProjectError as error:
            raise UsageError(f"the value of --vars {name} is not YAML", why=error.why or error.what) from error
    return parsed
