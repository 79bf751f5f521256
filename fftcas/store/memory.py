"""How much address space the process may still use."""

from __future__ import annotations

import resource
from pathlib import Path


def address_space_left() -> int | None:
    """Bytes below RLIMIT_AS that are not in use, or None if there is no limit."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        used = 0
    return max(0, limit - used)
