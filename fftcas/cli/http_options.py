"""How a command fetches: options come before the `FF_HTTP_*` variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fftcas.cli.common import Pattern
from fftcas.cli.modes import HTTP_CACHE

if TYPE_CHECKING:
    from fftcas.build.options import HttpOptions
    from fftcas.project.project import Project

Command = TypeVar("Command", bound=Callable[..., Any])


def http_options(command: Command) -> Command:
    """`--offline`, `--http-cache`, `--refresh-http` and `--locked`."""
    for option in (
        click.option("--locked", is_flag=True, help="Use exactly the responses of fftcas.lock, or fail."),
        click.option(
            "--refresh-http",
            type=Pattern(),
            is_flag=False,
            flag_value="//...",
            metavar="[PATTERN]",
            help="Ask again for the responses of these nodes [all].",
        ),
        click.option(
            "--http-cache",
            type=click.Choice(HTTP_CACHE),
            help="Whether stored responses are read (r), and new ones kept (w) [rw].",
        ),
        click.option("--offline", is_flag=True, help="Open no connection: stored responses serve, whatever their age."),
    ):
        command = option(command)
    return command


def is_offline(project: Project, options: HttpOptions) -> bool:
    """Whether no connection may be opened. Raises UsageError for a setting that cannot be."""
    from fftcas.http.settings import HttpSettings

    return options.offline or HttpSettings.read(project.environ).offline


def read_http_options(
    project: Project, *, offline: bool, http_cache: str | None, refresh_http: str | None, locked: bool
) -> HttpOptions:
    """What the options mean. Raises UsageError for a pattern that means nothing."""
    from fftcas.build.options import HttpOptions
    from fftcas.http.settings import HttpCacheMode
    from fftcas.project.selection import select

    return HttpOptions(
        offline=offline,
        mode=HttpCacheMode(http_cache) if http_cache else None,
        refresh=frozenset(select(project, [refresh_http])) if refresh_http else frozenset(),
        locked=locked,
    )
