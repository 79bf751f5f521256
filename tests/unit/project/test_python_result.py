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
        (pa.table({}), "without columns"),
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
