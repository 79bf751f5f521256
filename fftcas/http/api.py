"""What models call."""

from __future__ import annotations

import importlib
import json as jsonlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from urllib.parse import urlencode

from fftcas.http.context import Fetching, current
from fftcas.http.errors import HttpError, call_site
from fftcas.http.fetch import fetch, refuse
from fftcas.http.masking import first_bytes
from fftcas.http.paging import BadPage, Page, Paginator, follow_pages
from fftcas.http.request import BadRequest, Params, Request, clean_headers, make_request
from fftcas.http.response import Response

if TYPE_CHECKING:
    import pandas as pd

Headers = Mapping[str, Any]
Read = TypeVar("Read")
Wishes = ParamSpec("Wishes")


@dataclass(frozen=True)
class _Call:
    """A call's own wishes: how old the response may be, what to do if the server fails, how long to wait."""

    mine: Fetching
    max_age: float | None
    stale_if_error: float | None
    timeout: float | None

    @classmethod
    def of(
        cls, ttl: float | None, max_age: float | None, stale_if_error: bool | float | None, timeout: float | None
    ) -> _Call:
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
            raise _failed(mine, "timeout is 0", "it has to be a number of seconds above 0")
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
            raise _failed(self.mine, str(error)) from None
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
            raise _failed(self.mine, f"paging through {first.url.partition('?')[0]} failed", str(error)) from None
        return made


def _watched(call: Callable[Wishes, Read]) -> Callable[Wishes, Read]:
    """The call, which counts as failed whatever it raises: nobody knows how long that stays true."""

    @wraps(call)
    def watched(*args: Wishes.args, **wishes: Wishes.kwargs) -> Read:
        mine = current()
        try:
            return call(*args, **wishes)
        except Exception:
            mine.usage.note_failure()
            raise

    return watched


@_watched
def get(
    url: str,
    *,
    params: Params | None = None,
    headers: Headers | None = None,
    ttl: float | None = None,
    paginator: Paginator | None = None,
    timeout: float | None = None,
    max_age: float | None = None,
    stale_if_error: bool | float | None = None,
) -> Any:
    """The body as bytes; with a paginator the list of all pages' bodies.

    A stored response is good for `ttl` seconds (0: for ever; None: as FF_HTTP_TTL says), or while it is at most
    `max_age` seconds old (0: ask every time). `stale_if_error` (True, or seconds of age) gives the stored response when
    the server fails. `timeout` is in seconds. Raises HttpError.
    """
    call, page = _Call.of(ttl, max_age, stale_if_error, timeout), Page(url, params, headers)
    if paginator is not None:
        return call.pages(page, paginator, lambda response: response.body)
    return call.send("GET", page)[1].body


@_watched
def get_json(
    url: str,
    *,
    params: Params | None = None,
    headers: Headers | None = None,
    ttl: float | None = None,
    paginator: Paginator | None = None,
    timeout: float | None = None,
    max_age: float | None = None,
    stale_if_error: bool | float | None = None,
) -> Any:
    """The body as parsed JSON; with a paginator the list of all pages' payloads. See `get`."""
    from fftcas.http.payload import parse_json

    call, page = _Call.of(ttl, max_age, stale_if_error, timeout), Page(url, params, headers)
    if paginator is not None:
        return call.pages(page, paginator, parse_json)
    return call.read(*call.send("GET", page), parse_json)


@_watched
def get_df(
    url: str,
    *,
    params: Params | None = None,
    headers: Headers | None = None,
    ttl: float | None = None,
    paginator: Paginator | None = None,
    json_path: Any = None,
    record_path: Any = None,
    meta: Any = None,
    dtype: Any = None,
    timeout: float | None = None,
    normalize: bool = False,
    output: str = "pandas",
    session: Any = None,
    max_age: float | None = None,
    stale_if_error: bool | float | None = None,
) -> Any:
    """JSON as a data frame; with a paginator all pages, one below the other. See `get`.

    `json_path` leads to the rows inside of the payload; `record_path` and `meta` are those of `pandas.json_normalize`;
    `normalize` flattens nested objects into columns such as `address.city`. `dtype` maps columns to types, best effort.
    `output` is "pandas", "spark" (with a `session`) or "bigframes".
    """
    from fftcas.http.frames import concat, set_types, to_frame
    from fftcas.http.payload import parse_json

    call, page = _Call.of(ttl, max_age, stale_if_error, timeout), Page(url, params, headers)
    convert = _converter(call.mine, output, session)

    def framed(payload: Any) -> pd.DataFrame:
        return to_frame(payload, json_path=json_path, record_path=record_path, meta=meta, normalize=normalize)

    if paginator is not None:
        frame = concat(call.pages(page, paginator, parse_json, framed))
    else:
        frame = call.read(*call.send("GET", page), lambda response: framed(parse_json(response)))
    return convert(set_types(frame, dtype, call.mine.context.warn))


