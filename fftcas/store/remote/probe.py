"""Opening a remote: what can be done there, found out by doing it, and said in one line."""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fftcas.errors import RemoteError, UsageError
from fftcas.store.remote import layout
from fftcas.store.remote.believable import parse
from fftcas.store.remote.bucket import SCHEMES, Bucket, shown
from fftcas.store.remote.directory import Directory
from fftcas.store.remote.reach import Reach, said
from fftcas.store.remote.transport import Transport, Unreachable

COUNTED = 2000
"""Claims up to which they are counted for the line at the start."""
SECONDS = 30.0
"""Time-out of one request, unless `$FFTCAS_REMOTE_TIMEOUT` says otherwise."""
_PROBE_SECONDS = 10.0
_FOREIGN = 64
_FORMS = "a directory, or a URL with file, s3, gs or az for a scheme: file:///mnt/cache, s3://bucket/path"


class RemoteMode(StrEnum):
    """What a remote is used for. `required` is `rw`, and a remote that cannot be used is an error."""

    OFF = "off"
    RO = "ro"
    RW = "rw"
    REQUIRED = "required"


@dataclass(frozen=True)
class Probe:
    """What was found: whether there is something to read, whether it can be written, and what to say about it."""

    reads: bool
    writes: bool
    note: str = ""


def transport(url: str, seconds: float) -> Transport:
    """The transport for a path or a URL. Raises UsageError or RemoteError."""
    try:
        parts = urlsplit(url)
    except ValueError as error:  # what it says may hold a password
        raise UsageError(f"{shown(url)} is not a URL", hint=_FORMS) from error
    path = unquote(parts.path) if parts.scheme == "file" else os.path.expanduser(url)  # noqa: PTH111 (of nobody)
    if parts.scheme in SCHEMES:
        return Bucket(url, seconds)
    if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        raise UsageError(f"the remote {shown(url)} names another machine", hint="mount it, and name the directory")
    is_path = len(parts.scheme) < 2 or (parts.scheme == "file" and path.startswith("/"))
    if not is_path or "\0" in path:
        raise UsageError(f"a remote cannot be at {shown(url)!r}", hint=_FORMS)
    return Directory(Path(path).absolute())


def reach_for(url: str, required: bool = False, warn: Callable[[str], None] | None = None) -> Reach:
    """The way to the remote at a path or a URL; nothing is read yet. Raises UsageError or RemoteError."""
    text = os.environ.get("FFTCAS_REMOTE_TIMEOUT") or str(SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86400:
        raise UsageError(f"FFTCAS_REMOTE_TIMEOUT is '{text}'", hint="a number of seconds")
    return Reach(transport(url, seconds), seconds, required, warn or logging.getLogger("fftcas.remote").warning)


def probe(reach: Reach, mode: RemoteMode, offline: bool = False) -> Probe:
    """Find out what can be done; `offline`, without a connection. Raises RemoteError if that is not enough for
    `required`."""
    try:
        if offline and reach.transport.network:
            raise Unreachable("offline, and no connection is opened")
        found = reach.ask(lambda: _probe(reach.transport, mode is not RemoteMode.RO), _PROBE_SECONDS)
    except OSError as error:
        found = Probe(False, False, said(error))
    if mode is RemoteMode.REQUIRED and not (found.reads and found.writes):
        why = found.note or "it cannot be written"
        raise RemoteError(
            f"the remote {reach.transport.url} is required and cannot be used",
            why=why,
            hint="use --remote-mode rw to go on without it",
        )
    return found


def check_format(reach: Reach) -> None:
    """Raises RemoteError unless the place says that it is a remote, of the format that is known here; and OSError."""
    data = reach.run(lambda: reach.transport.get(layout.MARKER, 0, 1 << 16))
    trouble = f"it has no {layout.MARKER}" if data is None else _format_trouble(data)
    if trouble is not None:
        raise RemoteError(
            f"{reach.transport.url} is not a remote that this fftcas knows, and nothing there was touched",
            why=trouble,
            hint="name the directory or bucket that builds use: one that may write there makes it a remote",
        )


def count(reach: Reach, namespace: str) -> str:
    """How many outputs there are for a namespace, as people say it."""
    try:
        number = reach.ask(lambda: sum(1 for _ in islice(reach.transport.list(layout.claims(namespace)), COUNTED)), 2.0)
    except OSError:
        return ""
    return f", {number:,} output{'' if number == 1 else 's'}" if number < COUNTED else f", {number:,} outputs or more"


def _probe(place: Transport, write: bool) -> Probe:
    data = place.get(layout.MARKER, 0, 1 << 16)
    if data is None:
        if not write:
            return Probe(False, False, "there is no remote yet")
        if isinstance(place, Directory) and _foreign(place.path):
            return Probe(False, False, "the directory is not a remote, and not empty")
        place.put(layout.MARKER, json.dumps({"fftcas-remote": layout.FORMAT}).encode() + b"\n")
    elif (trouble := _format_trouble(data)) is not None:
        return Probe(False, False, trouble)
    if not write:
        return Probe(True, False)
    try:
        return Probe(True, True, _write_trouble(place))
    except OSError as error:
        return Probe(True, False, said(error).lower())


def _format_trouble(data: bytes) -> str | None:
    try:
        number = parse(data)["fftcas-remote"]
    except (ValueError, KeyError, TypeError):
        return f"its {layout.MARKER} is not one"
    if number != layout.FORMAT:
        return f"it has format {str(number)[:20]}, and this fftcas knows format {layout.FORMAT}"
    return None


def _write_trouble(place: Transport) -> str:
    """Write an object twice, for only the first may count; returns what is odd about that. Raises OSError."""
    name = f"tmp/probe-{secrets.token_hex(16)}"
    place.put(name, b"1")
    try:
        if place.put(name, b"2"):
            place.atomic = False
            return "the server ignores conditional writes"
    finally:
        place.delete(name)
    return ""


def _foreign(path: Path) -> bool:
    """Whether a directory holds what no remote would."""
    known = {layout.MARKER, "keys", "claims", "near", "packs", "answers", "tmp", "gc"}
    return any(entry.name not in known for entry in islice(path.iterdir(), _FOREIGN) if not entry.name.startswith("."))
