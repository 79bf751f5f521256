"""Outputs to share: small tables in a store, as a build would have left them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from blake3 import blake3

from fftcas.derivation import Derivation, recipe
from fftcas.digest import Digest
from fftcas.store import Realisation, Store
from fftcas.store.remote import Remote, RemoteMode, RemoteReport, Signer
from fftcas.store.remote.layout import pack as pack_path
from fftcas.store.remote.pack import Pack
from fftcas.table import Column, Manifest, Table


def table(number: int, rows: int = 100) -> Table:
    data = pa.table({"id": range(number, number + rows), "text": [f"row {i} of {number}" for i in range(rows)]})
    return Table((Column("id", "BIGINT"), Column("text", "VARCHAR")), data.schema, iter(data.to_batches()))


def derivation(number: int) -> Derivation:
    return Derivation(recipe("sql", {"sql": f"select {number}"}, {"engine": "duckdb 2.0"}))


def realisation(store: Store, made: Derivation, output: Table, label: str = "//marts:orders") -> Realisation:
    """Commit a table as the output of a derivation."""
    manifest = store.write_table(output)
    result = Realisation(
        derivation=made.key,
        recipe=made.recipe_digest,
        output=manifest.output,
        label=label,
        kind="sql",
        rows=manifest.rows,
        bytes=manifest.size,
        seconds=1.5,
        built_at="2026-01-31T12:00:00+00:00",
        run_id="20260131T120000-abcdef",
        host="ci",
    )
    store.commit(result, made.to_json(), manifest)
    return result


def view(store: Store, number: int) -> Digest:
    """Commit a view."""
    made = derivation(number)
    table_like = realisation(store, made, table(number))
    store.commit(replace(table_like, output=made.key, rows=None, bytes=0, label="//marts:a_view"), made.to_json(), None)
    return made.key


def fill(store: Store, count: int, rows: int = 100, start: int = 0) -> list[Digest]:
    """Commit so many tables; returns their derivations."""
    numbers = range(start, start + count)
    return [realisation(store, derivation(n), table(n, rows), f"//marts:t{n}").derivation for n in numbers]


def publish(
    place: Path, store: Store, keys: list[Digest], signer: Signer | None = None, namespace: str | None = None
) -> RemoteReport:
    remote = Remote.open(str(place), RemoteMode.RW, signer=signer, namespace=namespace)
    for key in keys:
        remote.publish(key, store)
    return remote.finish()


def fetch(
    place: Path, store: Store, keys: list[Digest], warn: Callable[[str], None] | None = None, **how: object
) -> set[Digest]:
    """The derivations that could be taken over, read-only."""
    remote = Remote.open(str(place), RemoteMode.RO, warn=warn, **how)  # type: ignore[arg-type]
    got = {key for key in keys if remote.intake.fetch(key, store) is not None}
    remote.finish()
    return got


def manifest_of(store: Store, key: Digest) -> Manifest:
    """The manifest of a stored output."""
    found = store.realisation(key)
    manifest = store.manifest(found.output) if found else None
    assert manifest is not None
    return manifest


def rows(store: Store, key: Digest) -> list[Mapping[str, object]]:
    """The rows of a stored output."""
    manifest = manifest_of(store, key)
    return [row for batch in store.read_table(manifest).batches for row in batch.to_pylist()]


def expected(number: int, count: int = 100) -> list[Mapping[str, object]]:
    return [row for batch in table(number, count).batches for row in batch.to_pylist()]


def objects(place: Path, folder: str) -> list[Path]:
    return sorted(path for path in (place / folder).rglob("*") if path.is_file())


def claim_parts(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two lines of a claim."""
    seal, _, body = path.read_bytes().partition(b"\n")
    return json.loads(seal), json.loads(body)


def write_claim(path: Path, body: dict[str, Any]) -> None:
    """Replace an unsigned claim by another body, with the right digest."""
    data = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    seal = {"fftcas-claim": 1, "digest": blake3(data).hexdigest(), "key": None, "signature": None}
    path.write_bytes(json.dumps(seal).encode() + b"\n" + data)


def replace_frames(place: Path, frames: list[tuple[str, bytes]]) -> None:
    """Make the only claim point to a pack of other frames, as an attacker with write access would."""
    (path,) = objects(place, "claims")
    forged = Pack(tuple(frames))
    target = place / pack_path(forged.ref.name)
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(forged.bytes())
    body = claim_parts(path)[1]
    body["packs"] = [[forged.ref.name, forged.ref.head, forged.ref.size]]
    write_claim(path, body)
