"""The error that a model sees when a fetch fails, and the line of the model that asked."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

from fftcas.errors import Location, NodeError

OURS = ("fftcas", "fastflowtransform")


class HttpError(NodeError):
    """A fetch failed; `status` is the server's answer, or None if there was no usable one."""

    def __init__(
        self,
        what: str,
        *,
        where: Location | None = None,
        why: str | None = None,
        hint: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(what, where=where, why=why, hint=hint)
        self.status = status


def call_site(root: Path | None) -> Location | None:
    """The innermost line on the stack that is in the project; without a project, the first that is not ours."""
    outside: Location | None = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file, line = frame.f_code.co_filename, frame.f_lineno
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in OURS:
            outside = outside or Location(file, line)
            if root is not None and Path(file).is_relative_to(root):
                return Location(str(Path(file).relative_to(root)), line)
            if root is None:
                break
        frame = frame.f_back
    return outside
