"""What goes wrong on the way to a server, told without the texts of urllib3 and the sockets: those hold whole URLs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from fftcas.http.body import BadBody
from fftcas.http.limits import Deadline
from fftcas.http.masking import redact


class TransportError(Exception):
    """A request got no usable answer. The texts hold no credential; `temporary`: a later try may succeed."""

    def __init__(
        self,
        what: str,
        *,
        why: str | None = None,
        hint: str | None = None,
        status: int | None = None,
        temporary: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what)
        self.what, self.why, self.hint = what, why, hint
        self.status, self.temporary, self.retry_after = status, temporary, retry_after


@contextlib.contextmanager
def told(timeout: float, deadline: Deadline, secrets: tuple[str, ...]) -> Iterator[None]:
    """Turn what urllib3 and the sockets raise into TransportError; their own texts hold whole URLs."""
    import urllib3.exceptions as wrong

    from fftcas.http.connections import Refused

    try:
        yield
    except TransportError:
        raise
    except (wrong.HTTPError, BadBody, OSError, ValueError, Refused) as error:
        if deadline.expired:
            failure = TransportError(
                f"not answered within {deadline.seconds:g} seconds",
                hint="FF_HTTP_TOTAL_TIMEOUT sets the limit for a whole response",
            )
        elif isinstance(error, BadBody):
            failure = TransportError("unusable body", why=error.why, temporary=error.temporary)
        elif isinstance(error, Refused):
            hint = "a host that is named in FF_HTTP_ALLOWED_DOMAINS is allowed"
            failure = TransportError("request refused", why=str(error), hint=hint)
        elif isinstance(error, wrong.TimeoutError | TimeoutError):
            hint = "FF_HTTP_TIMEOUT sets the limit"
            failure = TransportError(f"no answer for {timeout:g} seconds", hint=hint, temporary=True)
        elif isinstance(error, wrong.SSLError):
            hint = "SSL_CERT_FILE names a file with more certificate authorities"
            failure = TransportError("TLS failed", why=redact(_cause(error), secrets), hint=hint)
        elif isinstance(error, wrong.NameResolutionError):
            failure = TransportError("the host's name cannot be resolved", temporary=True)
        elif isinstance(error, wrong.IncompleteRead):
            why = f"{error.partial} bytes came of {error.partial + (error.expected or 0)}"
            failure = TransportError("the body was truncated", why=why, temporary=True)
        elif isinstance(error, wrong.ProxyError):
            failure = TransportError("the proxy failed", why=redact(_cause(error), secrets), temporary=True)
        else:
            failure = TransportError("the connection failed", why=redact(_cause(error), secrets), temporary=True)
        raise failure from None


def _cause(error: BaseException) -> str:
    """The innermost reason: urllib3 wraps, and its wrappings repeat the URL."""
    inner = error
    while True:
        below = getattr(inner, "original_error", None) or inner.__cause__ or _inner(inner)
        if not isinstance(below, BaseException) or below is inner:
            break
        inner = below
    text = getattr(inner, "strerror", None) or str(inner)
    return f"{type(inner).__name__}: {text}" if text else type(inner).__name__


def _inner(error: BaseException) -> object:
    return next((part for part in error.args if isinstance(part, BaseException)), None)
