"""An API on loopback that a test can change, stop and count."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Api:
    """Serves `pages` (path → what is sent as JSON, a body as it is, or a status) with ETags.

    `asked` are the paths of all requests, `heads` their headers.
    """

    def __init__(self, pages: Mapping[str, Any]) -> None:
        self.pages = dict(pages)
        self.asked: list[str] = []
        self.heads: list[dict[str, str]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                api.asked.append(self.path)
                api.heads.append({name.lower(): value for name, value in self.headers.items()})
                page = api.pages.get(self.path.partition("?")[0], 404)
                body = page if isinstance(page, bytes) else json.dumps(page).encode()
                if isinstance(page, int):
                    # As careless servers do: the error repeats all that was sent.
                    self.answer(page, f"you sent {self.path} {dict(self.headers)}".encode())
                    return
                tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
                if self.headers.get("If-None-Match") == tag:
                    self.answer(304, b"", ETag=tag)
                else:
                    self.answer(200, body, ETag=tag)

            def answer(self, status: int, body: bytes, **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._running = True

    def stop(self) -> None:
        """Close the port: from now on every connection is refused."""
        if self._running:
            self._server.shutdown()
            self._server.server_close()
            self._running = False
