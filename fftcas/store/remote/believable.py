"""What bytes from elsewhere may say: types, lengths, characters and ranges, checked before anything acts on them.

A manifest's column types end up in the engine's CREATE TABLE, and labels on a terminal: neither may hold more than a
type or a label. The names of columns and files, and the texts of a derivation, may hold what those of an honest build
do, which is nearly everything: who prints them spells what a terminal would act on (`report.paint.visible`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import ContextDecorator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from fftcas.digest import Digest
from fftcas.errors import FftcasError, UsageError
from fftcas.label import Label
from fftcas.store.chunks import ROWS
from fftcas.store.frame import MAX_BLOB
from fftcas.store.realisation import Realisation
from fftcas.store.remote.layout import DIGEST
from fftcas.store.tables import Chunk
from fftcas.table import Manifest

MAX_COLUMNS = 20_000
MAX_ROWS = 1 << 48
MAX_CHUNKS = 1 << 20
MAX_SECONDS = 1 << 40
CHUNK_BYTES = 4 << 20
"""Bytes of the largest chunk of more than one row."""

_KINDS = ("seed", "sql", "python", "snapshot", "test")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]*")
_NAME = re.compile(r"[^\x00\ud800-\udfff]*")
_QUOTED = re.compile(r"(?<![\w'\"])(?:\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*')(?![\w'\"])")  # E'\'' is read in many ways
_INNER = re.compile(r"\([\w ,.\[\]:]*\)")
_TYPE = re.compile(r"[A-Za-z_]\w*( (with|without|local|time|zone|precision|varying))*(\[\d*\])*", re.IGNORECASE)
_SQL = re.compile(r"(?i)\b(select|from|default|check|references|primary|unique|generated|as|using|collate|not|null)\b")


def fault(error: BaseException | None) -> ValueError | None:
    """What bytes are to blame for, as a ValueError, whatever a parser stumbled over: others may know a way to write
    bytes that nobody here does."""
    if not isinstance(error, Exception) or isinstance(error, OSError | FftcasError):
        return None
    return error if isinstance(error, ValueError) else ValueError(f"it cannot be read ({type(error).__name__})")


class Judging(ContextDecorator):
    """What bytes are to blame for is raised as a ValueError. A class: it surrounds each look at a small table."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        found = fault(error)
        if found is not None and found is not error:
            raise found from error


def parse(data: str | bytes) -> Any:
    """What JSON says. Raises ValueError, where it is nested too deeply to be followed, too."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def text(value: object, limit: int) -> str:
    """Raises ValueError unless it is text of at most so many characters."""
    if not isinstance(value, str) or len(value) > limit:
        raise ValueError("a text is missing or too long")
    return value


def number(value: object, limit: int) -> int:
    """Raises ValueError unless it is a whole number from 0 to `limit`."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
        raise ValueError(f"a number is missing or out of range: {str(value)[:40]}")
    return value


def real(value: object) -> float:
    """Raises ValueError unless it is a number, or Infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number is missing")
    try:
        found = float(value)
    except OverflowError as error:
        raise ValueError("a number is out of range") from error
    if math.isnan(found):
        raise ValueError("a number is none")
    return found


def digest_of(value: object) -> Digest:
    """Raises ValueError unless it is a digest."""
    if not isinstance(value, str) or not DIGEST.fullmatch(value):
        raise ValueError("a digest is missing or wrong")
    return value


def check_realisation(value: object, derivation: Digest) -> Realisation:
    """The realisation of this derivation. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError("it has no realisation")
    try:
        realisation = _realisation(value)
    except KeyError as error:
        raise ValueError(f"its realisation has no {error}") from error
    if realisation.derivation != derivation:
        raise ValueError("it speaks of another derivation")
    return realisation


def _realisation(value: Mapping[str, Any]) -> Realisation:
    seconds = real(value["seconds"])
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError("its time is wrong")
    return Realisation(
        derivation=digest_of(value["derivation"]),
        recipe=digest_of(value["recipe"]),
        output=digest_of(value["output"]),
        label=label(value["label"]),
        kind=_one_of(value["kind"], _KINDS),
        rows=None if value["rows"] is None else number(value["rows"], MAX_ROWS),
        bytes=number(value["bytes"], 1 << 60),
        seconds=seconds,
        built_at=_moment(value["built_at"]),
        run_id=printable(value["run_id"], 80),
        host=printable(value["host"], 255),
        inputs={name(key, 4096): digest_of(each) for key, each in mapping(value["inputs"]).items()},
        http={digest_of(name): digest_of(each) for name, each in mapping(value["http"]).items()},
        http_max_age={digest_of(name): _age(each) for name, each in mapping(value.get("http_max_age", {})).items()},
    )


