"""What a template asks for while it is rendered, and where."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any

from fftcas.errors import Location, ProjectError
from fftcas.project.model_config import ModelConfig
from fftcas.project.rendered import Call
from fftcas.project.sql_tokens import MARK, MARK_END
from fftcas.relation import RelationName


@dataclass
class Rendering:
    """What the model that is being rendered has said so far.

    `asked` are the variables that it has asked for, as ("var" or "env", name). `repeatable` says that it has used no
    other template, which may have asked for more than was seen here. `at` is where the last call was that was answered,
    if that is known without looking for it. `unset` are the calls for variables that have no value, not even a default,
    and `nothing` the places where `None` was written.
    """

    relation: RelationName
    calls: dict[tuple[str, ...], Call] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    checked: ModelConfig = field(default_factory=ModelConfig)
    asked: set[tuple[str, str]] = field(default_factory=set)
    repeatable: bool = True
    at: Location | None = None
    unset: dict[Call, None] = field(default_factory=dict)
    nothing: set[Location] = field(default_factory=set)

    @property
    def rendered_unset(self) -> tuple[Call, ...]:
        """Calls for variables without a value where `None` was written: elsewhere it may be asked for, to decide."""
        return tuple(call for call in self.unset if call.where in self.nothing)

    @property
    def caller(self) -> Location:
        """The place in a template from which the running function was called."""
        return self.at or calling_place()

    def mark(self, kind: str, *arguments: str) -> str:
        key = (kind, *arguments)
        if key not in self.calls:
            self.calls[key] = Call(kind, arguments, self.caller)
        return f"{MARK}{list(self.calls).index(key)}{MARK_END}"

    def text_argument(self, function: str, value: object) -> str:
        """The value if it is a text. Raises ProjectError."""
        if not isinstance(value, str) or MARK in value or MARK_END in value:
            raise ProjectError(f"{function}() needs a name in quotes", where=self.caller)
        return value

    def no_marks(self, value: Any, name: str) -> Any:
        """The value. Raises ProjectError if it is a text with the characters that stand for references."""
        if isinstance(value, str) and (MARK in value or MARK_END in value):
            raise ProjectError(f"{name} has the reserved characters U+E000 or U+E001", where=self.caller)
        return value


class This:
    """`this` in a template: the model's own relation."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering
        self.name = rendering.relation.name
        self.schema = rendering.relation.schema
        self.database = rendering.relation.database

    @property
    def relation(self) -> str:
        return self._rendering.mark("this")

    @property
    def materialized(self) -> str:
        return self._rendering.checked.materialized

    def __str__(self) -> str:
        return self.relation


def calling_place() -> Location:
    """The innermost place in a template whose code is running."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            return Location(template.filename or "", template.get_corresponding_lineno(frame.f_lineno))
        frame = frame.f_back
    return Location("models")


def place(traceback: TracebackType | None) -> Location | None:
    """The innermost place in a template that an exception passed through."""
    found = None
    while traceback is not None:
        if "__jinja_template__" in traceback.tb_frame.f_globals:
            template = traceback.tb_frame.f_globals["__jinja_template__"]
            found = Location(template.filename, template.get_corresponding_lineno(traceback.tb_lineno))
        elif "__jinja_exception__" in traceback.tb_frame.f_globals:  # Jinja has put the template's own lines there
            found = Location(traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found
