"""The guard before a query: a node that would read too much, by the engine's estimate, is not run."""

from __future__ import annotations

from fftcas.amounts import bytes_text
from fftcas.engines.base import Estimate
from fftcas.errors import BudgetError
from fftcas.project.budgets import Limit

SHOWN = 3
"""How many scans an error lists."""


def check_cost(estimate: Estimate, limit: Limit | None) -> None:
    """Raise BudgetError if the estimate is above the limit; it tells the scans that cost most."""
    if limit is None or estimate.bytes <= limit.value:
        return
    scans = sorted(estimate.scans, key=lambda scan: -scan.bytes)
    lines = [f"{bytes_text(scan.bytes):>10}  {scan.relation} ({', '.join(scan.columns)})" for scan in scans[:SHOWN]]
    if len(scans) > SHOWN:
        lines.append(f"{bytes_text(sum(scan.bytes for scan in scans[SHOWN:])):>10}  in {len(scans) - SHOWN} more scans")
    needed, allowed = bytes_text(estimate.bytes), bytes_text(limit.value)
    if needed == allowed:
        needed, allowed = f"{estimate.bytes:,} B", f"{limit.value:,} B"
    raise BudgetError(
        f"the query would scan {needed}; {limit.where} allows {allowed}",
        why="\n".join(["it was not run; what it would read:", *lines]),
        hint="read fewer columns or rows, or raise the limit",
    )
