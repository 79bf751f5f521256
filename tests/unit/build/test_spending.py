"""What a run spends: which nodes count, and when a budget is exceeded."""

from __future__ import annotations

from fftcas.build.budgets import Spent
from fftcas.build.outcome import Outcome, Status
from fftcas.label import Label
from fftcas.project.budgets import Budget, Limit, Metric

A, B = Label("p", "a"), Label("p", "b")


def built(label: Label, status: Status = Status.BUILT) -> Outcome:
    return Outcome(label, status, "", rows=3, bytes_scanned=2048, query_seconds=1.5)


def test_only_what_was_built_counts() -> None:
    spent = Spent(Budget("total", Metric.ROWS))
    for status in Status:
        spent = spent.plus(built(A, status))
    assert spent.value == 3
    assert str(spent) == "total rows is 3 rows"


def test_only_the_budgets_own_nodes_count() -> None:
    spent = Spent(Budget("models.//p:a", Metric.QUERY_DURATION_MS, frozenset([A])))
    assert spent.plus(built(A)).plus(built(B)).value == 1500


def test_a_limit_may_be_reached_and_not_exceeded() -> None:
    limits = Limit(2048, "budgets.yml:4"), Limit(4096, "budgets.yml:5")
    spent = Spent(Budget("total", Metric.BYTES_SCANNED, None, *limits))
    assert [spent.status, (spent := spent.plus(built(A))).status] == ["ok", "ok"]
    assert (spent := spent.plus(built(B))).status == "warn"
    assert str(spent) == "total bytes_scanned is 4.0 KB; budgets.yml:4 allows 2.0 KB"
    assert (spent := spent.plus(built(A))).status == "error"
    assert str(spent) == "total bytes_scanned is 6.0 KB; budgets.yml:5 allows 4.0 KB"
