"""`why-rebuild` for people: the root causes first, then what follows from them; and as JSON for programs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from fftcas.amounts import counted, duration
from fftcas.build.why import Explanation
from fftcas.explain.causes import Cause
from fftcas.explain.rows import listing
from fftcas.label import Label
from fftcas.report.fresh import all_fresh
from fftcas.report.paint import Paint, fit
from fftcas.report.row_samples import sample_lines

SCHEMA = 1
DIFF_LINES = 14
NODE_LINES = 20
WIDTH = 80
COLOURS = {"build": "green", "restore": "cyan", "wait": "yellow", "error": "red", "fresh": "dim"}


@dataclass
class Root:
    """A cause that lies in no other node of the plan, and the nodes that it concerns at once."""

    cause: Cause
    labels: list[Label] = field(default_factory=list)


def roots(explanations: Sequence[Explanation]) -> list[Root]:
    """The root causes, each once, in build order of the first node that they concern."""
    moving = {each.label.text for each in explanations if not each.fresh}
    found: dict[tuple[str | None, ...], Root] = {}
    for each in explanations:
        for cause in each.causes:
            if cause.label is None or cause.label not in moving:
                key = (cause.kind, cause.subject, cause.words, cause.where)
                found.setdefault(key, Root(cause)).labels.append(each.label)
    return list(found.values())


def text(
    explanations: Sequence[Explanation], targets: Collection[Label], verbose: int = 0, *, mood: str = "would"
) -> Iterator[str]:
    """The report. `explanations` cover the targets and all that these read; `mood` is would, may or did."""
    paint = Paint()
    moving = [each for each in explanations if not each.fresh]
    if not any(each.label in targets for each in moving):
        fresh = [each for each in explanations if each.label in targets]
        if mood == "did":
            nodes = fresh[0].label if len(fresh) == 1 else f"any of {counted(len(fresh), 'node')}"
            yield f"that run did not build {nodes}"
        else:
            yield all_fresh([(each.label.text, each.made.built_at if each.made else None) for each in fresh])
        yield from _unread(explanations, paint)
        return
    yield _headline(moving, len(explanations), mood)
    yield ""
    yield "because"
    for root in roots(explanations):
        yield from _root(root, len(explanations), paint)
    yield ""
    yield "so"
    yield from _nodes(moving, verbose, paint)
    yield from _unread(explanations, paint)


def _headline(moving: Sequence[Explanation], total: int, mood: str) -> str:
    numbers = {verdict: sum(each.verdict == verdict for each in moving) for verdict in COLOURS}
    seconds = sum(each.seconds or 0 for each in moving if each.verdict == "build")
    took = f"took {duration(seconds)}" + ("" if mood == "did" else " last time")
    build = {"would": "would be built", "may": "may be built", "did": "were built"}[mood]
    parts = [
        f"{numbers['build']:,} {build}{f' ({took})' if seconds else ''}" if numbers["build"] else "",
        f"{numbers['restore']:,} would be restored" if numbers["restore"] else "",
        f"{numbers['wait']:,} {'waits' if numbers['wait'] == 1 else 'wait'} for others" if numbers["wait"] else "",
        f"{numbers['error']:,} cannot be tried" if numbers["error"] else "",
    ]
    return f"of {counted(total, 'node')}, " + ", ".join(part for part in parts if part)


def _root(root: Root, total: int, paint: Paint) -> Iterator[str]:
    cause, labels = root.cause, root.labels
    own = cause.kind in ("sql", "seed", "config", "python") and len(labels) == 1 and cause.label is None
    subject = f"{labels[0]}: {cause.words}" if own else cause.words
    yield f"  {paint('●', 'yellow')} {paint(subject, 'bold')}"
    if cause.where:
        yield f"      at {cause.where}"
    if not own:
        all_of = len(labels) == total and total > 1
        yield f"      concerns {f'all {total:,} nodes' if all_of else listing([label.text for label in labels])}"
    for line in cause.lines[:DIFF_LINES]:
        yield "      " + paint(line, {"+": "green", "-": "red"}.get(line[:1], "dim")).rstrip()
    if len(cause.lines) > DIFF_LINES:
        yield f"      … {len(cause.lines) - DIFF_LINES} more lines"
    for line in sample_lines(cause.rows) if cause.rows is not None else ():
        yield "      " + paint(line, {"+": "green", "-": "red", "~": "yellow"}.get(line[:1], "dim"))


def _nodes(moving: Sequence[Explanation], verbose: int, paint: Paint) -> Iterator[str]:
    shown = moving if verbose or len(moving) <= NODE_LINES else moving[: NODE_LINES - 1]
    width = max(len(each.label.text) for each in shown)
    for each in shown:
        verdict = paint(each.verdict.ljust(7), COLOURS[each.verdict])
        yield f"  {verdict}  {each.label.text:<{width}}  {fit(reason(each), max(24, WIDTH - 13 - width))}"
        if verbose:
            yield f"           derivation {(each.old or 'none')[:16]} → {(each.new or 'not known yet')[:16]}"
            for cause in each.causes:
                yield f"           {cause.words}"
    if len(shown) < len(moving):
        yield f"  and {len(moving) - len(shown):,} more (-v lists all)"


def reason(each: Explanation, width: int = 40) -> str:
    """The reason in a few words: of many causes the first, and how many more."""
    if len(each.reason) <= width or len(each.causes) < 2:
        return each.reason
    return f"{each.causes[0].words} and {len(each.causes) - 1} more"


def _unread(explanations: Sequence[Explanation], paint: Paint) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for each in explanations:
        for cause in each.unread:
            found.setdefault(cause.words, []).append(each.label.text)
    if found:
        yield ""
        yield "changed, to no effect"
    for words, labels in found.items():
        yield f"  {paint('○', 'dim')} {words}"
        yield f"      {'of no matter to' if 'another order' in words else 'not read by'} {listing(labels)}"


def document(explanations: Sequence[Explanation], targets: Collection[Label], about: dict[str, Any]) -> dict[str, Any]:
    """The report for programs; its shape is described in docs/why.md."""
    verdicts = [each.verdict for each in explanations]
    return {
        "metadata": {"schema": SCHEMA, **about},
        "summary": {verdict: verdicts.count(verdict) for verdict in ("fresh", "restore", "build", "wait", "error")},
        "roots": [
            {**cause(root.cause), "nodes": [label.text for label in root.labels]} for root in roots(explanations)
        ],
        "nodes": [_node(each, each.label in targets) for each in explanations],
    }


def _node(each: Explanation, wanted: bool) -> dict[str, Any]:
    made = each.made
    return {
        "label": each.label.text,
        "kind": each.node.kind,
        "target": wanted,
        "verdict": str(each.verdict),
        "reason": each.reason,
        "causes": [cause(one) for one in each.causes],
        "unread": [cause(one) for one in each.unread],
        "waits_for": [label.text for label in each.waits_for],
        "seconds": each.seconds,
        "derivation": {"old": each.old, "new": each.new},
        "made": None if made is None else {"run_id": made.run_id, "built_at": made.built_at, "host": made.host},
        "error": None if each.error is None else str(each.error),
    }


def cause(one: Cause) -> dict[str, Any]:
    return {**asdict(one), "lines": list(one.lines)}
