"""Seeds' files: the types pandas would find, and errors with lines."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fftcas.errors import ProjectError
from fftcas.label import Label
from fftcas.project.nodes import Seed
from fftcas.project.seed_data import read_seed
from fftcas.relation import RelationName


def seed(format: str = "csv", **types: str) -> Seed:
    label = Label.of("seeds", "s")
    return Seed(label, "s", f"seeds/s.{format}", RelationName("s"), recipe={"format": format}, types=types)


def read(folder: Path, data: bytes, **types: str) -> pa.Table:
    (folder / "s.csv").write_bytes(data)
    return read_seed(folder / "s.csv", seed(**types))


@pytest.mark.parametrize(
    ("values", "type", "expected"),
    [
        (["1", "+2", "-3", "007", " 4 "], pa.int64(), [1, 2, -3, 7, 4]),
        (["1", "", "2"], pa.float64(), [1.0, None, 2.0]),
        (["1", "2.5", "1e3", ".5", "2."], pa.float64(), [1.0, 2.5, 1000.0, 0.5, 2.0]),
        (["-inf", "Infinity", "NaN"], pa.float64(), [-math.inf, math.inf, None]),
        (["true", "False", "", "TRUE"], pa.bool_(), [True, False, None, True]),
        (["true", "1"], pa.string(), ["true", "1"]),
        (["2024-01-31", "NA"], pa.string(), ["2024-01-31", None]),
        (["2024-01-31 10:00:00", "N/A"], pa.string(), ["2024-01-31 10:00:00", None]),
        (["10:00", "null", "#N/A", "None", "NULL", "nan"], pa.string(), ["10:00", None, None, None, None, None]),
        (["", ""], pa.float64(), [None, None]),
        (["9223372036854775807"], pa.int64(), [9223372036854775807]),
        (["9223372036854775808"], pa.uint64(), [9223372036854775808]),
        (["9223372036854775808", "-1"], pa.string(), ["9223372036854775808", "-1"]),
        (["1_000", "0x1F", "1d5", "\u0663"], pa.string(), ["1_000", "0x1F", "1d5", "\u0663"]),
        ([], pa.string(), []),
    ],
)
def test_types(tmp_path: Path, values: list[str], type: pa.DataType, expected: list[Any]) -> None:
    data = "".join(f"{i},{value}\n" for i, value in enumerate(values))
    column = read(tmp_path, f"i,a\n{data}".encode())["a"]
    assert (column.type, column.to_pylist()) == (type, expected)


def test_declared_columns_stay_text(tmp_path: Path) -> None:
    table = read(tmp_path, b"a,b\n007,1\nNA,2\n", a="VARCHAR")
    assert table.to_pydict() == {"a": ["007", None], "b": [1, 2]}


def test_a_type_rests_on_the_whole_column(tmp_path: Path) -> None:
    table = read(tmp_path, b"a\n" + b"1\n" * 500_000 + b"x\n")
    assert (table["a"].type, table.num_rows) == (pa.string(), 500_001)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfa,b\n1,x\n",
        b"a,b\r\n1,x\r\n",
        b"a,b\r1,x\r",
        b"a,b\n1,x",
        b'"a","b"\n"1","x"\n',
        b"\n\na,b\n\n1,x\n   \n\n",
    ],
)
def test_shapes_of_files(tmp_path: Path, data: bytes) -> None:
    assert read(tmp_path, data).to_pydict() == {"a": [1], "b": ["x"]}


def test_quoted_values(tmp_path: Path) -> None:
    assert read(tmp_path, b'a,b\n"x,\ny","say ""hi"""\n"NA",5" pipe\n').to_pydict() == {
        "a": ["x,\ny", None],
        "b": ['say "hi"', '5" pipe'],
    }


