"""Which process holds something, and whether it still lives."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fftcas.digest import digest_bytes

_PACKED = struct.Struct(">8sQQ")


@dataclass(frozen=True)
class Owner:
    """A process: its machine's boot, its id and its start time (in clock ticks since boot)."""

    boot: str
    pid: int
    started: int

    @classmethod
    def mine(cls) -> Owner:
        return cls(_boot(), os.getpid(), _started(os.getpid()) or 0)

    def alive(self) -> bool:
        """True if the process runs, as far as this machine can see."""
        if self.boot != _boot():
            return False
        if self.started:
            return _started(self.pid) == self.started
        try:
            os.kill(self.pid, 0)
        except OSError as error:
            return isinstance(error, PermissionError)
        return True

    def pack(self) -> bytes:
        """24 bytes."""
        return _PACKED.pack(bytes.fromhex(self.boot), self.pid, self.started)

    @classmethod
    def unpack(cls, data: bytes) -> Owner:
        boot, pid, started = _PACKED.unpack(data)
        return cls(boot.hex(), pid, started)


@cache
def _boot() -> str:
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        text = ""
    return digest_bytes(text.encode())[:16]


def _started(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[19])
