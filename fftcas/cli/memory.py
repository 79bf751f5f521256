"""The store as a memory for those who read a project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from fftcas.errors import StoreError
from fftcas.store import Store
from fftcas.store.place import store_path


@contextmanager
def memory(make: bool) -> Iterator[Store | None]:
    """The store, if it can be used, and is there or may be made: what it remembers spares time."""
    with ExitStack() as stack:
        store = None
        if make or store_path(os.environ).is_dir():
            with suppress(StoreError):  # whoever needs it will say so
                store = stack.enter_context(Store.open())
        yield store
