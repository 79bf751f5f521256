"""Arguments that can be taken apart without click: those that it could only understand in one way."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ANYWHERE = {"-C": "directory", "--project": "directory", "-e": "profile", "--env": "profile"}
"""Options of every command, with the names of what they set."""

OUTPUT = {"-o": "output", "--output": "output"}

OPTIONS: dict[str, dict[str, str]] = {
    "ls": {**OUTPUT, "--select": "selected", "--exclude": "excluded"},
    "query": OUTPUT,
    "dag": {"--dot": "as_dot"},
    "why-rebuild": {},
}
"""More options of some commands, of which a test compares all with what click knows."""

FLAGS = frozenset({"as_dot"})
"""What takes no value."""

SEVERAL = frozenset({"selected", "excluded"})
"""What may be given more than once."""


class Asked:
    """What arguments say. `options` are values by what they set: none of a flag, one or more of others."""

    def __init__(self, operands: list[str], options: dict[str, list[str]]) -> None:
        self.operands = operands
        self.options = options

    def one(self, name: str) -> str | None:
        """The value of an option that is given at most once."""
        return self.options[name][0] if name in self.options else None

    @property
    def directory(self) -> str:
        return self.one("directory") or os.environ.get("FFTCAS_PROJECT") or "."

    @property
    def profile(self) -> str:
        from fftcas.project.outline import DEFAULT_PROFILE  # of no use to those who ask for help

        return self.one("profile") or os.environ.get("FFT_ACTIVE_ENV") or DEFAULT_PROFILE


def read(command: str, arguments: Sequence[str]) -> Asked | None:
    """The arguments of a command; None if there is anything that is not known here, or may be wrong."""
    known = {**ANYWHERE, **OPTIONS.get(command, {})}
    operands: list[str] = []
    options: dict[str, list[str]] = {}
    rest = iter(arguments)
    for argument in rest:
        name = known.get(argument)
        if argument == "--":
            operands += rest
        elif not argument.startswith("-") or (command != "query" and subtracts(argument)):
            operands.append(argument)
        elif name is None or (name in options and name not in SEVERAL):
            return None
        elif name in FLAGS:
            options[name] = []
        else:
            value = next(rest, "")
            if not value or value.startswith("-"):
                return None
            options.setdefault(name, []).append(value)
    return Asked(operands, options)


def subtracts(argument: str) -> bool:
    """Whether an argument that begins with `-` is a pattern and no option."""
    pattern = r"-(//|@|\d*\+|(tag|kind|type|source|path|state|result|changed):)"
    return argument.startswith("-") and re.match(pattern, argument) is not None
