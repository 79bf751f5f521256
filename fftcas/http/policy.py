"""Where requests may go: the allow-list, and the addresses of cloud metadata services."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

FORBIDDEN_HOSTS = {
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
}
FORBIDDEN_NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        *("169.254.0.0/16", "fe80::/10"),  # link-local; most clouds' metadata services
        *("fd00:ec2::/32", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"),  # the other ones
    )
]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def refused(url: str, allowed: Sequence[str]) -> str | None:
    """Why a URL must not be asked, or None. Names are not resolved here: connections check their peer."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme not in ("http", "https"):
        return f"only http and https are allowed, not '{parts.scheme}'"
    if allowed and not any(host == domain or host.endswith(f".{domain}") for domain in allowed):
        return f"'{host}' is not in FF_HTTP_ALLOWED_DOMAINS ({', '.join(allowed)})"
    if host in allowed:
        return None
    if host in FORBIDDEN_HOSTS:
        return f"'{host}' is the name of a metadata service"
    return refused_address(host, host, allowed)


def refused_address(host: str, address: str, allowed: Sequence[str]) -> str | None:
    """Why a connection to `address`, made for `host`, must not be used, or None."""
    if host.rstrip(".").lower() in allowed:
        return None
    try:
        ip = ipaddress.ip_address(address.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if any(ip in network for network in FORBIDDEN_NETWORKS):
        return f"{address} is a link-local or metadata address"
    return None
