"""Commands that look into the past: `log`, `show`, `diff`, `restore`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fftcas.cli.common import complete_label, load, project_options

if TYPE_CHECKING:
    from fftcas.build.restore import Restored

FORMATS = ("table", "csv", "json", "parquet", "arrow")
ROWS = 20


@click.command()
@click.argument("label", shell_complete=complete_label)
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many outputs.")
@click.option("-v", "--verbose", count=True, help="With digests.")
@project_options
def log(
    label: str, limit: int, verbose: int, directory: str | None, profile: str | None, variables: tuple[str, ...]
) -> None:
    """Print each output that LABEL was built into: run, time, commit, rows, and why. ● is what the table holds now."""
    from fftcas.build import versions
    from fftcas.report import past as report
    from fftcas.report.paint import visible
    from fftcas.store import Store

    project = load(directory, profile, variables)
    found = project.find(label).label
    with Store.open() as store:
        entries = versions.history(project, store, found, limit)
    if not entries:
        print(f"no run is known here that built {found}")
    for line in report.log_lines(entries, verbose):
        print(visible(line))


@click.command()
@click.argument("version", metavar="LABEL[@VERSION]", shell_complete=complete_label)
@click.option("-f", "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("-o", "--output", "path", metavar="FILE", help="Write to a file; its ending may say the format.")
@click.option("-n", "--limit", type=click.IntRange(0), metavar="ROWS", help="At most so many rows [table: 20].")
@project_options
def show(
    version: str,
    form: str,
    path: str | None,
    limit: int | None,
    directory: str | None,
    profile: str | None,
    variables: tuple[str, ...],
) -> None:
    """Print the rows of an output, straight from the store.

    VERSION is a run (or a part of its id, or `last`), a digest, or a git ref; without it, it is what the table holds.
    """
    import shutil
    import tempfile
    from pathlib import Path

    from fftcas.build import versions
    from fftcas.engines import text_rows, write_file
    from fftcas.engines.base import EngineError
    from fftcas.errors import UsageError
    from fftcas.report import past as report
    from fftcas.report.files import refuse_directory
    from fftcas.report.paint import visible
    from fftcas.store import MissingBlob, Store

    project = load(directory, profile, variables)
    with Store.open() as store:
        found = versions.version(project, store, version)
        _warn(found.doubt)
        try:
            table = store.read_table(found.manifest)
            if form == "table" and path is None:
                for line in report.table_lines(found, text_rows(table, ROWS if limit is None else limit)):
                    print(visible(line))
                return
            if form in ("parquet", "arrow") and path is None and sys.stdout.isatty():
                raise UsageError(f"{form} is not for terminals", hint="name a file with -o")
            if form == "table":
                ending = Path(path or "").suffix.removeprefix(".")
                form = ending if ending in FORMATS[1:] else "csv"
            if path is not None:
                refuse_directory(Path(path))
                write_file(table, path, form, limit)
                return
            with tempfile.TemporaryDirectory(prefix="fftcas-show-") as folder:
                file = Path(folder, "rows")
                write_file(table, str(file), form, limit)
                with file.open("rb") as rows:
                    shutil.copyfileobj(rows, sys.stdout.buffer)
        except MissingBlob:
            raise UsageError(f"the rows of {found.title} are no longer in the store") from None
        except (OSError, EngineError) as error:
            if path is None:  # stdout's own trouble
                raise
            raise UsageError(f"cannot write {path}", why=getattr(error, "strerror", None) or str(error)) from error


@click.command()
@click.argument("old", metavar="LABEL[@VERSION]", shell_complete=complete_label)
@click.argument("new", metavar="[LABEL][@VERSION]", required=False, shell_complete=complete_label)
@click.option("--key", multiple=True, metavar="COLUMN", help="Match rows by this column; repeatable.")
@click.option("-n", "--samples", type=click.IntRange(0), default=5, show_default=True, help="Rows shown of each kind.")
@click.option("--md", is_flag=True, help="Markdown, for a pull request.")
@project_options
def diff(
    old: str,
    new: str | None,
    key: tuple[str, ...],
    samples: int,
    md: bool,
    directory: str | None,
    profile: str | None,
    variables: tuple[str, ...],
) -> None:
    """Print what differs between two outputs: columns, and rows by key.

    For versions see `show`. Without the second one it is what the table of the first holds now.
    """
    from fftcas.build import versions
    from fftcas.engines import diff_rows
    from fftcas.errors import UsageError
    from fftcas.report import past as report
    from fftcas.report.paint import visible
    from fftcas.store import MissingBlob, Store

    project = load(directory, profile, variables)
    with Store.open() as store:
        left = versions.version(project, store, old)
        right = versions.version(project, store, new or left.label.text, left.label)
        for side in (left, right):
            _warn(side.doubt)
        for column in key:
            for side in (left, right):
                if column not in [c.name for c in side.manifest.columns]:
                    raise UsageError(f"{side.title} has no column '{column}'")
        try:
            found = diff_rows(store.read_table(left.manifest), store.read_table(right.manifest), samples, key)
        except MissingBlob:
            raise UsageError("some of the rows are no longer in the store") from None
    for line in report.diff_markdown(left, right, found) if md else report.diff_lines(left, right, found):
        print(visible(line))


@click.command()
@click.option("--run", "run_id", metavar="ID", help="The run (or a part of its id, or `last`).")
@click.option("--git", "ref", metavar="REF", help="The last run at this commit.")
@project_options
def restore(
    run_id: str | None, ref: str | None, directory: str | None, profile: str | None, variables: tuple[str, ...]
) -> int:
    """Put the whole database back as a run left it, from the store. The next build brings it up to date again."""
    from fftcas.build import versions
    from fftcas.build.restore import restore as put_back
    from fftcas.build.why_run import find_run
    from fftcas.errors import UsageError
    from fftcas.report.paint import visible
    from fftcas.store import Store

    if (run_id is None) == (ref is None):
        words = "a run or a commit" + (", and not both" if run_id is not None else "")
        raise UsageError(f"restore needs {words}", hint="fftcas restore --run ID, or --git REF")

    def say(each: Restored) -> None:
        if each.status != "fresh":
            print(visible(f"{each.status:<8}  {each.label}  {each.reason}".rstrip()))

    project = load(directory, profile, variables)
    with Store.open() as store:
        if run_id is not None:
            run = find_run(store, project, run_id)[0]
        else:
            run = versions.run_at(project, store, ref or "")
            _warn(versions.doubt(run, ref or ""))
        if run.profile != project.profile.name:
            project = load(str(project.root), run.profile, variables)
        results = put_back(project, store, run, say)
    counts = {status: sum(each.status == status for each in results) for status in ("restored", "fresh", "lost")}
    words = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    but = ", but for what is lost" if counts["lost"] else ""
    print(f"the database is as run {run.run_id} left it{but}: {words}")
    return 1 if counts["lost"] else 0


def _warn(doubt: str | None) -> None:
    if doubt is not None:
        print(f"warning: {doubt}", file=sys.stderr)
