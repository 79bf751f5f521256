"""Bodies as JSON, strictly: what two readers could read in two ways is an error."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from fftcas.http.response import Response


def parse_json(response: Response) -> Any:
    """The payload. Raises ValueError with a text for people: bad encoding, bad JSON, a key twice in one object."""
    kind = response.content_type.partition(";")[0] or "no content type"
    text = decode(response)
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("the body is JSON nested too deeply") from None
    except _Twice as twice:
        raise ValueError(f"the body holds the key {twice.args[0]!r} twice in one object") from None
    except json.JSONDecodeError as error:
        what = "the body is empty" if not text.strip() else f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise ValueError(f"the body is not JSON: {what}; the server calls it {kind}") from None
    except ValueError as error:
        raise ValueError(f"the body is not usable JSON: {error}") from None


def decode(response: Response) -> str:
    """The body as text, in the charset that the server says, else in the UTF that the bytes show. Raises ValueError."""
    match = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", response.content_type)
    name = match[1] if match else json.detect_encoding(response.body)
    try:
        codec = codecs.lookup(name)
        if not getattr(codec, "_is_text_encoding", True):
            raise LookupError(name)
    except LookupError:
        raise ValueError(f"the server says charset={name}, which is not known") from None
    try:
        return response.body.decode(codec.name).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        where = f"byte {error.start} is 0x{response.body[error.start]:02x}"
        raise ValueError(f"the body is not {codec.name}: {where}") from None


class _Twice(Exception):
    """A key stands twice in one object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return made
