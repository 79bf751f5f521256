"""Claims: who says that this derivation was built into that output, and which packs hold it.

    {"fftcas-claim":1,"digest":…,"key":…,"signature":…}\\n     one line of JSON; key and signature are null if unsigned
    {"namespace":…,"realisation":…,"manifest":…,"document":…,"packs":…,"responses":…}

`digest` is blake3 of the second line; the ed25519 `signature` is over `fftcas claim 1`, a zero byte, and the second
line. All of a claim is checked before any of it is believed: that it stands in the namespace and under the derivation
that it speaks of, that the derivation's document has that key, and the manifest that output digest.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from fftcas.derivation import Derivation
from fftcas.errors import UsageError
from fftcas.store.realisation import Realisation
from fftcas.store.remote.believable import (
    check_manifest,
    check_realisation,
    digest_of,
    judging,
    number,
    parse,
    text,
)
from fftcas.store.remote.document import check_document
from fftcas.store.remote.keys import PublicKey, Signer, Trust
from fftcas.store.remote.layout import MAIN, UNSIGNED, ClaimName
from fftcas.store.remote.pack import PackRef
from fftcas.table import Manifest

TOGETHER = 1 << 20
"""Bytes of the packs of a table up to which it is read at once, and taken over together with others."""
UNPACKED = 16 << 20
"""Bytes that such a table may become: all of it is in memory, and in one request's time."""
LIMIT = 32 << 20
"""Bytes of the largest claim."""
MAX_PACKS = 1 << 16
_SIGNED = b"fftcas claim 1\0"


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
        seal = {
            "fftcas-claim": 1,
            "digest": blake3(body).hexdigest(),
            "key": str(signer.public) if signer else None,
            "signature": base64.b64encode(signer.sign(_SIGNED + body)).decode() if signer else None,
        }
        return b"".join((json.dumps(seal, separators=(",", ":")).encode(), b"\n", body))


@judging()
def read_claim(name: ClaimName, data: bytes, trust: Trust, own: str) -> Claim:
    """The claim in an object, if it may be believed. Raises ValueError, which says why not.

    With `trust`, only claims that a trusted key signed are believed; but in one's own namespace other than main, also
    unsigned ones: it holds nothing but what its own builds put there, and nobody else reads it.
    """
    line, _, body = data.partition(b"\n")
    seal = _object(line, "a claim")
    if seal.get("fftcas-claim") != 1:
        raise ValueError("it is not a claim of this format")
    if blake3(body).hexdigest() != seal.get("digest"):
        raise ValueError("it is damaged")
    _check_signature(name, seal, body, trust, own)
    document = _object(body, "a claim")
    if document.get("namespace") != name.namespace:
        raise ValueError(f"it was made for the namespace {str(document.get('namespace'))[:80]!r}")
    realisation = check_realisation(document.get("realisation"), name.derivation)
    manifest = check_manifest(document.get("manifest"), realisation)
    claim = Claim(
        name,
        realisation,
        check_document(document.get("document"), realisation),
        manifest,
        tuple(_pack(each) for each in _list(document.get("packs"), MAX_PACKS)),
        tuple(_response(each) for each in _list(document.get("responses"), MAX_PACKS)),
        bool(trust) and seal.get("key") is not None,
    )
    if (manifest is None) == bool(claim.packs) and not claim.responses:
        raise ValueError("it names no packs for its table, or packs for a view")
    return claim


def _check_signature(name: ClaimName, seal: Mapping[str, Any], body: bytes, trust: Trust, own: str) -> None:
    key = seal.get("key")
    if key is None:
        if name.signer != UNSIGNED:
            raise ValueError("it is not signed")
        if trust and (name.namespace == MAIN or name.namespace != own):
            raise ValueError("it is not signed, and 'trust' is set")
        return
    try:
        public = PublicKey.parse(text(key, 200))
        signature = base64.b64decode(text(seal.get("signature"), 200), validate=True)
    except (ValueError, binascii.Error, UsageError) as error:
        raise ValueError("its signature is not one") from error
    if public.id != name.signer:
        raise ValueError("it lies under another key than the one that signed it")
    if trust and trust.key(public.id) is None:
        raise ValueError(f"it is signed by a key that is not trusted, which calls itself '{public.name}'")
    if not public.verifies(signature, _SIGNED + body):
        raise ValueError("its signature is wrong")


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        document = parse(data)
    except ValueError as error:
        raise ValueError(f"it is not {what}") from error
    if not isinstance(document, dict):
        raise ValueError(f"it is not {what}")
    return document


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
