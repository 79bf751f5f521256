"""The pages as self-contained HTML: style, script and data are part of the file, and nothing else is loaded."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Literal

SCRIPTS = ("base.js", "code.js", "graph.js", "node.js", "run.js", "main.js")

View = Literal["graph", "run"]


def page(data: Mapping[str, Any], view: View) -> str:
    """The page that first shows `view`. The data can hold anything: none of it is ever taken for HTML."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    parts = files("fftcas.report") / "pages"
    script = "\n".join((parts / name).read_text("utf-8") for name in SCRIPTS)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        (parts / "page.html").read_text("utf-8")
    )
    return template.render(
        project=data["project"],
        view=view,
        data=data,
        style=Markup((parts / "style.css").read_text("utf-8")),
        script=Markup(script),
        script_hash=allowed,
    )
