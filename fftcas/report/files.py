"""Files that other programs read: written at once or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fftcas.errors import UsageError


def write_text(path: Path, text: str) -> None:
    """Write a file atomically, and the directories above it. Raises UsageError if that is not allowed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(text, "utf-8", errors="backslashreplace", newline="\n")
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        hint = "name another file, or make its directory writable"
        raise UsageError(f"cannot write {path}", why=error.strerror, hint=hint) from error


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file atomically. Raises UsageError if that is not allowed."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
