"""Records: small values under a kind and a key, each sealed with a checksum, changed together in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import lmdb
from blake3 import blake3

from fftcas.store.data_file import Warn
from fftcas.store.environment import Environment

Work = TypeVar("Work")
_SEAL = 16
_MAX_KEY = 400


class RecordTxn:
    """What may be done inside of one transaction."""

    def __init__(self, txn: lmdb.Transaction) -> None:
        self._txn = txn
        self.bad: list[bytes] = []

    def get(self, kind: str, key: bytes) -> bytes | None:
        """A value, or None if it is missing or its seal is broken."""
        full = _full(kind, key)
        return self._opened(full, self._txn.get(full))

    def put(self, kind: str, key: bytes, value: bytes) -> None:
        full = _full(kind, key)
        self._txn.put(full, _seal(full, value) + value)

    def delete(self, kind: str, key: bytes) -> None:
        self._txn.delete(_full(kind, key))

    def scan(
        self, kind: str, prefix: bytes = b"", reverse: bool = False, start: bytes = b""
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of a kind whose key starts with `prefix`, in order from `start`; bad ones are left out."""
        within = kind.encode() + b"\0" + prefix
        cursor = self._txn.cursor()
        if reverse:
            more = cursor.set_range(_after(within))
            more = cursor.prev() if more else cursor.last()
        else:
            more = cursor.set_range(max(within, kind.encode() + b"\0" + start))
        while more:
            full = bytes(cursor.key())
            if not full.startswith(within):
                return
            value = self._opened(full, cursor.value())
            if value is not None:
                yield full[len(kind) + 1 :], value
            more = cursor.prev() if reverse else cursor.next()

    def kinds(self, prefix: str) -> list[str]:
        """The kinds that start with `prefix`."""
        found = []
        cursor = self._txn.cursor()
        more = cursor.set_range(prefix.encode())
        while more and bytes(cursor.key()).startswith(prefix.encode()):
            kind = kind_of(bytes(cursor.key()))
            found.append(kind)
            more = cursor.set_range(kind.encode() + b"\1")
        return found

    def next_number(self) -> int:
        """A number above all that were given out before: order without trust in clocks."""
        number = int.from_bytes(self.get("counter", b"") or b"", "big") + 1
        self.put("counter", b"", number.to_bytes(8, "big"))
        return number

    def _opened(self, full: bytes, sealed: bytes | memoryview | None) -> bytes | None:
        if sealed is None:
            return None
        value = bytes(sealed[_SEAL:])
        if sealed[:_SEAL] == _seal(full, value):
            return value
        self.bad.append(full)
        return None


class Records:
    """The sealed values of one environment. Threads may share it."""

    def __init__(self, environment: Environment, warn: Warn) -> None:
        self.environment = environment
        self._warn = warn

    def read(self, work: Callable[[RecordTxn], Work]) -> Work:
        """Run `work` in a read transaction. Records with a broken seal are removed afterwards, with one warning."""
        bad: list[bytes] = []

        def run(txn: lmdb.Transaction) -> Work:
            record_txn = RecordTxn(txn)
            result = work(record_txn)
            bad[:] = record_txn.bad
            return result

        result = self.environment.read(run)
        if bad:
            self._warn(f"{len(bad)} damaged record(s) were removed, the first of kind '{kind_of(bad[0])}'")
            self.remove_bad(bad)
        return result

    def write(self, work: Callable[[RecordTxn], Work]) -> Work:
        """Run `work` in one write transaction; it may run several times."""
        return self.environment.write(lambda txn: work(RecordTxn(txn)))

    def get(self, kind: str, key: bytes) -> bytes | None:
        return self.read(lambda txn: txn.get(kind, key))

    def get_many(self, kind: str, keys: Sequence[bytes]) -> list[bytes | None]:
        return self.read(lambda txn: [txn.get(kind, key) for key in keys])

    def put_many(self, kind: str, items: Mapping[bytes, bytes]) -> None:
        if items:

            def work(txn: RecordTxn) -> None:
                for key, value in items.items():
                    txn.put(kind, key, value)

            self.write(work)

    def remove_bad(self, full: Sequence[bytes]) -> None:
        """Remove records by their full keys, unless good ones lie there by now."""

        def work(txn: lmdb.Transaction) -> None:
            for key in full:
                sealed = txn.get(key)
                if sealed is not None and not sealed_well(key, bytes(sealed)):
                    txn.delete(key)

        self.environment.write(work)


def sealed_well(full: bytes, sealed: bytes) -> bool:
    """True if a value's seal is whole."""
    return sealed[:_SEAL] == _seal(full, sealed[_SEAL:])


def kind_of(full: bytes) -> str:
    """The kind of a full key."""
    return full.partition(b"\0")[0].decode(errors="replace")


def _full(kind: str, key: bytes) -> bytes:
    if len(key) > _MAX_KEY:
        key = key[: _MAX_KEY - 32] + blake3(key).digest()
    return kind.encode() + b"\0" + key


def _seal(full: bytes, value: bytes) -> bytes:
    return bytes(blake3(len(full).to_bytes(4, "big") + full + value).digest(_SEAL))


def _after(start: bytes) -> bytes:
    """The least key above all keys that start with `start`, which ends in no 0xff byte or is followed by less."""
    stripped = start.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1])
