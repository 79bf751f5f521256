"""One call of a model: what it wishes for itself, the request that it sends, and what it makes of the response."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fftcas.http.context import Fetching, current
from fftcas.http.errors import HttpError, call_site
from fftcas.http.fetch import fetch, refuse
from fftcas.http.masking import first_bytes
from fftcas.http.paging import BadPage, Page, Paginator, follow_pages
from fftcas.http.request import BadRequest, Request, make_request
from fftcas.http.response import Response

Read = TypeVar("Read")


@dataclass(frozen=True)
class Call:
    """A call's own wishes: how old the response may be, what to do if the server fails, how long to wait."""

    mine: Fetching
    max_age: float | None
    stale_if_error: float | None
    timeout: float | None

    @classmethod
    def of(
        cls, ttl: float | None, max_age: float | None, stale_if_error: bool | float | None, timeout: float | None
    ) -> Call:
        """As `get` takes them. Raises HttpError for what is none."""
        mine = current()
        if max_age is None and ttl is not None:
            max_age = _seconds(mine, "ttl", ttl) or math.inf
        elif max_age is not None:
            max_age = _seconds(mine, "max_age", max_age)
        if isinstance(stale_if_error, bool):
            stale_if_error = math.inf if stale_if_error else 0.0
        elif stale_if_error is not None:
            stale_if_error = _seconds(mine, "stale_if_error", stale_if_error)
        if timeout is not None and not _seconds(mine, "timeout", timeout):
            raise failed(mine, "timeout is 0", "it has to be a number of seconds above 0")
        return cls(mine, max_age, stale_if_error, timeout)

    def send(self, method: str, page: Page, body: bytes | None = None) -> tuple[Request, Response]:
        """Raises HttpError, LockError, StoreError."""
        context = self.mine.context
        try:
            request = make_request(
                method,
                page.url,
                params=page.params,
                headers=page.headers,
                body=body,
                secrets=context.settings.secrets,
                key=context.cache.key,
            )
        except BadRequest as error:
            raise failed(self.mine, str(error)) from None
        found = fetch(
            self.mine, request, max_age=self.max_age, stale_if_error=self.stale_if_error, timeout=self.timeout
        )
        return request, found

    def read(self, request: Request, response: Response, reader: Callable[[Response], Read]) -> Read:
        """What the reader makes of a response; its ValueError is told with the request and the first bytes, and the
        response is not given out again."""
        try:
            return reader(response)
        except ValueError as error:
            context = self.mine.context
            secrets = (*context.settings.secrets, *request.credentials)
            raise HttpError(
                f"{request}: unusable response",
                where=call_site(context.root),
                why=f"{error}\nstatus {response.status}, the body begins: {first_bytes(response.body, secrets)}",
                hint=refuse(context, request, response),
                status=response.status,
            ) from None

    def pages(
        self,
        first: Page,
        paginator: Paginator,
        payload: Callable[[Response], Any],
        reader: Callable[[Any], Read] | None = None,
    ) -> list[Any]:
        """The payload of every page, or what the reader makes of it."""
        context = self.mine.context
        made: list[Any] = []

        def load(page: Page) -> tuple[str, Any]:
            request, response = self.send("GET", page)
            value = self.read(request, response, payload)
            made.append(self.read(request, response, lambda _: reader(value)) if reader else value)
            return request.digest, value

        def progress(number: int) -> None:
            name = context.label or first.url.partition("?")[0]
            context.say(f"{name}: {number} pages, {self.mine.usage.bytes / 1e6:.1f} MB")

        try:
            for _ in follow_pages(first, load, paginator, context.settings.max_pages, progress):
                pass
        except (BadPage, BadRequest) as error:
            raise failed(self.mine, f"paging through {first.url.partition('?')[0]} failed", str(error)) from None
        return made


def _seconds(mine: Fetching, name: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    raise failed(mine, f"{name} is {value!r}", "it has to be a number of seconds, 0 or more")


def failed(mine: Fetching, what: str, why: str | None = None) -> HttpError:
    """The error for a call that cannot be made, with its place in the model."""
    return HttpError(what, where=call_site(mine.context.root), why=why)
