"""One fetch: from the lock, the cache or the network, in this order; what came is kept as the cache mode says."""

from __future__ import annotations

import threading
import time

from fftcas.digest import Digest, digest_value
from fftcas.errors import LockError
from fftcas.http.cache import Entry
from fftcas.http.context import Fetching, HttpContext
from fftcas.http.errors import HttpError, call_site
from fftcas.http.lockfile import NAME
from fftcas.http.policy import refused
from fftcas.http.request import Request, make_request
from fftcas.http.response import Response
from fftcas.http.settings import HttpCacheMode
from fftcas.http.troubles import TransportError

_flights = [threading.Lock() for _ in range(4096)]


def fetch(
    mine: Fetching,
    request: Request,
    *,
    max_age: float | None = None,
    stale_if_error: float | None = None,
    timeout: float | None = None,
) -> Response:
    """The response to a request, counted in the usage. `stale_if_error`: how old (in seconds) a stored response may be
    that is given if the server fails. Raises HttpError, LockError, StoreError."""
    context = mine.context
    why = refused(request.url, context.settings.allowed_domains)
    if why:
        raise HttpError(f"{request} refused", where=call_site(context.root), why=why)
    # Who asks for the same at the same time waits for the one answer.
    with _flights[int(request.digest[:3], 16) % len(_flights)]:
        if context.lock is not None:
            response, hit = _locked(context, request, timeout)
        else:
            response, hit = _found(context, request, max_age, stale_if_error, timeout)
    mine.usage.note(
        request.digest,
        _rested_on(context, request, response),
        len(response.body),
        hit=hit,
        offline=context.settings.offline,
        max_age=max_age,
    )
    return response


def refetch(context: HttpContext, request: Digest, entry: Entry) -> Digest | None:
    """Ask again what an entry asked; the digest of the response, or None if the request is not the same any more.

    Raises HttpError, StoreError.
    """
    secrets = context.settings.secrets
    again = make_request(entry.method, entry.url, headers=entry.headers, secrets=secrets, key=context.cache.key)
    if again.digest != request:
        return None
    with _flights[int(request[:3], 16) % len(_flights)]:
        return _asked(context, again, entry, None)[0].digest


def refuse(context: HttpContext, request: Request, response: Response) -> str:
    """Forget a response that its reader cannot use, where it may be replaced; gives what is to be done about it.

    Raises StoreError.
    """
    if context.lock is not None:
        return f"`fftcas lock --update {context.label}` asks again"
    if context.settings.offline or context.settings.mode is HttpCacheMode.RO:
        return f"`fftcas build --refresh-http {context.label}` asks again"
    if context.settings.mode.writes:
        with _flights[int(request.digest[:3], 16) % len(_flights)]:
            entry = context.cache.find(request)
            if entry is not None and entry.response == response.digest:
                context.cache.forget(request)
    return "the response is not kept: the next call asks the server again"


def _found(
    context: HttpContext, request: Request, max_age: float | None, stale_if_error: float | None, timeout: float | None
) -> tuple[Response, bool]:
    """The response, and whether the cache had it."""
    settings, cache = context.settings, context.cache
    entry = cache.find(request) if settings.mode.reads else None
    stored = cache.load(entry.response) if entry else None
    if entry and stored and (settings.offline or context.fresh(entry, max_age, time.time())):
        return stored, True
    if settings.offline:
        raise _offline(context, request)
    try:
        return _asked(context, request, entry if stored else None, timeout, stored)
    except HttpError as error:
        grace = settings.stale_if_error if stale_if_error is None else stale_if_error
        down = error.status is None or error.status == 429 or error.status >= 500
        if entry and stored and down and time.time() - entry.checked_at <= grace:
            context.warn(f"{error.what}; the stored response is used")
            return stored, True
        raise


