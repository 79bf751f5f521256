"""Streams of batches are cut anew without a row lost, doubled or moved."""

from __future__ import annotations

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
