"""`fftcas key`: keys that sign what is published to a remote."""

from __future__ import annotations

import os

import click


@click.group()
def key() -> None:
    """Make keys that sign what is published to a remote."""


@key.command()
@click.argument("name")
@click.option("--out", "file", required=True, metavar="FILE", help="Where to write the private key.")
def new(name: str, file: str) -> int:
    """Make a key called NAME: the private one goes to a file that only you can read, the public one is printed.

    Put the private key into FFTCAS_REMOTE_KEY of the jobs that may publish to main (as text, or as a file's name), and
    the public one under `remote: {trust: [...]}` in project.yml.
    """
    from pathlib import Path

    from fftcas.errors import UsageError
    from fftcas.store.remote import Signer

    signer = Signer.new(name)
    try:
        fd = os.open(Path(file).expanduser(), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError as error:
        raise UsageError(f"{file} exists", hint="a key is never overwritten: name another file") from error
    except OSError as error:
        raise UsageError(f"cannot write {file}", why=error.strerror) from error
    with os.fdopen(fd, "w") as out:
        out.write(signer.text() + "\n")
    click.echo(str(signer.public))
    return 0
