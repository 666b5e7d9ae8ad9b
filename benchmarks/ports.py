"""A port for a server that is about to start."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Below those that the kernel gives to connections (32,768 on, net.ipv4.ip_local_port_range): of those a connection of
# somebody else's may have it before the server does, which takes seconds to come up.
PORTS = range(10_240, 32_768)

_chance = random.SystemRandom()  # several choose at once, and a test's library seeds the usual one


def free_port() -> int:
    """One that nobody listens on."""
    while True:
        port = _chance.choice(PORTS)
        with suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            return port
