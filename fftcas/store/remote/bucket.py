"""A remote in an object store: S3, Google Cloud Storage, Azure, or what speaks like them (extra `fftcas[cloud]`)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

from fftcas.errors import RemoteError, UsageError
from fftcas.store.remote.layout import check_name
from fftcas.store.remote.transport import Denied, Entry, Unreachable

Result = TypeVar("Result")
_URL = re.compile(r"(\w+://)(?:[^\s/]*@)?([^\s?#]*)(?:[?#]\S*)?")
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "memory")


class Bucket:
    """See `Transport`. Credentials, region and endpoint come from the environment, as the providers define them."""

    parallel = 32

    def __init__(self, url: str, seconds: float) -> None:
        """Raises RemoteError if the extra is missing, and UsageError for a URL or variables that obstore refuses."""
        try:
            import obstore
            from obstore.store import from_url
        except ImportError as error:
            raise RemoteError(
                f"a remote at {urlsplit(url).scheme}:// needs the package obstore", hint="pip install 'fftcas[cloud]'"
            ) from error
        if url.startswith("s3"):
            _check_endpoint(os.environ)
        self.url = shown(url)
        self.network = not url.startswith("memory:")
        self.atomic = True
        self._obstore = obstore
        options: dict[str, Any] = {
            "client_options": {"timeout": f"{seconds:g}s", "connect_timeout": "5s", "allow_http": True},
            "retry_config": {"max_retries": 2, "retry_timeout": _seconds(seconds)},
        }
        try:
            self._store = from_url(url, **({} if url.startswith("memory:") else options))
        except (obstore.exceptions.BaseError, ValueError) as error:
            raise UsageError(f"the remote {self.url} cannot be used", why=_first_line(error)) from error

    def get(self, name: str, start: int, stop: int) -> bytes | None:
        options: Any = {"range": (start, stop)}
        try:
            return self._told(lambda: bytes(self._obstore.get(self._store, check_name(name), options=options).bytes()))
        except FileNotFoundError:
            return None
        except Unreachable:
            # A range that begins after the end is refused, and some servers give no part that is all of an object.
            entry = self.stat([name]).get(name)
            if entry is not None and start >= entry.size:
                return b""
            if entry is not None and start == 0 and entry.size <= stop:
                return self._told(lambda: bytes(self._obstore.get(self._store, name).bytes()))
            raise

    def put(self, name: str, data: bytes, replace: bool = False) -> bool:
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode = "overwrite" if replace else "create"
        try:
            self._told(lambda: self._obstore.put(self._store, check_name(name), data, mode=mode))
        except (AlreadyExistsError, PreconditionError):
            return False
        return True

    def stat(self, names: Collection[str]) -> Mapping[str, Entry]:
        def head(name: str) -> Entry | None:
            try:
                found = self._obstore.head(self._store, check_name(name))
            except FileNotFoundError:
                return None
            return Entry(name, found["size"], found["last_modified"].timestamp())

        # Threads, not asyncio: a notebook, or whoever calls, may have an event loop of its own.
        with ThreadPoolExecutor(max(1, min(self.parallel, len(names)))) as pool:
            found = self._told(lambda: [*pool.map(head, names)])
        return {entry.name: entry for entry in found if entry is not None}

    def list(self, prefix: str) -> Iterator[Entry]:
        pages = self._told(lambda: iter(self._obstore.list(self._store, prefix or None, chunk_size=1000)))
        while (page := self._told(lambda: next(pages, None))) is not None:
            for each in page:
                try:
                    name = check_name(each["path"])
                except ValueError:
                    continue  # somebody else's object
                yield Entry(name, each["size"], each["last_modified"].timestamp())

    def strays(self, prefix: str) -> Iterator[str]:
        return iter(())

    def touch(self, name: str) -> None:
        # Object stores date an object by its writing, and do not copy one onto itself.
        entry = self.stat([name]).get(name)
        data = None if entry is None else self.get(name, 0, entry.size)
        if data is not None:
            self._told(lambda: self._obstore.put(self._store, name, data))

    def delete(self, name: str) -> None:
        try:
            self._told(lambda: self._obstore.delete(self._store, check_name(name)))
        except FileNotFoundError:
            return

    def _told(self, call: Callable[[], Result]) -> Result:
        """Failures by what can be done about them."""
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            return call()
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise Denied(_first_line(error)) from error
        except BaseError as error:
            if type(error).__name__ in ("AlreadyExistsError", "PreconditionError"):
                raise
            raise Unreachable(_first_line(error)) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # what obstore did not think of
                raise
            raise Unreachable(f"obstore failed: {_first_line(error)}") from error


def _check_endpoint(environ: Mapping[str, str]) -> None:
    """Raises UsageError for what obstore would panic at."""
    for name in ENDPOINTS:
        if name not in environ:
            continue
        try:
            parts = urlsplit(environ[name])
            whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            whole = False
        if not whole or re.search(r"\s", environ[name]):
            raise UsageError(
                f"{name} is no URL: '{shown(environ[name])}'", hint="for example https://minio.example.org"
            )


def shown(text: str) -> str:
    """A URL, or a text with URLs in it, without what may be secret there: user, password, and query."""
    return _URL.sub(r"\1\2", text)


def _first_line(error: BaseException) -> str:
    return shown((str(error).strip().splitlines() or [type(error).__name__])[0])[:200]


def _seconds(seconds: float) -> Any:
    from datetime import timedelta

    return timedelta(seconds=seconds)
