"""The doctor of a remote: every object is read and verified; what is bad, or rests on what is bad, may be deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fftcas.digest import Digest
from fftcas.store.blobs import verify
from fftcas.store.frame import UnknownCodec
from fftcas.store.remote import layout
from fftcas.store.remote.answers import read_answers
from fftcas.store.remote.claim import LIMIT, read_claim
from fftcas.store.remote.keys import Trust
from fftcas.store.remote.layout import AnswersName, ClaimName
from fftcas.store.remote.pack import PackRef, read_head
from fftcas.store.remote.reach import Reach, said
from fftcas.store.remote.transport import Denied, Entry, Transport

_BATCH = 64
_HEAD = 1 << 24


@dataclass(frozen=True)
class Ill:
    """An object that is bad, or may not be read, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class RemoteHealth:
    """How many objects were looked at, which are bad, which of these were deleted, and how many packs have frames that
    only a newer version can unpack."""

    claims: int
    packs: int
    bytes: int
    ill: tuple[Ill, ...]
    deleted: tuple[str, ...]
    newer: int


def examine(reach: Reach, trust: Trust = Trust(), *, repair: bool = True) -> RemoteHealth:  # noqa: B008 (frozen)
    """Verify everything; with `repair`, delete what is bad. Raises OSError.

    What may not be read stays, and so do packs of a newer version: others may be able to. So does what is no object by
    its name. With trust, claims of main that no trusted key has signed count as bad.
    """
    transport = reach.transport
    listed = reach.run(lambda: list(transport.list("packs")))
    sick, unread = dict[str, str](), dict[str, str]()
    sizes: dict[Digest, int] = {}
    newer: list[str] = []

    def pack_trouble(entry: Entry) -> str | None:
        try:
            return _readable(unread, entry, lambda: _pack_trouble(transport, entry))
        except UnknownCodec:
            newer.append(entry.name)
            return None

    for start in range(0, len(listed), _BATCH):
        part = listed[start : start + _BATCH]
        troubles = reach.each(pack_trouble, part)
        for entry, why in zip(part, troubles, strict=True):
            digest = layout.pack_digest(entry.name)
            if digest is None:
                unread[entry.name] = "it is not a pack"
            elif why is not None:
                sick[entry.name] = why
            else:
                sizes[digest] = entry.size
    claims = reach.run(lambda: list(transport.list("claims")))
    answers = reach.run(lambda: list(transport.list("answers")))
    documents = claims + answers
    for start in range(0, len(documents), _BATCH):
        part = documents[start : start + _BATCH]
        troubles = reach.each(
            lambda entry: _readable(unread, entry, lambda: _document_trouble(transport, entry, trust, sizes)), part
        )
        for entry, why in zip(part, troubles, strict=True):
            if why is not None:
                (sick if layout.is_object(entry.name) else unread)[entry.name] = why
    for folder in ("claims", "packs", "near", "answers", "keys"):
        strays = reach.run(lambda folder=folder: list(transport.strays(folder)))  # type: ignore[misc]
        sick.update(dict.fromkeys(filter(layout.is_ours, strays), "it is not a file"))
    deleted: Iterable[str] = sorted(sick) if repair else ()
    reach.each(transport.delete, deleted, write=True)
    return RemoteHealth(
        len(claims),
        len(listed),
        sum(entry.size for entry in [*listed, *documents]),
        tuple(Ill(name, why) for name, why in sorted((sick | unread).items())),
        tuple(deleted),
        len(newer),
    )


def _readable(unread: dict[str, str], entry: Entry, trouble: Callable[[], str | None]) -> str | None:
    """What is wrong with an object; that it may not be read is noted."""
    try:
        return trouble()
    except Denied as error:
        unread[entry.name] = f"it may not be read ({said(error)})"
        return None


def _pack_trouble(transport: Transport, entry: Entry) -> str | None:
    """What is wrong with a pack. Raises UnknownCodec if only that it is of a newer version."""
    digest = layout.pack_digest(entry.name)
    start = transport.get(entry.name, 0, min(entry.size, _HEAD))
    if digest is None or start is None:
        return "it is not a pack" if digest is None else None
    head, newline, _ = start.partition(b"\n")
    newer: UnknownCodec | None = None
    try:
        if not newline:
            raise ValueError("it has no head")
        for frame in read_head(PackRef(digest, len(head), entry.size), head):
            data = transport.get(entry.name, frame.start, frame.start + frame.length)
            if data is None:
                return None
            frame.check(data)
            try:
                verify(frame.digest, data)
            except UnknownCodec as error:
                newer = error
    except ValueError as error:
        return str(error)
    if newer is not None:
        raise newer
    return None


def _document_trouble(transport: Transport, entry: Entry, trust: Trust, sizes: dict[Digest, int]) -> str | None:
    """What is wrong with a claim, or with answers."""
    name = ClaimName.parse(entry.name) or AnswersName.parse(entry.name)
    data = transport.get(entry.name, 0, LIMIT + 1)
    if name is None or data is None:
        return "it is neither a claim nor answers" if name is None else None
    try:
        if isinstance(name, AnswersName):
            read_answers(name, data, trust, name.namespace)
            return None
        claim = read_claim(name, data, trust, name.namespace)
    except ValueError as error:
        return str(error)
    for pack in claim.packs:
        if sizes.get(pack.name) != pack.size:
            return f"pack {pack.name[:16]} is missing or bad"
    return None
