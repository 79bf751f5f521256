"""What a Python model returns, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fftcas.errors import Location, NodeError
from fftcas.project.nodes import PythonModel

if TYPE_CHECKING:
    import pyarrow as pa


def as_arrow(node: PythonModel, result: object) -> pa.Table:
    """What a Python model returned, as Arrow. Raises NodeError unless it is a pandas DataFrame or an Arrow table with
    columns that a table can have; engines tell no names apart that differ in case only."""
    import pandas as pd
    import pyarrow as pa

    where = Location(node.path)
    if not isinstance(result, pd.DataFrame | pa.Table):
        raise NodeError(
            f"{node.label} returned {type(result).__name__}, not a data frame",
            where=where,
            hint="return a pandas DataFrame (or a pyarrow Table)",
        )
    names = [str(name) for name in (result.column_names if isinstance(result, pa.Table) else result.columns)]
    if not names:
        raise NodeError(
            f"{node.label} returned a table without columns",
            where=where,
            hint="say which there are even where no row came, as with df.reindex(columns=['id', 'name'])",
        )
    if "" in names:
        raise NodeError(f"{node.label} returned a column without a name", where=where, why=f"it has: {names}")
    first: set[str] = set()
    for name in names:
        if name.casefold() in first:
            raise NodeError(
                f"{node.label} returned two columns named '{name}'", where=where, why=f"it has: {', '.join(names)}"
            )
        first.add(name.casefold())
    if isinstance(result, pa.Table):
        return _in_microseconds(node, result.replace_schema_metadata(None))
    try:
        table = pa.Table.from_pandas(result.set_axis(names, axis=1), preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise NodeError(f"{node.label} returned a column that is not a table's", where=where, why=str(error)) from error
    return _in_microseconds(node, table.replace_schema_metadata(None))


def _in_microseconds(node: PythonModel, table: pa.Table) -> pa.Table:
    """The table with times in nanoseconds, of which engines know only timestamps without a zone, in microseconds.

    pandas 2 makes all of its times so. Raises NodeError where that is not exact.
    """
    import pyarrow as pa

    for index, field in enumerate(table.schema):
        kind: pa.DataType = field.type
        if pa.types.is_timestamp(kind) and kind.unit == "ns" and kind.tz is not None:
            kind = pa.timestamp("us", kind.tz)
        elif pa.types.is_time64(kind) and kind.unit == "ns":
            kind = pa.time64("us")
        else:
            continue
        try:
            column = table.column(index).cast(kind)
        except pa.ArrowInvalid as error:
            raise NodeError(
                f"{node.label} returned a column that is not a table's",
                where=Location(node.path),
                why=f"'{field.name}' ({field.type}) has parts of a microsecond: {error}",
                hint=f"round it, as with df['{field.name}'].dt.as_unit('us')",
            ) from error
        table = table.set_column(index, pa.field(field.name, kind, field.nullable), column)
    return table
