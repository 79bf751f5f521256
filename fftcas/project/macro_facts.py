"""Macros as a reader of the project sees them: where each is defined, and which of them a template uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fftcas.project.files import Files
from fftcas.project.macros import FOLDER
from fftcas.project.rendering import MACROS

DEFINITION = re.compile(r"\{%[-+]?\s*macro\s+(\w+)\s*\(.*?\{%[-+]?\s*endmacro", re.DOTALL)
IMPORT = re.compile(r"\{%[-+]?\s*(?:import|from|include|extends)\s+(['\"])(.+?)\1")
VARIABLE = re.compile(r"\b(var|env)\(\s*(['\"])(\w+)\2|(['\"])(\w+)\4\s*\|\s*(var|env)\b")


@dataclass(frozen=True)
class MacroText:
    """A macro's name, place and text."""

    name: str
    path: str
    line: int
    text: str


def macro_texts(files: Files) -> dict[str, MacroText]:
    """All SQL and Python macros of a project by name."""
    found: dict[str, MacroText] = {}
    for path in files.walk(FOLDER, (".py",)):
        found |= {macro.name: macro for macro in _python(path, files.text(path))}
    for folder in MACROS:
        for path in files.walk(folder, (".sql", ".sql.j2")):
            text = files.text(path)
            for match in DEFINITION.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                found[match[1]] = MacroText(match[1], path, line, match[0])
    return found


def _python(path: str, text: str) -> Iterator[MacroText]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield MacroText(node.name, path, node.lineno, ast.get_source_segment(text, node) or "")


def used_macros(text: str, known: Mapping[str, MacroText]) -> dict[str, MacroText]:
    """The macros that a template names, and those that these name."""
    found: dict[str, MacroText] = {}
    waiting = [text]
    while waiting:
        for name in set(re.findall(r"[A-Za-z_]\w*", waiting.pop())) & known.keys() - found.keys():
            found[name] = known[name]
            waiting.append(known[name].text)
    return found


def imported_templates(text: str, files: Files) -> list[str]:
    """The files that a template imports or includes by a literal name."""
    places = [place for match in IMPORT.finditer(text) for place in (f"models/{match[2]}", match[2])]
    return [place for place in places if files.is_file(place)]


def named_variables(text: str) -> Iterator[tuple[str, str]]:
    """`("var", name)` and `("env", name)` for what a template asks for by a literal name."""
    for match in VARIABLE.finditer(text):
        yield (match[1] or match[6], match[3] or match[5])
