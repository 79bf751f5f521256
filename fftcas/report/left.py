"""What a run leaves beside its run_results.json, and what it was written for."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

LEFT = ("manifest.json", "catalog.json")
"""They are not written again while they say all already."""

HEAD = 300
"""The first bytes of a document, in which its state stands."""


def says(folder: Path | str, state: str) -> bool:
    """Whether the documents in a folder were written for this state."""
    return all(f'"state": "{state}"'.encode() in head(f"{folder}/{name}") for name in LEFT)


def head(path: str) -> bytes:
    """How a file begins; nothing if it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (pathlib is too slow for who says it again)
            return file.read(HEAD)
    except OSError:
        return b""
