"""What several tables of a batch have in common is checked once, and as thoroughly as each of them wants it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from remote_cases import derivation, fetch, fill, manifest_of, objects, publish, realisation, rows

from fftcas.store import Realisation, Store
from fftcas.store.blobs import Blob
from fftcas.store.frame import Codec
from fftcas.store.remote import Remote, RemoteMode, Signer
from fftcas.store.remote.claim import Claim
from fftcas.store.remote.fetch import Common
from fftcas.store.remote.layout import ClaimName
from fftcas.store.remote.pack import Frame
from fftcas.store.tables import Chunk, parse_chunks
from fftcas.table import Column, Table


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bad", [None, 0, 1])
def test_what_tables_have_in_common_is_checked_once(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, bad: int | None, signed: bool
) -> None:
    """And that one of them is bad makes nothing of the other missing."""
    ids = list(range(100))
    columns = (Column("id", "BIGINT"), Column("text", "VARCHAR"))

    def texts(number: int) -> list[str]:
        return [f"{number} {i}" for i in ids]

    looked: list[str] = []
    check = Frame.check

    def watched(frame: Frame, data: bytes | memoryview) -> None:
        looked.append(frame.digest)
        check(frame, data)

    monkeypatch.setattr(Frame, "check", watched)
    signer = Signer.new("ci") if signed else None
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = []
        for number in range(2):
            data = pa.table({"id": ids, "text": texts(number)})
            made = Table(columns, data.schema, iter(data.to_batches()))
            keys.append(realisation(a, derivation(number), made, f"//marts:t{number}").derivation)
            before = set(objects(place, "packs"))
            publish(place, a, keys[-1:], signer)
            if number == bad:
                (pack,) = set(objects(place, "packs")) - before
                pack.write_bytes(pack.read_bytes()[:-1] + b"?")  # the text
        trust = [str(signer.public)] if signer else []
        remote = Remote.open(str(place), RemoteMode.RO, warn=lambda line: None, trust=trust)
        remote.finder.find(keys)
        remote.intake.prefetch(keys, b)
        remote.intake.wait()  # at a place that is not quick it is done in the background
        for number, key in enumerate(keys):
            assert remote.intake.has(key) == (number != bad)
            if number != bad:
                assert rows(b, key) == [{"id": i, "text": text} for i, text in zip(ids, texts(number), strict=True)]
        remote.finish()
    assert len(looked) == len(set(looked)) == 6  # two lists and one chunk are the same


def test_what_one_claim_leaves_to_the_store_is_checked_for_another() -> None:
    """A trusted key vouches for a chunk that was not looked into; whoever is only believed does not."""
    chunk = Chunk("a" * 64, 3, 24)
    blob = Blob(chunk.digest, 24, Codec.ZSTD, b"frame")
    batch = pa.RecordBatch.from_pydict({"x": [1, 2, 3]})
    name = ClaimName("main", "b" * 64, "unsigned")
    believed = Claim(name, Realisation("b" * 64, "", "", "//a:b", "sql", 3, 24, 0.0, "", "", ""), b"", None)
    vouched = replace(believed, vouched=True)
    for known, claim, wanted, same in (
        ((blob, None), vouched, chunk, True),
        ((blob, None), believed, chunk, False),
        ((blob, batch), vouched, chunk, True),
        ((blob, batch), believed, chunk, True),
        ((blob, batch), believed, replace(chunk, rows=2), False),
        ((blob, batch), believed, replace(chunk, bytes=23), False),
        ((blob, None), vouched, replace(chunk, bytes=23), False),
    ):
        assert (Common(chunks={chunk.digest: known}).chunk(claim, wanted) == known) is same


def test_a_list_of_chunks_that_is_rotten_here_is_healed(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        (key,) = fill(a, 1)
        publish(place, a, [key])
        manifest = manifest_of(a, key)
        digest = manifest.columns[1].digest
        b.blobs.put([Blob(digest, 9, Codec.RAW, b"\x00\x04\x00\x00\x00oops")])
        assert fetch(place, b, [key]) == {key}
        assert b.get_blob(digest) == a.get_blob(digest)


@pytest.mark.parametrize("text", [b'[["aa",Infinity,1]]', b"[" * 100_000, b"[[]]", b"5", b"[]"])
def test_what_lists_no_chunks_is_told(text: bytes) -> None:
    with pytest.raises(ValueError, match="chunks"):
        parse_chunks(text)
