"""The models' templates, rendered: again only where something has changed of what a text was made of."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fftcas.digest import Value, digest_value
from fftcas.errors import Location, ProjectError
from fftcas.project.environment import SHORTEST_SECRET, is_secret
from fftcas.project.files import Files
from fftcas.project.macro_use import MacroFiles
from fftcas.project.macros import FOLDER as PYTHON_MACROS
from fftcas.project.macros import python_macros
from fftcas.project.memory import Memory
from fftcas.project.rendered import Rendered, template_text
from fftcas.relation import RelationName
from fftcas.version import __version__

if TYPE_CHECKING:
    from fftcas.project.templating import Templates

MACROS = ("models/macros", "macros")
RECORD = "rendered"
"""Records of this kind hold what a template gave, and the variables that it asked for, under the digest of its text."""

UNSURE = re.compile(r"\b(random|lipsum)\b")
"""What Jinja has that gives another text each time."""


class Renderer:
    """Renders the models of one project for one engine."""

    def __init__(
        self, files: Files, engine: str, values: Mapping[str, Any], environ: Mapping[str, str], memory: Memory | None
    ) -> None:
        self._files, self._engine, self._vars, self._environ = files, engine, values, environ
        self._memory = memory

    def render(self, models: Sequence[tuple[str, RelationName]]) -> list[Rendered | None]:
        """The text of each model, given by path; None if its config says that it is not wanted. Raises ProjectError."""
        texts = [template_text(self._files, path) for path, _ in models]
        if self._memory is None or self._unsure or not models:
            templates = self._templates  # what is wrong with macros is said even if no model is there to use them
            made = [templates.render(*model, text) for model, text in zip(models, texts, strict=True)]
            if python := self._files.walk(PYTHON_MACROS, (".py",)):
                self._refuse_secrets(models, made, [*texts, *map(self._files.text, python)])
            return made
        keys = [self._key(path, text) for (path, _), text in zip(models, texts, strict=True)]
        known = [self._valid(data) for data in self._memory.get_records(RECORD, keys)]
        new = self._check_macros(self._memory)
        for index, ((path, relation), text) in enumerate(zip(models, texts, strict=True)):
            if known[index] is None:
                rendered = self._templates.render(path, relation, text)
                document = {"rendered": None if rendered is None else rendered.document()}
                known[index] = document
                if self._templates.repeatable and not UNSURE.search(text):
                    new[keys[index]] = json.dumps({**document, "asked": self._asked}).encode()
        self._memory.put_records(RECORD, new)
        found = [document["rendered"] if document else None for document in known]
        return [None if document is None else Rendered.of_document(document) for document in found]

    def _refuse_secrets(
        self, models: Sequence[tuple[str, RelationName]], made: Sequence[Rendered | None], files: Sequence[str]
    ) -> None:
        """Raise ProjectError if a model's text has the value of a secret that stands in none of the files, nor in an
        open variable: a Python macro has read it, and the text is kept."""
        open_values = [value for name, value in self._environ.items() if not is_secret(name)]
        written = "\n".join([*files, *self._macros.texts.values(), repr(self._vars), *open_values])
        for name, value in self._environ.items():
            if not is_secret(name) or len(value) < SHORTEST_SECRET or value in written:
                continue
            whole = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)")
            for (path, _), rendered in zip(models, made, strict=True):
                if rendered is not None and value in rendered.text and whole.search(rendered.text):
                    raise ProjectError(
                        f"a Python macro puts the secret {name} into the text of a model",
                        where=Location(path),
                        why="the text is part of the model's key, and kept in the store",
                        hint=f"give it to the macro as env('{name}'): that stands for it until the model runs",
                    )

    def _check_macros(self, memory: Memory) -> dict[bytes, bytes]:
        """What is wrong with macros is said even if no model uses them; returns what is to be remembered of that."""
        key = bytes.fromhex(self._digest([self._shared, *self._macros.digests.items()]))
        if not self._macros.texts or self._valid(memory.get_records(RECORD, [key])[0]):
            return {}
        return {key: json.dumps({"asked": self._asked}).encode()} if self._templates.repeatable else {}

    @property
    def _asked(self) -> Value:
        """The variables that the last template has asked for, and what it saw of them."""
        return [[*name, self._state(*name)] for name in sorted(self._templates.asked)]

    def _valid(self, data: bytes | None) -> dict[str, Any] | None:
        """What is known, if all variables are what they were."""
        document: dict[str, Any] | None = json.loads(data) if data else None
        if document is None or any(self._state(kind, name) != state for kind, name, state in document["asked"]):
            return None
        return document

    def _state(self, kind: str, name: str) -> Value:
        """What a template sees of a variable; of a secret only that it is one."""
        if kind == "env" and name in self._environ and is_secret(name):
            return "secret"
        values: Mapping[str, Any] = self._vars if kind == "var" else self._environ
        return self._digest([repr(values[name])]) if name in values else None

    def _key(self, path: str, text: str) -> bytes:
        return bytes.fromhex(self._digest([self._shared, path, text, self._macros.used_by(text)]))

    def _digest(self, value: Value) -> str:
        return digest_value("rendered 3", value)

    @cached_property
    def _macros(self) -> MacroFiles:
        """The files of SQL macros."""
        paths = [path for folder in MACROS for path in self._files.walk(folder, (".sql", ".sql.j2"))]
        return MacroFiles({path: template_text(self._files, path) for path in paths})

    @cached_property
    def _shared(self) -> str:
        """What all texts are made of."""
        return self._digest([self._engine, importlib.metadata.version("jinja2"), __version__])

    @cached_property
    def _unsure(self) -> bool:
        """Whether macros may do what nobody can know: Python code does."""
        random = any(UNSURE.search(text) for text in self._macros.texts.values())
        return random or bool(self._files.walk(PYTHON_MACROS, (".py",)))

    @cached_property
    def _templates(self) -> Templates:
        from fftcas.project.templating import Templates  # and with it Jinja

        templates = Templates(self._files, self._engine, self._vars, self._environ)
        templates.add_functions(python_macros(self._files))
        for path, text in self._macros.texts.items():
            templates.add_macros(path, text)
        return templates
