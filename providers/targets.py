"""Which addresses on the network somebody else may send us to: public ones, judged as they were resolved."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection
from urllib.parse import SplitResult

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Resolve = Callable[[str, int], list[str]]


def addresses_of(host: str, port: int) -> list[str]:
    """Every address a name stands for. Raises OSError, UnicodeError."""
    return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})


def refuse_target(
    url: SplitResult, addresses: list[str], *, loopback: bool, query: bool = False, ports: Collection[int] = ()
) -> str:
    """Why this address is not gone to; empty when it may be. All addresses of the name count, not one of them.

    ``loopback``: what stands on this machine may be gone to, over plain HTTP and on any port too; nothing else private
    ever is. ``query``: the address may have one. ``ports``: the only ones, where any are named.
    """
    found = [ipaddress.ip_address(a.split("%", 1)[0]) for a in addresses]
    if url.username or url.password or url.fragment or (url.query and not query) or not url.hostname:
        return "form"
    if not found:
        return "unknown_host"
    if loopback and all(a.is_loopback for a in found):
        return "" if url.scheme in ("http", "https") else "scheme"
    if url.scheme != "https":
        return "scheme"
    if ports and (url.port or 443) not in ports:
        return "port"
    return "" if all(_public(a) for a in found) else "network"


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not _carries_another(address)


def _carries_another(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """IPv6 addresses that stand for an IPv4 address, which would be reached instead."""
    if isinstance(address, ipaddress.IPv4Address):
        return False
    return bool(address.ipv4_mapped or address.sixtofour or address.teredo) or address in _NAT64
