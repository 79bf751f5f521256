"""What `why-rebuild` says where there is nothing to do."""

from __future__ import annotations

from fftcas.amounts import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def all_fresh(shown: Sequence[tuple[str, str | None]]) -> str:
    """A line for these nodes, each given by its label and by when its output was made, if that is known."""
    if len(shown) != 1:
        return f"all {counted(len(shown), 'node')} are fresh: a build would do nothing"
    from fftcas.report.paint import ago

    label, made = shown[0]
    return f"{label} is fresh: unchanged" + (f" since it was built, {ago(made)}" if made else "")
