"""What a run did with its remote, in a few lines for people and as data for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fftcas.amounts import bytes_text, duration

if TYPE_CHECKING:
    from fftcas.store.remote import RemoteReport

SHOWN = 3
"""Problems that are shown; the others are counted."""


def remote_lines(report: RemoteReport) -> Iterator[str]:
    """One line of totals, and one for each thing that went wrong."""
    parts = []
    if report.asked:
        share = f"{100 * report.found // report.asked} %"
        parts.append(f"{report.found:,} of {report.asked:,} outputs found ({share})")
    if report.fetched:
        took = f"{report.fetched:,} fetched, {bytes_text(report.fetched_bytes)}"
        parts.append(took + (f", {duration(report.saved_seconds)} saved" if report.saved_seconds >= 0.001 else ""))
    published = report.published
    if published.claims:
        parts.append(f"{published.claims:,} published, {published.objects:,} objects, {bytes_text(published.bytes)}")
    if parts:
        yield "remote: " + "; ".join(parts)
    if report.degraded:
        yield "remote: given up during the run; the build went on without it"
    if published.failed:
        yield f"remote: {published.failed:,} output{'' if published.failed == 1 else 's'} could not be published"
    for problem in report.problems[:SHOWN]:
        yield f"remote: {problem}"
    if len(report.problems) > SHOWN:
        yield f"remote: … and {len(report.problems) - SHOWN} more"


def remote_results(report: RemoteReport) -> dict[str, Any]:
    """The section `remote` of run_results.json."""
    return {
        "url": report.url,
        "asked": report.asked,
        "found": report.found,
        "fetched": report.fetched,
        "fetched_bytes": report.fetched_bytes,
        "saved_seconds": report.saved_seconds,
        "published": report.published.claims,
        "published_objects": report.published.objects,
        "published_bytes": report.published.bytes,
        "failed": report.published.failed,
        "bad_objects": report.bad,
        "degraded": report.degraded,
        "problems": list(report.problems),
    }
