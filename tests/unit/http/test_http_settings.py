"""The `FF_HTTP_*` variables, and where requests may go."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fftcas.errors import UsageError
from fftcas.http.limits import TokenBucket
from fftcas.http.policy import refused, refused_address
from fftcas.http.settings import HttpCacheMode, HttpSettings
from fftcas.http.transport import Transport, transport


def test_defaults() -> None:
    assert HttpSettings.read({}) == HttpSettings()
    assert HttpSettings.read({"FF_HTTP_TIMEOUT": "", "FF_HTTP_OFFLINE": " "}) == HttpSettings()


def test_everything_can_be_set() -> None:
    settings = HttpSettings.read(
        {
            "FF_HTTP_CACHE_MODE": "RO",
            "FF_HTTP_OFFLINE": "yes",
            "FF_HTTP_TTL": "60",
            "FF_HTTP_TIMEOUT": "2.5",
            "FF_HTTP_MAX_RETRIES": "0",
            "FF_HTTP_MAX_RPS": "5",
            "FF_HTTP_RATE_LIMIT_RPS": "2",
            "FF_HTTP_ALLOWED_DOMAINS": "*.Example.org, localhost,,[::1]",
            "FF_HTTP_CACHE_DIR": ".local/http-cache",
            "FF_HTTP_MAX_BYTES": "1000",
            "https_proxy": "proxy:3128",
            "NO_PROXY": "localhost",
            "FF_API_TOKEN": "canary-token",
            "FF_PIN_KEY": "short",
        }
    )
    assert (settings.mode, settings.offline, settings.ttl, settings.attempts) == (HttpCacheMode.RO, True, 60.0, 1)
    assert (settings.timeout, settings.total_timeout, settings.rate, settings.max_bytes) == (2.5, 37.5, 2.0, 1000)
    assert settings.allowed_domains == ("::1", "example.org", "localhost")
    assert settings.proxies == (("https", "http://proxy:3128"), ("no", "localhost"))
    assert settings.secrets == ("canary-token",)
    assert len(settings.notices) == 1
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FF_HTTP_TTL", "soon"),
        ("FF_HTTP_TTL", "-1"),
        ("FF_HTTP_TTL", "nan"),
        ("FF_HTTP_TTL", "inf"),
        ("FF_HTTP_TIMEOUT", "0"),
        ("FF_HTTP_MAX_RETRIES", "1.5"),
        ("FF_HTTP_MAX_RETRIES", "²"),
        ("FF_HTTP_MAX_BYTES", "1MB"),
        ("FF_HTTP_OFFLINE", "maybe"),
        ("FF_HTTP_CACHE_MODE", "wo"),
        ("FF_HTTP_ALLOWED_DOMAINS", "https://example.org"),
        ("FF_HTTP_ALLOWED_DOMAINS", "example.org:8080"),
        ("FF_HTTP_ALLOWED_DOMAINS", "a*b"),
        ("all_proxy", "socks5://me:canary@proxy:1080"),
    ],
)
def test_a_bad_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        HttpSettings.read({name: value})
    assert name in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "allowed", "passes"),
    [
        ("https://api.example.org/x", (), True),
        ("https://example.org/x", ("example.org",), True),
        ("https://api.example.org/x", ("example.org",), True),
        ("https://notexample.org/x", ("example.org",), False),
        ("https://example.org.evil.net/x", ("example.org",), False),
        ("https://example.org@evil.net/x", ("example.org",), False),
        ("http://127.0.0.1:80/x", (), True),
        ("http://169.254.169.254/x", (), False),
        ("http://169.254.169.254/x", ("169.254.169.254",), True),
        ("http://[fe80::1%25eth0]/x", (), False),
        ("http://[fd00:ec2::254]/x", (), False),
        ("http://[64:ff9b::a9fe:a9fe]/x", (), False),
        ("http://100.100.100.200/x", (), False),
        ("http://metadata.google.internal/x", (), False),
        ("http://METADATA.google.internal./x", (), False),
        ("http://metadata.google.internal/x", ("google.internal",), False),
        ("http://metadata.google.internal/x", ("metadata.google.internal",), True),
        ("file:///etc/passwd", (), False),
    ],
)
def test_where_requests_may_go(url: str, allowed: tuple[str, ...], passes: bool) -> None:
    assert (refused(url, allowed) is None) == passes


def test_peers_by_address() -> None:
    assert refused_address("2852039166", "169.254.169.254", ()) is not None
    assert refused_address("intern", "169.254.169.254", ("intern",)) is None
    assert refused_address("intern", "10.0.0.1", ()) is None
    assert refused_address("intern", "::ffff:169.254.169.254", ()) is not None


def test_tokens_come_at_the_rate() -> None:
    clock, waits = [0.0], list[float]()
    bucket = TokenBucket(2.0, lambda: clock[0], waits.append)
    for _ in range(5):
        bucket.take()
    assert waits == [0.5, 1.0, 1.5]
    clock[0] = 10.0
    bucket.take()
    assert len(waits) == 3


def test_threads_that_fetch_first_at_the_same_time_share_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Transport.__init__

    def slowly(self: Transport, settings: HttpSettings) -> None:
        time.sleep(0.1)
        made(self, settings)

    monkeypatch.setattr(Transport, "__init__", slowly)
    with ThreadPoolExecutor(4) as workers:
        assert len(set(workers.map(transport, [HttpSettings(rate=77.0)] * 4))) == 1
