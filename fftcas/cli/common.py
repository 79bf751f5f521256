"""What commands share: the options that name project and profile, and the reading of a project."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from fftcas.errors import UsageError
from fftcas.project.project import Project

Command = TypeVar("Command", bound=Callable[..., Any])

PATTERNS = {"ignore_unknown_options": True}
"""Context settings of commands whose patterns may start with `-`."""


def project_options(command: Command) -> Command:
    """`--project`, `--env` and `--vars`."""
    for option in (
        click.option("--vars", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable; repeatable."),
        click.option("-e", "--env", "profile", metavar="PROFILE", help="The profile of profiles.yml [FFT_ACTIVE_ENV]."),
        click.option("-C", "--project", "directory", metavar="DIR", help="The project's directory [FFTCAS_PROJECT]."),
    ):
        command = option(command)
    return command


def load(directory: str | None, profile: str | None, variables: Sequence[str]) -> Project:
    """Read the project that the options mean; prints its warnings. Raises ProjectError or UsageError."""
    from fftcas.project.load import load_project

    root = Path(directory or os.environ.get("FFTCAS_PROJECT") or ".")
    project = load_project(
        root,
        profile or os.environ.get("FFT_ACTIVE_ENV"),
        environ=os.environ,
        cwd=Path.cwd(),
        cli_vars=parse_variables(variables),
    )
    for warning in project.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return project


def parse_variables(variables: Sequence[str]) -> Mapping[str, Any]:
    """`NAME=VALUE` pairs; values are YAML, so that `n=3` is a number. Raises UsageError."""
    if not variables:
        return {}
    import yaml

    parsed: dict[str, Any] = {}
    for pair in variables:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--vars takes NAME=VALUE, not '{pair}'")
        try:
            parsed[name] = yaml.safe_load(value) if value else ""
        except yaml.YAMLError as error:
            raise UsageError(f"the value of --vars {name} is not YAML", why=str(error)) from error
    return parsed
