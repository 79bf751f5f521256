"""What a Python model may return."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from fftcas.errors import NodeError
from fftcas.project.python_result import as_arrow

NODE: Any = SimpleNamespace(label="//:m", path="models/m.py")


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (pd.DataFrame({"A": [1], "a": [2]}), "two columns named 'a'"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "two columns named 'x'"),
        (pa.table([pa.array([1]), pa.array([2])], names=["x", "x"]), "two columns named 'x'"),
        (pa.table({"x": [1], "X": [2]}), "two columns named 'X'"),
        (pd.DataFrame(), "without columns"),
        (pa.table({}), "without columns\n  at models/m.py\n  hint: say which there are even where no row came"),
        (pd.DataFrame({"x": [1], "": [2]}), "returned a column without a name\n  at models/m.py\n  it has: ['x', '']"),
        (pd.DataFrame({"x": pd.arrays.SparseArray([0, 1])}), "not a table's"),
        (pd.DataFrame({"x": [2**70]}), "not a table's"),
        (pd.DataFrame({"x": [1, "a"]}), "not a table's"),
        (pd.Series([1]), "returned Series"),
        (None, "returned NoneType"),
    ],
)
def test_what_is_no_table_is_told(result: object, message: str) -> None:
    with pytest.raises(NodeError) as caught:
        as_arrow(NODE, result)
    assert message in str(caught.value)


def test_times_in_nanoseconds_come_in_microseconds_if_that_is_exact() -> None:
    zoned, time = pa.timestamp("ns", "UTC"), pa.time64("ns")
    table = pa.table({"t": pa.array([1_500, None], zoned), "plain": pa.array([1, 2], pa.timestamp("ns"))})
    with pytest.raises(NodeError, match=r"'t' .* has parts of a microsecond"):
        as_arrow(NODE, table)
    table = pa.table({"t": pa.array([1_000, None], zoned), "d": pa.array([2_000, None], time), "p": table["plain"]})
    found = as_arrow(NODE, table)
    assert found.schema.types == [pa.timestamp("us", "UTC"), pa.time64("us"), pa.timestamp("ns")]
    assert [column.cast(pa.int64()).to_pylist() for column in found.columns] == [[1, None], [2, None], [1, 2]]
