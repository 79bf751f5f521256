"""Runs: what was built when, by whom; the store keeps the last ones of each project, and `gc` keeps their outputs."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, field, replace
from typing import Any

from fftcas.digest import Digest, digest_bytes
from fftcas.relation import RelationName
from fftcas.store.owner import Owner
from fftcas.store.records import Records, RecordTxn

KEEP = 200
"""Runs that are kept per project."""


@dataclass(frozen=True)
class RunRecord:
    """One invocation of `build`. Recorded at its start with `finished` None, it protects `outputs` while it lasts.

    `project` is the project's root; times are ISO 8601 in UTC; `summary` counts nodes by status (`fresh`, `restored`,
    …); `saved` is the time in seconds that what was fresh or restored once took; `outputs` maps labels to outputs.
    `edited` says whether the project's files were not what they are at `commit`; None if nobody knows.
    """

    run_id: str
    project: str
    profile: str
    started: str
    finished: str | None = None
    branch: str | None = None
    commit: str | None = None
    edited: bool | None = None
    command: str = "build"
    summary: Mapping[str, int] = field(default_factory=dict)
    saved: float = 0.0
    outputs: Mapping[str, Digest] = field(default_factory=dict)


@dataclass(frozen=True)
class Relation:
    """What a run left an output in, and for a view the text that it was made of: with labels, and without secrets."""

    name: RelationName
    view: str | None = None


@dataclass(frozen=True)
class Kept:
    """A run as it is kept: `outputs` and `places` are not loaded, and named by their digests (no places: None).

    `alive` while its process runs it.
    """

    run: RunRecord
    outputs: Digest
    places: Digest | None
    alive: bool

    @classmethod
    def from_json(cls, data: bytes) -> Kept:
        """Raises ValueError if the bytes are not a run."""
        try:
            document: dict[str, Any] = json.loads(data)
            owner = Owner.unpack(bytes.fromhex(document.pop("owner")))
            outputs = bytes.fromhex(document.pop("outputs")).hex()
            places = document.pop("places", None)
            places = None if places is None else bytes.fromhex(places).hex()
            summary = {status: int(count) for status, count in document.pop("summary").items()}
            saved = float(document.pop("saved"))
            texts = [document[name] for name in ("run_id", "project", "profile", "started", "command")]
            texts += [document[name] or "" for name in ("finished", "branch", "commit")]
            if not all(isinstance(text, str) for text in texts):
                raise ValueError("a text is none")
            if not isinstance(document.get("edited"), bool | None):
                raise ValueError("a yes or no is none")
            run = RunRecord(**document, summary=summary, saved=saved)
            return cls(run, outputs, places, run.finished is None and owner.alive())
        except (AttributeError, KeyError, TypeError, ValueError, struct.error) as error:
            raise ValueError(f"not a run: {error}") from error


def record_run(records: Records, run: RunRecord, places: Mapping[str, Relation]) -> None:
    """Add a run, or put it in the place of an earlier record of the same id; forget the oldest beyond `KEEP`."""
    texts = {"outputs": _json(dict(run.outputs))}
    if places:
        texts["places"] = _json({label: [each.view, *astuple(each.name)] for label, each in places.items()})
    names = {kind: digest_bytes(text) for kind, text in texts.items()}
    document = asdict(replace(run, outputs={})) | names | {"owner": Owner.mine().pack().hex()}
    value = json.dumps(document, sort_keys=True).encode()
    project = project_key(run.project)

    def work(txn: RecordTxn) -> None:
        kept = dict(_readable(txn.scan("run", project)))
        named = _named(kept.values())
        key = next((key for key, old in kept.items() if old.run.run_id == run.run_id), None)
        key = key or project + txn.next_number().to_bytes(8, "big")
        txn.put("run", key, value)
        for kind, text in texts.items():
            place = project + bytes.fromhex(names[kind])
            if txn.get(kind, place) != text:  # runs that changed nothing share them
                txn.put(kind, place, text)
        kept[key] = Kept(run, names["outputs"], names.get("places"), alive=True)
        for old in list(kept)[:-KEEP]:
            del kept[old]
            txn.delete("run", old)
        for kind, unused in named - _named(kept.values()):
            txn.delete(kind, project + bytes.fromhex(unused))

    records.write(work)


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _named(kept: Iterable[Kept]) -> set[tuple[str, Digest]]:
    """Kinds and names of the records that runs share."""
    named: set[tuple[str, Digest]] = set()
    for each in kept:
        named.add(("outputs", each.outputs))
        if each.places is not None:
            named.add(("places", each.places))
    return named


def kept_runs(txn: RecordTxn, project: str | None = None) -> list[Kept]:
    """The runs of one project or of all, newest first within a project, without their outputs."""
    prefix = b"" if project is None else project_key(project)
    return [kept for _, kept in _readable(txn.scan("run", prefix, reverse=True))]


def outputs_of(txn: RecordTxn, kept: Kept) -> dict[str, Digest]:
    """A run's outputs by label; empty if their record was lost."""
    value = txn.get("outputs", project_key(kept.run.project) + bytes.fromhex(kept.outputs))
    if value is not None:
        with suppress(ValueError):
            return parsed_outputs(value)
    return {}


def parsed_outputs(data: bytes) -> dict[str, Digest]:
    """Outputs by label. Raises ValueError if the bytes are not that."""
    outputs = json.loads(data)
    if not isinstance(outputs, dict) or not all(isinstance(output, str) for output in outputs.values()):
        raise ValueError("not the outputs of a run")
    return outputs


def places_of(txn: RecordTxn, project: str, run_id: str) -> dict[str, Relation]:
    """Where a run left its outputs, by label, its views' sources among them; empty if that is not known."""
    kept = next((each for each in kept_runs(txn, project) if each.run.run_id == run_id), None)
    if kept is not None and kept.places is not None:
        value = txn.get("places", project_key(project) + bytes.fromhex(kept.places))
        if value is not None:
            with suppress(ValueError):
                return parsed_places(value)
    return {}


def parsed_places(data: bytes) -> dict[str, Relation]:
    """Places by label. Raises ValueError if the bytes are not that."""
    try:
        return {label: Relation(RelationName(*names), view) for label, (view, *names) in json.loads(data).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError("not the places of a run") from error


def forget_project(records: Records, project: str) -> int:
    """Remove a project's runs, so that `gc` may take its outputs; returns how many there were."""

    def work(txn: RecordTxn) -> int:
        keys = [(kind, key) for kind in ("run", "outputs", "places") for key, _ in txn.scan(kind, project_key(project))]
        for kind, key in keys:
            txn.delete(kind, key)
        return sum(kind == "run" for kind, _ in keys)

    return records.write(work)


def project_key(project: str) -> bytes:
    """What a project's runs lie under."""
    return bytes.fromhex(digest_bytes(project.encode())[:32])


def _readable(records: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, Kept]]:
    """The runs among the records, with their keys."""
    for key, value in records:
        with suppress(ValueError):
            yield key, Kept.from_json(value)
