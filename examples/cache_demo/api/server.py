"""A small users API on loopback, so that the demo needs no internet. Standard library only.

    python api/server.py                  serve http://127.0.0.1:8765/users until Ctrl-C
    python api/server.py --run CMD ...    serve while CMD runs, and exit with its exit code

The port is fixed because the URL reaches the model as FF_DEMO_API_URL, and every FF_* variable is part of every key:
with a port of the day nothing would ever be a hit.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
NAME = "cache-demo-api"

PEOPLE = ["Ada", "Ben", "Chloe", "Dilan", "Edith", "Farid", "Greta", "Hiro", "Ines", "Jonas"]
USERS = [
    {
        "id": number,
        "name": f"{first} Sample",
        "username": f"{first.lower()}{number:02}",
        "email": f"{first.lower()}@api.example.org",
        "address": {"city": "Lyon" if number % 2 else "Graz", "geo": {"lat": number * 1.5, "lng": number * -2.25}},
    }
    for number, first in enumerate(PEOPLE, start=1)
]
BODY = json.dumps(USERS, indent=2).encode()
ETAG = f'"{hashlib.sha256(BODY).hexdigest()[:16]}"'


class Handler(BaseHTTPRequestHandler):
    server_version = NAME
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/users":
            self.reply(404, b'{"error": "there is only /users"}')
        elif ETAG in self.headers.get("If-None-Match", ""):
            self.reply(304, b"")
        else:
            self.reply(200, BODY)

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != 404:
            self.send_header("ETag", ETAG)
        if status != 304:
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class QuietHandler(Handler):
    def log_message(self, format: str, *args: object) -> None:
        """Another program's output is on the screen: say nothing."""


def runs_already(port: int) -> bool:
    """Whether this very API answers on the port, from another terminal's `make api`."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/users", headers={"If-None-Match": ETAG})
        answer = connection.getresponse()
        return answer.status == 304 and answer.getheader("Server", "").startswith(NAME)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def serve(port: int) -> int:
    with ThreadingHTTPServer((HOST, port), Handler) as server:
        print(f"serving http://{HOST}:{server.server_port}/users", flush=True)
        server.serve_forever()
    return 0


def run(port: int, command: list[str]) -> int:
    try:
        server = ThreadingHTTPServer((HOST, port), QuietHandler)
    except OSError:
        if not runs_already(port):
            raise
    else:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        return subprocess.call(command)
    except FileNotFoundError:
        print(f"{command[0]}: not found; `pip install fftcas`, or `make FFTCAS=/path/to/fftcas ...`", file=sys.stderr)
        return 127


def main() -> int:
    parser = argparse.ArgumentParser(description="The cache demo's users API.")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--run", nargs=argparse.REMAINDER, metavar="CMD", help="serve only while this command runs")
    options = parser.parse_args()
    try:
        return run(options.port, options.run) if options.run else serve(options.port)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"port {options.port}: {error.strerror or error}", file=sys.stderr)
        print("  hint: take another one, `make API_PORT=8766 ...`", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
