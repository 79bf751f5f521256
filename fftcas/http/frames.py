"""Payloads as data frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Path = str | Sequence[str | int]


def to_frame(
    payload: Any,
    *,
    json_path: Path | None = None,
    record_path: Path | None = None,
    meta: Sequence[Any] | None = None,
    normalize: bool = False,
) -> pd.DataFrame:
    """One page as a frame, with columns in the order in which their names first appear.

    `json_path` is followed through objects; where it does not lead anywhere the whole payload is taken. Raises
    ValueError if the payload is neither a list nor an object, or does not have what `record_path` and `meta` name.
    """
    import pandas as pd

    base = follow(payload, json_path)
    if record_path is not None:
        try:
            path = record_path if isinstance(record_path, str) else [str(part) for part in record_path]
            return pd.json_normalize(base, record_path=path, meta=list(meta) if meta else None)
        except (AttributeError, KeyError, NotImplementedError, TypeError, ValueError) as error:
            raise ValueError(
                f"record_path {record_path!r} or meta {meta!r} does not fit the payload: {error}"
            ) from None
    if isinstance(base, Mapping):
        return pd.json_normalize(dict(base))
    if not isinstance(base, list):
        raise ValueError(f"the payload is a {_name(base)}, not a list of objects or an object")
    kinds = {_name(item) for item in base}
    if len(kinds) > 1 or (normalize and kinds - {"object"}):
        raise ValueError(f"the payload is a list of {' and '.join(sorted(kinds))}, not of objects")
    return pd.json_normalize(base, sep=".") if normalize else pd.DataFrame(base)


def follow(payload: Any, path: Path | None) -> Any:
    """What lies at the path (keys, or one text with dots between), or the whole payload if nothing does."""
    at = payload
    for step in [] if path is None else path.split(".") if isinstance(path, str) else path:
        if not isinstance(at, Mapping) or step not in at:
            return payload
        at = at[step]
    return at


def concat(pages: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """All pages, one below the other; empty ones take no part in choosing types."""
    import pandas as pd

    frames = list(pages)
    full = [frame for frame in frames if len(frame)] or frames[:1]
    return pd.concat(full, ignore_index=True) if len(full) != 1 else full[0].reset_index(drop=True)


def set_types(frame: pd.DataFrame, dtype: Mapping[str, Any] | Any | None, warn: Callable[[str], None]) -> pd.DataFrame:
    """Column types as asked for, where that is possible; where it is not, the column stays and a warning says so."""
    wanted = dtype if isinstance(dtype, Mapping) else {} if dtype is None else dict.fromkeys(frame.columns, dtype)
    for column, type_ in wanted.items():
        if column not in frame.columns:
            warn(f"dtype names the column '{column}', which the response does not have")
            continue
        try:
            frame[column] = frame[column].astype(type_)
        except (TypeError, ValueError, OverflowError) as error:
            warn(f"column '{column}' cannot be made {type_}: {error}")
    return frame


def _name(value: object) -> str:
    names = {type(None): "null", bool: "boolean", str: "text", int: "number", float: "number", list: "list"}
    return names.get(type(value), "object")
