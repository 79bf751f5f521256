"""Requests, and what makes two of them the same one.

The identity covers method, URL, parameters (those of the URL and those given, in one canonical order), the headers that
choose a representation, and the body. Every other header, and whatever looks like a credential in the URL or the body,
enters only as a hash under a random key that the local store keeps to itself. Such a request is *private*: its digest
means nothing on another machine, and its response is not shared. `public` is the same identity with the credentials
left out; the lock file knows requests by it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from string import whitespace
from urllib.parse import quote, unquote_to_bytes, urlsplit

from fftcas.digest import Digest, Value, digest_bytes, digest_value, encode
from fftcas.http.masking import holds_secret, mask_url, redact, secret_fields, secret_name
from fftcas.http.query import names, parameter, pieces

IGNORED = {
    *("user-agent", "connection", "keep-alive", "accept-encoding", "content-length", "transfer-encoding", "te"),
    *("cache-control", "pragma", "if-none-match", "if-modified-since", "date", "x-request-id", "traceparent"),
}
"""Headers that do not choose a representation."""
NEVER_SENT = {"accept-encoding", "if-none-match", "if-modified-since", "content-length", "transfer-encoding"}
"""Headers that belong to the transport."""
_PLAIN = {
    *("accept", "accept-language", "accept-charset", "content-type", "content-language", "host", "origin", "prefer"),
    *("range", "referer", "x-requested-with"),
}
_PORTS = {"http": 80, "https": 443}
_SAFE = "/%:@!$&'()*+,;=~-._"

Params = Mapping[str, object] | Sequence[tuple[str, object]]


class BadRequest(ValueError):
    """What a call asks for cannot be sent; the text is for people and holds no credential."""


@dataclass(frozen=True)
class Request:
    """A request as it is sent (`url`, `headers`, `body`), its identity, and its URL as it may be shown."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    shown: str
    digest: Digest
    public: Digest
    plain_headers: Mapping[str, str] = field(default_factory=dict)
    credentials: tuple[str, ...] = field(default=(), repr=False)

    @property
    def private(self) -> bool:
        """Whether it carries credentials."""
        return self.digest != self.public

    def __str__(self) -> str:
        return f"{self.method} {self.shown}"


def make_request(
    method: str,
    url: str,
    *,
    params: Params | None = None,
    headers: Mapping[str, object] | None = None,
    body: bytes | None = None,
    secrets: Iterable[str] = (),
    key: Callable[[], bytes],
) -> Request:
    """A request and its identity; `key()` is asked for only if there are credentials. Raises BadRequest."""
    secrets = tuple(secrets)
    sent = clean_headers(headers or {})
    full, user = with_params(url, params)
    if user and "authorization" not in sent:
        sent["authorization"] = "Basic " + base64.b64encode(unquote_to_bytes(user)).decode()
    hidden: list[tuple[str, str, str]] = []

    def plain(kind: str, name: str, value: str, secret: bool) -> str | None:
        if secret or holds_secret(value, secrets):
            hidden.append((kind, name, value))
            return None
        return value

    parts = urlsplit(full)
    pairs = sorted(((name, value) for _, name, value in pieces(parts.query)), key=lambda pair: pair[0])
    kept = {name: value for name, value in sent.items() if name not in IGNORED}
    plain_headers = {
        name: plain("header", name, value, secret_or_unknown(name)) for name, value in sorted(kept.items())
    }
    content: str | None = None
    if body is not None:
        secret = secret_fields(body) or holds_secret(body.decode("utf-8", "surrogateescape"), secrets)
        # The digest of a body that holds a credential is made of the credential: it is a credential too.
        content = plain("body", "", digest_bytes(body), secret)
    identity: dict[str, Value] = {
        "method": method,
        "url": plain("path", "", f"{parts.scheme}://{parts.netloc}{parts.path}", False),
        "query": [
            # A name without a value may be one itself.
            [plain("query", "", name, False)]
            if value is None
            else [name, plain("query", name, value, secret_name(name))]
            for name, value in pairs
        ],
        "headers": plain_headers,
        "body": content,
        "hidden": [],
    }
    identity["hidden"] = [[kind, name] for kind, name, _ in hidden]
    if identity["url"] is None:
        identity["url"] = redact(f"{parts.scheme}://{parts.netloc}{parts.path}", secrets)
    public = digest = digest_value("http request 1", identity)
    if hidden:
        digest = digest_value("http request 1", {**identity, "credentials": _keyed(hidden, key())})
    return Request(
        method,
        full,
        sent,
        body,
        shown=mask_url(full, secrets),
        digest=digest,
        public=public,
        plain_headers={name: value for name, value in plain_headers.items() if value is not None},
        credentials=_values(hidden),
    )