COMMA = "\n  hint: put quotes around a value that has a comma"
QUOTE = "\n  hint: double a quote that is part of a value"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "seeds/s.csv is empty\n  at seeds/s.csv\n  hint: the first line names the columns"),
        (b"\n\n", "seeds/s.csv is empty\n  at seeds/s.csv\n  hint: the first line names the columns"),
        (
            b"a,b\n1,2\n\n3\n",
            "seeds/s.csv has a row of 1 value, and 2 columns\n  at seeds/s.csv:4"
            "\n  hint: put a comma for each value that is missing",
        ),
        (
            b'a,b\n"x\ny",2\n3,4,5\n',
            "seeds/s.csv has a row of 3 values, and 2 columns\n  at seeds/s.csv:4" + COMMA,
        ),
        (
            b'a,b\n1,2\n3,"x\n4,y\n5,z\n',
            "seeds/s.csv has a quote that is never closed\n  at seeds/s.csv:3" + QUOTE,
        ),
        (
            b'a,b\n1,5" pipe\n3,"x',
            "seeds/s.csv has a quote that is never closed\n  at seeds/s.csv:3" + QUOTE,
        ),
        (
            b'"a,b\n1,2\n',
            "seeds/s.csv has a quote that is never closed\n  at seeds/s.csv:1" + QUOTE,
        ),
        (b"a,b\n1,2\n3,\xff\n", "seeds/s.csv is not UTF-8 text\n  at seeds/s.csv:3\n  hint: save it as UTF-8"),
        (b"\xff,b\n1,2\n", "seeds/s.csv is not UTF-8 text\n  at seeds/s.csv:1\n  hint: save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "seeds/s.csv is not UTF-8 text\n  at seeds/s.csv:1\n  hint: save it as UTF-8"),
        (b"a,A\n1,2\n", "seeds/s.csv has two columns called 'A'\n  at seeds/s.csv:1"),
        (b"\na,\n1,2\n", "column 2 of seeds/s.csv has no name\n  at seeds/s.csv:2"),
    ],
)
def test_broken_files(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(ProjectError) as error:
        read(tmp_path, data)
    assert str(error.value) == message


def test_a_type_for_a_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as error:
        read(tmp_path, b"id,amount\n1,2\n", amout="DOUBLE")
    assert str(error.value) == (
        "schema.yml has a type for the column 'amout', which seeds/s.csv does not have\n"
        "  at seeds/s.csv:1\n"
        "  hint: did you mean 'amount'?"
    )


def test_a_file_that_went_away(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"cannot read seeds/s.csv\n.*\n  No such file"):
        read_seed(tmp_path / "none.csv", seed())


def test_parquet(tmp_path: Path) -> None:
    folder = tmp_path / "year=2024"
    folder.mkdir()
    table = pa.table({"a": [1, None], "b": ["2024-01-31", "NA"]})
    pq.write_table(table, folder / "s.parquet")
    assert read_seed(folder / "s.parquet", seed("parquet")).equals(table)


@pytest.mark.parametrize("data", [b"", b"PAR1 this is not one", b"PAR1" + b"\x01" * 40 + b"\x10\0\0\0PAR1"])
def test_broken_parquet(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "s.parquet").write_bytes(data)
    with pytest.raises(ProjectError, match=r"seeds/s.parquet"):
        read_seed(tmp_path / "s.parquet", seed("parquet"))


VALUES = st.one_of(
    st.sampled_from(["", "NA", "null", "None", "true", "False", "TRUE", "007", "+1", "-0", "1e5", ".5", "2.", "inf"]),
    st.sampled_from(
        ["2024-01-31", "2024-01-31 10:00:00", "10:00", "x", "é", "a,b", 'say "hi"', "two\nlines", " 1", "1 "]
    ),
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=4),
)
COLUMNS = st.lists(
    st.sampled_from([VALUES, st.integers(-99, 99).map(str), st.sampled_from(["true", "False", "NA"]), st.just("")]),
    min_size=1,
    max_size=3,
)


@settings(deadline=None)
@given(COLUMNS.flatmap(lambda columns: st.lists(st.tuples(*columns), max_size=6)))
def test_types_are_those_of_pandas(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]) -> None:
    """Names and types of columns, nulls and values; a first column of numbers keeps blank rows out of the way."""
    width = len(rows[0]) if rows else 1
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["i", *"abc"[:width]], *([i, *row] for i, row in enumerate(rows))])
    data = text.getvalue().encode()
    ours = read(tmp_path_factory.getbasetemp(), data)
    theirs = pd.read_csv(io.BytesIO(data))
    assert ours.column_names == list(theirs.columns)
    for name in ours.column_names:
        for our, their in zip(ours[name].to_pylist(), theirs[name].tolist(), strict=True):
            expected = None if pd.isna(their) else their
            assert type(our) is type(expected)
            assert our == (pytest.approx(expected, rel=1e-14) if isinstance(expected, float) else expected)
