"""Following an API from page to page, until the model's paginator says stop or a limit does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from fftcas.http.query import names
from fftcas.http.request import Params, clean_headers, same_site, secret_or_unknown

Paginator = Callable[[str, Params | None, Any], Mapping[str, Any] | None]
PROGRESS = 50
"""Pages between two lines of progress."""


class BadPage(ValueError):
    """The paginator's answer cannot be followed; the text is for people."""


@dataclass(frozen=True)
class Page:
    """What to ask for a page."""

    url: str
    params: Params | None
    headers: Mapping[str, Any] | None


def follow_pages(
    first: Page,
    load: Callable[[Page], tuple[str, Any]],
    paginator: Paginator,
    limit: int,
    progress: Callable[[int], None],
) -> Iterator[Any]:
    """The payloads of all pages. `load` gives a request's digest and its payload. Raises BadPage."""
    page: Page | None = first
    seen: dict[str, int] = {}
    while page is not None:
        number = len(seen) + 1
        if number > limit:
            raise BadPage(f"there is no end after {limit} pages (FF_HTTP_MAX_PAGES)")
        request, payload = load(page)
        if request in seen:
            raise BadPage(f"there is no end: page {number} is the same request as page {seen[request]}")
        seen[request] = number
        if number % PROGRESS == 0:
            progress(number)
        yield payload
        page = next_page(page, paginator(page.url, page.params, payload))


def next_page(page: Page, answer: object) -> Page | None:
    """The page that a paginator's answer leads to; what it leaves out stays as it was. Raises BadPage.

    Parameters that stay do not replace those that a new URL brings along, and headers that may hold credentials do not
    stay when the URL leads to another host.
    """
    if not answer:
        return None
    following = answer.get("next_request") if isinstance(answer, Mapping) else None
    if isinstance(answer, Mapping) and not following:
        return None
    if not isinstance(following, Mapping) or not {"url", "params", "headers"}.issuperset(following):
        raise BadPage("the paginator has to return None or {'next_request': {'url', 'params', 'headers'}}")
    url = page.url
    if following.get("url") is not None:
        if not isinstance(following["url"], str):
            raise BadPage("the paginator's next url is not a text")
        url = urljoin(page.url, following["url"])
    params = following["params"] if "params" in following else _without(page.params, url, page.url)
    headers = following.get("headers", page.headers)
    if "headers" not in following and headers and not same_site(page.url, url):
        headers = {name: value for name, value in clean_headers(headers).items() if not secret_or_unknown(name)}
    return Page(url, params, headers)


def _without(params: Params | None, url: str, before: str) -> Params | None:
    if params is None or url == before:
        return params
    own = names(urlsplit(url).query)
    pairs = params.items() if isinstance(params, Mapping) else params
    return [(name, value) for name, value in pairs if name not in own]
