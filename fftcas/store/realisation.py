"""Realisations: which output a derivation was built into, and what that cost."""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fftcas.digest import Digest


@dataclass(frozen=True)
class Realisation:
    """The record derivation key → output digest.

    `recipe` is the digest of the recipe alone, so that realisations of one recipe on other inputs can be found.
    `inputs` maps the labels that were read to their output digests or fingerprints; `http` maps requests to response
    digests, `http_max_age` those requests that say how old (in seconds) their response may become to that age.
    `seconds` is what the model's own code took; `built_at` is ISO 8601 in UTC. A view has no rows of its own.
    """

    derivation: Digest
    recipe: Digest
    output: Digest
    label: str
    kind: str
    rows: int | None
    bytes: int
    seconds: float
    built_at: str
    run_id: str
    host: str
    inputs: Mapping[str, Digest] = field(default_factory=dict)
    http: Mapping[str, Digest] = field(default_factory=dict)
    http_max_age: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> builtins.bytes:
        return json.dumps(vars(self), sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: builtins.bytes) -> Realisation:
        """Raises ValueError if the bytes are not a realisation."""
        try:
            document: dict[str, Any] = json.loads(data)
            return cls(**document)
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a realisation: {error}") from error
