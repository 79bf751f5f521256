"""What models call."""

from __future__ import annotations

import importlib
import json as jsonlib
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from urllib.parse import urlencode

from fftcas.http.call import Call, failed
from fftcas.http.context import Fetching, current
from fftcas.http.paging import Page, Paginator
from fftcas.http.request import BadRequest, Params, Request, clean_headers
from fftcas.http.response import Response

if TYPE_CHECKING:
    import pandas as pd

Headers = Mapping[str, Any]
Read = TypeVar("Read")
Wishes = ParamSpec("Wishes")


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
    call, page = Call.of(ttl, max_age, stale_if_error, timeout), Page(url, params, headers)
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

    call, page = Call.of(ttl, max_age, stale_if_error, timeout), Page(url, params, headers)
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

    call, page = Call.of(ttl, max_age, stale_if_error, timeout), Page(url, params, headers)
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
    call = Call.of(ttl, max_age, stale_if_error, timeout)
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

    call = Call.of(ttl, max_age, stale_if_error, timeout)
    return call.read(*_posted(call, Page(url, params, headers), data, json), parse_json)


def _posted(call: Call, page: Page, data: Any, json: Any) -> tuple[Request, Response]:
    if data is not None and json is not None:
        raise failed(call.mine, "post got both data and json", "a request has one body")
    try:
        body, kind = _body(data, json)
    except (TypeError, ValueError) as error:
        raise failed(call.mine, "the body of a post cannot be encoded", str(error)) from None
    try:
        given = {**({"content-type": kind} if kind else {}), **clean_headers(page.headers or {})}
    except BadRequest as error:
        raise failed(call.mine, str(error)) from None
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
            raise failed(mine, "get_df got output='bigframes'", "the package bigframes is not installed") from None
    why = "it needs a session" if output == "spark" else "it has to be pandas, spark or bigframes"
    raise failed(mine, f"get_df got output={output!r}", why)
