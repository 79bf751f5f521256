"""What a run has cost so far, against the budgets of its project."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from fftcas.amounts import bytes_text, counted, duration
from fftcas.build.outcome import Outcome, Status
from fftcas.project.budgets import Budget, Limit, Metric


@dataclass(frozen=True)
class Spent:
    """The sum of a budget's metric over nodes that were built: what is taken from the store costs nothing."""

    budget: Budget
    value: int = 0

    def plus(self, outcome: Outcome) -> Spent:
        """The sum with one more node."""
        if outcome.status is not Status.BUILT:
            return self
        if self.budget.labels is not None and outcome.label not in self.budget.labels:
            return self
        return replace(self, value=self.value + cost(outcome, self.budget.metric))

    @property
    def status(self) -> Literal["ok", "warn", "error"]:
        if above(self.value, self.budget.error):
            return "error"
        return "warn" if above(self.value, self.budget.warn) else "ok"

    @property
    def limit(self) -> Limit | None:
        """The limit that is exceeded, if one is."""
        return {"ok": None, "warn": self.budget.warn, "error": self.budget.error}[self.status]

    def __str__(self) -> str:
        metric = self.budget.metric
        text = f"{self.budget.scope} {metric} is {amount(metric, self.value)}"
        return f"{text}; {self.limit.where} allows {amount(metric, self.limit.value)}" if self.limit else text


def cost(outcome: Outcome, metric: Metric) -> int:
    match metric:
        case Metric.BYTES_SCANNED:
            return outcome.bytes_scanned
        case Metric.ROWS:
            return outcome.rows or 0
        case Metric.QUERY_DURATION_MS:
            return round(outcome.query_seconds * 1000)


def above(value: int, limit: Limit | None) -> bool:
    return limit is not None and value > limit.value


def amount(metric: Metric, value: int) -> str:
    """A metric's value as people write it."""
    match metric:
        case Metric.BYTES_SCANNED:
            return bytes_text(value)
        case Metric.ROWS:
            return counted(value, "row")
        case Metric.QUERY_DURATION_MS:
            return duration(value / 1000)
