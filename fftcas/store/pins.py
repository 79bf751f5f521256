"""Pins: outputs that `gc` keeps because a person said so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from fftcas.digest import Digest
from fftcas.store.records import Records, RecordTxn


@dataclass(frozen=True)
class Pin:
    """A name for outputs that are kept, for ever or up to `until` (seconds since 1970)."""

    name: str
    outputs: tuple[Digest, ...]
    until: float | None = None

    @classmethod
    def from_json(cls, data: bytes) -> Pin:
        """Raises ValueError if the bytes are not a pin."""
        try:
            document = json.loads(data)
            until = document["until"]
            return cls(
                str(document["name"]), tuple(map(str, document["outputs"])), None if until is None else float(until)
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a pin: {error}") from error


def pin(records: Records, name: str, outputs: Iterable[Digest], until: float | None = None) -> None:
    """Set a pin, in the place of an earlier one of that name."""
    document = json.dumps({"name": name, "outputs": sorted(outputs), "until": until}).encode()
    records.write(lambda txn: txn.put("pin", name.encode(), document))


def unpin(records: Records, name: str) -> None:
    records.write(lambda txn: txn.delete("pin", name.encode()))


def pins(txn: RecordTxn) -> list[Pin]:
    """All pins, by name."""
    found = []
    for _, value in txn.scan("pin"):
        with suppress(ValueError):
            found.append(Pin.from_json(value))
    return found