def check_manifest(value: object, realisation: Realisation) -> Manifest | None:
    """The table's manifest, if it has the digest that is claimed; None for a view. Raises ValueError."""
    if value is None:
        if realisation.rows is not None or realisation.output != realisation.derivation:
            raise ValueError("it claims a table and has no manifest")
        return None
    manifest = Manifest.from_json(text(value, 16 << 20))
    if manifest.output != realisation.output or manifest.rows != realisation.rows:
        raise ValueError("its manifest is not that of the output it claims")
    number(manifest.rows, MAX_ROWS)
    if not 0 < len(manifest.columns) <= MAX_COLUMNS:
        raise ValueError(f"its table has {len(manifest.columns)} columns")
    names = set()
    for column in manifest.columns:
        digest_of(column.digest)
        number(column.bytes, 1 << 56)
        names.add(name(column.name, 4096))
        if not is_type(column.type):
            raise ValueError(f"a column's type is not one: {column.type[:60]!r}")
    if len(names) != len(manifest.columns):
        raise ValueError("two columns have the same name")
    return manifest


def check_chunks(data: bytes, manifest: Manifest, index: int) -> list[Chunk]:
    """The chunks of a column. Raises ValueError unless they are as many rows and bytes as the manifest says."""
    try:
        entries = parse(data)
    except ValueError as error:
        raise ValueError("a list of chunks is not one") from error
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_CHUNKS:
        raise ValueError("a list of chunks is empty or too long")
    chunks = []
    for entry in entries:
        if not isinstance(entry, list) or len(entry) != 3:
            raise ValueError("a list of chunks is not one")
        chunks.append(Chunk(digest_of(entry[0]), number(entry[1], ROWS), number(entry[2], MAX_BLOB)))
    if any(chunk.bytes > CHUNK_BYTES and chunk.rows > 1 for chunk in chunks):
        raise ValueError("a chunk is too large")
    column = manifest.columns[index]
    if (sum(c.rows for c in chunks), sum(c.bytes for c in chunks)) != (manifest.rows, column.bytes):
        raise ValueError(f"the chunks of column {column.name!r} are not as many rows and bytes as its table")
    return chunks


def is_type(spelled: str) -> bool:
    """Whether a text is a type's name, and nothing that an engine could take for more."""
    return len(spelled) <= 100_000 and _is_type(spelled)


@lru_cache(256)
def _is_type(spelled: str) -> bool:
    if not _NAME.fullmatch(spelled):
        return False
    rest = _QUOTED.sub("q", spelled)
    if _SQL.search(rest):
        return False
    while (inner := _INNER.sub("", rest)) != rest:
        rest = inner
    return bool(_TYPE.fullmatch(rest))


def label(value: object) -> str:
    try:
        return Label.parse(text(value, 1000)).text
    except UsageError as error:
        raise ValueError("a label is not one") from error


def printable(value: object, limit: int) -> str:
    return _made_of(_PRINTABLE, text(value, limit))


def name(value: object, limit: int) -> str:
    """What a column or a file is called."""
    return _made_of(_NAME, text(value, limit))


def _made_of(characters: re.Pattern[str], found: str) -> str:
    if not characters.fullmatch(found):
        raise ValueError("a text has characters that it may not have")
    return found


def _age(value: object) -> float:
    """Seconds, or infinity."""
    seconds = real(value)
    if seconds < 0:
        raise ValueError("an age is wrong")
    return seconds


def _moment(value: object) -> str:
    """A time with its zone, in years of which everything can tell how long ago they were."""
    found = printable(value, 40)
    try:
        year = datetime.fromisoformat(found).astimezone(UTC).year if found[-6:-5] in ("+", "-") else 0
    except OverflowError:
        year = 0
    if not 1970 <= year < 3000:
        raise ValueError(f"{found!r} is no time at which something was built")
    return found


def _one_of(value: object, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{str(value)[:40]!r} is none of {', '.join(known)}")
    return str(value)


def mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict) or len(value) > 100_000:
        raise ValueError("a mapping is missing or too long")
    return value
