"""What `gc`, `doctor` and `stats` say about the local store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fftcas.amounts import bytes_text, counted, duration
from fftcas.report.paint import ago
from fftcas.report.savings import over_time
from fftcas.store.doctor import Report
from fftcas.store.gc import Collected
from fftcas.store.stats import Stats

SHOWN = 20
"""Of a list, so many are shown."""
DAYS = 14
"""Of the days on which something ran, the last so many are shown."""


def gc_lines(path: Path, limit: int, done: Collected) -> Iterator[str]:
    """What went, the dearest first, and what is left."""
    yield f"store: {path}"
    yield f"{'would forget' if done.dry_run else 'forgot'} {gone(done)}"
    width = max((len(each.label) for each in done.forgotten), default=0)
    dearest = sorted(done.forgotten, key=lambda each: -each.seconds)
    for each in dearest[:SHOWN]:
        size = bytes_text(each.bytes) if each.rows is not None else "view"
        yield f"  {each.label:<{width}}  {size:>8}  {duration(each.seconds):>9}  built {ago(each.built_at)}"
    if len(dearest) > SHOWN:
        yield f"  … and {len(dearest) - SHOWN:,} more"
    back = ", space given back to the disk" if done.compacted else ""
    yield f"{bytes_text(done.bytes_kept)} left, the bound is {bytes_text(limit)}{back}"


def gone(done: Collected) -> str:
    """In some words what went and what it would cost to have it again."""
    outputs, blobs = counted(len(done.forgotten), "output"), counted(done.blobs, "blob")
    cost = f"; to build them again takes {duration(done.seconds)}" if done.forgotten else ""
    return f"{outputs} and {blobs}, {bytes_text(done.bytes_freed)}{cost}"


def doctor_lines(path: Path, report: Report) -> Iterator[str]:
    """What was looked at, what was bad, and what will be built again."""
    yield f"store: {path}"
    for part in report.set_aside:
        yield f"could not be read, set aside and begun afresh: {part}"
    for digest in report.bad_blobs[:SHOWN]:
        yield f"bad blob, removed: {digest[:16]}"
    if len(report.bad_blobs) > SHOWN:
        yield f"… and {len(report.bad_blobs) - SHOWN:,} more"
    for kind in sorted(set(report.bad_records)):
        yield f"bad records, removed: {report.bad_records.count(kind):,} of kind '{kind}'"
    lost = sorted({each.label for each in report.disowned})
    for label in lost[:SHOWN]:
        yield f"to be built again: {label}"
    if len(lost) > SHOWN:
        yield f"… and {len(lost) - SHOWN:,} more"
    bad = len(report.bad_blobs) + len(report.bad_records) + len(report.set_aside)
    yield f"{counted(report.values, 'value')} verified, {bad:,} bad, {counted(len(report.disowned), 'output')} lost"


def stats_lines(path: Path, limit: int, stats: Stats) -> Iterator[str]:
    """Sizes, and hits over time."""
    yield f"store     {path}"
    yield f"holds     {counted(stats.realisations, 'output')} of {counted(len(stats.projects), 'project')}"
    yield f"tables    {bytes_text(stats.logical)} if each were kept by itself"
    yield f"once      {bytes_text(stats.raw)}, {stats.dedup:.1f} times less, in {counted(stats.blobs, 'blob')}"
    yield f"packed    {bytes_text(stats.stored)}, {stats.compression:.1f} times less"
    yield f"on disk   {bytes_text(stats.disk)}, {bytes_text(stats.free)} of it free; the bound is {bytes_text(limit)}"
    yield f"saved     {duration(stats.saved)}"
    lines = over_time(stats.days)
    if lines:
        yield ""
        yield from lines[-DAYS:]


def stats_json(path: Path, limit: int, stats: Stats) -> dict[str, Any]:
    """The same for programs; sizes in bytes, times in seconds."""
    ratios = {"dedup": round(stats.dedup, 3), "compression": round(stats.compression, 3), "saved": stats.saved}
    return {"schema": 1, "store": str(path), "bound": limit, **asdict(stats), **ratios}
