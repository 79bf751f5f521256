"""Nothing has changed: what a command said is said again, and what a build with nothing to do left is left again."""

from __future__ import annotations

import os
import sys
import time

from fftcas.amounts import duration
from fftcas.cli.look import write
from fftcas.report.left import says

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from fftcas.cli.look import Look

TOOK = "\x1f"
"""Stands, in what a build said, for the time it took."""


def remember(
    look: Look,
    said: str,
    warnings: Sequence[str],
    *,
    watched: str = "",
    stamps: Sequence[str] = (),
    results: str = "",
    left: str = "",
) -> None:
    """Keep what a command said, and the project's warnings. Never raises.

    For a build, `results` is the text of its run_results.json, and `stamps` are the run's id, start and end in there;
    `left` is the state that its other artifacts were written for.
    """
    told = "".join(f"warning: {warning}\n" for warning in warnings)
    look.remember([told, said, "\n".join(stamps), left, results], watched)


def replay(look: Look) -> int | None:
    """Say again what this command said, if it is remembered and nothing changed; else None: it has to be found out."""
    parts = look.recall()
    if parts is None:
        return None
    told, said, stamps, left, results = parts
    if results:
        target = os.path.join(look.root, ".fftcas", "target")
        if not says(target, left):  # another build, of other nodes or another profile, has left its own
            return None
        head, tail = results[:2000], results[2000:]
        for old in stamps.split("\n"):
            head = head.replace(old, new_stamp(old, look.at), 1)
        try:
            write(os.path.join(target, "run_results.json"), head + tail, 0o666)
        except OSError:
            return None
    print(told, end="", file=sys.stderr)
    if results:
        said = said.replace(TOOK, duration((time.time_ns() - look.at) / 1e9))
    print(said, end="", flush=True)
    return 0


def new_stamp(old: str, now: int) -> str:
    """A run id or a time in the form of an old one, for the time `now` in nanoseconds."""
    seconds, micros = divmod(now // 1000, 1_000_000)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    if "+" in old:
        return f"{moment}.{micros:06d}+00:00"
    return moment.replace("-", "").replace(":", "") + "-" + os.urandom(3).hex()
