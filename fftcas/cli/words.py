"""The words that may stand for nodes, as shells complete them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fftcas.project.outline import Outline

METHODS = ("tag:", "kind:", "type:", "path:", "source:", "state:", "result:", "changed:")


def pattern_words(outline: Outline) -> list[str]:
    """Labels, packages and methods."""
    packages = sorted({label.package for label in outline.nodes if label.package})
    folders = ["//...", *(f"//{package}/..." for package in packages), *(f"//{package}:all" for package in packages)]
    return [*labels(outline), *folders, *METHODS]


def label_words(outline: Outline) -> list[str]:
    """Labels and bare names."""
    return [*labels(outline), *sorted(outline.by_name)]


def labels(outline: Outline) -> list[str]:
    return [label.text for label in outline.graph]
