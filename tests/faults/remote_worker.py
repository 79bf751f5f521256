"""A writer to a remote, in a process of its own: `remote_worker.py REMOTE STORE START COUNT ROWS`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "remote"))
sys.path.insert(0, str(Path(__file__).parents[2]))

from remote_cases import fill, publish

from fftcas.store import Store


def main() -> None:
    place, path, start, count, rows = sys.argv[1:]
    with Store.open(Path(path)) as store:
        keys = fill(store, int(count), int(rows), int(start))
        print("ready", flush=True)
        report = publish(Path(place), store, keys)
    sys.exit(1 if report.published.failed else 0)


if __name__ == "__main__":
    main()
