"""What must not be seen: names that hold credentials, and texts without the values of credentials."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

from fftcas.http.query import pieces, quoted
from fftcas.project.environment import is_secret

MASK = "***"
_NAMES = re.compile(r"(^|_)(AUTH|AUTHORIZATION|JWT|SIG|SIGNATURE|SESSION|SESSIONID|SID|COOKIE|BEARER|PIN|OTP|PWD)(_|$)")
_NO_SECRETS = re.compile(
    r"((NEXT|PREVIOUS|PREV)_)?(PAGE|PAGINATION|CONTINUATION|NEXT|SYNC)_TOKEN|(SORT|GROUP|PARTITION)_KEY"
)
"""Names of places in a list, and of columns: they choose what is asked for, and lead nobody in."""
_FIELD = re.compile(r"""([\w-]{2,64})["']?\s*[:=]""")


def secret_name(name: str) -> bool:
    """Whether a parameter, header or field of this name holds a credential."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").replace(".", "_").upper()
    if _NO_SECRETS.fullmatch(words):
        return False
    return is_secret(words) or is_secret(name.replace("-", "_")) or _NAMES.search(words) is not None


def holds_secret(text: str, secrets: Iterable[str]) -> bool:
    """Whether one of the known values stands in the text, as it is or percent-encoded."""
    return any(form in text for secret in secrets for form in _forms(secret))


def secret_fields(body: bytes) -> bool:
    """Whether a body (JSON, a form, GraphQL) seems to have a field that holds a credential."""
    return any(secret_name(match[1]) for match in _FIELD.finditer(body.decode("utf-8", "replace")))


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without the known values."""
    for secret in secrets:
        for form in _forms(secret):
            text = text.replace(form, MASK)
    return text


def mask_url(url: str, secrets: Iterable[str] = ()) -> str:
    """A URL that may be shown: no user information, and no values of parameters that look like credentials."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return redact(url.partition("?")[0], secrets)
    host = parts.netloc.rpartition("@")[2]
    query = "&".join(
        f"{piece.partition('=')[0]}={MASK}"
        if value is not None and (secret_name(name) or holds_secret(value, secrets))
        else piece
        for piece, name, value in pieces(parts.query)
    )
    netloc = f"{MASK}@{host}" if "@" in parts.netloc else host
    return redact(urlunsplit((parts.scheme, netloc, parts.path, query, "")), secrets)


def first_bytes(body: bytes, secrets: Iterable[str], limit: int = 200) -> str:
    """The beginning of a body as one line that may be shown."""
    text = redact(body[: 8 * limit].decode("utf-8", "surrogateescape"), secrets)
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = re.sub(r" +", " ", text).strip()
    return text if len(text) <= limit else f"{text[:limit]}…"


def _forms(secret: str) -> set[str]:
    return {secret, quoted(secret), *(each(secret, errors="surrogateescape") for each in (quote, quote_plus))}
