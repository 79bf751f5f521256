"""Who is believed: the claims of main and of one's own namespace, as far as the keys that signed them are trusted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from fftcas.store.remote import layout
from fftcas.store.remote.keys import PublicKey, Trust
from fftcas.store.remote.layout import MAIN, UNSIGNED
from fftcas.store.remote.reach import Reach

_SIGNERS = 64


class Belief:
    """What a build that works in the namespace `own` believes. There it also believes what the key `signer` signed."""

    def __init__(self, own: str, trust: Trust, signer: PublicKey | None = None) -> None:
        self.own = own
        self.namespaces = list(dict.fromkeys([MAIN, own]))
        self._trust = {name: trust if name == MAIN else trust.including(signer) for name in self.namespaces}
        self._signers: list[str] = []

    def learn_signers(self, reach: Reach) -> None:
        """Where every key is believed, find out which ones have signed something. Raises OSError."""
        if not self._trust[MAIN]:
            entries = reach.run(lambda: list(islice(reach.transport.list("keys"), _SIGNERS)))
            names = (entry.name.rpartition("/")[2] for entry in entries)
            self._signers = sorted(name for name in names if layout.KEY_ID.fullmatch(name))

    def trust(self, namespace: str) -> Trust:
        """Whose signatures count in a namespace."""
        return self._trust[namespace]

    def places(self) -> Iterator[tuple[str, str]]:
        """Namespaces, and signers (or `unsigned`), of what may be believed."""
        for namespace in self.namespaces:
            trust = self._trust[namespace]
            if not trust or namespace != MAIN:
                yield namespace, UNSIGNED
            for signer in [key.id for key in trust.keys] or self._signers:
                yield namespace, signer
