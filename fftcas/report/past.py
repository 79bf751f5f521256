"""The past for people: a node's history, a stored table, the difference of two tables."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime

from fftcas.amounts import bytes_text, counted, duration
from fftcas.build.versions import Entry, Version
from fftcas.explain.rows import listing, rows_words
from fftcas.report.paint import Paint, crop, visible
from fftcas.report.row_samples import sample_lines, value
from fftcas.table_diff import Row, TableDiff

WIDTH = 80


def log_lines(entries: Sequence[Entry], verbose: int = 0) -> Iterator[str]:
    """Two lines for each output: when, run, commit, rows; and why."""
    paint = Paint()
    for entry in entries:
        made, run = entry.made, entry.run
        commit = f"{run.commit[:8]}{'+' if run.edited else ''} " if run and run.commit else ""
        branch = f"{crop(run.branch, 10)}  " if run and run.branch else ""
        rows = "view" if made.rows is None else f"{counted(made.rows, 'row')}, {bytes_text(made.bytes)}"
        mark = paint("●", "green") if entry.current else "○"
        yield f"{mark} {paint(made.run_id, 'bold')}  {when(made.built_at)}  {commit}{branch}{rows}"
        yield f"    {crop(entry.why, WIDTH - 4)}"
        if verbose:
            yield f"    output {made.output}"
            yield f"    key    {made.derivation}"
            yield f"    took {duration(made.seconds)} on {made.host}"


def when(moment: str) -> str:
    """A time to the minute, as the clock on the wall shows it."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")


def table_lines(version: Version, rows: Sequence[Sequence[str | None]]) -> Iterator[str]:
    """A stored table's first rows in columns that fit the terminal, and its size."""
    columns = version.manifest.columns
    cells = [[crop(column.name, WIDTH) for column in columns], *([value(cell) for cell in row] for row in rows)]
    cells = [[visible(cell) for cell in row] for row in cells]  # which says how wide it is
    widths = [max(cell_width(row[index]) for row in cells) for index in range(len(columns))]
    shown = len(columns)
    while shown > 1 and sum(widths[:shown]) + 2 * (shown - 1) > WIDTH:
        shown -= 1
    right = [
        column.type.startswith(("INT", "BIG", "DEC", "DOU", "FLO", "HUGE", "SMALL", "TINY", "U")) for column in columns
    ]
    paint = Paint()
    for number, row in enumerate(cells):
        line = "  ".join(padded(cell, widths[i], right[i]) for i, cell in enumerate(row[:shown])).rstrip()
        yield paint(line, "bold") if number == 0 else line
    left_out = f", {listing([c.name for c in columns[shown:]])} not shown" if shown < len(columns) else ""
    total = version.manifest.rows
    first = f"the first {len(rows):,} of " if len(rows) < total else ""
    yield paint(f"{first}{counted(total, 'row')}{left_out}", "dim")


def cell_width(text: str) -> int:
    """Columns that a text takes on a terminal: wide characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - cell_width(text))
    return space + text if right else text + space


def diff_lines(old: Version, new: Version, diff: TableDiff) -> Iterator[str]:
    """What differs between two stored tables."""
    paint = Paint()
    yield f"{paint('-', 'red')} {old.title}  {counted(diff.old_rows, 'row')}"
    yield f"{paint('+', 'green')} {new.title}  {counted(diff.new_rows, 'row')}"
    if old.manifest.output == new.manifest.output:
        yield "they are the same, byte for byte"
        return
    if diff.same:
        yield "they hold the same rows, in another order"
        return
    yield rows_words(diff)
    if diff.key:
        yield f"rows are matched by {listing(diff.key)}"
    elif not diff.same_rows:
        yield "no column is unique in both: rows are compared as a whole"
    for name, number in diff.touched.items():
        yield f"  {name:<24} differs in {counted(number, 'row')}"
    for line in sample_lines(diff):
        yield "  " + paint(line, {"+": "green", "-": "red", "~": "yellow"}.get(line[:1], "dim"))


def diff_markdown(old: Version, new: Version, diff: TableDiff) -> Iterator[str]:
    """The same for a pull request."""
    yield f"#### `{new.label}`: {'no difference' if diff.same else rows_words(diff)}"
    yield ""
    yield f"`{old.title}` ({counted(diff.old_rows, 'row')}) → `{new.title}` ({counted(diff.new_rows, 'row')})"
    if diff.same:
        return
    yield ""
    yield "| | rows |"
    yield "|---|---:|"
    for word, number in (("added", diff.added), ("removed", diff.removed), ("changed", diff.changed)):
        yield f"| {word} | {number:,} |"
    for name, number in diff.touched.items():
        yield f"| `{name}` differs | {number:,} |"
    if diff.changed_samples:
        yield ""
        yield f"| {', '.join(diff.key)} | column | before | after |"
        yield "|---|---|---|---|"
        for changed in diff.changed_samples:
            for name, (before, after) in changed.cells.items():
                key = ", ".join(escaped(cell) for cell in changed.key.values())
                yield f"| {key} | {name} | {escaped(before)} | {escaped(after)} |"
    yield from _sample_table("added", diff.added_samples)
    yield from _sample_table("removed", diff.removed_samples)


def _sample_table(word: str, rows: Sequence[Row]) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield f"| {word}: {' | '.join(rows[0])} |"
    yield "|" + "---|" * len(rows[0])
    for row in rows:
        yield f"| {' | '.join(escaped(cell) for cell in row.values())} |"


def escaped(text: str | None) -> str:
    return value(text).replace("|", "\\|")
