"""The guard: what it lets pass, and what it says of what it does not."""

from __future__ import annotations

import pytest

from fftcas.build.guard import check_cost
from fftcas.engines.base import Estimate, Scan
from fftcas.errors import BudgetError
from fftcas.project.budgets import Limit

ESTIMATE = Estimate(tuple(Scan(f"s.t{i}", ("a", "b"), 1000 * 2**i) for i in range(5)))


@pytest.mark.parametrize("limit", [None, Limit(31_000, "budgets.yml:3")])
def test_within_the_limit(limit: Limit | None) -> None:
    check_cost(ESTIMATE, limit)


def test_above_the_limit() -> None:
    with pytest.raises(BudgetError) as caught:
        check_cost(ESTIMATE, Limit(30_999, "FF_DUCKDB_MAX_BYTES"))
    assert caught.value.exit_code == 5
    lines = str(caught.value).splitlines()
    assert lines[0] == "the query would scan 31,000 B; FF_DUCKDB_MAX_BYTES allows 30,999 B"
    assert [line.strip() for line in lines[2:6]] == [
        "15.6 KB  s.t4 (a, b)",
        "7.8 KB  s.t3 (a, b)",
        "3.9 KB  s.t2 (a, b)",
        "2.9 KB  in 2 more scans",
    ]
