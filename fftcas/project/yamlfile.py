"""YAML files as plain values that remember the line of every key, so that errors can point at it.

Of duplicate keys the last wins, as FFT has it. Dates stay the text that was written: models print them, and a value
that is only text, number, list and mapping has one canonical encoding.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fftcas.errors import Location, ProjectError, closest

if TYPE_CHECKING:
    import yaml

_HALVES = re.compile("[\ud800-\udfff]")

MAX_VALUES = 1_000_000
"""More values than this, aliases counted each time, are an attack or a mistake."""


class Map(dict[str, Any]):
    """A mapping from a YAML file; `line` is its own, `lines` those of its keys."""

    def __init__(self, line: int = 1) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


@dataclass(frozen=True)
class Section:
    """A mapping in a YAML file, with checked access to its values.

    `name` is its place in the file (`cache.env`, empty for the whole file). Every method raises ProjectError, which
    tells the type of a wrong value and never the value: it may be a secret. A key with an empty value counts as absent.
    """

    path: str
    name: str = ""
    line: int | None = None
    values: Mapping[str, Any] = field(default_factory=Map)

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def where(self, key: str | None = None) -> Location:
        """The place of a key, or of the section itself."""
        lines = self.values.lines if isinstance(self.values, Map) else {}
        return Location(self.path, lines.get(key, self.line) if key is not None else self.line)

    def known(self, keys: Collection[str]) -> None:
        """Check that there are no other keys than these."""
        for key in self.values:
            if key not in keys:
                raise ProjectError(
                    f"unknown key '{key}'{f' in {self.name}' if self.name else ''}",
                    where=self.where(key),
                    hint=closest(key, keys) or f"known keys: {', '.join(sorted(keys))}",
                )

    def wrong(self, key: str, wanted: str) -> ProjectError:
        """The error for a value of another type than `wanted`."""
        name = f"{self.name}.{key}" if self.name else key
        found = _TYPES.get(type(self.values.get(key)), "something else")
        return ProjectError(f"'{name}' must be {wanted}, not {found}", where=self.where(key))

    def any(self, key: str) -> Any:
        """The plain value, or None."""
        return self.values.get(key)

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong(key, "text")
        return value

    def required(self, key: str) -> str:
        """Text that must be there and not be empty."""
        value = self.text(key)
        if not value:
            raise ProjectError(f"{self.name or self.path} has no '{key}'", where=self.where())
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return default if value is None else value

    def integer(self, key: str, default: int) -> int:
        value = self.values.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise self.wrong(key, "a whole number")
        return default if value is None else value

    def choice(self, key: str, options: Collection[str], default: str) -> str:
        value = self.text(key)
        if value is not None and value not in options:
            raise ProjectError(
                f"'{self.name}.{key}' must be one of {', '.join(options)}",
                where=self.where(key),
                hint=closest(value, options),
            )
        return default if value is None else value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; one text alone stands for a list of one."""
        value = self.values.get(key)
        items = [value] if isinstance(value, str) else value or []
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise self.wrong(key, "a list of texts")
        return tuple(items)

    def section(self, key: str) -> Section:
        """The mapping at `key`; an empty one if there is none."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, Map):
            raise self.wrong(key, "a mapping")
        name = f"{self.name}.{key}" if self.name else key
        return Section(self.path, name, self.where(key).line, Map() if value is None else value)

    def sections(self, key: str) -> tuple[Section, ...]:
        """The mappings in the list at `key`."""
        value = self.values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, Map) for item in value):
            raise self.wrong(key, "a list of mappings")
        name = f"{self.name}.{key}" if self.name else key
        return tuple(Section(self.path, f"{name}[{i}]", item.line, item) for i, item in enumerate(value))


def plain(value: Any) -> Any:
    """The value without the places of its keys."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


_TYPES: Mapping[type, str] = {
    type(None): "nothing",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    Map: "a mapping",
}


def read_text(file: Path, path: str) -> str | None:
    """A file's text, or None if there is no such file; `path` names it in errors. Raises ProjectError."""
    try:
        with open(file, "rb", buffering=0, opener=_open) as opened:
            if stat.S_ISFIFO(os.fstat(opened.fileno()).st_mode):
                raise ProjectError(f"{path} is no file but a pipe", where=Location(path), hint="write a file instead")
            return opened.readall().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ProjectError(f"{path} is not UTF-8 text", where=Location(path, line), hint="save it as UTF-8") from None
    except OSError as error:
        raise ProjectError(f"cannot read {path}", where=Location(path), why=error.strerror) from None


def _open(path: str, flags: int) -> int:
    """Open a file, and a pipe as well without waiting for somebody to write."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_yaml(file: Path, path: str) -> Section | None:
    """A YAML file's mapping, or None if there is no such file; `path` names it in errors. Raises ProjectError."""
    text = read_text(file, path)
    return None if text is None else parse_yaml(text, path)


def parse_yaml(text: str, path: str) -> Section:
    """The mapping that a YAML text holds; an empty text is an empty mapping. Raises ProjectError."""
    value = parse_value(text, path)
    if value is None:
        value = Map()
    if not isinstance(value, Map):
        found = _TYPES.get(type(value), "something else")
        raise ProjectError(f"{path} must be a mapping (`key: value` lines), not {found}", where=Location(path, 1))
    return Section(path, values=value)


def parse_value(text: str, path: str) -> Any:
    """What a YAML text holds, whatever that is; `path` names it in errors. Raises ProjectError."""
    import yaml

    try:
        value = yaml.load(text, Loader=_loader())
        _check(value)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ProjectError(f"{path} is not valid YAML", where=Location(path, line), why=error.reason) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Location(path, mark.line + 1 if mark else None)
        raise ProjectError(f"{path} is not valid YAML", where=where, why=error.problem) from None
    except RecursionError:
        raise ProjectError(f"{path} is nested too deeply, or an alias contains itself", where=Location(path)) from None
    except ValueError as error:  # what YAML takes for a number and Python does not, and values of other types
        raise ProjectError(f"{path} is not valid YAML", where=Location(path), why=str(error)) from None
    return value


@cache
def _loader() -> type[yaml.SafeLoader]:
    import yaml  # late: a build with nothing to do reads no YAML

    def construct_map(loader: yaml.SafeLoader, node: yaml.MappingNode) -> Iterator[Map]:
        result = Map(node.start_mark.line + 1)
        yield result
        loader.flatten_mapping(node)
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key_node.value!r} is not text; write it in quotes", key_node.start_mark
                )
            result[key] = loader.construct_object(value_node, deep=True)
            result.lines[key] = key_node.start_mark.line + 1

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_constructor("tag:yaml.org,2002:map", construct_map)
    return Loader


def _check(value: Any) -> None:
    """Raise ValueError for values other than plain ones, RecursionError for a value that contains itself."""
    seen = 0

    def visit(value: Any) -> None:
        nonlocal seen
        seen += 1
        if seen > MAX_VALUES:
            raise ValueError(f"it holds more than {MAX_VALUES} values")
        if isinstance(value, Map):
            for key, item in value.items():
                visit(key)
                visit(item)
        elif isinstance(value, list):
            for item in value:
                visit(item)
        elif not (value is None or isinstance(value, str | bool | int | float)):
            raise ValueError(f"values of type {type(value).__name__} are not supported")
        elif isinstance(value, str) and _HALVES.search(value):
            raise ValueError("a text holds half a character (a lone surrogate)")

    visit(value)
