"""The words that may stand for nodes, as shells complete them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fftcas.project.outline import Outline

METHODS = ("tag:", "kind:", "type:", "path:", "source:", "state:", "result:", "changed:")


def pattern_words(outline: Outline) -> list[str]:
    """Labels, packages, methods, tags and names."""
    packages = sorted({label.package for label in outline.nodes if label.package})
    folders = ["//...", *(f"//{package}/..." for package in packages), *(f"//{package}:all" for package in packages)]
    tags = sorted({f"tag:{tag}" for node in outline.nodes.values() for tag in node.tags})
    names = sorted({label.name for label in outline.nodes if not label.repo})
    return [*labels(outline), *folders, *METHODS, *tags, *names]


def label_words(outline: Outline) -> list[str]:
    """Labels and bare names."""
    return [*labels(outline), *sorted(outline.by_name)]


def labels(outline: Outline) -> list[str]:
    return [label.text for label in outline.graph]
