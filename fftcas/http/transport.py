"""Sending requests: attempts and waits between them, redirects, proxies, limits. The only module that opens sockets."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from fftcas.http.body import BadBody, read_body
from fftcas.http.limits import Deadline, TokenBucket
from fftcas.http.masking import first_bytes, mask_url, redact
from fftcas.http.policy import refused
from fftcas.http.request import BadRequest, Request, same_site, with_params
from fftcas.http.response import Response
from fftcas.http.settings import HttpSettings
from fftcas.http.troubles import TransportError, told

if TYPE_CHECKING:
    import urllib3

TRY_AGAIN = (429, 500, 502, 503, 504)
REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 10
MAX_WAIT = 120.0
"""Seconds that `Retry-After` may ask for; a server that wants more has said no."""
CHUNK = 1 << 16


@dataclass(frozen=True)
class _Hop:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    timeout: float = 0.0


_transports: dict[HttpSettings, Transport] = {}


def transport(settings: HttpSettings) -> Transport:
    """The process's transport for these settings: its threads share connections and the rate."""
    # Threads that come first at the same time make one each, and all of them take that of the first.
    return _transports.get(settings) or _transports.setdefault(settings, Transport(settings))


class Transport:
    """Sends requests as the settings say. Threads may share it."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._bucket = TokenBucket(settings.rate)
        self._managers: dict[str | None, urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def send(
        self, request: Request, validators: Mapping[str, str] | None = None, timeout: float | None = None
    ) -> Response:
        """The answer: 2xx, or 304 if there are validators. `timeout` replaces the settings'. Raises TransportError."""
        headers = {"user-agent": "fftcas", "accept": "*/*", **request.headers, **(validators or {})}
        hop = _Hop(request.method, request.url, {**headers, "accept-encoding": "gzip"}, request.body)
        hop = replace(hop, timeout=timeout or self._settings.timeout)
        secrets = (*self._settings.secrets, *request.credentials)
        for attempt in range(1, self._settings.attempts + 1):
            try:
                return self._follow(hop, bool(validators), secrets)
            except TransportError as error:
                wait = self._wait(error, attempt)
                if wait is None:
                    if error.temporary and attempt > 1:
                        error.what += f" ({attempt} attempts)"
                    raise
                time.sleep(wait)
        raise AssertionError("attempts is at least 1")

    def _wait(self, error: TransportError, attempt: int) -> float | None:
        """Seconds until the next attempt, or None if there is to be none."""
        if not error.temporary or attempt == self._settings.attempts:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= MAX_WAIT else None
        return min(self._settings.backoff * 2.0 ** (attempt - 1), 30.0) * random.uniform(1.0, 1.3)

    def _follow(self, hop: _Hop, conditional: bool, secrets: tuple[str, ...]) -> Response:
        """One attempt: the request, and wherever the server sends it."""
        seen: set[tuple[str, str]] = set()
        total = self._settings.total_timeout * hop.timeout / self._settings.timeout
        with Deadline(total) as deadline:
            while True:
                if (hop.method, hop.url) in seen:
                    raise TransportError("redirect loop", why=f"it leads back to {mask_url(hop.url, secrets)}")
                if len(seen) > MAX_REDIRECTS:
                    raise TransportError(f"more than {MAX_REDIRECTS} redirects")
                why = refused(hop.url, self._settings.allowed_domains)
                if why:
                    where = f"redirect to {mask_url(hop.url, secrets)} refused" if seen else "request refused"
                    raise TransportError(where, why=why)
                seen.add((hop.method, hop.url))
                self._bucket.take()
                with told(hop.timeout, deadline, secrets), self._opened(hop) as raw:
                    location = raw.headers.get("location")
                    if raw.status not in REDIRECTS or not location:
                        return self._answer(raw, conditional, secrets)
                hop = _redirected(hop, raw.status, location, secrets)

    @contextlib.contextmanager
    def _opened(self, hop: _Hop) -> Iterator[urllib3.BaseHTTPResponse]:
        """The response to one hop, its body unread; the connection is given back, or closed if it is not at its end."""
        import urllib3

        raw = self._manager(hop.url).request(
            hop.method,
            hop.url,
            body=hop.body,
            headers=dict(hop.headers),
            timeout=urllib3.Timeout(connect=hop.timeout, read=hop.timeout),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            yield raw
        finally:
            raw.close()
            raw.release_conn()

    def _answer(self, raw: Any, conditional: bool, secrets: tuple[str, ...]) -> Response:
        """A whole response. Raises TransportError for a status that is no success, BadBody."""
        headers = {name.lower(): value for name, value in raw.headers.items()}
        chunks = raw.stream(CHUNK, decode_content=False)
        if raw.status == 304 and conditional:
            raw.drain_conn()  # it has no body; the connection can be used again
            return Response(304, headers, b"", time.time())
        if 200 <= raw.status < 300:
            body = read_body(chunks, headers.get("content-encoding", ""), self._settings.max_bytes)
            if not body and raw.status == 200 and not {"content-length", "transfer-encoding"} & headers.keys():
                # Headers that end with the connection look the same as an empty body that does.
                raise BadBody("the answer ended without a body, and did not say that it has none", temporary=True)
            return Response(raw.status, headers, body, time.time())
        raise self._status_error(raw.status, headers, chunks, secrets)

    def _status_error(
        self, status: int, headers: Mapping[str, str], chunks: Iterator[bytes], secrets: tuple[str, ...]
    ) -> TransportError:
        try:
            beginning = read_body(chunks, headers.get("content-encoding", ""), CHUNK)
        except BadBody:
            beginning = b""
        shown = first_bytes(beginning, secrets)
        kind = headers.get("content-type", "").partition(";")[0] or "no content type"
        after = _retry_after(headers.get("retry-after"))
        hint = f"the server asks to wait {after:.0f} seconds" if after is not None and after > MAX_WAIT else None
        return TransportError(
            f"{status} {_phrase(status)}",
            why=redact(f"the server sent {kind}: {shown}", secrets) if shown else "the server sent no body",
            hint=hint,
            status=status,
            temporary=status in TRY_AGAIN,
            retry_after=after,
        )

    def _manager(self, url: str) -> urllib3.PoolManager:
        from fftcas.http.connections import pool_manager

        proxy = self._proxy(url)
        with self._lock:
            if proxy not in self._managers:
                self._managers[proxy] = pool_manager(proxy, self._settings.allowed_domains)
            return self._managers[proxy]

    def _proxy(self, url: str) -> str | None:
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

        parts, proxies = urlsplit(url), dict(self._settings.proxies)
        # Without a mapping it would read the process's environment.
        if proxies and proxy_bypass_environment(parts.netloc, {"no": "", **proxies}):
            return None
        return proxies.get(parts.scheme)


def _redirected(hop: _Hop, status: int, location: str, secrets: tuple[str, ...]) -> _Hop:
    try:
        url, user = with_params(urljoin(hop.url, location), None)
    except BadRequest as error:
        raise TransportError(f"{status} redirect to a place that is no URL", why=redact(str(error), secrets)) from None
    if user:
        raise TransportError("redirect refused", why=f"{mask_url(urljoin(hop.url, location), secrets)} has credentials")
    after = replace(hop, url=url)
    if status == 303 or (status in (301, 302) and hop.method == "POST"):
        kept = {name: value for name, value in hop.headers.items() if not name.startswith("content-")}
        after = replace(after, method="GET", body=None, headers=kept)
    if not same_site(hop.url, url):
        # Only what the transport and HTTP itself need: any other header may be a credential.
        open_ones = {
            *("accept", "accept-encoding", "accept-language", "content-type", "user-agent"),
            *("if-none-match", "if-modified-since"),
        }
        kept = {name: value for name, value in after.headers.items() if name in open_ones}
        after = replace(after, headers=kept)
    return after


def _retry_after(value: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks for, as a number or as a date."""
    from email.utils import parsedate_to_datetime

    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(a status without a name)"
