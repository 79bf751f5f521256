"""The types that hooks name in their signatures."""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["HookContext", "ModelContext", "RunContext"]

HookContext: TypeAlias = dict[str, Any]
ModelContext: TypeAlias = dict[str, Any]
RunContext: TypeAlias = dict[str, Any]
