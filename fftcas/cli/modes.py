"""The words that options choose among, so that help and completion need not import what they mean; a test compares."""

from __future__ import annotations

CACHE = ("off", "rw", "ro", "wo")
MATERIALIZE = ("all", "targets", "none")
HTTP_CACHE = ("off", "ro", "rw")
