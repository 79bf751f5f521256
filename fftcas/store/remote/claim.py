"""Claims: who says that this derivation was built into that output, and which packs hold it.

    {"fftcas-claim":1,"digest":…,"key":…,"signature":…}\\n     its seal
    {"namespace":…,"realisation":…,"manifest":…,"document":…,"packs":…,"responses":…}

All of a claim is checked before any of it is believed: that it stands in the namespace and under the derivation that it
speaks of, that the derivation's document has that key, and the manifest that output digest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fftcas.derivation import Derivation
from fftcas.store.realisation import Realisation
from fftcas.store.remote.believable import (
    Judging,
    check_manifest,
    check_realisation,
    digest_of,
    number,
    text,
)
from fftcas.store.remote.document import check_document
from fftcas.store.remote.keys import Signer, Trust
from fftcas.store.remote.layout import ClaimName
from fftcas.store.remote.pack import PackRef
from fftcas.store.remote.seal import sealed, unsealed
from fftcas.table import Manifest

TOGETHER = 1 << 20
"""Bytes of the packs of a table up to which it is read at once, and taken over together with others."""
UNPACKED = 16 << 20
"""Bytes that such a table may become: all of it is in memory, and in one request's time."""
LIMIT = 32 << 20
"""Bytes of the largest claim."""
MAX_PACKS = 1 << 16
_KIND = "claim"


@dataclass(frozen=True)
class Response:
    """An HTTP response that travels with a claim: the blob that holds it, and what else its cache wants to know."""

    blob: str
    size: int
    note: str


@dataclass(frozen=True)
class Claim:
    """A realisation with all that is needed to take it over; a view has no manifest and no packs.

    `vouched` says that a trusted key has signed it.
    """

    name: ClaimName
    realisation: Realisation
    document: bytes
    manifest: Manifest | None
    packs: tuple[PackRef, ...] = ()
    responses: tuple[Response, ...] = ()
    vouched: bool = False

    @property
    def namespace(self) -> str:
        return self.name.namespace

    @property
    def size(self) -> int:
        """Bytes of its packs."""
        return sum(pack.size for pack in self.packs)

    @property
    def unpacked(self) -> int:
        """Bytes that its packs become."""
        return (self.manifest.size if self.manifest else 0) + sum(response.size for response in self.responses)

    @property
    def small(self) -> bool:
        """Whether it is read at once, and taken over together with others."""
        return self.size <= TOGETHER and self.unpacked <= UNPACKED

    def derivation(self) -> Derivation:
        return Derivation.from_json(self.document)

    def to_bytes(self, signer: Signer | None) -> bytes:
        body = json.dumps(
            {
                "namespace": self.namespace,
                "realisation": json.loads(self.realisation.to_json()),
                "manifest": self.manifest.json if self.manifest else None,
                "document": self.document.decode(),
                "packs": [[pack.name, pack.head, pack.size] for pack in self.packs],
                "responses": [[response.blob, response.size, response.note] for response in self.responses],
            },
            sort_keys=True,
            separators=(",", ":"),
        ).encode()
        return sealed(_KIND, body, signer)


@Judging()
def read_claim(name: ClaimName, data: bytes, trust: Trust, own: str) -> Claim:
    """The claim in an object, if it may be believed. Raises ValueError, which says why not."""
    document, signed = unsealed(_KIND, data, name.namespace, name.signer, trust, own)
    realisation = check_realisation(document.get("realisation"), name.derivation)
    manifest = check_manifest(document.get("manifest"), realisation)
    claim = Claim(
        name,
        realisation,
        check_document(document.get("document"), realisation),
        manifest,
        tuple(_pack(each) for each in _list(document.get("packs"), MAX_PACKS)),
        tuple(_response(each) for each in _list(document.get("responses"), MAX_PACKS)),
        bool(trust) and signed,
    )
    if (manifest is None) == bool(claim.packs) and not claim.responses:
        raise ValueError("it names no packs for its table, or packs for a view")
    return claim


def _list(value: object, limit: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > limit:
        raise ValueError("a list is missing or too long")
    return value


def _pack(value: object) -> PackRef:
    name, head, size = _three(value)
    ref = PackRef(digest_of(name), number(head, 1 << 24), number(size, 1 << 40))
    if ref.head >= ref.size:
        raise ValueError("a pack is smaller than its head")
    return ref


def _response(value: object) -> Response:
    blob, size, note = _three(value)
    return Response(digest_of(blob), number(size, 1 << 30), text(note, 1 << 20))


def _three(value: object) -> tuple[object, object, object]:
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError("an entry does not have three parts")
    return value[0], value[1], value[2]
