"""Reading a seed's file, with the types that `pandas.read_csv` would find, since FFT's seeds have them.

All columns are read as text first. So types rest on the whole column, however long the file is, and text that looks
like a date stays as it is written.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fftcas.amounts import counted
from fftcas.errors import Location, ProjectError, closest
from fftcas.project.nodes import Seed

if TYPE_CHECKING:
    import pyarrow as pa

READER = 1
"""Part of every seed's recipe: goes up when a file would be read otherwise than before."""

NULLS = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
)
"""What pandas takes for a missing value."""

INTEGER = r"^[+-]?[0-9]+$"
NUMBER = r"^[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|(?i:inf|infinity))$"
BOOLEAN = r"^(?i:true|false)$"

# A last row that we add ourselves. If it does not come out as it went in, a quote above it was never closed.
_END = "_fftcas_end_"


def read_seed(file: Path, seed: Seed) -> pa.Table:
    """The file's rows. Columns with a declared type come as text, for the engine to cast. Raises ProjectError."""
    try:
        return _read_csv(file, seed) if seed.recipe["format"] == "csv" else _read_parquet(file, seed)
    except OSError as error:
        why = error.strerror or str(error)
        raise ProjectError(f"cannot read {seed.path}", where=Location(seed.path), why=why) from None


def _read_parquet(file: Path, seed: Seed) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not pq.read_table, which adds columns for folders called `key=value`.
        with pq.ParquetFile(file) as parquet:
            table = parquet.read()
    except pa.ArrowException as error:
        where = Location(seed.path)
        raise ProjectError(f"{seed.path} is not a valid Parquet file", where=where, why=str(error)) from None
    _check_names(table.column_names, seed, None)
    return table


def _read_csv(file: Path, seed: Seed) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv

    data = file.read_bytes()
    names = _header(data, seed)
    end = ("\n" + ",".join([_END] * len(names)) + "\n").encode()

    def skip_blank(row: pyarrow.csv.InvalidRow) -> str:
        return "error" if row.text.strip() else "skip"

    try:
        text = pyarrow.csv.read_csv(
            pa.BufferReader(data + end),
            pyarrow.csv.ReadOptions(use_threads=False, block_size=max(1 << 20, min(len(data) + len(end), 1 << 26))),
            pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip_blank),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=NULLS,
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise _fault(data, len(names), seed, str(error)) from None
    if text.num_rows == 0 or any(column[-1].as_py() != _END for column in text.columns):
        raise _fault(data, len(names), seed, "the file ends inside quotes")
    text = text.slice(0, text.num_rows - 1)
    columns = [text[name] if name in seed.types else infer(text[name]) for name in names]
    return pa.table(columns, names=names)


def infer(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text as whole numbers, numbers, booleans or text, whichever fits all its values first.

    Whole numbers with missing values become floating point, as does a column without any value.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    def all_match(values: pa.ChunkedArray, pattern: str) -> bool:
        return all(
            pc.all(pc.match_substring_regex(part, pattern), min_count=0).as_py()
            for part in (values.slice(0, 100), values)  # a glance first: most columns differ soon
        )

    if len(text) == 0:
        return text
    if text.null_count == len(text):
        return text.cast(pa.float64())
    trimmed = pc.ascii_trim_whitespace(text)
    if all_match(trimmed, INTEGER):
        digits = pc.ascii_ltrim(trimmed, "+")
        for kind in (pa.int64(), pa.uint64()) if text.null_count == 0 else (pa.float64(),):
            try:
                return digits.cast(kind)
            except pa.ArrowInvalid:  # too big
                continue
        return text
    if all_match(trimmed, NUMBER):
        return trimmed.cast(pa.float64())
    if all_match(text, BOOLEAN):
        return pc.equal(pc.ascii_lower(text), "true")
    return text


def _header(data: bytes, seed: Seed) -> list[str]:
    """The column names. Raises ProjectError if there are none, or if they cannot name the columns of a table."""
    try:
        line, names = next(_rows(data), (1, []))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _fault(data, 0, seed, str(error)) from None
    where = Location(seed.path, line)
    if not names:
        raise ProjectError(f"{seed.path} is empty", where=Location(seed.path), hint="the first line names the columns")
    _check_names(names, seed, line)
    for position, name in enumerate(names, 1):
        if not name.strip():
            raise ProjectError(f"column {position} of {seed.path} has no name", where=where)
    return names


def _check_names(names: list[str], seed: Seed, line: int | None) -> None:
    where = Location(seed.path, line)
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise ProjectError(f"{seed.path} has two columns called '{name}'", where=where)
        seen.add(name.casefold())
    for name in seed.types:
        if name not in names:
            raise ProjectError(
                f"schema.yml has a type for the column '{name}', which {seed.path} does not have",
                where=where,
                hint=closest(name, names) or f"columns: {', '.join(names)}",
            )


def _rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Rows with the lines they start at, blank lines left out. Slow: for the header and for finding faults."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline=""))
    line = 1
    for row in reader:
        if row:
            yield line, row
        line = reader.line_num + 1


def _fault(data: bytes, width: int, seed: Seed, why: str) -> ProjectError:
    """The error for a file that cannot be read, at the first line that is wrong."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        where = Location(seed.path, len(data[: error.start].splitlines()) or 1)
        return ProjectError(f"{seed.path} is not UTF-8 text", where=where, hint="save it as UTF-8")
    try:
        for line, row in _rows(data + f"\n{_END}".encode()):
            where = Location(seed.path, line)
            if any(_END in value for value in row) and row != [_END]:
                hint = "double a quote that is part of a value"
                return ProjectError(f"{seed.path} has a quote that is never closed", where=where, hint=hint)
            if len(row) != width and row != [_END] and (len(row) > 1 or row[0].strip()):
                what = f"{seed.path} has a row of {counted(len(row), 'value')}, and {counted(width, 'column')}"
                few = "put a comma for each value that is missing"
                hint = few if len(row) < width else "put quotes around a value that has a comma"
                return ProjectError(what, where=where, hint=hint)
    except csv.Error:  # a value longer than Python's reader takes
        pass
    return ProjectError(f"cannot read {seed.path}", where=Location(seed.path), why=why)
