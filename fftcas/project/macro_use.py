"""Which files of macros a template may use: an edit of the others cannot change what it gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from functools import cached_property

from fftcas.digest import Digest, digest_value

NAMING = re.compile(r"\{%[-+]?\s*(?:macro\s+(\w+)|set\s+([^=%]+)|(?:import|from)\b(.*?)%\})", re.DOTALL)
"""Whatever gives a name to something in a file's module, and what may be the name."""

WORD = re.compile(r"\w+")


class MacroFiles:
    """The macro files of a project, by path in the order in which they count; `texts` are what they hold.

    Templates name macros by words that stand in them: Jinja looks up no name that is made while it renders. So a
    template can use the files that define one of its words, and whatever these can use. Which macro it is does not
    matter: a file counts as a whole, as its macros may rest on all of it.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def used_by(self, text: str) -> list[tuple[str, Digest]]:
        """The files that a template of this text may use, and the digests of their texts."""
        found: set[str] = set()
        waiting: list[Set[str]] = [words(text)] if self.texts else []
        while waiting:
            for name in waiting.pop() & self._defining.keys():
                for path in self._defining[name] - found:
                    found.add(path)
                    waiting.append(self._words[path])
        return [(path, digest) for path, digest in self.digests.items() if path in found]

    @cached_property
    def digests(self) -> dict[str, Digest]:
        return {path: digest_value("macro file 1", text) for path, text in self.texts.items()}

    @cached_property
    def _words(self) -> dict[str, Set[str]]:
        return {path: words(text) for path, text in self.texts.items()}

    @cached_property
    def _defining(self) -> dict[str, set[str]]:
        """By name the files that may define it."""
        found: dict[str, set[str]] = {}
        for path, text in self.texts.items():
            for names in NAMING.findall(text):
                for name in words(" ".join(names)):
                    found.setdefault(name, set()).add(path)
        return found


def words(text: str) -> Set[str]:
    return frozenset(WORD.findall(text))
