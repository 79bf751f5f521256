"""Amounts as people write them."""

from __future__ import annotations

import pytest

from fftcas.amounts import bytes_text, counted, duration


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (1536, "1.5 KB"), (102_400, "100 KB"), (1 << 20, "1.0 MB")],
)
def test_bytes(size: int, text: str) -> None:
    assert bytes_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0123, "12 ms"), (0.9999, "1.0 s"), (59.99, "1 min 0 s"), (125, "2 min 5 s"), (7199.9, "2 h 0 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_counts() -> None:
    assert [counted(n, "row") for n in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]