@_watched
def post(
    url: str,
    *,
    data: bytes | str | Mapping[str, Any] | None = None,
    json: Any = None,
    params: Params | None = None,
    headers: Headers | None = None,
    ttl: float | None = None,
    timeout: float | None = None,
    max_age: float | None = None,
    stale_if_error: bool | float | None = None,
) -> bytes:
    """The body of the response to a POST that asks something (GraphQL, a search). See `get`.

    The body is `data` (bytes, text, or a form's fields) or `json`. The response is cached and the request may be
    repeated, so this is not for requests that change something on the server.
    """
    call = _Call.of(ttl, max_age, stale_if_error, timeout)
    return _posted(call, Page(url, params, headers), data, json)[1].body


@_watched
def post_json(
    url: str,
    *,
    data: bytes | str | Mapping[str, Any] | None = None,
    json: Any = None,
    params: Params | None = None,
    headers: Headers | None = None,
    ttl: float | None = None,
    timeout: float | None = None,
    max_age: float | None = None,
    stale_if_error: bool | float | None = None,
) -> Any:
    """As `post`, with the response as parsed JSON."""
    from fftcas.http.payload import parse_json

    call = _Call.of(ttl, max_age, stale_if_error, timeout)
    return call.read(*_posted(call, Page(url, params, headers), data, json), parse_json)


def _posted(call: _Call, page: Page, data: Any, json: Any) -> tuple[Request, Response]:
    if data is not None and json is not None:
        raise _failed(call.mine, "post got both data and json", "a request has one body")
    try:
        body, kind = _body(data, json)
    except (TypeError, ValueError) as error:
        raise _failed(call.mine, "the body of a post cannot be encoded", str(error)) from None
    try:
        given = {**({"content-type": kind} if kind else {}), **clean_headers(page.headers or {})}
    except BadRequest as error:
        raise _failed(call.mine, str(error)) from None
    return call.send("POST", Page(page.url, page.params, given), body)


def _body(data: Any, json: Any) -> tuple[bytes, str]:
    if json is not None:
        return jsonlib.dumps(json, sort_keys=True, separators=(",", ":")).encode(), "application/json"
    if isinstance(data, Mapping):
        return urlencode(data, doseq=True).encode(), "application/x-www-form-urlencoded"
    if isinstance(data, str):
        return data.encode(), "text/plain; charset=utf-8"
    if data is None or isinstance(data, bytes):
        return data or b"", ""
    raise TypeError(f"data has to be bytes, text or a mapping, not {type(data).__name__}")


def _converter(mine: Fetching, output: str, session: Any) -> Callable[[Any], Any]:
    if output == "pandas":
        return lambda frame: frame
    if output == "spark" and session is not None:
        return lambda frame: session.createDataFrame(frame)
    if output == "bigframes":
        try:
            return cast(Callable[[Any], Any], importlib.import_module("bigframes.pandas").read_pandas)
        except ImportError:
            raise _failed(mine, "get_df got output='bigframes'", "the package bigframes is not installed") from None
    why = "it needs a session" if output == "spark" else "it has to be pandas, spark or bigframes"
    raise _failed(mine, f"get_df got output={output!r}", why)


def _seconds(mine: Fetching, name: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    raise _failed(mine, f"{name} is {value!r}", "it has to be a number of seconds, 0 or more")


def _failed(mine: Fetching, what: str, why: str | None = None) -> HttpError:
    return HttpError(what, where=call_site(mine.context.root), why=why)
