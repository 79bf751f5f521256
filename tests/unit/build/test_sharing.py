"""A run's use of its remote."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fftcas.build.sharing import Sharing
from fftcas.store import Store


def test_workers_that_miss_at_the_same_time_open_one_remote(tmp_path: Path) -> None:
    """Each would know only its own claims, and one of them would build what the other had found."""
    opened = []

    def slowly() -> None:
        opened.append(1)
        time.sleep(0.1)

    with Store.open(tmp_path / "store") as store, ThreadPoolExecutor(4) as workers:
        sharing = Sharing(store, slowly)
        assert list(workers.map(lambda _: sharing.remote, range(4))) == [None] * 4
    assert len(opened) == 1
