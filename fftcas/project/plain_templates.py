"""Plain templates: text, and calls with constant arguments. They are answered as they are read.

Most models are no more than that, and each is rendered once: Jinja would take the text apart, write Python code for it,
and compile that, to use it a single time. What is plain here both read alike: texts in quotes without a backslash,
whole numbers, truth values, and lists of texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SPACE = r"[ \t\n]*+"
_TEXT = r"""(?:'[^'\\{}\n]*+'|"[^"\\{}\n]*+")"""
_LIST = rf"\[{_SPACE}(?:{_TEXT}{_SPACE}(?:,{_SPACE}{_TEXT}{_SPACE})*+(?:,{_SPACE})?)?\]"
_VALUE = rf"(?:{_TEXT}|{_LIST}|(?:0|[1-9][0-9]{{0,8}}|[Tt]rue|[Ff]alse|[Nn]one)\b)"
_ARGUMENT = rf"(?:[a-z][a-z0-9_]*+{_SPACE}={_SPACE})?{_VALUE}{_SPACE}"
_CALL = re.compile(
    rf"\{{\{{{_SPACE}(?P<function>[a-z_]++)(?P<opening>\(){_SPACE}"
    rf"(?P<arguments>(?:{_ARGUMENT}(?:,{_SPACE}{_ARGUMENT})*+(?:,{_SPACE})?)?)\){_SPACE}\}}\}}"
)
_GIVEN = re.compile(rf"(?:(?P<keyword>[a-z][a-z0-9_]*+){_SPACE}={_SPACE})?(?P<value>{_VALUE})")
_QUOTED = re.compile(_TEXT)
_WORDS = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class PlainCall:
    """`{{ function(arguments, keywords) }}`."""

    function: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    line: int


def plain_parts(template: str) -> list[str | PlainCall] | None:
    """What a template gives, one after the other; None if it says anything else as well, or may do so to Jinja."""
    if "\r" in template or "{%" in template or "{#" in template:
        return None
    text = template.removesuffix("\n")
    parts: list[str | PlainCall] = []
    position, line = 0, 1
    while (start := text.find("{{", position)) >= 0:
        match = _CALL.match(text, start)
        if match is None:
            return None
        call = _call(match, line + text.count("\n", position, match.start("opening")))
        if call is None:
            return None
        parts += [text[position:start], call] if start > position else [call]
        line += text.count("\n", position, match.end())
        position = match.end()
    return [*parts, text[position:]] if position < len(text) else parts


def _call(match: re.Match[str], line: int) -> PlainCall | None:
    """The call, unless its arguments are none that a function may get."""
    arguments: list[Any] = []
    keywords: dict[str, Any] = {}
    for given in _GIVEN.finditer(match["arguments"]):
        keyword, value = given["keyword"], _value(given["value"])
        if keyword is None and not keywords:
            arguments.append(value)
        elif keyword is None or keyword in keywords:
            return None
        else:
            keywords[keyword] = value
    return PlainCall(match["function"], tuple(arguments), keywords, line)


def _value(written: str) -> Any:
    if written[0] in "'\"":
        return written[1:-1]
    if written[0] == "[":
        return [text[1:-1] for text in _QUOTED.findall(written)]
    return int(written) if written.isdecimal() else _WORDS[written.lower()]
