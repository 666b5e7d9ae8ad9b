"""HAProxy as docs/haproxy.cfg sets it up, with the addresses of a test in it."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.ports import free_port
from kb.config import ROOT

CONFIG = ROOT / "docs" / "haproxy.cfg"
PROGRAM = "/usr/sbin/haproxy"
MISSING = "HAProxy is not installed: as root, apt-get install haproxy"
START_SECONDS = 10.0


@contextmanager
def balancing(folder: Path, port: int, servers: Sequence[str], inter: str = "1s") -> Iterator[int]:
    """HAProxy at https://127.0.0.1:PORT before two servers (`host:port`); the port of its plain HTTP.

    inter: between two checks; real servers let nobody ask very often
    Where it is not installed, a person's test is skipped and CI's fails.
    """
    if not os.access(PROGRAM, os.X_OK):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    plain, pem = free_port(), folder / "firstcall.pem"
    pem.write_bytes(_certificate())
    config = folder / "haproxy.cfg"
    config.write_text(_written(CONFIG.read_text("utf-8"), port, plain, pem, servers, inter), "utf-8")
    dies = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen([*dies, PROGRAM, "-db", "-f", str(config)], stdout=log, stderr=log)
    try:
        _await(port, process, folder / "haproxy.log")
        yield plain
    finally:
        process.kill()
        process.wait()


def trusting() -> ssl.SSLContext:
    """TLS to a server whose certificate nobody vouches for."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _written(config: str, port: int, plain: int, pem: Path, servers: Sequence[str], inter: str) -> str:
    """The configuration with other addresses; each that is exchanged has to be there."""
    one, other = servers
    exchanged = {
        "bind :80\n": f"bind 127.0.0.1:{plain}\n",
        "bind :443 ": f"bind 127.0.0.1:{port} ",
        "/etc/haproxy/firstcall.pem": str(pem),
        "hdr Host kb.example.com": f"hdr Host 127.0.0.1:{port}",
        "inter 1s ": f"inter {inter} ",
        "10.0.0.11:8501": one,
        "10.0.0.12:8501": other,
    }
    for text, by in exchanged.items():
        assert text in config, text
        config = config.replace(text, by)
    return config


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(log.read_text("utf-8", "replace")) from None
            time.sleep(0.05)


def _certificate() -> bytes:
    """A key and the certificate of 127.0.0.1 that it signed itself, as PEM."""
    key, at = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), at, at + timedelta(1))
    named = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = made.add_extension(named, critical=False).sign(key, SHA256())
    return signed.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