def with_params(url: str, params: Params | None) -> tuple[str, str]:
    """The canonical URL with the parameters in it, and its user information. A name given replaces the URL's own."""
    shown = mask_url(url) if isinstance(url, str) else repr(url)
    if not isinstance(url, str) or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", url):
        raise BadRequest(f"{shown!r} is not a URL")
    try:
        parts = urlsplit(url.strip())
        port, host = parts.port, parts.hostname or ""
        host = (host if host.isascii() else host.encode("idna").decode()).rstrip(".")  # IDNA knows other dots
    except (ValueError, UnicodeError):
        raise BadRequest(f"'{shown}' is not a URL") from None
    if parts.scheme not in _PORTS or not host:
        raise BadRequest(f"'{shown}' is not an http or https URL")
    host = f"[{host}]" if ":" in host else host
    netloc = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    query, given = parts.query, list(_pairs(params))
    if given:
        try:
            new = "&".join(parameter(name, value) for name, value in given)
        except UnicodeEncodeError:
            raise BadRequest("params holds half a character (a lone surrogate), which cannot be sent") from None
        replaced = names(new)
        query = "&".join([*(piece for piece, name, _ in pieces(query) if name not in replaced), new])
    query, path = _encoded(query, _SAFE + "?[]"), _encoded(parts.path or "/", _SAFE)
    user = parts.netloc.rpartition("@")[0]
    return f"{parts.scheme}://{netloc}{path}{'?' if query else ''}{query}", user


def _encoded(text: str, safe: str) -> str:
    """A part of a URL in ASCII; what is encoded stays as it is."""
    # Left alone, one percent sign that encodes nothing has urllib3 encode all others once more.
    return quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text), safe=safe)


def _pairs(params: Params | None) -> Iterable[tuple[str, str]]:
    if (params is not None and not isinstance(params, Mapping | Sequence)) or isinstance(params, str | bytes):
        raise BadRequest(f"params has to be a mapping, not {type(params).__name__}")
    pairs = list(params.items()) if isinstance(params, Mapping) else list(params or ())
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise BadRequest("params has to be a mapping, or a list of pairs")
    for name, value in pairs:
        for item in value if isinstance(value, list | tuple | set | frozenset) else (value,):
            if item is not None:
                yield _text(name), _text(item)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def clean_headers(headers: Mapping[str, object]) -> dict[str, str]:
    """Names in lower case, values as text, without those that the transport sets itself. Raises BadRequest."""
    if not isinstance(headers, Mapping):
        raise BadRequest(f"headers has to be a mapping, not {type(headers).__name__}")
    clean: dict[str, str] = {}
    for name, value in headers.items():
        low, text = str(name).strip().lower(), "" if value is None else _header_text(value).strip(whitespace)
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-z-]+", low):
            raise BadRequest(f"{name!r} is not the name of a header")
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text) or any(ord(letter) > 255 for letter in text):
            raise BadRequest(f"the value of the header '{low}' holds characters that a header cannot hold")
        if value is not None and low not in NEVER_SENT:
            clean[low] = text
    return clean


def _header_text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else _text(value)  # headers are sent in Latin-1


def same_site(old: str, new: str) -> bool:
    """Whether credentials meant for one URL may go to another: same host and port, and not from https to http."""
    before, after = urlsplit(old), urlsplit(new)
    if before.scheme == after.scheme:
        return before.netloc == after.netloc
    return after.scheme == "https" and before.netloc == after.netloc  # default ports are never spelled out


def secret_or_unknown(header: str) -> bool:
    """Whether a header (in lower case) may hold a credential: all do that are not known to hold none."""
    return header not in _PLAIN and not header.endswith("version")


def _keyed(hidden: Sequence[tuple[str, str, str]], key: bytes) -> str:
    from blake3 import blake3

    return blake3(encode([list(part) for part in hidden]), key=key).hexdigest()


def _values(hidden: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    """The values that must not appear in what is kept or said; for `Bearer x`, x as well."""
    found: set[str] = set()
    for kind, _, value in hidden:
        if kind in ("header", "query"):
            found |= {value, value.rpartition(" ")[2]}
            if value.lower().startswith("basic "):
                found |= _basic(value[6:])
    return tuple(sorted((value for value in found if len(value) >= 4), key=lambda value: (-len(value), value)))


def _basic(text: str) -> set[str]:
    try:
        pair = base64.b64decode(text, validate=True).decode("utf-8", "surrogateescape")
    except ValueError:
        return set()
    return {pair, pair.partition(":")[2]}
