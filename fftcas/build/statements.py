"""What the texts of SQL models say; the engine's parser is asked once for each, and the answer is kept in the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import cached_property

from fftcas.build.answers import Answers
from fftcas.digest import digest_value
from fftcas.engines.base import Binder, EngineError, Unstable
from fftcas.engines.drivers import engine_version
from fftcas.project.nodes import Node, SqlModel
from fftcas.project.project import Project
from fftcas.relation import RelationName
from fftcas.store import Store
from fftcas.version import __version__

RECORD = "statement"
"""Records of this kind hold what a text says, under the digest of the text and of the engine that reads it."""

TOGETHER = 64
"""Texts that are parsed at once: their trees are large."""

INPUT = "__fftcas_input_"
"""What references are called while a text is looked at."""


@dataclass(frozen=True)
class Statement:
    """What a text reads by name, its references apart (each sorted), and what may make two runs of it differ.

    `names_columns` says that it names each column that it reads, `one_query` that it is one query.
    """

    relations: tuple[RelationName, ...] = ()
    files: tuple[str, ...] = ()
    opaque: tuple[str, ...] = ()
    unstable: tuple[Unstable, ...] = ()
    names_columns: bool = False
    one_query: bool = False

    @property
    def closed(self) -> bool:
        """Whether it reads nothing but its references."""
        return not (self.relations or self.files or self.opaque)

    def to_json(self) -> bytes:
        return json.dumps(astuple(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Statement:
        relations, files, opaque, unstable, names_columns, one_query = json.loads(data)
        return cls(
            tuple(RelationName(*name) for name in relations),
            tuple(files),
            tuple(opaque),
            tuple(Unstable(*each) for each in unstable),
            names_columns,
            one_query,
        )


class Statements:
    """Answers for the models of one project; safe to call from several threads. `binder` opens the engine's parser."""

    def __init__(self, project: Project, store: Store, binder: Callable[[], Binder]) -> None:
        self.project = project
        self._answers = Answers(store, RECORD)
        self.binder = binder
        self._known: dict[str, Statement] = {}

    def of(self, model: SqlModel) -> Statement:
        """What the model's text says; a text that does not parse says nothing: it will fail when it runs."""
        if model.sql.text not in self._known:
            self.learn([model])
        return self._known[model.sql.text]

    def is_query(self, model: SqlModel) -> bool:
        """Whether the text is known to be one query, whatever its inputs are called.

        Not where secrets, or names within strings, are part of it: these may end the string.
        """
        return self.of(model).one_query and not (model.sql.secrets or model.sql.names_places)

    def learn(self, nodes: Iterable[Node]) -> None:
        """Find out what the texts of the SQL models among these nodes say, where that will be asked of each."""
        models = (node for node in nodes if isinstance(node, SqlModel))
        unknown = {model.sql.text: model for model in models if model.sql.text not in self._known}
        keys = {text: bytes.fromhex(digest_value("statement 4", [__version__, text, self._engine])) for text in unknown}
        new = []
        for text, answer in zip(unknown, self._answers.get_many(list(keys.values())), strict=True):
            if answer is None:
                new.append(text)
            else:
                self._known[text] = Statement.from_json(answer)
        for start in range(0, len(new), TOGETHER):
            some = {text: self._bound(unknown[text]) for text in new[start : start + TOGETHER]}
            with suppress(EngineError):  # whichever of them it is: it will be asked for by itself
                self.binder().parse(list(some.values()))
            for text, sql in some.items():
                try:
                    self._known[text] = self._ask(sql)
                except EngineError:  # not kept: an engine that is set up otherwise may understand it
                    self._known[text] = Statement()
                else:
                    self._answers.put(keys[text], self._known[text].to_json())

    def close(self) -> None:
        self._answers.close()

    @cached_property
    def _engine(self) -> str:
        engine = self.project.profile.engine
        return f"{engine} {engine_version(engine)}"

    def _bound(self, model: SqlModel) -> str:
        """The model's text with other names for its references."""
        binder = self.binder()
        names = [binder.quote(RelationName(f"{INPUT}{i}")) for i in range(len(model.sql.inputs) + 1)]
        secrets = dict.fromkeys(self.project.secrets, "")
        return model.sql.bind(dict(zip(model.sql.inputs, names, strict=False)), names[-1], secrets)

    def _ask(self, sql: str) -> Statement:
        """What the engine's parser says. Raises EngineError if it does not understand the text."""
        binder = self.binder()
        read = binder.reads(sql)
        relations = [name for name in read.relations if not name.name.startswith(INPUT)]
        return Statement(
            tuple(sorted(relations, key=str)),
            tuple(sorted(read.files)),
            tuple(sorted(read.opaque)),
            tuple(binder.unstable(sql)),
            read.names_columns,
            read.one_query,
        )
