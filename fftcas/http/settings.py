"""How responses are fetched and kept: the `FF_HTTP_*` variables. None of them is part of a derivation key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fftcas.errors import UsageError
from fftcas.project.environment import SHORTEST_SECRET, is_secret

UNUSED = "FF_HTTP_CACHE_DIR is not used: responses are kept in the store"
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class HttpCacheMode(StrEnum):
    """Whether stored responses are read, and new ones written."""

    OFF = "off"
    RO = "ro"
    RW = "rw"

    @property
    def reads(self) -> bool:
        return self is not HttpCacheMode.OFF

    @property
    def writes(self) -> bool:
        return self is HttpCacheMode.RW


@dataclass(frozen=True)
class HttpSettings:
    """Times are seconds, sizes bytes.

    `ttl` 0 means that a stored response never expires. `timeout` bounds every wait for the server, `total_timeout` a
    whole attempt. `attempts` counts the first one. `rate` is requests per second over all threads, 0 is unlimited.
    `stale_if_error` is the age up to which an expired response may stand in for one that cannot be had.
    `secrets` are values that must not be shown, stored or hashed.
    """

    mode: HttpCacheMode = HttpCacheMode.RW
    offline: bool = False
    ttl: float = 0.0
    stale_if_error: float = 0.0
    timeout: float = 20.0
    total_timeout: float = 300.0
    attempts: int = 3
    backoff: float = 1.0
    rate: float = 0.0
    max_bytes: int = 100_000_000
    max_pages: int = 10_000
    allowed_domains: tuple[str, ...] = ()
    proxies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    notices: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> HttpSettings:
        """The settings that the environment asks for. Raises UsageError, naming the variable."""
        timeout = _number(environ, "FF_HTTP_TIMEOUT", 20.0, above=0.0)
        rates = [_number(environ, f"FF_HTTP_{name}", 0.0) for name in ("MAX_RPS", "RATE_LIMIT_RPS")]
        secrets = {value for name, value in environ.items() if is_secret(name) and len(value) >= SHORTEST_SECRET}
        return cls(
            mode=_mode(environ),
            offline=_switch(environ, "FF_HTTP_OFFLINE"),
            ttl=_number(environ, "FF_HTTP_TTL", 0.0),
            stale_if_error=_number(environ, "FF_HTTP_STALE_IF_ERROR", 0.0),
            timeout=timeout,
            total_timeout=_number(environ, "FF_HTTP_TOTAL_TIMEOUT", 15 * timeout, above=0.0),
            attempts=max(1, _count(environ, "FF_HTTP_MAX_RETRIES", 3)),
            backoff=_number(environ, "FF_HTTP_BACKOFF", 1.0),
            rate=min((rate for rate in rates if rate), default=0.0),
            max_bytes=_count(environ, "FF_HTTP_MAX_BYTES", 100_000_000),
            max_pages=_count(environ, "FF_HTTP_MAX_PAGES", 10_000),
            allowed_domains=_domains(environ),
            proxies=_proxies(environ),
            secrets=tuple(sorted(secrets, key=lambda value: (-len(value), value))),
            notices=(UNUSED,) if environ.get("FF_HTTP_CACHE_DIR") else (),
        )


def _wrong(environ: Mapping[str, str], name: str, wanted: str) -> UsageError:
    return UsageError(f"{name} is '{environ[name]}'", why=f"it has to be {wanted}")


def _number(environ: Mapping[str, str], name: str, default: float, above: float | None = None) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    wanted = "a number, 0 or more" if above is None else f"a number above {above:g}"
    try:
        value = float(text)
    except ValueError:
        raise _wrong(environ, name, wanted) from None
    if not (0 <= value < float("inf")) or (above is not None and value <= above):
        raise _wrong(environ, name, wanted)
    return value


def _count(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip()
    if text and not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise _wrong(environ, name, "a whole number, 0 or more")
    return int(text) if text else default


def _switch(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "").strip().lower()
    if text and text not in _TRUE + _FALSE:
        raise _wrong(environ, name, f"one of {', '.join(_TRUE + _FALSE)}")
    return text in _TRUE


def _mode(environ: Mapping[str, str]) -> HttpCacheMode:
    try:
        return HttpCacheMode(environ.get("FF_HTTP_CACHE_MODE", "").strip().lower() or "rw")
    except ValueError:
        raise _wrong(environ, "FF_HTTP_CACHE_MODE", "off, ro or rw") from None


def _domains(environ: Mapping[str, str]) -> tuple[str, ...]:
    name = "FF_HTTP_ALLOWED_DOMAINS"
    words = [word.strip().lower().removeprefix("*.").strip(".") for word in environ.get(name, "").split(",")]
    domains = tuple(sorted({word for word in words if word}))
    for domain in domains:
        if not re.fullmatch(r"[^\s/:@*?#\[\]]+|\[?[0-9a-f:.]*:[0-9a-f:.]*\]?", domain):
            raise UsageError(
                f"{name} holds '{domain}'",
                why="it has to be host names with commas between, without scheme, port or path",
            )
    return tuple(domain.strip("[]") for domain in domains)


def _proxies(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """`http`, `https` and `no`, as curl reads them: lower case first."""
    found = {}
    for kind in ("http", "https", "all", "no"):
        value = environ.get(f"{kind}_proxy") or environ.get(f"{kind.upper()}_PROXY")
        if value:
            found[kind] = value if kind == "no" or "://" in value else f"http://{value}"
    for kind in ("http", "https", "all"):
        if kind in found and not found[kind].lower().startswith(("http://", "https://")):
            scheme = found[kind].partition("://")[0]
            raise UsageError(f"{kind}_proxy is a {scheme} proxy", why="only http and https proxies are supported")
    everything = found.pop("all", None)
    if everything:
        found = {"http": everything, "https": everything} | found
    return tuple(sorted(found.items()))
