"""A message to an address that an administrator named: over TLS, to the open internet or this machine and nowhere else.

The name is looked up once and that very address is spoken to, so that no name can lead first here and then inside. No
redirect is followed, no proxy asked.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from kb.config import is_loopback

TIMEOUT = 10.0  # seconds for each step of it
# Addresses that are said to be of the open internet, and lead into another one.
WRAPPED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))


class NotThereError(OSError):
    """An address that nothing is sent to."""


def over_http(url: str, body: bytes, headers: Mapping[str, str], allowed: Collection[str] = ()) -> int:
    """POST once; the status.

    allowed: hosts that may be inside, or without TLS
    Raises OSError where there is no answer, NotThereError for an address that nothing is sent to.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    if not secure and not is_loopback(host) and host not in allowed:
        raise NotThereError(f"{host}: no TLS")
    port = parts.port or (443 if secure else 80)
    raw = socket.create_connection((address(host, port, allowed), port), timeout=TIMEOUT)
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(host, port, timeout=TIMEOUT)
    connection.sock = raw
    try:
        if secure:
            connection.sock = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
        connection.request(
            "POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, dict(headers)
        )
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise OSError(str(error) or type(error).__name__) from error
    finally:
        connection.close()


def address(host: str, port: int, allowed: Collection[str] = ()) -> str:
    """The address of a host that may be spoken to. Raises NotThereError where any of its addresses is inside."""
    found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if host not in allowed:
        for one in found:
            if not (is_open(one) or (is_loopback(host) and is_loopback(one))):
                raise NotThereError(f"{host}: not an address of the open internet")
    return found[0]


def is_open(found: str) -> bool:
    """Whether an address is of the open internet: of no network inside, of no single machine's own."""
    one = ipaddress.ip_address(found.partition("%")[0])
    one = getattr(one, "ipv4_mapped", None) or one
    return one.is_global and not one.is_multicast and not any(one in wrap for wrap in WRAPPED)
