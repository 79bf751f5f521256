"""Records that are whole but not what their kind should be: they count as not there, and the doctor removes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from fftcas.store import index
from fftcas.store.pins import Pin
from fftcas.store.records import RecordTxn
from fftcas.store.runs import Kept, parsed_outputs, parsed_places
from fftcas.table import Manifest

READERS: Mapping[str, Callable[[bytes], object]] = {
    "manifest": Manifest.from_json,
    "outputs": parsed_outputs,
    "pin": Pin.from_json,
    "places": parsed_places,
    "realisation": index.parsed,
    "run": Kept.from_json,
}
"""What reads the records of a kind, and raises ValueError for one that it cannot read."""


def unreadable(txn: RecordTxn) -> Iterator[tuple[str, bytes]]:
    """Kind and key of the records that nobody can read."""
    for kind, reads in READERS.items():
        for key, value in txn.scan(kind):
            try:
                reads(value)
            except ValueError:
                yield kind, key


def remove_unreadable(txn: RecordTxn) -> tuple[str, ...]:
    """Remove them; returns their kinds."""
    found = list(unreadable(txn))
    for kind, key in found:
        txn.delete(kind, key)
    return tuple(kind for kind, _ in found)
