"""A server on loopback that answers as a test says, byte for byte, and a store in memory."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fftcas.digest import Digest, digest_bytes
from fftcas.http.context import HttpContext
from fftcas.http.settings import HttpSettings


@dataclass(frozen=True)
class Asked:
    """What the server received."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Answer = bytes | Callable[[Asked, socket.socket], bytes | None]


def reply(
    body: bytes = b"[]", status: int = 200, length: int | None = None, type_: str = "application/json", **headers: str
) -> bytes:
    """A whole HTTP response; `length` lies about the body."""
    named = {"Content-Type": type_, "Content-Length": str(len(body) if length is None else length), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items() if value)
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode() + body


@dataclass
class Server:
    """Answers by path, else with the last answer given for `*`; a list of answers is used up to its last."""

    port: int
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def on(self, path: str, *answers: Answer) -> str:
        """Answer a path (without its query) so; gives the URL."""
        self.answers[path] = list(answers)
        return self.url(path)

    def answer(self, asked: Asked, line: socket.socket) -> bytes | None:
        path = asked.path.partition("?")[0]
        left = self.answers.get(path) or self.answers.get("*") or [reply(b"{}", 404)]
        answer = left.pop(0) if len(left) > 1 else left[0]
        return answer if isinstance(answer, bytes) else answer(asked, line)

    def serve(self, line: socket.socket) -> None:
        self.connections += 1
        with line, line.makefile("rb") as stream:
            while (asked := received(stream)) is not None:
                self.asked.append(asked)
                self.times.append(time.monotonic())
                answer = self.answer(asked, line)
                if answer is None:
                    return
                try:
                    line.sendall(answer)
                except OSError:
                    return
                if b"Content-Length" not in answer.partition(b"\r\n\r\n")[0]:
                    return
                if declared(answer) != len(answer.partition(b"\r\n\r\n")[2]):
                    return


def declared(answer: bytes) -> int:
    for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return -1


def received(stream: object) -> Asked | None:
    try:
        first = stream.readline().decode("latin-1").split()  # type: ignore[attr-defined]
        headers: dict[str, str] = {}
        while (text := stream.readline().decode("latin-1").strip()) != "":  # type: ignore[attr-defined]
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", "0")))  # type: ignore[attr-defined]
    except (OSError, ValueError):
        return None
    return Asked(first[0], first[1], headers, body) if len(first) == 3 else None


@pytest.fixture(name="server")
def server_fixture() -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Server(listener.getsockname()[1])

        def accept() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=made.serve, args=(line,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield made
        listener.shutdown(socket.SHUT_RDWR)


class MemoryStore:
    """A store as the cache sees it, in dictionaries."""

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}
        self.records: dict[tuple[str, bytes], bytes] = {}

    def put_blob(self, data: bytes) -> Digest:
        self.blobs[digest_bytes(data)] = data
        return digest_bytes(data)

    def get_blob(self, digest: Digest) -> bytes | None:
        data = self.blobs.get(digest)
        return data if data is not None and digest_bytes(data) == digest else None

    def get_records(self, kind: str, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.records.get((kind, key)) for key in keys]

    def put_records(self, kind: str, items: Mapping[bytes, bytes]) -> None:
        self.records |= {(kind, key): value for key, value in items.items()}

    def forget_record(self, kind: str, key: bytes) -> None:
        self.records.pop((kind, key), None)

    def everything(self) -> bytes:
        """All bytes that it keeps."""
        return b"\n".join([*self.blobs.values(), *(value for value in self.records.values())])


@dataclass
class Bench:
    """A context for tests: quick to give up, with what was said and warned."""

    context: HttpContext
    store: MemoryStore
    said: list[str]

    def but(self, **settings: object) -> HttpContext:
        """The context with other settings, as of a run that starts now."""
        changed = replace(self.context.settings, **settings)  # type: ignore[arg-type]
        return replace(self.context, settings=changed, started=time.time())

    def later(self, **changes: object) -> HttpContext:
        """The context of a run that starts now."""
        return replace(self.context, started=time.time(), **changes)  # type: ignore[arg-type]


@pytest.fixture(name="bench")
def bench_fixture() -> Bench:
    store, said = MemoryStore(), list[str]()
    settings = HttpSettings(attempts=2, backoff=0.01, timeout=2.0, total_timeout=5.0)
    context = HttpContext(
        store, settings, label="//http:users", root=Path(__file__).parent, say=said.append, warn=said.append
    )
    return Bench(context, store, said)
