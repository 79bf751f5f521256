"""What is being fetched: nothing is fetched by two threads at once, and who needs it waits for the one that does."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from fftcas.digest import Digest


class Flights:
    """The derivations under way. Threads may share it."""

    def __init__(self) -> None:
        self._flights: dict[Digest, threading.Event] = {}
        self._lock = threading.Lock()

    def take_off(self, derivation: Digest) -> threading.Event | None:
        """Whoever gets None fetches the derivation, and has to land it; others get what they can wait for."""
        with self._lock:
            flight = self._flights.get(derivation)
            if flight is None:
                self._flights[derivation] = threading.Event()
            return flight

    def land(self, derivations: Iterable[Digest]) -> None:
        """They are not under way any more, whether they were had or not."""
        with self._lock:
            flights = [self._flights.pop(key) for key in derivations if key in self._flights]
        for flight in flights:
            flight.set()

    def wait(self) -> None:
        """Wait for what is under way now."""
        with self._lock:
            flights = list(self._flights.values())
        for flight in flights:
            flight.wait()
