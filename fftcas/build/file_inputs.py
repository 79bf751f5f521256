"""Files that statements read: found as the engine finds them, and hashed; a file that did not change is hashed once."""

from __future__ import annotations

import json
import time
from pathlib import Path

from fftcas.digest import Digest, Value, digest_file, digest_value
from fftcas.named_files import matching
from fftcas.store import Store

RECORD = "file"
"""Records of this kind hold a file's digest, under its path, together with the state of the file when it was hashed."""

SETTLED_NS = 2_000_000_000
"""A file that changed less than this ago may change once more within the same tick of the file system's clock."""


class FileInputs:
    """Hashes for one project; relative paths start at `root`."""

    def __init__(self, root: Path, store: Store) -> None:
        self.root = root
        self.store = store

    def content(self, pattern: str) -> Digest | None:
        """The digest of the names and bytes of all files that `pattern` means; None if there are none.

        The log of a database that someone writes to is read with it. Raises OSError if one cannot be read.
        """
        names = set(matching(pattern, self.root))
        names |= {log for log in (f"{name}.wal" for name in names) if (self.root / log).is_file()}
        files: list[Value] = [[name, self.digest(self.root / name)] for name in sorted(names)]
        return digest_value("files 1", files) if files else None

    def times(self, pattern: str) -> Digest:
        """The digest of when the files that `pattern` means were written. Raises OSError."""
        names = sorted(set(matching(pattern, self.root)))
        return digest_value("times of files 1", [[name, (self.root / name).stat().st_mtime_ns] for name in names])

    def digest(self, path: Path) -> Digest:
        """The digest of a file's bytes. Raises OSError."""
        key = str(path.absolute()).encode("utf-8", "surrogateescape")
        before = _state(path)
        (record,) = self.store.get_records(RECORD, [key])
        state, known = json.loads(record) if record else ("", "")
        if state == before:
            return str(known)
        digest = digest_file(path)
        status = path.stat()
        settled = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > SETTLED_NS
        if settled and _state(path) == before:
            self.store.put_records(RECORD, {key: json.dumps([before, digest]).encode()})
        return digest


def _state(path: Path) -> str:
    status = path.stat()
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"
