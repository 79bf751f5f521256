"""A rendered SQL statement whose references are still symbolic."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from fftcas.digest import Value
from fftcas.errors import Location, ProjectError
from fftcas.label import Label
from fftcas.project.sql_columns import unnamed
from fftcas.project.sql_tokens import MARK, MARK_END, VERSION, Token, folded, tokenise, with_plain_spaces
from fftcas.relation import RelationName

MARKER = re.compile(f"{MARK}(ref|this|env)(?::([^{MARK}{MARK_END}]*))?{MARK_END}")
TEXT_KINDS = ("string", "quoted", "hint", "rest")
"""Tokens inside which a marker is text, not a reference of its own."""


def ref(label: Label) -> str:
    """The marker that stands for a node's relation."""
    return f"{MARK}ref:{label.text}{MARK_END}"


def secret(name: str) -> str:
    """The marker that stands for the value of a secret environment variable."""
    return f"{MARK}env:{name}{MARK_END}"


THIS = f"{MARK}this{MARK_END}"


@dataclass(frozen=True)
class Sql:
    """Rendered SQL; every reference, `this` and every secret is a marker."""

    text: str

    @classmethod
    def known(cls, text: str, **properties: object) -> Sql:
        """The statement, of which some cached properties are known already."""
        sql = cls(text)
        vars(sql).update(properties)
        return sql

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        return tuple(tokenise(self.text))

    @cached_property
    def inputs(self) -> tuple[Label, ...]:
        """The nodes whose relations the statement reads, in order of first appearance outside comments."""
        return tuple(dict.fromkeys(Label.parse(value) for kind, value in self._markers() if kind == "ref"))

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The secret environment variables that `bind` needs."""
        return tuple(dict.fromkeys(value for kind, value in self._markers() if kind == "env"))

    @cached_property
    def names_places(self) -> bool:
        """Whether a string, or another text, has a reference in it: there its physical name counts."""
        texts = (token.text for token in self.tokens if token.kind in TEXT_KINDS and MARK in token.text)
        return any(match[1] != "env" for text in texts for match in MARKER.finditer(text))

    def tells_places(self, names: Iterable[str]) -> bool:
        """Whether the ingredient hangs on where relations of these names are."""
        qualifiers = self._qualifiers
        return self.names_places or bool(self._unnamed) or any(name.lower() in qualifiers for name in names)

    @cached_property
    def _unnamed(self) -> set[int]:
        """Tokens in which a reference gives its name to a column."""
        return unnamed(self.tokens)

    @cached_property
    def _qualifiers(self) -> dict[str, set[str]]:
        """What stands before each name that the text qualifies itself, `{"table": {"schema"}}`, in lower case."""
        found: dict[str, set[str]] = {}
        for first, point, second in zip(self.tokens, self.tokens[1:], self.tokens[2:], strict=False):
            if point.text == "." and first.kind in ("name", "quoted") and second.kind in ("name", "quoted"):
                found.setdefault(_bare(second), set()).add(_bare(first))
        return found

    def _markers(self) -> Iterator[tuple[str, str]]:
        for token in self.tokens:
            if MARK in token.text:
                for match in MARKER.finditer(token.text):
                    yield match[1], match[2] or ""

    def bind(self, names: Mapping[Label, str], this: str, secrets: Mapping[str, str]) -> str:
        """The SQL to run: `names` has the quoted relation of every input, `this` the node's own."""

        def bound(kind: str, value: str, token: Token | None) -> str:
            if token is None:
                return value or kind  # a comment must not end where a name or a secret says so
            if kind == "ref":
                return names[Label.parse(value)]
            if kind == "this":
                return this
            return secrets[value].replace("'", "''") if token.text.startswith("'") else secrets[value]

        return self._replace(bound)

    def expand(self, bodies: Mapping[Label, Sql]) -> Sql:
        """The statement with each reference to one of `bodies` replaced by that text, in parentheses."""

        def expanded(kind: str, value: str, token: Token | None) -> str:
            label = Label.parse(value) if kind == "ref" else None
            if label is None or label not in bodies:
                return f"{MARK}{kind}{':' + value if value else ''}{MARK_END}"
            return _included(bodies[label]) if token else value

        return Sql(self._replace(expanded)) if any(label in bodies for label in self.inputs) else self

    def around(self, body: Sql) -> Iterator[int]:
        """How many lines of the text stand before each place where `expand` has put this one."""
        for match in re.finditer(re.escape(_included(body)), self.text):
            yield self.text.count("\n", 0, match.start()) + 1

    def readable(self) -> str:
        """The text for people: labels for references."""

        def shown(kind: str, value: str, token: Token | None) -> str:
            return value if kind == "ref" else "{{ this }}" if kind == "this" else f"{{{{ env('{value}') }}}}"

        return self._replace(shown)

    def ingredient(self, relations: Mapping[Label, RelationName], this: RelationName) -> Value:
        """The statement as part of a recipe: equal only for statements that give equal results on equal inputs.

        A reference is its number among the inputs, so that a moved or renamed upstream changes nothing; its name is
        added if the statement names it elsewhere too. The physical name counts where a reference is data, inside a
        string or in the name of a column, and where the statement names the schema itself.
        """
        number = {label: position for position, label in enumerate(self.inputs)}
        named = {_bare(token) for token in self.tokens if token.kind in ("name", "quoted")}
        physical: list[Value] = []

        def placeholder(match: re.Match[str], inside: bool) -> str:
            relation = relations[Label.parse(match[2])] if match[1] == "ref" else this
            if match[1] == "env":
                return match[0]
            places = {str(relation.schema).lower(), str(relation.database).lower()}
            if inside or places & self._qualifiers.get(relation.name.lower(), set()):
                physical.append(str(relation))
            number_text = f":{number[Label.parse(match[2])]}" if match[1] == "ref" else ""
            name = f":{relation.name}" if relation.name.lower() in named else ""
            return f"{MARK}{match[1]}{number_text}{name}{MARK_END}"

        tokens: list[Value] = []
        for index, (token, text) in enumerate(zip(self.tokens, folded(self.tokens), strict=True)):
            if MARK in text:
                inside = token.kind in TEXT_KINDS or index in self._unnamed
                text = MARKER.sub(lambda match, inside=inside: placeholder(match, inside), text)  # type: ignore[misc]
            tokens.append(text)
        return {"tokeniser": VERSION, "tokens": tokens, **({"physical names": physical} if physical else {})}

    def _replace(self, text_of: Callable[[str, str, Token | None], str]) -> str:
        """The text with each marker replaced by `text_of(kind, value, token)`; the token is None in comments."""
        pieces: list[str] = []
        position = 0
        tokens = iter(self.tokens)
        token = next(tokens, None)
        for match in MARKER.finditer(self.text):
            while token is not None and token.end <= match.start():
                token = next(tokens, None)
            inside = token if token is not None and token.start <= match.start() else None
            pieces += [self.text[position : match.start()], text_of(match[1], match[2] or "", inside)]
            position = match.end()
        return "".join([*pieces, self.text[position:]])


