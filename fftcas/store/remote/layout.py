"""Where things lie in a remote: names of objects, made of digests and checked words only, never of what a person typed.

    fftcas.json                               the format's number
    keys/<key id>                             a public key that signed claims here
    claims/<namespace>/<aa>/<derivation>.<key id | unsigned>
    near/<namespace>/<label digest>/<derivation>     empty: which derivations a label had
    packs/<aa>/<pack>                         chunks of one table, and HTTP responses
    answers/<namespace>/<scope>.<key id | unsigned>   what an engine has answered about texts
    tmp/<random>                              on its way; garbage when a day old
    gc/<time>-<random>.json                   what the next collection may delete

Objects are immutable, but that newer claims and answers may take the place of older ones. `<aa>` are the first two
digits of the name that follows; `/` in a namespace is written `+`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from blake3 import blake3

from fftcas.digest import Digest
from fftcas.errors import UsageError

FORMAT = 1
MARKER = "fftcas.json"
MAIN = "main"
UNSIGNED = "unsigned"

DIGEST = re.compile(r"[0-9a-f]{64}")
KEY_ID = re.compile(r"[0-9a-f]{16}")
NAMESPACE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}(/[a-z0-9][a-z0-9._-]{0,63})?")
_NAME = re.compile(r"[a-z0-9][a-z0-9._+-]*(/[a-z0-9][a-z0-9._+-]*)*")
_CLAIM = re.compile(r"claims/([a-z0-9._+-]+)/[0-9a-f]{2}/([0-9a-f]{64})\.([0-9a-f]{16}|unsigned)")
_ANSWERS = re.compile(r"answers/([a-z0-9._+-]+)/([0-9a-f]{64})\.([0-9a-f]{16}|unsigned)")
_PACK = re.compile(r"packs/[0-9a-f]{2}/([0-9a-f]{64})")
_OURS = re.compile(
    r"claims(/[a-z0-9._+-]+(/[0-9a-f]{2}(/[0-9a-f]{64}\.([0-9a-f]{16}|unsigned))?)?)?"
    r"|packs(/[0-9a-f]{2}(/[0-9a-f]{64})?)?"
    r"|near(/[a-z0-9._+-]+(/[0-9a-f]{32}(/[0-9a-f]{64})?)?)?"
    r"|answers(/[a-z0-9._+-]+(/[0-9a-f]{64}\.([0-9a-f]{16}|unsigned))?)?"
    r"|keys(/[0-9a-f]{16})?"
    r"|tmp(/(probe-)?[0-9a-f]{32}(/.*)?)?"
    r"|gc(/[0-9]+-[0-9a-f]+\.json)?"
)


@dataclass(frozen=True)
class ClaimName:
    """The name of a claim; `signer` is the id of the key that signed it, or `unsigned`."""

    namespace: str
    derivation: Digest
    signer: str

    @property
    def path(self) -> str:
        return f"{claims(self.namespace)}/{self.derivation[:2]}/{self.derivation}.{self.signer}"

    @classmethod
    def parse(cls, path: str) -> ClaimName | None:
        match = _CLAIM.fullmatch(path)
        return cls(match[1].replace("+", "/"), match[2], match[3]) if match else None


@dataclass(frozen=True)
class AnswersName:
    """The name of an engine's answers; `scope` is a digest of whose they are, and `signer` as for claims."""

    namespace: str
    scope: Digest
    signer: str

    @property
    def path(self) -> str:
        return f"answers/{self.namespace.replace('/', '+')}/{self.scope}.{self.signer}"

    @classmethod
    def parse(cls, path: str) -> AnswersName | None:
        match = _ANSWERS.fullmatch(path)
        return cls(match[1].replace("+", "/"), match[2], match[3]) if match else None


def claims(namespace: str) -> str:
    return f"claims/{namespace.replace('/', '+')}"


def pack(digest: Digest) -> str:
    return f"packs/{digest[:2]}/{digest}"


def pack_digest(path: str) -> Digest | None:
    match = _PACK.fullmatch(path)
    return match[1] if match else None


def is_object(path: str) -> bool:
    """Whether a name is that of a claim, of answers, or of a pack."""
    return any(form.fullmatch(path) for form in (_CLAIM, _ANSWERS, _PACK))


def is_ours(path: str) -> bool:
    """Whether a name is that of an object, or of a folder that leads to objects: nothing else is ever deleted."""
    return bool(_OURS.fullmatch(path))


def near(namespace: str, label: str) -> str:
    """The folder that names the derivations of a label."""
    return f"near/{namespace.replace('/', '+')}/{blake3(label.encode()).hexdigest()[:32]}"


def check_name(name: str) -> str:
    """The name, if it is one that an object may have. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of an object")
    return name


def check_namespace(namespace: str) -> str:
    """The namespace, if it is one. Raises UsageError."""
    if not NAMESPACE.fullmatch(namespace):
        raise UsageError(
            f"'{namespace}' is not a namespace",
            why="small letters, digits, '.', '_' and '-', with at most one '/'",
            hint="for example main, or pr/123",
        )
    return namespace
