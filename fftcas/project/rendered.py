"""What rendering a model's template gives: a text in which references are still open."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fftcas.errors import Location, ProjectError
from fftcas.project.files import Files
from fftcas.project.model_config import ModelConfig
from fftcas.project.sql_tokens import MARK, MARK_END

CALL = re.compile(f"{MARK}([0-9]+){MARK_END}")


@dataclass(frozen=True)
class Call:
    """What a model asked for while it was rendered: kind `ref`, `source`, `this` or `env`, and its arguments."""

    kind: str
    arguments: tuple[str, ...]
    where: Location


@dataclass(frozen=True)
class Rendered:
    """A model's text, in which a number between marks stands for the call of that number.

    `unset` are the calls for variables without a value that have written `None` into it.
    """

    text: str
    calls: tuple[Call, ...]
    config: ModelConfig
    unset: tuple[Call, ...] = ()

    def resolve(self, marker: Callable[[Call], str], path: str) -> str:
        """The text with `marker(call)` in each call's place. Raises ProjectError for stray marks."""

        def replaced(match: re.Match[str]) -> str:
            index = int(match[1])
            return marker(self.calls[index]) if index < len(self.calls) else ""

        stray = CALL.sub("", self.text)
        if MARK in stray or MARK_END in stray:
            raise ProjectError(
                "the template cuts the result of ref(), source(), env() or this into pieces",
                where=Location(path),
                hint="these stand for names that are known only when the model runs; use them whole",
            )
        return CALL.sub(replaced, self.text)

    def document(self) -> dict[str, Any]:
        """As JSON has it; `of_document` is the inverse."""
        config = {name: sorted(v) if isinstance(v, frozenset) else v for name, v in vars(self.config).items()}
        calls, unset = (
            [[call.kind, call.arguments, call.where.path, call.where.line] for call in some]
            for some in (self.calls, self.unset)
        )
        return {"text": self.text, "calls": calls, "config": config, "unset": unset}

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Rendered:
        calls, unset = (
            tuple(Call(kind, tuple(arguments), Location(*where)) for kind, arguments, *where in document[some])
            for some in ("calls", "unset")
        )
        config = ModelConfig(
            **{
                **document["config"],
                **{name: frozenset(document["config"][name]) for name in ("tags", "engines")},
                "warnings": tuple(document["config"]["warnings"]),
            }
        )
        return cls(document["text"], calls, config, unset)


def template_text(files: Files, path: str) -> str:
    """A template's text. Raises ProjectError if it has the characters that stand for references."""
    text = files.text(path)
    if MARK in text or MARK_END in text:
        lines = enumerate(text.splitlines(), 1)
        line = next(number for number, content in lines if MARK in content or MARK_END in content)
        raise ProjectError("the characters U+E000 and U+E001 are reserved", where=Location(path, line))
    return text
