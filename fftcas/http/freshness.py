"""Whether an output still rests on current responses.

Deciding needs only records: 10,000 responses are checked in one read, without urllib3, pyarrow or pandas.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from fftcas.digest import Digest
from fftcas.errors import FftcasError
from fftcas.http.cache import Entry
from fftcas.http.context import HttpContext, HttpUsage


def rests_on_current(
    context: HttpContext,
    responses: Mapping[Digest, Digest],
    max_age: Mapping[Digest, float] | None = None,
    *,
    ask: bool = True,
) -> bool:
    """Whether an output that rests on these responses (request → response) needs no new run because of them.

    A response that expired, or that is to be refreshed, is asked for again here, if its request can be repeated
    without the model; unless `ask`, it counts as changed. False: some response changed, or only the model can ask.
    """
    if not responses:
        return True
    max_age = max_age or {}
    entries = context.cache.entries(responses)
    if context.lock is not None:
        return all(_locked(context, request, entries) == response for request, response in responses.items())
    settings = context.settings
    same = {request: entry for request, entry in entries.items() if entry.response == responses[request]}
    if settings.mode.reads and len(same) < len(entries):
        return False
    if settings.offline:
        return True
    now = time.time()
    for request, response in responses.items():
        entry, limit = same.get(request), max_age.get(request)
        if entry is None:
            # It came from elsewhere, with the output, or was never kept. Its age is not known.
            if context.refresh or settings.ttl or (limit is not None and limit < math.inf):
                return False
        elif not context.fresh(entry, limit, now) and not (ask and _asked_again(context, request, entry) == response):
            return False
    return True


def rested(context: HttpContext, responses: Mapping[Digest, Digest]) -> HttpUsage:
    """The usage to tell for an output that was taken from the store: every response was in the cache."""
    size = sum(context.cache.sizes(set(responses.values())).values())
    offline = context.settings.offline and bool(responses)
    return HttpUsage(len(responses), len(responses), size, offline, responses=dict(responses))


def _locked(context: HttpContext, request: Digest, entries: Mapping[Digest, Entry]) -> Digest | None:
    """The response that the lock file wants for a request."""
    assert context.lock is not None
    public = entries[request].public if request in entries else request
    locked = context.lock.get(public)
    return locked.response if locked else None


def _asked_again(context: HttpContext, request: Digest, entry: Entry) -> Digest | None:
    """The server's present response; None if only the model can ask for it, or if there is none."""
    from fftcas.http.fetch import refetch

    if not entry.repeatable or not context.settings.mode.writes:
        return None
    try:
        return refetch(context, request, entry)
    except FftcasError:
        return None  # the model meets the same trouble, and tells it with its own line
