"""What differs between two tables, by key and as multisets."""

from __future__ import annotations

import decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fftcas.engines import diff_rows, typed_rows
from fftcas.table_diff import TableDiff


def diff(old: dict[str, list[Any]], new: dict[str, list[Any]], key: tuple[str, ...] = ()) -> TableDiff:
    return diff_rows(typed_rows(pa.table(old), {}), typed_rows(pa.table(new), {}), 3, key)


def test_rows_are_matched_by_the_column_that_is_named_like_a_key() -> None:
    found = diff(
        {"day": [1, 2, 3], "user_id": [7, 8, 9], "v": ["a", "b", None]},
        {"day": [1, 2, 4], "user_id": [7, 8, 10], "v": ["a", "B", None]},
    )
    assert found.key == ("user_id",)
    assert (found.added, found.removed, found.changed) == (1, 1, 1)
    assert found.touched == {"v": 1}
    assert found.changed_samples[0].cells == {"v": ("b", "B")}
    assert found.added_samples == ({"day": "4", "user_id": "10", "v": None},)


def test_null_and_nan_equal_themselves() -> None:
    nan = float("nan")
    assert diff({"id": [1, 2], "v": [nan, None]}, {"id": [2, 1], "v": [None, nan]}).same


def test_columns_that_came_went_and_changed_their_type() -> None:
    found = diff({"id": [1, 2], "a": [1, 2], "b": [1, 2]}, {"id": [1, 2], "b": ["1", "2"], "c": [0, 0]})
    assert (found.new_columns, found.lost_columns, set(found.retyped)) == (("c",), ("a",), {"b"})
    assert found.same_rows
    assert not found.same


def test_a_key_that_hardly_any_row_shares_is_none() -> None:
    found = diff({"id": [1, 2, 3]}, {"id": [4, 5, 6]})
    assert (found.key, found.added, found.removed) == ((), 3, 3)


def test_a_key_can_be_named() -> None:
    found = diff({"a": [1, 2], "b": [1, 2]}, {"a": [1, 2], "b": [2, 1]}, ("b",))
    assert (found.key, found.changed) == (("b",), 2)


def test_no_common_columns_and_no_rows() -> None:
    assert (diff({"a": [1, 2]}, {"b": [1]}).added, diff({"a": [1, 2]}, {"b": [1]}).removed) == (1, 2)
    empty = {"a": pa.array([], pa.int64())}
    assert diff(empty, empty).same


def test_nested_values_and_decimals() -> None:
    old: dict[str, list[Any]] = {
        "id": [1, 2],
        "v": [{"x": [1]}, {"x": [2]}],
        "d": [decimal.Decimal("1.0"), decimal.Decimal("2.0")],
    }
    new: dict[str, list[Any]] = {
        "id": [1, 2],
        "v": [{"x": [1]}, {"x": [3]}],
        "d": [decimal.Decimal("1.0"), decimal.Decimal("2.1")],
    }
    assert diff(old, new).touched == {"v": 1, "d": 1}


ROWS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None])), max_size=8)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=30, deadline=None)
@given(ROWS, ROWS)
def test_counts_add_up(left: list[tuple[int, str | None]], right: list[tuple[int, str | None]]) -> None:
    def table(rows: list[tuple[int, str | None]]) -> Any:
        columns = {"n": pa.array([n for n, _ in rows], pa.int64()), "t": pa.array([t for _, t in rows], pa.string())}
        return typed_rows(pa.table(columns), {})

    found = diff_rows(table(left), table(right))
    assert found.new_rows - found.old_rows == found.added - found.removed
    assert found.same == (sorted(left, key=repr) == sorted(right, key=repr))
