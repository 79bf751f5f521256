"""Runs: what was built when, by whom; the store keeps the last ones of each project, and `gc` keeps their outputs."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fftcas.digest import Digest, digest_bytes
from fftcas.store.owner import Owner
from fftcas.store.records import Records, RecordTxn

KEEP = 200
"""Runs that are kept per project."""


@dataclass(frozen=True)
class RunRecord:
    """One invocation of `build`. Recorded at its start with `finished` None, it protects `outputs` while it lasts.

    `project` is the project's root; times are ISO 8601 in UTC; `summary` counts nodes by status (`fresh`, `restored`,
    …); `saved` is the time in seconds that what was fresh or restored once took; `outputs` maps labels to outputs.
    """

    run_id: str
    project: str
    profile: str
    started: str
    finished: str | None = None
    branch: str | None = None
    commit: str | None = None
    command: str = "build"
    summary: Mapping[str, int] = field(default_factory=dict)
    saved: float = 0.0
    outputs: Mapping[str, Digest] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """A run as it is kept: `outputs` not loaded, and named by their digest; `alive` while its process runs it."""

    run: RunRecord
    outputs: Digest
    alive: bool

    @classmethod
    def from_json(cls, data: bytes) -> Kept:
        """Raises ValueError if the bytes are not a run."""
        try:
            document: dict[str, Any] = json.loads(data)
            owner = Owner.unpack(bytes.fromhex(document.pop("owner")))
            outputs = bytes.fromhex(document.pop("outputs")).hex()
            summary = {status: int(count) for status, count in document.pop("summary").items()}
            saved = float(document.pop("saved"))
            texts = [document[name] for name in ("run_id", "project", "profile", "started", "command")]
            texts += [document[name] or "" for name in ("finished", "branch", "commit")]
            if not all(isinstance(text, str) for text in texts):
                raise ValueError("a text is none")
            run = RunRecord(**document, summary=summary, saved=saved)
            return cls(run, outputs, run.finished is None and owner.alive())
        except (AttributeError, KeyError, TypeError, ValueError, struct.error) as error:
            raise ValueError(f"not a run: {error}") from error


def record_run(records: Records, run: RunRecord) -> None:
    """Add a run, or put it in the place of an earlier record of the same id; forget the oldest beyond `KEEP`."""
    outputs = json.dumps(dict(run.outputs), sort_keys=True, separators=(",", ":")).encode()
    name = digest_bytes(outputs)
    document = asdict(replace(run, outputs={})) | {"outputs": name, "owner": Owner.mine().pack().hex()}
    value = json.dumps(document, sort_keys=True).encode()
    project = project_key(run.project)

    def work(txn: RecordTxn) -> None:
        kept = dict(_readable(txn.scan("run", project)))
        named = {each.outputs for each in kept.values()}
        key = next((key for key, old in kept.items() if old.run.run_id == run.run_id), None)
        key = key or project + txn.next_number().to_bytes(8, "big")
        txn.put("run", key, value)
        if txn.get("outputs", project + bytes.fromhex(name)) != outputs:  # runs that changed nothing share them
            txn.put("outputs", project + bytes.fromhex(name), outputs)
        kept[key] = Kept(run, name, alive=True)
        for old in list(kept)[:-KEEP]:
            del kept[old]
            txn.delete("run", old)
        for unused in named - {each.outputs for each in kept.values()}:
            txn.delete("outputs", project + bytes.fromhex(unused))

    records.write(work)


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


def forget_project(records: Records, project: str) -> int:
    """Remove a project's runs, so that `gc` may take its outputs; returns how many there were."""

    def work(txn: RecordTxn) -> int:
        keys = [(kind, key) for kind in ("run", "outputs") for key, _ in txn.scan(kind, project_key(project))]
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
