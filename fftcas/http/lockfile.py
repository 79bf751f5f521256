"""`fftcas.lock`: which response every request of a project has to get.

JSON with one line per request, sorted by URL, so that a change is one line of a diff:

    {
      "version": 1,
      "responses": [
        {"url": "https://…", "method": "GET", "request": "…", "response": "…", "bytes": 5645, "fetched_at": "…Z"}
      ]
    }

`request` is the request's identity without its credentials, `response` the digest of status, content type and body.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from fftcas.digest import Digest
from fftcas.errors import Location, LockError
from fftcas.http.cache import ResponseCache

NAME = "fftcas.lock"
VERSION = 1
_HINT = "`fftcas lock` writes it anew"


@dataclass(frozen=True)
class LockedResponse:
    """One line of the lock file; the fields stand in this order."""

    url: str
    method: str
    request: Digest
    response: Digest
    bytes: int
    fetched_at: str


Lock = Mapping[Digest, LockedResponse]
"""Locked responses by the identity of their request (`Request.public`)."""


def read_lock(root: Path) -> Lock | None:
    """The lock file of the project, or None if there is none. Raises LockError if it cannot be understood."""
    try:
        text = (root / NAME).read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"{NAME} cannot be read", where=Location(NAME), why=str(error), hint=_HINT) from None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise LockError(f"{NAME} is not JSON", where=Location(NAME, line), why=str(error), hint=_HINT) from None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise LockError(f"{NAME} is not of version {VERSION}", where=Location(NAME), hint="upgrade fftcas")
    lines = document.get("responses")
    if not isinstance(lines, list):
        raise LockError(f"{NAME} has no list of responses", where=Location(NAME), hint=_HINT)
    return as_lock(_locked(line, number) for number, line in enumerate(lines, start=1))


def write_lock(root: Path, lock: Lock) -> None:
    """Write the lock file, whole or not at all. Raises LockError."""
    lines = sorted(lock.values(), key=lambda locked: (locked.url, locked.method, locked.request))
    body = ",\n".join("    " + json.dumps(asdict(line), ensure_ascii=False) for line in lines)
    responses = f"[\n{body}\n  ]" if lines else "[]"
    temporary = root / f".{NAME}-{os.getpid()}"
    try:
        temporary.write_text(f'{{\n  "version": {VERSION},\n  "responses": {responses}\n}}\n', encoding="utf-8")
        temporary.replace(root / NAME)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise LockError(f"{NAME} cannot be written", where=Location(NAME), why=error.strerror) from None


def lock_of(cache: ResponseCache, responses: Mapping[Digest, Digest]) -> Lock:
    """What a lock file says of these requests and their responses, e.g. `realisation.http`.

    Raises LockError if a response is not in the store, or if two requests differ in nothing but their credentials.
    """
    entries = cache.entries(responses)
    sizes = cache.sizes(responses.values())
    locked = []
    for request, response in responses.items():
        entry = entries.get(request)
        if entry is None or response not in sizes:
            what = f"{entry.method} {entry.url}" if entry else f"request {request[:16]}"
            raise LockError(f"the response to {what} is not in the store", hint="`fftcas lock --update` fetches it")
        date = datetime.fromtimestamp(entry.fetched_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        locked.append(LockedResponse(entry.url, entry.method, entry.public, response, sizes[response], date))
    return as_lock(locked)


def as_lock(responses: Iterable[LockedResponse]) -> Lock:
    """Raises LockError for two different responses to one request."""
    lock: dict[Digest, LockedResponse] = {}
    for locked in responses:
        other = lock.setdefault(locked.request, locked)
        if other.response != locked.response:
            raise LockError(
                f"two responses to {locked.method} {locked.url}",
                where=Location(NAME),
                why="requests that differ in nothing but their credentials cannot be locked together",
            )
    return lock


def _locked(line: object, number: int) -> LockedResponse:
    where, names = Location(NAME), [field.name for field in fields(LockedResponse)]
    if not isinstance(line, dict) or sorted(line) != sorted(names):
        raise LockError(
            f"response {number} in {NAME} has to have the fields {', '.join(names)}", where=where, hint=_HINT
        )
    texts = [line[name] for name in names if name != "bytes"]
    if not all(isinstance(text, str) for text in texts) or not isinstance(line["bytes"], int):
        raise LockError(f"response {number} in {NAME} has a field of the wrong type", where=where, hint=_HINT)
    if not all(re.fullmatch(r"[0-9a-f]{64}", line[name]) for name in ("request", "response")):
        raise LockError(f"response {number} in {NAME} has a digest that is none", where=where, hint=_HINT)
    return LockedResponse(**line)
