"""A provider of identities on this machine (OpenID Connect), that says what it is told to say."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
CLIENT, SECRET = "firstcall", "s3cret"


class Idp(ThreadingHTTPServer):
    """A provider that says what it is told to say. `codes`: code → what was asked with it."""

    daemon_threads = True

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://{host}:{self.server_address[1]}"
        self.claims: dict[str, Any] = {
            "sub": "248289761001",
            "name": "王敏",
            "preferred_username": "Wang.Min@corp.example",
        }
        self.claims["groups"] = ["kb-agents", "all-staff"]
        self.says: dict[str, Any] = {}  # claims said in place of the right ones; None leaves one out
        self.issuer = self.url
        self.key, self.algorithm = KEY, "RS256"
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []

    def authorize(self, url: str) -> dict[str, str]:
        """What the browser is sent back with after the person agreed."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return {"code": code, "state": query["state"], "iss": self.issuer}

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        facts = {"iss": self.url, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": asked["nonce"]}
        claims = {name: value for name, value in {**facts, **self.claims, **self.says}.items() if value is not None}
        return jwt.encode({"alg": self.algorithm, "kid": "k1"}, claims, self.key)


class Handler(BaseHTTPRequestHandler):
    server: Idp

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        url = self.server.url
        if self.path == "/.well-known/openid-configuration":
            ends = {
                "authorization_endpoint": f"{url}/auth",
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/keys",
            }
            self.answer(200, {"issuer": self.server.issuer, **ends})
        elif self.path == "/keys":
            self.answer(200, {"keys": [KEY.as_dict(private=False)]})
        elif self.path.startswith("/auth?"):
            query = escape(urlsplit(self.path).query)
            ways = [f'<a href="/{way}?{query}">{way}</a>' for way in ("agree", "refuse")]
            self.answer(200, f"<!doctype html><title>Provider</title>{' '.join(ways)}")
        elif self.path.startswith(("/agree?", "/refuse?")):
            self.send_back(self.path)
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        given = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["content-length"])).decode()).items()}
        asked = self.server.codes.pop(given.get("code", ""), None)
        login = base64.b64decode(self.headers.get("authorization", "").removeprefix("Basic ")).decode()
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or login != f"{CLIENT}:{SECRET}"
            or challenge != asked["code_challenge"]
            or given["redirect_uri"] != asked["redirect_uri"]
        ):
            self.answer(400, {"error": "invalid_grant"})
            return
        self.answer(200, {"access_token": "a", "token_type": "Bearer", "id_token": self.server.id_token(asked)})

    def send_back(self, path: str) -> None:
        """The browser goes back to where it came from, with a code or without."""
        given = self.server.authorize(path)
        if path.startswith("/refuse?"):
            given = {"error": "access_denied", "state": given["state"]}
        back = parse_qs(urlsplit(path).query)["redirect_uri"][0]
        self.send_response(303)
        self.send_header("location", f"{back}?{urlencode(given)}")
        self.send_header("content-length", "0")
        self.end_headers()

    def answer(self, status: int, body: dict[str, Any] | str) -> None:
        raw = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-type", "text/html" if isinstance(body, str) else "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Idp]:
    """A provider that answers at this name of the machine until the end."""
    server = Idp(host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
