"""A new project: as little as can be built, and shows how more is added."""

from __future__ import annotations

import json
from pathlib import Path

from fftcas.errors import UsageError

FILES = {
    "project.yml": "name: {name}\n",
    "profiles.yml": """\
# The profile `dev` is used unless --env or FFT_ACTIVE_ENV names another one.
dev:
  engine: duckdb
  duckdb:
    path: "{{{{ env('FF_DUCKDB_PATH', 'warehouse.duckdb') }}}}"
    schema: main
""",
    "seeds/orders.csv": """\
id,customer,amount
1,Ann,12.50
2,Bob,8.00
3,Ann,2.50
""",
    "models/marts/spending.sql": """\
select customer, sum(amount) as amount
from {{{{ ref('orders') }}}}
group by customer
order by customer
""",
    ".gitignore": ".fftcas/\n*.duckdb\n*.duckdb.wal\n",
}


def write_project(root: Path) -> list[Path]:
    """Write a small project into a directory, which is made if need be; returns the files.

    Raises UsageError if there is something in it (but for git's own), or it cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        strangers = sorted(entry.name for entry in root.iterdir() if entry.name != ".git")
        if strangers:
            raise UsageError(
                f"{root} is not empty", why=f"it holds '{strangers[0]}'", hint="name a new or empty directory"
            )
        written = []
        for name, text in FILES.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(name=json.dumps(root.resolve().name or "project")), "utf-8")
            written.append(path)
    except OSError as error:
        raise UsageError(f"cannot write a project into {root}", why=error.strerror or str(error)) from error
    return written
