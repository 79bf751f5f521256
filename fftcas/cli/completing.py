"""Completion in the shell: the words that may follow are remembered for the words before, and chosen from here."""

from __future__ import annotations

import os

from fftcas.cli.commands import LABELS, PATTERNS
from fftcas.cli.look import look_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fftcas.cli.look import Look

BETWEEN = "\x1f"
"""Stands between a word and the lines that tell the shell of it."""


def complete(asked: str) -> int:
    """Do what a shell asks for by `_FFTCAS_COMPLETE`: `bash_complete`, `zsh_source`, …; returns the exit code."""
    shell, _, task = asked.partition("_")
    line = simple_line(shell) if task == "complete" else None
    if line is None:
        from fftcas.cli.completion import by_click

        return by_click(asked)
    words, begun = line
    look = look_at(["complete", shell, *words], words)
    found = look.recall() if look else None
    if look and found is None and words and words[0] in (*PATTERNS, *LABELS):
        found = from_outline(look, shell, words)
    if found is None:
        from fftcas.cli.completion import all_words, by_click

        new = all_words(shell, words, look)
        if new is None:
            return by_click(asked)
        found = [f"{word}{BETWEEN}{told}" for word, told in new.words]
        if look and new.seen:
            look.remember(found)
    print("\n".join(told for word, _, told in (each.partition(BETWEEN) for each in found) if word.startswith(begun)))
    return 0


def from_outline(look: Look, shell: str, words: list[str]) -> list[str] | None:
    """The patterns or labels that may follow these words, if an outline tells them; they are remembered."""
    from fftcas.cli.arguments import read
    from fftcas.cli.outlines import kept_outline
    from fftcas.cli.words import label_words, pattern_words

    asked = None if "--" in words else read(words[0], words[1:])
    if asked and asked.operands and words[0] in LABELS:
        return None
    outline = kept_outline(look, asked.profile) if asked and asked.directory == look.root else None
    if outline is None:
        return None
    before, after = outline.shells[shell]
    follow = label_words if words[0] in LABELS else pattern_words
    found = [f"{word}{BETWEEN}{before}{word}{after}" for word in follow(outline)]
    look.remember(found)
    return found


def simple_line(shell: str) -> tuple[list[str], str] | None:
    """The words before the cursor, and what is written of the one at it; None where it takes more to find out.

    What may follow does not depend on what is written, if that begins like a label or a name: it only has to begin so.
    """
    text, cursor = os.environ.get("COMP_WORDS", ""), os.environ.get("COMP_CWORD", "")
    if not (text.isascii() and text.isprintable()) or any(mark in text for mark in "'\"\\"):
        return None
    words = text.split()
    if shell in ("bash", "zsh") and cursor.isdecimal():
        before, begun = words[1 : int(cursor)], "".join(words[int(cursor) :][:1])
    elif shell == "fish" and (not cursor or words[-1:] == [cursor]):
        before, begun = words[1 : -1 if cursor else None], cursor
    else:
        return None
    return (before, begun) if not begun or begun[0].isalpha() or begun[0] in "/@_" else None
