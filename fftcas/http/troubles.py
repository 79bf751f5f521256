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
    """Raise whatever urllib3 and the sockets raise again as TransportError; what is late counts as failed."""
    import urllib3.exceptions as wrong

    from fftcas.http.connections import Refused

    try:
        yield
        if deadline.expired:
            raise TimeoutError  # a line that was cut can look like the end of an answer
    except TransportError:
        raise
    except (wrong.HTTPError, BadBody, OSError, ValueError, Refused) as error:
        raise (_late(deadline) if deadline.expired else _failure(error, timeout, secrets)) from None


def _late(deadline: Deadline) -> TransportError:
    return TransportError(
        f"not answered within {deadline.seconds:g} seconds",
        hint="FF_HTTP_TOTAL_TIMEOUT sets the limit for a whole response",
    )


def _failure(error: Exception, timeout: float, secrets: tuple[str, ...]) -> TransportError:
    import urllib3.exceptions as wrong

    from fftcas.http.connections import Refused

    inner = _innermost(error)
    why = redact(_text(inner), secrets)
    match error:
        case BadBody():
            return TransportError("unusable body", why=error.why, temporary=error.temporary)
        case Refused():
            hint = "a host that is named in FF_HTTP_ALLOWED_DOMAINS is allowed"
            return TransportError("request refused", why=str(error), hint=hint)
        case wrong.SSLError():
            hint = "SSL_CERT_FILE names a file with more certificate authorities"
            return TransportError("TLS failed", why=why, hint=hint)
        case wrong.NameResolutionError():
            return TransportError("the host's name cannot be resolved", temporary=True)
        case wrong.NewConnectionError():  # urllib3 counts it as a timeout, too
            return TransportError("the connection failed", why=redact(_refusal(error), secrets), temporary=True)
        case wrong.TimeoutError() | TimeoutError():
            hint = "FF_HTTP_TIMEOUT sets the limit"
            return TransportError(f"no answer for {timeout:g} seconds", hint=hint, temporary=True)
        case wrong.ProxyError():
            return TransportError("the proxy failed", why=why, temporary=True)
    if isinstance(inner, wrong.IncompleteRead):
        why = f"{inner.partial} bytes came of {inner.partial + (inner.expected or 0)}"
        return TransportError("the body was truncated", why=why, temporary=True)
    return TransportError("the connection failed", why=why, temporary=True)


def _innermost(error: BaseException) -> BaseException:
    """The reason itself: urllib3 wraps, and its wrappings repeat the URL."""
    inside = [getattr(error, "original_error", None), error.__cause__, *error.args]
    below = next((part for part in inside if isinstance(part, BaseException)), None)
    return error if below is None else _innermost(below)


def _text(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _refusal(error: BaseException) -> str:
    """What the system said about a connection that could not be made."""
    return _text(error.__cause__) if error.__cause__ is not None else str(error).rpartition(": ")[2]
