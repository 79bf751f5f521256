"""Realisations among the records, and the indices that find them by recipe and by label, newest first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from blake3 import blake3

from fftcas.digest import Digest
from fftcas.store.realisation import Realisation
from fftcas.store.records import RecordTxn
from fftcas.store.runs import kept_runs, outputs_of
from fftcas.table import Manifest

_NUMBER = 8


def get(txn: RecordTxn, derivation: Digest) -> Realisation | None:
    value = txn.get("realisation", bytes.fromhex(derivation))
    if value is not None:
        with contextlib.suppress(ValueError):
            return parsed(value)[1]
    return None


def parsed(value: bytes) -> tuple[int, Realisation]:
    """A realisation's record: its number, and what it says. Raises ValueError."""
    return int.from_bytes(value[:_NUMBER], "big"), Realisation.from_json(value[_NUMBER:])


def put(txn: RecordTxn, realisation: Realisation, document: bytes, manifest: Manifest | None) -> None:
    """Write a realisation with all that belongs to it; one of the same derivation is replaced, and is newest again."""
    delete(txn, realisation.derivation)
    key = bytes.fromhex(realisation.derivation)
    number = txn.next_number().to_bytes(_NUMBER, "big")
    txn.put("derivation", key, document)
    if manifest is not None:
        txn.put("manifest", bytes.fromhex(manifest.output), manifest.json.encode())
    for kind, prefix in _indices(realisation):
        txn.put(kind, prefix + number, key)
    txn.put("realisation", key, number + realisation.to_json())


def delete(txn: RecordTxn, derivation: Digest) -> None:
    """Remove a realisation, its indices and document, and its manifest if no other realisation has that output."""
    key = bytes.fromhex(derivation)
    value = txn.get("realisation", key)
    if value is not None:
        with contextlib.suppress(ValueError):
            _, old = parsed(value)
            for kind, prefix in _indices(old):
                txn.delete(kind, prefix + value[:_NUMBER])
            if next(txn.scan("by-output", bytes.fromhex(old.output)), None) is None:
                txn.delete("manifest", bytes.fromhex(old.output))
    txn.delete("realisation", key)
    txn.delete("derivation", key)


def every(txn: RecordTxn) -> Iterator[tuple[int, Realisation]]:
    """All realisations with their numbers, by derivation; it rests on no index."""
    for _, value in txn.scan("realisation"):
        with contextlib.suppress(ValueError):
            yield parsed(value)


def since(txn: RecordTxn, number: int) -> Iterator[tuple[int, Realisation]]:
    """Realisations committed after the one with this number, with their numbers, oldest first."""
    for at, key in txn.scan("by-number", start=(number + 1).to_bytes(_NUMBER, "big")):
        realisation = get(txn, key.hex())
        if realisation is not None:
            yield int.from_bytes(at, "big"), realisation


def number_of(txn: RecordTxn, derivation: Digest) -> int | None:
    """The number of a derivation's latest commit."""
    value = txn.get("realisation", bytes.fromhex(derivation))
    return None if value is None else int.from_bytes(value[:_NUMBER], "big")


def of_recipe(txn: RecordTxn, recipe: Digest, label: str, limit: int) -> list[Realisation]:
    return _first(_found(txn, "by-recipe", bytes.fromhex(recipe) + _label(label)), limit)


def of_output(txn: RecordTxn, output: Digest, label: str) -> Realisation | None:
    """The newest realisation with this output, of this label if there is one."""
    own = (each for each in _found(txn, "by-label", _label(label)) if each.output == output)
    return next(own, None) or next(_found(txn, "by-output", bytes.fromhex(output)), None)


def history(txn: RecordTxn, project: str, label: str, limit: int) -> list[Realisation]:
    """Realisations of a label that the project's runs committed or used; a run is part of the past when it is over.

    An output that only other labels have made, before the node had this name or its text, is told by their realisation.
    """
    kept = kept_runs(txn, project)
    run_ids = {run.run.run_id for run in kept if run.run.finished}
    outputs = {outputs_of(txn, run).get(label) for run in {run.outputs: run for run in kept}.values()} - {None}
    found = _numbered(txn, "by-label", _label(label))
    own = [(number, each) for number, each in found if each.run_id in run_ids or each.output in outputs]
    used = own + _of_others(txn, outputs - {each.output for _, each in own})
    return [each for _, each in sorted(used, key=lambda pair: pair[0], reverse=True)][:limit]


def seconds(txn: RecordTxn, label: str) -> float | None:
    """How long it took to make a label's newest output, in whatever project; None if there is none."""
    newest = next(_found(txn, "by-label", _label(label)), None)
    return newest.seconds if newest else None


def latest(txn: RecordTxn, project: str) -> dict[str, Realisation]:
    """For every label the newest of its history; all at once, since a run's outputs are one record for all labels."""
    kept = kept_runs(txn, project)
    run_ids = {run.run.run_id for run in kept if run.run.finished}
    outputs: dict[str, set[Digest]] = {}
    for run in {run.outputs: run for run in kept}.values():
        for label, output in outputs_of(txn, run).items():
            outputs.setdefault(label, set()).add(output)
    newest = {}
    for label, used in outputs.items():
        for each in _found(txn, "by-label", _label(label)):
            if each.run_id in run_ids or each.output in used:
                newest[label] = each
                break
        else:
            if others := _of_others(txn, used):
                newest[label] = max(others, key=lambda pair: pair[0])[1]
    return newest


def same(txn: RecordTxn, projection: Digest) -> Digest:
    seen = {projection}
    while (value := txn.get("same", bytes.fromhex(projection))) is not None and value.hex() not in seen:
        projection = value.hex()
        seen.add(projection)
    return projection


def put_same(txn: RecordTxn, projection: Digest, representative: Digest) -> None:
    one, other = same(txn, projection), same(txn, representative)
    if one != other:
        txn.put("same", bytes.fromhex(one), bytes.fromhex(other))


def _of_others(txn: RecordTxn, outputs: Iterable[Digest | None]) -> list[tuple[bytes, Realisation]]:
    """The newest realisation of each output, whatever its label, with its number."""
    found = (next(_numbered(txn, "by-output", bytes.fromhex(output)), None) for output in outputs if output)
    return [each for each in found if each is not None]


def _found(txn: RecordTxn, kind: str, prefix: bytes) -> Iterator[Realisation]:
    return (realisation for _, realisation in _numbered(txn, kind, prefix))


def _numbered(txn: RecordTxn, kind: str, prefix: bytes) -> Iterator[tuple[bytes, Realisation]]:
    for at, key in txn.scan(kind, prefix, reverse=True):
        realisation = get(txn, key.hex())
        if realisation is not None:
            yield at[-_NUMBER:], realisation


def _first(found: Iterator[Realisation], limit: int) -> list[Realisation]:
    return [each for each, _ in zip(found, range(limit), strict=False)]


def _indices(realisation: Realisation) -> list[tuple[str, bytes]]:
    return [
        ("by-recipe", bytes.fromhex(realisation.recipe) + _label(realisation.label)),
        ("by-label", _label(realisation.label)),
        ("by-output", bytes.fromhex(realisation.output)),
        ("by-number", b""),
    ]


def _label(label: str) -> bytes:
    return bytes(blake3(label.encode()).digest(16))
