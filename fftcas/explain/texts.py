"""What was edited in a node's files, found by comparing the notes of two derivations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher, unified_diff
from typing import Any

from fftcas.project.provenance import lines_of
from fftcas.project.sql import Sql

Notes = Mapping[str, Any]


def sql_diff(old: Notes, new: Notes) -> tuple[str, ...]:
    """A unified diff of the rendered text, with labels for references; empty if one of them was not kept."""
    if "sql" not in old or "sql" not in new:
        return ()
    before, after = (Sql(notes["sql"]).readable().splitlines() for notes in (old, new))
    return tuple(line for line in unified_diff(before, after, n=1, lineterm="") if line[:3] not in ("---", "+++"))


def changed_macros(old: Notes, new: Notes) -> Iterator[tuple[str, str, str]]:
    """For every macro that the model uses and that differs: name, `changed` or `is new`, and the line."""
    before = old.get("macros", {})
    for name, macro in new.get("macros", {}).items():
        if name not in before:
            if "macros" in old:
                yield name, "is new here", f"{macro['path']}:{macro['line']}"
        elif before[name]["lines"] != macro["lines"]:
            line = macro["line"] + first_change(before[name]["lines"], macro["lines"])
            yield name, "changed", f"{macro['path']}:{line}"


def changed_templates(old: Notes, new: Notes) -> Iterator[tuple[str, str]]:
    """The files of the model's text that differ, with the first line that does."""
    before, after = old.get("files", {}), new.get("files", {})
    for path, lines in after.items():
        was = before.get(path)
        if was is None and path == new.get("path"):  # the model has moved
            was = before.get(old.get("path"))
        if was is not None and was != lines:
            yield path, f"{path}:{first_change(was, lines) + 1}"


def changed_code(old: Notes, new: Notes) -> Iterator[tuple[str, str, str, str]]:
    """For every definition of a Python module that differs: file, name, what became of it, and the line."""
    before, after = old.get("code"), new.get("code")
    if before is None or after is None:
        return
    for path in sorted(before.keys() | after.keys()):
        if path not in before or path not in after:
            yield path, "", "is used now" if path in after else "is no longer used", path
            continue
        was, now = before[path], after[path]
        for name in sorted(was.keys() | now.keys(), key=lambda name: now.get(name, [0])[0]):
            if name not in now:
                yield path, name, "is gone", path
            elif name not in was or was[name][1] != now[name][1]:
                yield path, name, "changed" if name in was else "is new", f"{path}:{now[name][0]}"


def first_change(old: str, new: str) -> int:
    """The number, from 0, of the first line of `new` that is not in `old` at its place; both are line digests."""
    before, after = lines_of(old), lines_of(new)
    for tag, _, _, start, _ in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            return min(start, max(len(after) - 1, 0))
    return 0
