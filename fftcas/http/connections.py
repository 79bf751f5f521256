"""urllib3's connection pools, whose connections check where they lead to, and end at the deadline."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from fftcas.http.limits import Deadline
from fftcas.http.policy import refused_address

# urllib3 logs whole URLs, with the credentials in them: nothing of it while a request of ours is under way.
logging.getLogger("urllib3.connectionpool").addFilter(lambda record: not Deadline.active())


class Refused(Exception):
    """The peer's address is not allowed; the text says why."""


def pool_manager(proxy: str | None, allowed: Sequence[str]) -> urllib3.PoolManager:
    """A pool manager for one route; with a proxy it is the proxy that resolves names, so that peers are not checked."""
    plain, secure = guarded(HTTPConnection, allowed), guarded(HTTPSConnection, allowed)
    pools = {
        "http": type("Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
    if proxy is None:
        manager = urllib3.PoolManager(num_pools=32, maxsize=16)
    else:
        address = urllib3.util.parse_url(proxy)
        headers = urllib3.make_headers(proxy_basic_auth=address.auth) if address.auth else None
        manager = urllib3.ProxyManager(proxy, num_pools=32, maxsize=16, proxy_headers=headers)
    manager.pool_classes_by_scheme = pools
    return manager


def guarded(base: type[Any], allowed: Sequence[str]) -> type[Any]:
    """A connection class that refuses forbidden peers before a byte is sent to them."""

    class Guarded(base):  # type: ignore[misc]
        _line: socket.socket | None = None

        def _new_conn(self) -> socket.socket:
            connection: socket.socket = super()._new_conn()
            if self.proxy is None:
                why = refused_address(self.host, str(connection.getpeername()[0]), allowed)
                if why:
                    connection.close()
                    raise Refused(why)
            # TLS takes the socket's descriptor away; a second one still ends the connection under it.
            self._drop_line()
            self._line = connection.dup()
            Deadline.watch(self._line)
            return connection

        def request(self, *args: Any, **kwargs: Any) -> None:
            if self._line is not None:
                Deadline.watch(self._line)
            super().request(*args, **kwargs)

        def close(self) -> None:
            super().close()
            self._drop_line()

        def _drop_line(self) -> None:
            if self._line is not None:
                self._line.close()
                self._line = None

    return Guarded