def _included(body: Sql) -> str:
    """A statement as a part of another one: on lines of its own, since it may end in a comment."""
    return f"(\n{body.text}\n)"


def _bare(token: Token) -> str:
    """An identifier token's name, in lower case."""
    return token.text.strip('"`').replace('""', '"').lower()


def statement(text: str, path: str) -> Sql:
    """The one statement of a model's rendered text, without the `;` at its end, and with plain spaces only.

    Raises ProjectError if there is none, if there are two, or if it is a CREATE statement.
    """
    text = with_plain_spaces(text)
    before = len(text) - len(text.lstrip("\n"))
    tokens = tokenise(text[before:])
    if not tokens:
        raise ProjectError("the model has no SQL", where=Location(path), hint="write a SELECT")
    for token in tokens:
        if token.text == ";":
            raise ProjectError(
                "a model is one statement, and here a second one begins",
                where=Location(path, _line(text, before + token.end)),
                hint="keep the SELECT that gives the model's rows; put other steps into models of their own",
            )
    if tokens[0].text.lower() == "create":
        raise ProjectError(
            "a model is a SELECT, not a CREATE statement",
            where=Location(path, _line(text, before + tokens[0].start)),
            why="fftcas makes the model's table or view itself",
            hint="keep what follows AS, and say table or view with config(materialized=...)",
        )
    whole = text[before : before + tokens[-1].end]
    return Sql(whole.strip("\n")) if whole.endswith("\n") else Sql.known(whole, tokens=tuple(tokens))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
