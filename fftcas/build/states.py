"""What patterns and queries may ask about the past: `state:`, `result:`, `changed:`, `stale()`, `cached()`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fftcas.build.keys import full_recipe
from fftcas.build.looking import looking
from fftcas.build.reads import is_built, reads
from fftcas.build.why import verdicts
from fftcas.build.why_since import LoadAt, changed_since
from fftcas.derivation import Derivation
from fftcas.errors import UsageError, closest
from fftcas.label import Label
from fftcas.project.project import Project
from fftcas.store import Store

STATES = ("modified", "new", "old", "unmodified")
RESULTS = ("ok", "error", "fail", "warn", "fresh", "restored", "built", "failed", "skipped")


@dataclass(frozen=True)
class Past:
    """Answers for one project; each question is looked into when it is first asked."""

    project: Project
    load_at: LoadAt

    def __call__(self, method: str, value: str) -> set[Label]:
        """The nodes of which it is true. Raises UsageError for a word that nothing is known by."""
        match method:
            case "state":
                return self.in_state(value)
            case "result":
                return self.with_result(value)
            case "changed":
                return changed_since(self.project, value, self.load_at)
            case "stale":
                return {label for label, verdict in self.verdicts.items() if verdict != "fresh"}
            case "cached":
                return {label for label, verdict in self.verdicts.items() if verdict in ("fresh", "restore")}
        raise UsageError(f"unknown question '{method}'")

    @cached_property
    def verdicts(self) -> dict[Label, str]:
        with Store.open() as store:
            return verdicts(self.project, store)

    def in_state(self, state: str) -> set[Label]:
        """`modified` (since the last build, or new), `new`, `old`, `unmodified`, by the nodes' own definitions."""
        if state not in STATES:
            hint = closest(state, STATES) or f"known: {', '.join(STATES)}"
            raise UsageError(f"'state:{state}' is no state", hint=hint)
        new, modified = self.definitions
        known = {label for label, node in self.project.nodes.items() if is_built(node)}
        found = {"modified": new | modified, "new": new, "old": known - new, "unmodified": known - new - modified}
        return found[state]

    @cached_property
    def definitions(self) -> tuple[set[Label], set[Label]]:
        """The nodes that were never built, and those that were built from another definition."""
        new: set[Label] = set()
        modified: set[Label] = set()
        with Store.open() as store, looking(self.project, store) as decider:
            for label, node in self.project.nodes.items():
                if not is_built(node):
                    continue
                previous = decider.reasons.previous(node)
                recipe = full_recipe(self.project, node, reads(self.project, node), decider.context)
                if previous is None:
                    new.add(label)
                elif previous.derivation.recipe_digest != Derivation(recipe).recipe_digest:
                    modified.add(label)
        return new, modified

    def with_result(self, result: str) -> set[Label]:
        """The nodes that the last run left with this result, by run_results.json."""
        if result not in RESULTS:
            hint = closest(result, RESULTS) or f"known: {', '.join(RESULTS)}"
            raise UsageError(f"'result:{result}' is no result", hint=hint)
        path = self.project.root / ".fftcas" / "target" / "run_results.json"
        try:
            rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["results"]
        except FileNotFoundError:
            raise UsageError("there are no results yet", hint="build the project first") from None
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"{path} cannot be read", why=str(error), hint="build the project again") from error
        wanted = {row["label"] for row in rows if is_result(row, result)}
        return {label for label in self.project.nodes if label.text in wanted}


def is_result(row: dict[str, Any], result: str) -> bool:
    status, warned = row["status"], bool(row.get("warnings"))
    if result in ("error", "fail"):
        return bool(status == "failed")
    if result == "warn":
        return warned
    if result == "ok":
        return status in ("fresh", "restored", "built") and not warned
    return bool(status == result)
