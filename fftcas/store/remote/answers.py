"""What engines have answered about texts, given to machines that would have to ask theirs about each.

    {"fftcas-answers":1,"digest":…,"key":…,"signature":…}\\n     its seal
    {"namespace":…,"scope":…,"answers":{kind:{key:answer}}}

The answers of one kind lie under the digest of what was asked, in hexadecimal digits; an answer is text. The scope says
of which project, version and engine they are: a build reads all that was ever answered in its own, in one object for
each signer, and adds to that of its own key what it had to ask. So a key vouches for nothing but what it was there for.
Whoever uses an answer has to check that it is one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from fftcas.digest import Digest
from fftcas.store.remote.belief import Belief
from fftcas.store.remote.believable import Judging, text
from fftcas.store.remote.keys import Signer, Trust
from fftcas.store.remote.layout import UNSIGNED, AnswersName
from fftcas.store.remote.reach import Reach, said
from fftcas.store.remote.seal import sealed, unsealed
from fftcas.store.remote.transport import Denied
from fftcas.store.remote.troubles import Troubles

Given = Mapping[str, Mapping[bytes, bytes]]
"""Answers by kind and key."""

LIMIT = 32 << 20
"""Bytes of the largest object."""
KEPT = 8 << 20
"""Bytes of answers that are kept in one: the latest."""
KINDS, MOST = 16, 1 << 18
"""Kinds, and answers, of which more are not believed to be any."""
_KIND = "answers"
_KEY, _ANSWER = 128, 1 << 20
_SECONDS = 60.0
"""Seconds that a request may take, at most: as many as any other."""


class SharedAnswers:
    """The answers in one remote. They only save time: what fails is no failure of the remote, and `add` tells it."""

    def __init__(self, reach: Reach, belief: Belief, troubles: Troubles) -> None:
        self._reach = reach
        self._belief = belief
        self._troubles = troubles

    def read(self, scope: Digest) -> dict[str, dict[bytes, bytes]]:
        """All answers of a scope that may be believed."""
        found: dict[str, dict[bytes, bytes]] = {}
        for namespace, signer in self._belief.places():
            some = [answer for answers in found.values() for answer in answers.values()]
            if not self._reach.reading or len(some) > MOST or sum(map(len, some)) > LIMIT:
                break
            try:
                given = self._read(AnswersName(namespace, scope, signer), self._belief.trust(namespace))
            except Denied:
                continue
            except OSError:
                break  # it would take as long to find out that of the others
            for kind, answers in given.items():
                found.setdefault(kind, {}).update(answers)
        return found

    def add(self, scope: Digest, asked: Given, signer: Signer | None) -> str | None:
        """Add answers to one's own; returns what went wrong."""
        name = AnswersName(self._belief.own, scope, signer.public.id if signer else UNSIGNED)
        if not self._reach.writing:
            return None
        try:
            known = self._read(name, Trust((signer.public,)) if signer else Trust())
            data = to_bytes(name, latest(known, asked), signer)
            self._reach.ask(lambda: self._reach.transport.put(name.path, data, replace=True), _SECONDS)
        except OSError as error:
            return f"what the engine answered was not published: {said(error)}"
        self._troubles.mended(name.path)
        return None

    def _read(self, name: AnswersName, trust: Trust) -> dict[str, dict[bytes, bytes]]:
        """The answers in an object; none if it is not there, or bad, which is said. Raises OSError."""
        data = self._reach.ask(lambda: self._reach.transport.get(name.path, 0, LIMIT + 1), _SECONDS)
        if data is None:
            return {}
        try:
            return read_answers(name, data, trust, self._belief.own)
        except ValueError as error:
            self._troubles.report(name.path, str(error))
            return {}


@Judging()
def read_answers(name: AnswersName, data: bytes, trust: Trust, own: str) -> dict[str, dict[bytes, bytes]]:
    """The answers in an object, if they may be believed. Raises ValueError, which says why not."""
    if len(data) > LIMIT:
        raise ValueError("it is too large")
    document, _ = unsealed(_KIND, data, name.namespace, name.signer, trust, own)
    if document.get("scope") != name.scope:
        raise ValueError("it was made for another scope")
    kinds: dict[str, dict[str, str]] = document["answers"]
    if len(kinds) > KINDS or sum(map(len, kinds.values())) > MOST:
        raise ValueError("it holds too many answers")
    found: dict[str, dict[bytes, bytes]] = {}
    for kind, some in kinds.items():
        keys = (bytes.fromhex(text(key, _KEY)) for key in some)
        found[kind] = dict(zip(keys, (text(answer, _ANSWER).encode() for answer in some.values()), strict=True))
    return found


def to_bytes(name: AnswersName, answers: Given, signer: Signer | None) -> bytes:
    """An object that holds these answers."""
    hexed = {kind: {key.hex(): answer.decode() for key, answer in some.items()} for kind, some in answers.items()}
    document = {"namespace": name.namespace, "scope": name.scope, "answers": hexed}
    return sealed(_KIND, json.dumps(document, separators=(",", ":")).encode(), signer)


def latest(known: Given, asked: Given) -> dict[str, dict[bytes, bytes]]:
    """Both, the latest of each kind, as far as there is room."""
    kinds = [kind for kind in {**known, **asked} if known.get(kind) or asked.get(kind)]
    kept: dict[str, dict[bytes, bytes]] = {}
    for kind in kinds:
        room, some = KEPT // len(kinds), dict[bytes, bytes]()
        for key, answer in reversed([*known.get(kind, {}).items(), *asked.get(kind, {}).items()]):
            room -= 2 * len(key) + len(json.dumps(answer.decode()))
            if room < 0 or len(some) == MOST // len(kinds):
                break
            some.setdefault(key, answer)
        kept[kind] = dict(reversed(some.items()))
    return kept
