"""Plain templates: text, and calls with constant arguments. They are answered as they are read.

Most models are no more than that, and each is rendered once: Jinja would write Python code for it, and compile that, to
be used a single time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

LARGE = 1e300
"""Numbers from here on are left to Jinja: some of them, as infinity, it cannot write as code."""


@dataclass(frozen=True)
class PlainCall:
    """`{{ function(arguments, keywords) }}`."""

    function: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    line: int


def plain_parts(template: nodes.Template) -> list[str | PlainCall] | None:
    """What a parsed template gives, one after the other; None if it says anything else as well."""
    parts: list[str | PlainCall] = []
    for statement in template.body:
        if not isinstance(statement, nodes.Output):
            return None
        for node in statement.nodes:
            part = node.data if isinstance(node, nodes.TemplateData) else _call(node)
            if part is None:
                return None
            parts.append(part)
    return parts


def _call(node: nodes.Expr) -> PlainCall | None:
    if not isinstance(node, nodes.Call) or not isinstance(node.node, nodes.Name):
        return None
    names = [keyword.key for keyword in node.kwargs]
    given = [*node.args, *(keyword.value for keyword in node.kwargs)]
    if node.dyn_args is not None or node.dyn_kwargs is not None or not all(map(_constant, given)):
        return None
    if len(set(names)) < len(names) or not all(map(_ordinary, names)):
        return None
    keywords = {keyword.key: keyword.value.as_const() for keyword in node.kwargs}
    return PlainCall(node.node.name, tuple(each.as_const() for each in node.args), keywords, node.lineno)


def _ordinary(keyword: str) -> bool:
    """Not one that Python would spell otherwise, or that Jinja's own code takes for itself."""
    return keyword.isascii() and not keyword.startswith("_")


def _constant(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Const):
        return not isinstance(node.value, int | float) or abs(node.value) < LARGE
    if isinstance(node, nodes.Pair) and not isinstance(node.key, nodes.Const):
        return False  # it may be no key of a dictionary
    return isinstance(node, nodes.Literal | nodes.Pair) and all(map(_constant, node.iter_child_nodes()))
