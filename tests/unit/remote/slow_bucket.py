"""A bucket made of a remote's directory, which stays as it is: `python slow_bucket.py DIRECTORY`; prints its port.

It speaks as much of S3 as is needed, and never answers who asks for a pack or brings one: that takes long.
"""

from __future__ import annotations

import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(sys.argv[1])
BROUGHT: set[str] = set()
NOTHING = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = ROOT / unquote(url.path).removeprefix("/bucket").lstrip("/")
        if "/packs/" in url.path:
            self.never()
        if "list-type" in url.query:
            self.answer(200, NOTHING)
        elif not path.is_file():
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            data = path.read_bytes()
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            start, stop = (int(asked[1]), min(int(asked[2]) + 1, len(data))) if asked else (0, len(data))
            self.answer(206 if asked else 200, data[start:stop], f"bytes {start}-{stop - 1}/{len(data)}")

    def do_HEAD(self) -> None:
        self.answer(404, b"")

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if "/packs/" in self.path:
            self.never()
        self.answer(412 if self.path in BROUGHT else 200, b"")
        BROUGHT.add(self.path)

    def do_POST(self) -> None:  # deletes
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        keys = "".join(f"<Deleted>{key}</Deleted>" for key in re.findall("<Key>.*?</Key>", body))
        self.answer(200, f"<DeleteResult>{keys}</DeleteResult>".encode())

    def never(self) -> None:
        sys.stdout.write("asked for a pack\n")
        sys.stdout.flush()
        time.sleep(600)

    def answer(self, status: int, body: bytes, part: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("ETag", '"x"')
        if part:
            self.send_header("Content-Range", part)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
