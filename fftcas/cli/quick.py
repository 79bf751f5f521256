"""Commands that only tell something, answered from the project's outline: by the same code as from the project itself.

Whatever is not known here to the last detail, errors among it, is left to the command in full.
"""

from __future__ import annotations

import sys

from fftcas.cli import answers, arguments
from fftcas.cli.outlines import KeptOutline, kept_outline, kept_plan
from fftcas.cli.unchanged import remember
from fftcas.errors import UsageError
from fftcas.project.selection import no_past
from fftcas.report.graph import FORMATS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fftcas.cli.arguments import Asked
    from fftcas.cli.look import Look


def answer(look: Look) -> int | None:
    """Answer the command of a look, and remember what was said; None if that takes more than an outline."""
    command, *others = look.arguments
    asked = arguments.read(command, others)
    if asked is None or asked.directory != look.root or asked.one("output") not in (None, *FORMATS):
        return None
    outline = kept_outline(look, asked.profile)
    if outline is None:
        return None
    try:
        said = fresh(look, outline, asked) if command == "why-rebuild" else told(command, outline, asked)
    except UsageError:
        return None
    if said is None:
        return None
    text, watched = said
    if watched is not None:
        remember(look, text, outline.warnings, watched=watched)
    for warning in outline.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(text, end="", flush=True)
    return 0


def told(command: str, outline: KeptOutline, asked: Asked) -> tuple[str, str] | None:
    """What `ls`, `query` or `dag` say, and that this rests on no other files than the project's. Raises UsageError."""
    output = asked.one("output") or "label"
    if command == "dag":
        text = answers.dag(outline, asked.operands, as_dot="as_dot" in asked.options)
    elif command == "query":
        if not asked.operands:
            return None
        text = answers.query(outline, no_past, asked.operands, output=output)
    else:
        selected, excluded = asked.options.get("selected", []), asked.options.get("excluded", [])
        text = answers.ls(outline, no_past, asked.operands, selected=selected, excluded=excluded, output=output)
    return text, ""


def fresh(look: Look, outline: KeptOutline, asked: Asked) -> tuple[str, str | None] | None:
    """What `why-rebuild` says of nodes that are known to be fresh, and the states of what this rests on beside the
    project's files; None where it also tells how long ago something was. Raises UsageError.
    """
    from fftcas.cli.selecting import choose
    from fftcas.report.fresh import all_fresh

    plan = kept_plan(look, asked.profile)
    if plan is None:
        return None
    chosen = choose(outline, asked.operands, no_past)
    targets = [label for label in chosen if outline.nodes[label].kind != "source"]
    if not all(label.text in plan.covered for label in targets):
        return None
    shown = [(label.text, plan.built[label.text]) for label in targets if label.text in plan.built]
    return f"{all_fresh(shown)}\n", None if len(shown) == 1 else plan.watched
