"""Manifests as they are written and read."""

from __future__ import annotations

import pytest

from fftcas.digest import digest_bytes
from fftcas.table import Manifest, StoredColumn

MADE = Manifest(3, (StoredColumn("a", "INTEGER", True, "0" * 64, 12), StoredColumn("ü", "VARCHAR", False, "1" * 64, 9)))


@pytest.mark.parametrize("text", [MADE.json, MADE.json.encode()])
def test_what_is_read_is_what_was_written(text: str | bytes) -> None:
    read = Manifest.from_json(text)
    assert read == MADE
    assert (read.json, read.output, read.projection()) == (MADE.json, MADE.output, MADE.projection())


def test_the_output_is_the_digest_of_the_text_that_was_read() -> None:
    text = MADE.json.replace(",", ", ")
    assert Manifest.from_json(text).output == digest_bytes(text.encode()) != MADE.output


@pytest.mark.parametrize("text", ["", "[]", "{}", b"\xff", '{"rows": 1, "columns": [["a"]]}', "null"])
def test_other_texts_are_no_manifest(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="not a table manifest"):
        Manifest.from_json(text)
