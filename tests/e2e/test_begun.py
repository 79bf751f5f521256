"""Every command works in a process that begins with nothing imported."""

from __future__ import annotations

from harness import Demo
from observed import observe

from fftcas.cli.commands import COMMANDS

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "build": ("--rebuild", "--", "//...", "-//http/..."),
    "seed": (),
    "run": ("//seeds/...",),
    "lock": (),
    "ls": ("state:modified",),
    "query": ("stale()",),
    "dag": ("--out", "pages"),
    "report": (),
    "why-rebuild": ("stg_users", "--json"),
    "why-hit": ("stg_users",),
    "log": ("stg_users",),
    "show": ("stg_users",),
    "diff": ("stg_users@last", "stg_users"),
    "restore": ("--run", "last"),
    "gc": (),
    "doctor": (),
    "pin": ("stg_users",),
    "unpin": ("stg_users",),
    "stats": (),
    "clean": (),
    "init": ("new",),
    "key": ("new", "ci", "--out", "ci.key"),
}


def test_each_command_begins_by_itself(built: Demo, api: str) -> None:
    assert ARGUMENTS.keys() == COMMANDS.keys()
    for name, arguments in ARGUMENTS.items():
        done = observe(built, name, *arguments, FF_DEMO_API_URL=api)
        assert (name, done.exit_code) == (name, 0), done.stdout + done.stderr
