"""Seals: a document of the remote that is whole, and who vouches for it.

    {"fftcas-<kind>":1,"digest":…,"key":…,"signature":…}\\n     one line of JSON; key and signature are null if unsigned
    the document

`digest` is blake3 of the document; the ed25519 `signature` is over `fftcas <kind> 1`, a zero byte, and the document.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from blake3 import blake3

from fftcas.errors import UsageError
from fftcas.store.remote.believable import parse, text
from fftcas.store.remote.keys import PublicKey, Signer, Trust
from fftcas.store.remote.layout import MAIN, UNSIGNED

_LINE = 1 << 12
"""Bytes of the longest seal: it is read before anything is known of who wrote it."""


def sealed(kind: str, body: bytes, signer: Signer | None) -> bytes:
    """The document with its seal."""
    seal = {
        f"fftcas-{kind}": 1,
        "digest": blake3(body).hexdigest(),
        "key": str(signer.public) if signer else None,
        "signature": base64.b64encode(signer.sign(_signed(kind) + body)).decode() if signer else None,
    }
    return b"".join((json.dumps(seal, separators=(",", ":")).encode(), b"\n", body))


def unsealed(
    kind: str, data: bytes, namespace: str, signer: str, trust: Trust, own: str
) -> tuple[dict[str, Any], bool]:
    """The document that lies in a namespace under a signer's name, if it may be believed; and whether it is signed.

    With `trust`, only what a trusted key signed is believed; but in one's own namespace other than main, also what is
    unsigned: it holds nothing but what its own builds put there, and nobody else reads it. Raises ValueError, which
    says why not.
    """
    line, _, body = data.partition(b"\n")
    seal = _object(line if len(line) <= _LINE else b"", kind)
    if seal.get(f"fftcas-{kind}") != 1:
        raise ValueError(f"it holds no {kind} of this format")
    if blake3(body).hexdigest() != seal.get("digest"):
        raise ValueError("it is damaged")
    _check_signature(seal, _signed(kind) + body, namespace, signer, trust, own)
    document = _object(body, kind)
    if document.get("namespace") != namespace:
        raise ValueError(f"it was made for the namespace {str(document.get('namespace'))[:80]!r}")
    return document, seal.get("key") is not None


def _signed(kind: str) -> bytes:
    return f"fftcas {kind} 1\0".encode()


def _check_signature(
    seal: Mapping[str, Any], signed: bytes, namespace: str, signer: str, trust: Trust, own: str
) -> None:
    key = seal.get("key")
    if key is None:
        if signer != UNSIGNED:
            raise ValueError("it is not signed")
        if trust and (namespace == MAIN or namespace != own):
            raise ValueError("it is not signed, and 'trust' is set")
        return
    try:
        public = PublicKey.parse(text(key, 200))
        signature = base64.b64decode(text(seal.get("signature"), 200), validate=True)
    except (ValueError, binascii.Error, UsageError) as error:
        raise ValueError("its signature is not one") from error
    if public.id != signer:
        raise ValueError("it lies under another key than the one that signed it")
    if trust and trust.key(public.id) is None:
        raise ValueError(f"it is signed by a key that is not trusted, which calls itself '{public.name}'")
    if not public.verifies(signature, signed):
        raise ValueError("its signature is wrong")


def _object(data: bytes, kind: str) -> dict[str, Any]:
    try:
        document = parse(data)
    except ValueError as error:
        raise ValueError(f"it holds no {kind}") from error
    if not isinstance(document, dict):
        raise ValueError(f"it holds no {kind}")
    return document
