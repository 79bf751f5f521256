"""`fftcas stats`: what the store holds, and what it has saved."""

from __future__ import annotations

import json
import os

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it for programs.")
def stats(as_json: bool) -> None:
    """Print what the store holds, how small that is, and what hits have saved over time."""
    from fftcas.build.bound import bound
    from fftcas.report.store import stats_json, stats_lines
    from fftcas.store import Store
    from fftcas.store.stats import measure

    with Store.open() as store:
        found, limit = measure(store), bound(store.path, os.environ)
    if as_json:
        click.echo(json.dumps(stats_json(store.path, limit, found), indent=2))
        return
    for line in stats_lines(store.path, limit, found):
        click.echo(line)
