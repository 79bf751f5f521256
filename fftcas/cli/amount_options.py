"""Options that are times and sizes, as people write them."""

from __future__ import annotations

from collections.abc import Callable

import click


def size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Bytes."""
    if value is None:
        return None
    from fftcas.project.budgets import parse_size

    return _parsed(param, value, parse_size)


def seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    from fftcas.project.budgets import parse_duration

    return _parsed(param, value, parse_duration) / 1000


def _parsed(param: click.Parameter, value: str, parse: Callable[[str], int]) -> int:
    from fftcas.errors import UsageError

    try:
        return parse(value)
    except ValueError as error:
        raise UsageError(f"{param.opts[0]} {error}") from error
