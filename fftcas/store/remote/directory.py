"""A remote in a directory: a disk, a network share, a mounted bucket, a CI cache path.

Objects are written under a temporary name, synced, and then linked to their own: a reader sees all of one or nothing.
The folder is not synced: a crash of the share may lose the latest names, which is a miss, and would cost every object
as much again.
Nothing on the way to an object may be a link, and an object is a regular file: someone else may have put it there.
What is neither gives way to an object of its name.
Modes and group follow those of the directory itself, whatever the writer's umask, so that a group can share it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fftcas.store.remote.layout import check_name, is_object
from fftcas.store.remote.transport import Denied, Entry, Full, Unreachable

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ABSENT = {errno.ENOENT, errno.ESTALE, errno.ENOTDIR, errno.ELOOP}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


class Directory:
    """See `Transport`."""

    network = False
    atomic = True
    parallel = 4

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = str(path)

    def get(self, name: str, start: int, stop: int) -> bytes | None:
        with self._opened(name) as fd:
            if fd is None:
                return None
            parts = []
            while start < stop and (part := os.pread(fd, min(stop - start, 1 << 24), start)):
                parts.append(part)
                start += len(part)
            return b"".join(parts)

    def put(self, name: str, data: bytes, replace: bool = False) -> bool:
        folder, _, final = check_name(name).rpartition("/")
        with _Told(), self._folder("tmp", make=True) as tmp, self._folder(folder, make=True) as target:
            assert tmp is not None
            assert target is not None
            if not _is_file(final, target):
                _clear(final, target, tmp)
            elif not replace:
                return False
            temporary = secrets.token_hex(16)
            fd = os.open(temporary, _WRITE, 0o600, dir_fd=tmp)
            try:
                _write(fd, data)
                with _unsupported():
                    os.fchmod(fd, self._mode() & 0o666)
                if data:
                    os.fsync(fd)
                if replace:
                    os.rename(temporary, final, src_dir_fd=tmp, dst_dir_fd=target)
                first = replace or _link(fd, temporary, tmp, final, target)
            finally:
                os.close(fd)
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=tmp)
            return first

    def stat(self, names: Collection[str]) -> Mapping[str, Entry]:
        found = {}
        for name in names:
            folder, _, final = check_name(name).rpartition("/")
            with _Told(), self._folder(folder) as fd, _Absent():
                status = os.stat(final, dir_fd=fd, follow_symlinks=False) if fd is not None else None
                if status is not None and stat.S_ISREG(status.st_mode):
                    found[name] = Entry(name, status.st_size, status.st_mtime)
        return found

    def list(self, prefix: str) -> Iterator[Entry]:
        for name, status in self._walk(prefix):
            if stat.S_ISREG(status.st_mode):
                yield Entry(name, status.st_size, status.st_mtime)

    def strays(self, prefix: str) -> Iterator[str]:
        for name, status in self._walk(prefix):
            is_folder = stat.S_ISDIR(status.st_mode) and not is_object(name)
            if not stat.S_ISREG(status.st_mode) and not is_folder:
                yield name

    def touch(self, name: str) -> None:
        with self._opened(name) as fd:
            if fd is not None:
                os.utime(fd)

    def delete(self, name: str) -> None:
        folder, _, final = check_name(name).rpartition("/")
        with _Told(), self._folder("tmp", make=True) as tmp, self._folder(folder) as fd:
            if fd is not None and tmp is not None:
                _clear(final, fd, tmp)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(final, dir_fd=fd)

    def _walk(self, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        """All that lies below a folder under a name that an object may have."""
        folders = [prefix]
        while folders:
            folder = folders.pop()
            with _Told(), self._folder(folder) as fd:
                entries = [] if fd is None else list(_entries(folder, fd))
            folders += [name for name, status in entries if stat.S_ISDIR(status.st_mode)]
            yield from entries

    @contextmanager
    def _opened(self, name: str) -> Iterator[int | None]:
        """A descriptor of an object for reading, or None if there is none or it is no regular file."""
        folder, _, final = check_name(name).rpartition("/")
        with _Told(), self._folder(folder) as parent:
            fd = None
            if parent is not None:
                with _Absent():
                    fd = os.open(final, _READ, dir_fd=parent)
            try:
                yield fd if fd is not None and stat.S_ISREG(os.fstat(fd).st_mode) else None
            finally:
                if fd is not None:
                    os.close(fd)

    @contextmanager
    def _folder(self, folder: str, make: bool = False) -> Iterator[int | None]:
        """A descriptor of a folder, reached without following a link; None if there is none."""
        fd: int | None = None
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for part in filter(None, folder.split("/")):
                inner = self._step(fd, part, make)
                os.close(fd)
                fd = inner
                if fd is None:
                    break
            yield fd
        finally:
            if fd is not None:
                os.close(fd)

    def _step(self, parent: int, part: str, make: bool) -> int | None:
        with _Absent():
            return os.open(part, _DIRECTORY, dir_fd=parent)
        if not make:
            return None
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, self._mode(), dir_fd=parent)
            with _unsupported():
                os.chmod(part, self._mode(), dir_fd=parent)  # whatever the umask
        return os.open(part, _DIRECTORY, dir_fd=parent)

    def _mode(self) -> int:
        return stat.S_IMODE(self.path.stat().st_mode)


def _link(fd: int, temporary: str, tmp: int, final: str, target: int) -> bool:
    """Give a written file its own name; False if another was first."""
    try:
        os.link(temporary, final, src_dir_fd=tmp, dst_dir_fd=target, follow_symlinks=False)
    except FileExistsError:
        # On NFS the answer to a link that was made may be lost, and the repeated request fails.
        if os.fstat(fd).st_nlink == 2:
            return True
        if not _is_file(final, target):
            raise
        return False
    except OSError as error:
        if os.fstat(fd).st_nlink == 2:
            return True
        if error.errno not in _NO_LINKS:
            raise
        if _is_file(final, target):
            return False
        os.rename(temporary, final, src_dir_fd=tmp, dst_dir_fd=target)
    return True


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _is_file(name: str, folder: int) -> bool:
    with _Absent():
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    return False


def _clear(name: str, folder: int, tmp: int) -> None:
    """Take away what has an object's name and is none; what a folder holds is garbage."""
    with _Absent():
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            os.rename(name, secrets.token_hex(16), src_dir_fd=folder, dst_dir_fd=tmp)
        elif not stat.S_ISREG(mode):
            os.unlink(name, dir_fd=folder)


def _entries(folder: str, fd: int) -> Iterator[tuple[str, os.stat_result]]:
    """What lies in a folder under names that objects may have."""
    with os.scandir(fd) as found:
        for each in found:
            name = f"{folder}/{each.name}" if folder else each.name
            with contextlib.suppress(ValueError, FileNotFoundError):
                yield check_name(name), each.stat(follow_symlinks=False)


class _Absent:
    """Whatever says that something is not there, or is a link, is no error. A class, as `_Told`: it is used often."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, OSError) and error.errno in _ABSENT


@contextmanager
def _unsupported() -> Iterator[None]:
    """What some file systems do not know: modes."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EPERM, errno.ENOSYS):
            raise


class _Told:
    """Failures by what can be done about them."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError) or isinstance(error, Unreachable | Full | Denied):
            return
        text = error.strerror or str(error)
        if error.errno in _FULL:
            raise Full(error.errno, f"no room is left ({text.lower()})") from error
        if error.errno in _DENIED:
            raise Denied(error.errno, text) from error
        raise Unreachable(error.errno, text) from error
