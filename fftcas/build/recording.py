"""The record of a run while it goes on: `gc` spares what a running build has, and what it has made so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from fftcas.build.outcome import Identity
from fftcas.label import Label
from fftcas.store import Relation, RunRecord, Store

SECONDS = 10.0
"""The record is written again at most so often."""


class Recording:
    """Keeps the record of one run up to date; `identities` is what the run knows of its nodes so far, and `places`
    says where some of them lie."""

    def __init__(
        self,
        store: Store,
        run: RunRecord,
        identities: Mapping[Label, Identity],
        places: Callable[[Iterable[Label]], Mapping[str, Relation]],
    ) -> None:
        self.store = store
        self.run = run
        self.identities = identities
        self.places = places
        self.behind = False
        """Whether the run relies on outputs that the record does not have."""
        self._written: float | None = None

    def keep(self) -> None:
        """Write down what the run has; at the first call, and then from time to time."""
        if self._written is None or time.monotonic() - self._written > SECONDS:
            self._write()

    def catch_up(self) -> None:
        """Write down what the run has if it is behind; for moments when the run has to wait."""
        if self.behind:
            self._write()

    def _write(self) -> None:
        self._written, self.behind = time.monotonic(), False
        made = {label: identity for label, identity in self.identities.items() if not label.repo}  # no sources
        outputs = {label.text: identity.output for label, identity in made.items()}
        self.store.record_run(replace(self.run, outputs=outputs), self.places(made))
