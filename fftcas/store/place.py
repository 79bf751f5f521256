"""Where the store lies, and whether that place may be trusted with it."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from fftcas.errors import StoreError

FORMAT = 1
NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|9p|afs|ncpfs|ceph|lustre|glusterfs|gpfs|beegfs|ocfs2|davfs"
    r"|fuse\.(sshfs|s3fs|gcsfuse|rclone|glusterfs|mount-s3|blobfuse2?|goofys|davfs.*|smb.*|cifs|nfs.*|juicefs|ceph.*)"
)
_RESERVE = 4 << 20
_WAY_OUT = "set FFTCAS_STORE to a directory on a local disk"


def store_path(environ: Mapping[str, str]) -> Path:
    """`$FFTCAS_STORE`, else `$XDG_CACHE_HOME/fftcas`, else `~/.cache/fftcas`."""
    if environ.get("FFTCAS_STORE"):
        return Path(environ["FFTCAS_STORE"]).expanduser()
    if environ.get("XDG_CACHE_HOME"):
        return Path(environ["XDG_CACHE_HOME"]) / "fftcas"
    return Path(environ.get("HOME") or Path.home()) / ".cache" / "fftcas"


def prepare_place(path: Path) -> Path:
    """Make or check the store's directory; returns its real path.

    Raises StoreError if it is not ours, writable by others, on a network file system, of a newer format, or cannot be
    written.
    """
    try:
        real = path.resolve()
        kind = file_system(real, _mounts())
        if kind is not None and NETWORK.fullmatch(kind):
            raise StoreError(
                f"the store cannot lie in {path}",
                why=f"it is on a network file system ({kind}), where LMDB is not safe",
                hint=_WAY_OUT,
            )
        real.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(real)
        _check_format(real)
    except OSError as error:
        raise cannot_use(path, error) from error
    return real


def cannot_use(path: Path, error: OSError) -> StoreError:
    """The error for a store that the operating system refuses."""
    hint = _WAY_OUT if isinstance(error, PermissionError) or error.errno == 30 else None
    return StoreError(f"the store at {path} cannot be used", why=error.strerror or str(error), hint=hint)


def _check_owner(path: Path) -> None:
    if not hasattr(os, "geteuid"):
        return
    status = path.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise StoreError(f"the store {path} is not a directory", hint=_WAY_OUT)
    if status.st_uid != os.geteuid():
        raise StoreError(
            f"the store at {path} belongs to another user",
            why=f"its owner is uid {status.st_uid}, you are uid {os.geteuid()}",
            hint=_WAY_OUT,
        )
    if status.st_mode & 0o022:
        raise StoreError(
            f"the store at {path} can be written by others",
            why=f"its mode is {stat.S_IMODE(status.st_mode):o}",
            hint=f"if you trust what is in it: chmod 700 {path}",
        )


def _check_format(path: Path) -> None:
    file = path / "format"
    try:
        text = file.read_text(errors="replace").strip()
    except FileNotFoundError:
        _begin(path, file)
        return
    number = text.removeprefix("fftcas store ")
    if not number.isdecimal() or text == number:
        raise StoreError(f"{path} is not a fftcas store", why=f"its file 'format' says {text[:40]!r}", hint=_WAY_OUT)
    if int(number) > FORMAT:
        raise StoreError(
            f"the store at {path} has format {number}, and this fftcas knows format {FORMAT}",
            hint=f"upgrade fftcas, or {_WAY_OUT}",
        )
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)


def _begin(path: Path, file: Path) -> None:
    strangers = [entry.name for entry in path.iterdir() if not entry.name.startswith((".format-", "blobs", "records"))]
    if strangers and not file.exists():
        raise StoreError(
            f"{path} is not a fftcas store and not empty",
            why=f"it holds '{sorted(strangers)[0]}'",
            hint="set FFTCAS_STORE to an empty or new directory",
        )
    temporary = path / f".format-{os.getpid()}"
    with temporary.open("w") as out:
        out.write(f"fftcas store {FORMAT}\n")
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(file)
    path.chmod(0o700)
    _keep_spare(path)


@contextlib.contextmanager
def spare_space(path: Path) -> Iterator[None]:
    """Free the reserve while garbage is collected: deleting takes space too, and the disk may be full."""
    (path / "reserve").unlink(missing_ok=True)
    try:
        yield
    finally:
        _keep_spare(path)


def _keep_spare(path: Path) -> None:
    with contextlib.suppress(OSError), (path / "reserve").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, _RESERVE)


def _mounts() -> str:
    try:
        return Path("/proc/self/mountinfo").read_text(errors="replace")
    except OSError:
        return ""  # not Linux: nothing to go by


def file_system(path: Path, mountinfo: str) -> str | None:
    """The type of the file system that holds `path`, by the text of /proc/self/mountinfo; None if unknown."""
    best, kind = -1, None
    for line in mountinfo.splitlines():
        fields = line.split()
        if "-" not in fields[6:]:
            continue
        point = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), fields[4])
        if path.is_relative_to(point) and len(point) >= best:  # later mounts hide earlier ones
            best, kind = len(point), fields[fields.index("-", 6) + 1]
    return kind
