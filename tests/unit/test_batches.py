"""Streams of batches are cut anew without a row lost, doubled or moved."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest

from fftcas.batches import regrouped


def stream(*lengths: int) -> list[pa.RecordBatch]:
    starts = [sum(lengths[:index]) for index in range(len(lengths))]
    return [
        pa.record_batch([pa.array(range(start, start + length)), pa.array(["é"] * length)], ["number", "text"])
        for start, length in zip(starts, lengths, strict=True)
    ]


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [
        ([], []),
        ([0, 0], []),
        ([3], [3]),
        ([4], [4]),
        ([4, 4], [4, 4]),
        ([9], [4, 4, 1]),
        ([3, 0, 3, 3], [4, 4, 1]),
        ([1] * 10, [4, 4, 2]),
        ([5, 11, 2], [4, 4, 4, 4, 2]),
    ],
)
def test_groups_have_as_many_rows_as_were_asked_for(lengths: list[int], groups: list[int]) -> None:
    made = list(regrouped(stream(*lengths), 4))
    assert [len(numbers) for numbers, _ in made] == groups
    assert [len(texts) for _, texts in made] == groups
    assert [number for numbers, _ in made for number in numbers.to_pylist()] == list(range(sum(lengths)))


def test_a_group_ends_early_when_it_is_full_of_bytes() -> None:
    made = list(regrouped(stream(2, 2, 2, 2, 2), 100, most_bytes=2 * stream(2)[0].nbytes))
    assert [len(numbers) for numbers, _ in made] == [4, 4, 2]


def test_a_batch_of_the_right_size_is_not_copied() -> None:
    (batch,) = stream(4)
    ((numbers, _),) = regrouped([batch], 4)
    assert numbers.buffers()[1].address == batch.column(0).buffers()[1].address


def test_neighbouring_slices_are_put_together_without_a_copy() -> None:
    (batch,) = stream(9)
    made = list(regrouped([batch.slice(0, 2), batch.slice(2, 2), batch.slice(4, 5)], 4))
    assert pa.Table.from_batches([pa.RecordBatch.from_arrays(group, schema=batch.schema) for group in made]).equals(
        pa.Table.from_batches([batch])
    )
    for numbers, texts in made:
        assert numbers.buffers()[1].address == batch.column(0).buffers()[1].address
        assert texts.buffers()[2].address == batch.column(1).buffers()[2].address


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1, None, 3, None, 5]),
        pa.array([True, None, False, True, True]),
        pa.array(["a", None, "", "b", "c"]).dictionary_encode(),
        pa.array([[1], None, [], [2, 3], [4]]),
        pa.array([{"a": 1}, None, {"a": 2}, {"a": None}, {"a": 3}]),
        pa.nulls(5),
    ],
)
@pytest.mark.parametrize("starts", [[0, 2, 3, 5], [0, 1, 4, 5], [1, 2, 4, 5]])
def test_slices_of_all_kinds_are_put_together(array: pa.Array, starts: list[int]) -> None:
    pieces = [array.slice(start, stop - start) for start, stop in pairwise(starts)]
    for order in (pieces, pieces[::-1]):
        ((made,),) = regrouped([pa.record_batch([piece], ["x"]) for piece in order], 5)
        made.validate(full=True)
        assert made.to_pylist() == [value for piece in order for value in piece.to_pylist()]
