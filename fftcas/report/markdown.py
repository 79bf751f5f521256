"""A run as Markdown, for the comment on a pull request."""

from __future__ import annotations

import re

from fftcas.amounts import bytes_text, counted, duration
from fftcas.build.outcome import Outcome, Status
from fftcas.build.run import Run
from fftcas.project.project import Project
from fftcas.report.savings import saved

MARKS = {Status.FRESH: "⚪", Status.RESTORED: "🔵", Status.BUILT: "🟢", Status.FAILED: "🔴", Status.SKIPPED: "🟡"}
SHOWN = 100
"""More nodes than this are not listed: comments have a maximal length."""


def markdown(project: Project, run: Run) -> str:
    """The document: what became of the nodes that were not fresh, failures in full, budgets, and what was saved."""
    counts = ", ".join(f"**{run.count(status)}** {status}" for status in Status if run.count(status))
    head = "✅" if run.exit_code == 0 else "❌"
    spared = saved(run)
    lines = [f"### {head} fftcas: {_cell(project.settings.name)} ({_cell(project.profile.name)})", ""]
    lines += [f"{counts or 'nothing to do'} in {duration(run.seconds)}"]
    if spared.seconds:
        hits = counted(spared.nodes, "hit")
        lines += ["", f"{hits} saved {duration(spared.seconds)}; {bytes_text(spared.bytes)} were not made again."]
    touched = [outcome for outcome in run.outcomes if outcome.status is not Status.FRESH]
    if touched:
        lines += ["", "| | node | rows | time | why |", "|---|---|---:|---:|---|"]
        lines += [_row(outcome) for outcome in touched[:SHOWN]]
    if len(touched) > SHOWN:
        lines += ["", f"… and {len(touched) - SHOWN} more."]
    for outcome in run.outcomes:
        if outcome.error is not None:
            text = str(outcome.error)
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
            lines += ["", f"**{_cell(outcome.label.text)} failed**", "", fence, text, fence]
    over = [spent for spent in run.budgets if spent.status != "ok"]
    if over:
        lines += ["", "**Over budget**", "", *(f"- {spent.status}: {_cell(str(spent))}" for spent in over)]
    return "\n".join(lines) + "\n"


def _row(outcome: Outcome) -> str:
    rows = "" if outcome.rows is None else f"{outcome.rows:,}"
    time = duration(outcome.seconds) if outcome.started_at else ""
    mark = f"{MARKS[outcome.status]} {outcome.status}"
    return f"| {mark} | `{outcome.label}` | {rows} | {time} | {_cell(outcome.reason)} |"


def _cell(text: str) -> str:
    """Plain text that stays one cell, and plain."""
    return re.sub(r"([\\`*_\[\]<>|#~&!@])", r"\\\1", " ".join(text.split()))
