"""Labels, the names of nodes: `//marts:mart_user_orders`, seeds `//seeds:seed_users`, sources `@crm//:users`."""

from __future__ import annotations

import re

from fftcas.errors import UsageError

PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Label:
    """A node's name: package (folders below `models/`, joined by `/`), name, and for a source its group as `repo`.

    It never changes. It is no dataclass for the reason that `errors.Location` gives.
    """

    __slots__ = ("name", "package", "repo", "text")

    def __init__(self, package: str, name: str, repo: str = "") -> None:
        self.package = package
        self.name = name
        self.repo = repo
        self.text = f"{'@' + repo if repo else ''}//{package}:{name}"

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Label({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Label) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)  # which is known, after the first time: labels are looked up more than anything else

    def __lt__(self, other: Label) -> bool:
        return self.text < other.text

    @classmethod
    def of(cls, package: str, name: str, repo: str = "") -> Label:
        """A label from its parts; raises UsageError if a part breaks the grammar."""
        text = f"{'@' + repo if repo else ''}//{package}:{name}"
        for part in [*(package.split("/") if package else []), name, *([repo] if repo else [])]:
            check_part(part, text)
        return cls(package, name, repo)

    @classmethod
    def parse(cls, text: str) -> Label:
        """A label from its text; `//marts` stands for `//marts:marts`. Raises UsageError."""
        match = re.fullmatch(r"(?:@([^/]*))?//([^:]*)(?::(.*))?", text, re.DOTALL)
        if match is None:
            raise UsageError(f"'{text}' is not a label", hint="labels look like //marts:mart_user_orders")
        repo, package, name = match[1] or "", match[2], match[3]
        if name is None:
            name = package.rsplit("/", 1)[-1]
        return cls.of(package, name, repo)


def check_part(part: str, text: str) -> None:
    """Raise UsageError, naming the offending character, unless `part` may stand in the label `text`."""
    if PART.fullmatch(part):
        return
    if not part:
        raise UsageError(f"label '{text}' has an empty part", hint="labels look like //marts:mart_user_orders")
    match = PART.match(part)
    position = match.end() if match else 0
    raise UsageError(
        f"label '{text}' has a character that is not allowed: {part[position]!r}",
        why=f"in '{part}', at position {position + 1}",
        hint="package and name parts are letters, digits, '_', '.', '-', and start with a letter, a digit or '_'",
    )
