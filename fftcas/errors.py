"""What goes wrong, told to a person.

    FftcasError                 exit code
    ├── UsageError                  2   a wrong argument
    │   └── ProjectError            2   something wrong in the project's files
    ├── NodeError                   1   a node failed while it was built
    ├── StoreError                  2   the local store cannot be used
    ├── NondeterministicError       4   `--check` found two outputs
    ├── BudgetError                 5   a query or a run costs more than allowed
    ├── RemoteError                 6   a required remote cannot be used
    └── LockError                   7   the lock file does not match

Every error says what happened, where (`file:line`), why, and what to do next.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Location:
    """A place in a project's file; `path` is relative to the project, `line` counts from 1. It never changes.

    No dataclass, as all that is needed to answer from an outline: importing these takes as long as starting Python.
    """

    def __init__(self, path: str, line: int | None = None) -> None:
        self.path = path
        self.line = line

    def __str__(self) -> str:
        return self.path if self.line is None else f"{self.path}:{self.line}"

    def __repr__(self) -> str:
        return f"Location({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Location) and (self.path, self.line) == (other.path, other.line)

    def __hash__(self) -> int:
        return hash((self.path, self.line))


class FftcasError(Exception):
    """Root of all errors that are meant to be read by people."""

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: Location | None = None,
        why: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        if self.where is not None:
            lines.append(f"  at {self.where}")
        if self.why:
            lines += [f"  {line}" for line in self.why.rstrip().splitlines()]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class UsageError(FftcasError):
    """A wrong argument on the command line or in an environment variable."""

    exit_code = 2


class ProjectError(UsageError):
    """Something in the project's files is wrong; found before anything ran."""


class NodeError(FftcasError):
    """A node failed while it was built."""

    exit_code = 1


class StoreError(FftcasError):
    """The local store cannot be opened, read or written."""

    exit_code = 2


class NondeterministicError(FftcasError):
    """Two builds of one derivation gave two outputs."""

    exit_code = 4


class BudgetError(NodeError):
    """A query or a run costs more than its budget."""

    exit_code = 5


class RemoteError(FftcasError):
    """The remote directory is required and cannot be used."""

    exit_code = 6


class LockError(FftcasError):
    """A fetched input differs from what the lock file says."""

    exit_code = 7


def closest(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the known words closest to `word`, or None if none is close."""
    import difflib

    matches = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    if not matches:
        return None
    return "did you mean " + " or ".join(f"'{match}'" for match in matches) + "?"
