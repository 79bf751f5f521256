"""Keys: ed25519 signatures that say who vouches for a claim (extra `fftcas[sign]`).

A public key is written `name:base64`, a private one `fftcas-private-key:name:base64`. The id of a key is made of its
bytes alone: the name is for people.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from blake3 import blake3

from fftcas.errors import RemoteError, UsageError

_PRIVATE = "fftcas-private-key:"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_LENGTH = 32
_MAY_BE_KEY = re.compile(r":|[A-Za-z0-9+/]{40}")
"""What a key has, whatever of it was forgotten."""


@dataclass(frozen=True)
class PublicKey:
    """Who is believed."""

    name: str
    raw: bytes

    @cached_property
    def id(self) -> str:
        return blake3(self.raw).hexdigest()[:16]

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Raises UsageError."""
        name, raw = _parse(text.strip(), "public key", "name:base64")
        return cls(name, raw)

    def __str__(self) -> str:
        return f"{self.name}:{base64.b64encode(self.raw).decode()}"

    @cached_property
    def _key(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        return Ed25519PublicKey.from_public_bytes(self.raw)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Raises RemoteError if the extra is missing."""
        need_cryptography()
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """Who signs. The private key is in no text that this object is printed as."""

    public: PublicKey
    raw: bytes = field(repr=False)

    @classmethod
    def new(cls, name: str) -> Signer:
        """A new key. Raises UsageError for a name that cannot be one."""
        if not _NAME.fullmatch(name):
            raise UsageError(f"'{name}' cannot be the name of a key", hint="letters, digits, '.', '_', '@' and '-'")
        return cls._of(name, os.urandom(_LENGTH))

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Raises UsageError, which does not repeat the text."""
        text = text.strip()
        if not text.startswith(_PRIVATE):
            raise UsageError("this is not a private key", why=f"it does not start with '{_PRIVATE}'")
        return cls._of(*_parse(text.removeprefix(_PRIVATE), "private key", f"{_PRIVATE}name:base64"))

    @classmethod
    def load(cls, value: str) -> Signer:
        """The key in `value` itself, or in the file that it names. Raises UsageError, which repeats no key."""
        if value.strip().startswith(_PRIVATE):
            return cls.parse(value)
        path = os.path.expanduser(value)  # noqa: PTH111 (of nobody)
        try:
            return cls.parse(Path(path).read_text("utf-8"))
        except (OSError, ValueError) as error:
            named = value if os.path.lexists(path) or not _MAY_BE_KEY.search(value) else "that is named"
            raise UsageError(
                f"the key file {named} cannot be read",
                why=getattr(error, "strerror", None),
                hint=f"a private key itself begins with '{_PRIVATE}'",
            ) from error

    @classmethod
    def _of(cls, name: str, raw: bytes) -> Signer:
        need_cryptography()
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(PublicKey(name, Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()), raw)

    @cached_property
    def _key(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.raw)

    def sign(self, message: bytes) -> bytes:
        signature: bytes = self._key.sign(message)
        return signature

    def text(self) -> str:
        """The private key as it is kept in a file or a CI secret."""
        return f"{_PRIVATE}{self.public.name}:{base64.b64encode(self.raw).decode()}"


@dataclass(frozen=True)
class Trust:
    """Which keys are believed; without any, everybody who can write is."""

    keys: tuple[PublicKey, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> Trust:
        """Raises UsageError, or RemoteError if the extra is missing."""
        keys = tuple(PublicKey.parse(text) for text in texts)
        if keys:
            need_cryptography()
        return cls(keys)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def including(self, own: PublicKey | None) -> Trust:
        """With one's own key as well; where everybody is believed, that stays so."""
        return Trust((*self.keys, own)) if self.keys and own is not None else self

    def key(self, key_id: str) -> PublicKey | None:
        return next((key for key in self.keys if key.id == key_id), None)


def need_cryptography() -> None:
    """Raises RemoteError if signatures can neither be made nor checked here."""
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise RemoteError("signed claims need the package cryptography", hint="pip install 'fftcas[sign]'") from error


def _parse(text: str, what: str, form: str) -> tuple[str, bytes]:
    name, colon, encoded = text.partition(":")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not colon or not _NAME.fullmatch(name) or len(raw) != _LENGTH:
        raise UsageError(f"this is not a {what}", hint=f"it looks like {form}, as 'fftcas key new' prints it")
    return name, raw
