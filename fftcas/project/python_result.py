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
        raise NodeError(f"{node.label} returned a table without columns", where=where)
    first: set[str] = set()
    for name in names:
        if name.casefold() in first:
            raise NodeError(
                f"{node.label} returned two columns named '{name}'", where=where, why=f"it has: {', '.join(names)}"
            )
        first.add(name.casefold())
    if isinstance(result, pa.Table):
        return result.replace_schema_metadata(None)
    try:
        table = pa.Table.from_pandas(result.set_axis(names, axis=1), preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise NodeError(f"{node.label} returned a column that is not a table's", where=where, why=str(error)) from error
    return table.replace_schema_metadata(None)
