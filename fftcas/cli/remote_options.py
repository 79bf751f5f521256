"""Which remote a command uses: options come before environment variables, and these before project.yml.

--remote        FFTCAS_REMOTE             remote.url         a directory or a URL
--remote-mode   FFTCAS_REMOTE_MODE        remote.mode        off, ro, rw (the default) or required
                FFTCAS_REMOTE_NAMESPACE   remote.namespace   main (the default), pr/123, …
                FFTCAS_REMOTE_TRUST       remote.trust       public keys, separated by blanks
                FFTCAS_REMOTE_KEY                            a private key, or the file that holds it

A relative directory starts where the command is called, that of project.yml at the project's root.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from fftcas.project.settings import RemoteSettings
    from fftcas.store.remote import Remote, Signer

Command = TypeVar("Command", bound=Callable[..., Any])
MODES = ("off", "ro", "rw", "required")


def remote_options(command: Command) -> Command:
    """`--remote` and `--remote-mode`."""
    mode = click.option(
        "--remote-mode", type=click.Choice(MODES), help="Read it, write it too, or fail without it [rw]."
    )
    remote = click.option("--remote", metavar="DIR|URL", help="Share outputs through this place [FFTCAS_REMOTE].")
    return remote(mode(command))


def remote_opener(
    wanted: RemoteSettings | None, say: Callable[[str], None], offline: bool
) -> Callable[[], Remote | None]:
    """Opens the remote that is `merged`, and says what it can be used for.

    `offline`: a bucket is not. Raises UsageError for settings with which it could not be opened; with `required`, it is
    opened now, or RemoteError is raised.
    """
    if wanted is None or wanted.mode == "off":
        return lambda: None
    if wanted.mode == "required":
        remote = open_remote(wanted, offline, say)
        return lambda: remote
    from fftcas.errors import RemoteError

    with suppress(RemoteError):  # a package is missing, which is told once the remote is wanted
        check(wanted)  # what is wrong there is the failure of no node
    return lambda: _open_or_go_on(wanted, offline, say)


def remote_reader(url: str | None, mode: str | None, settings: RemoteSettings | None, offline: bool) -> Remote | None:
    """The remote that a build would use, for reading; None if it would use none. Raises UsageError or RemoteError."""
    wanted = merged(url, mode, settings, os.environ)
    if wanted is None or wanted.mode == "off":
        return None
    from dataclasses import replace

    return open_remote(replace(wanted, mode="ro"), offline, lambda line: None)


def check(wanted: RemoteSettings) -> None:
    """Raises UsageError or RemoteError for settings with which no remote can be opened; no connection is."""
    from fftcas.store.remote import Remote

    Remote.check(wanted.url, wanted.trust, wanted.namespace)
    _signer(wanted)


def _open_or_go_on(wanted: RemoteSettings, offline: bool, say: Callable[[str], None]) -> Remote | None:
    """The remote, or None where the packages that it needs are missing. Raises UsageError."""
    from fftcas.errors import RemoteError

    try:
        return open_remote(wanted, offline, say)
    except RemoteError as error:
        say(f"remote: off ({error.what}: {error.hint})")
        return None


def open_remote(wanted: RemoteSettings, offline: bool, say: Callable[[str], None]) -> Remote:
    """Raises UsageError or RemoteError."""
    from fftcas.http.sharing import SharedResponses
    from fftcas.store.remote import Remote, RemoteMode

    remote = Remote.open(
        wanted.url,
        RemoteMode(wanted.mode),
        trust=wanted.trust,
        namespace=wanted.namespace,
        signer=_signer(wanted),
        responses=SharedResponses(),
        warn=lambda text: print(f"warning: {text}", file=sys.stderr),
        offline=offline,
    )
    say(remote.summary)
    return remote


def _signer(wanted: RemoteSettings) -> Signer | None:
    """Raises UsageError, or RemoteError if the extra is missing."""
    from fftcas.store.remote import Signer

    key = os.environ.get("FFTCAS_REMOTE_KEY") if wanted.mode != "ro" else None
    return Signer.load(key) if key else None


def merged(
    url: str | None, mode: str | None, settings: RemoteSettings | None, environ: Mapping[str, str]
) -> RemoteSettings | None:
    """What is meant, always with a `url`, or None if no remote is. Raises UsageError."""
    from fftcas.errors import UsageError
    from fftcas.project.settings import RemoteSettings

    settings = settings or RemoteSettings()
    mode = mode or environ.get("FFTCAS_REMOTE_MODE") or settings.mode
    if mode not in MODES:
        raise UsageError(f"FFTCAS_REMOTE_MODE is '{mode}'", hint=f"one of {', '.join(MODES)}")
    url = url or environ.get("FFTCAS_REMOTE") or settings.url
    if not url:
        if mode == "required":
            raise UsageError("a remote is required, and none is named", hint="set FFTCAS_REMOTE, or use --remote")
        return None
    trust = environ.get("FFTCAS_REMOTE_TRUST")
    return RemoteSettings(
        url if "://" in url else os.path.abspath(os.path.expanduser(url)),  # noqa: PTH100, PTH111
        mode,
        tuple(trust.split()) if trust else settings.trust,  # unset in CI means empty
        environ.get("FFTCAS_REMOTE_NAMESPACE") or settings.namespace,
    )