def _asked(
    context: HttpContext, request: Request, entry: Entry | None, timeout: float | None, stored: Response | None = None
) -> tuple[Response, bool]:
    """The server's answer; with an entry it may be that the stored response is still the one."""
    cache = context.cache
    stored = stored or (cache.load(entry.response) if entry else None)
    validators = entry.validators if entry and stored else {}
    response = _sent(context, request, validators, timeout)
    if response.status == 304 and entry and stored:
        if context.settings.mode.writes:
            cache.confirm(request, entry, response)
        return stored, True
    if context.settings.mode.writes and _may_be_kept(context, request, response):
        cache.keep(request, response)
    return response, False


def _locked(context: HttpContext, request: Request, timeout: float | None) -> tuple[Response, bool]:
    """The very response that the lock file wants."""
    assert context.lock is not None
    where, update = call_site(context.root), f"fftcas lock --update {context.label}".rstrip()
    wanted = context.lock.get(request.public)
    if wanted is None:
        path = request.shown.partition("?")[0]
        similar = [locked for locked in context.lock.values() if locked.url.partition("?")[0] == path]
        raise LockError(
            f"{request} is not in {NAME}",
            where=where,
            why=f"it holds {len(similar)} other request(s) to this address" if similar else None,
            hint=f"`{update}` adds it",
        )
    stored = context.cache.load(wanted.response) if _is_locked_as_asked(context, request, wanted.response) else None
    if stored is not None:
        return stored, True
    if context.settings.offline:
        raise _offline(context, request)
    response = _sent(context, request, {}, timeout)
    if response.digest != wanted.response:
        raise LockError(
            f"{request} has another response than {NAME} says",
            where=where,
            why=f"locked: {wanted.response[:16]}, {wanted.bytes:,} bytes of {wanted.fetched_at}\n"
            f"now:    {response.digest[:16]}, {len(response.body):,} bytes",
            hint=f"`{update}` accepts it",
        )
    if context.settings.mode.writes and _may_be_kept(context, request, response):
        context.cache.keep(request, response)
    return response, False


def _is_locked_as_asked(context: HttpContext, request: Request, response: Digest) -> bool:
    """Whether the lock's line is known to be of this very request: it leaves out the credentials, and what may be one.

    A request with others may ask for something else, so that it is sent, and its response compared.
    """
    if not request.private:
        return True
    entry = context.cache.find(request)
    return entry is not None and entry.response == response


def _sent(context: HttpContext, request: Request, validators: dict[str, str], timeout: float | None) -> Response:
    from fftcas.http.transport import transport

    try:
        return transport(context.settings).send(request, validators, timeout)
    except TransportError as error:
        raise HttpError(
            f"{request}: {error.what}",
            where=call_site(context.root),
            why=error.why,
            hint=error.hint,
            status=error.status,
        ) from None


def _offline(context: HttpContext, request: Request) -> HttpError:
    label, mode = context.label, context.settings.mode
    why = f"{f'model {label}' if label else 'this call'} needs it, and offline no connection is opened"
    if not mode.reads:
        why += "; --http-cache off does not read stored responses either"
    hint = f"fetch it once with the network: `fftcas build {label}`" if label else "fetch it once online"
    return HttpError(f"{request} is not in the store", where=call_site(context.root), why=why, hint=hint)


def _may_be_kept(context: HttpContext, request: Request, response: Response) -> bool:
    """False for a response that repeats a credential, and for what a login gives out: neither may lie on a disk."""
    if _repeats(context, request, response):
        context.warn(f"{request} is not kept: the response repeats a credential of the request")
        return False
    return not (
        request.private and request.method == "POST" and "no-store" in response.headers.get("cache-control", "")
    )


def _repeats(context: HttpContext, request: Request, response: Response) -> bool:
    secrets = (*request.credentials, *context.settings.secrets)
    return any(secret.encode("utf-8", "surrogateescape") in response.body for secret in secrets)


def _rested_on(context: HttpContext, request: Request, response: Response) -> Digest:
    """The response's digest; under the store's own key if its bytes are not to be kept."""
    if not _repeats(context, request, response):
        return response.digest
    return digest_value("http response with a credential 1", [response.digest, context.cache.key().hex()])
