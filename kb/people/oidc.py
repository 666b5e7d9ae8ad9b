"""Signing in with the company's own account: OpenID Connect, authorization code with PKCE, as configured.

What comes back has to be the answer to a question this very browser asked (state, once, within ten minutes), from
exactly the configured issuer, for us (audience), for this question (nonce), signed with a key the issuer publishes.
Who it is, is issuer and subject and never an e-mail address. The role comes from a claim at every sign-in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
import sqlalchemy as sa
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from kb.config import is_loopback
from kb.db import Database
from kb.errors import NotAllowedError, SettingError
from kb.people import accounts, sessions, users
from kb.people.users import OPERATOR, Role, User
from kb.tables import identity
from kb.tables import oidc_flow as flow

SCOPE = "openid profile"
WITHIN = timedelta(minutes=10)
SIGNED = ("RS256", "PS256", "ES256", "EdDSA")  # never `none`, never a shared secret
SECONDS = 5  # an issuer that takes longer is away
LEEWAY = 60  # seconds two clocks may differ
KEPT = 3600.0  # seconds its description and keys are believed
STRONGEST = (Role.ADMIN, Role.SUPERVISOR, Role.EDITOR, Role.AGENT)


@dataclass(frozen=True)
class Provider:
    """Who says who people are. `roles`: value of the claim → role here."""

    issuer: str
    client: str
    secret: str
    claim: str
    roles: Mapping[str, Role]


def provider(issuer: str, client: str, secret: str, claim: str, roles: str) -> Provider | None:
    """The provider of the settings, None where none is named. Raises SettingError.

    roles: `group=role,group=role`
    """
    if not issuer:
        return None
    host = urlsplit(issuer)
    if host.scheme != "https" and not (host.scheme == "http" and is_loopback(host.hostname or "")):
        raise SettingError("setting_not_an_origin", name="KB_OIDC_ISSUER", value=issuer)
    pairs = [one.partition("=") for one in roles.split(",") if one.strip()]
    known = {role.value: role for role in Role}
    wrong = [value for _, _, value in pairs if value.strip() not in known]
    if wrong or not pairs or not client:
        raise SettingError("setting_not_a_choice", name="KB_OIDC_ROLES", value=roles, choices=", ".join(known))
    return Provider(issuer, client, secret, claim, {name.strip(): known[value.strip()] for name, _, value in pairs})


@dataclass(frozen=True)
class Described:
    """What an issuer says of itself, and the keys it signs with."""

    authorization: str
    token: str
    keys: KeySet
    read_at: float


class Issuer:
    """One issuer, its description kept for an hour. The only place of the house that asks the outside for people."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._described: Described | None = None
        self._lock = threading.Lock()

    def described(self, *, anew: bool = False) -> Described:
        """What the issuer says of itself. Raises NotAllowedError where it cannot be asked or is another one."""
        with self._lock:
            known = self._described
            if known is None or anew or time.monotonic() - known.read_at > KEPT:
                known = self._described = self._read()
            return known

    def _read(self) -> Described:
        said = _got(f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        if said.get("issuer") != self.provider.issuer:
            raise NotAllowedError("oidc_wrong_issuer")
        ends = [str(said.get(name, "")) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        if any(urlsplit(end).scheme != urlsplit(self.provider.issuer).scheme for end in ends):
            raise NotAllowedError("oidc_wrong_issuer")
        try:
            keys = KeySet.import_key_set(_got(ends[2]))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise NotAllowedError("oidc_away") from error
        return Described(ends[0], ends[1], keys, time.monotonic())

    def client(self, back: str) -> OAuth2Session:
        """An OAuth client of ours that goes no way round."""
        given = {"client_id": self.provider.client, "client_secret": self.provider.secret or None}
        method = "client_secret_basic" if self.provider.secret else "none"
        session = OAuth2Session(
            **given, scope=SCOPE, redirect_uri=back, code_challenge_method="S256", token_endpoint_auth_method=method
        )
        session.trust_env = False
        return session

    def claims(self, token: str, nonce: str, at: datetime) -> Mapping[str, Any]:
        """What a token of the issuer says. Raises NotAllowedError for one that is not its, not ours, not now."""
        for anew in (False, True):  # it may have new keys
            try:
                claims = jwt.decode(token, self.described(anew=anew).keys, algorithms=list(SIGNED)).claims
                break
            except (JoseError, ValueError) as error:
                if anew:
                    raise NotAllowedError("oidc_wrong_token") from error
        if claims.get("iss") != self.provider.issuer:
            raise NotAllowedError("oidc_wrong_issuer")
        audience = claims.get("aud")
        for_us = [audience] if isinstance(audience, str) else audience
        party = claims.get("azp", self.provider.client)
        ours = isinstance(for_us, list) and self.provider.client in for_us and party == self.provider.client
        if not ours or not hmac.compare_digest(str(claims.get("nonce", "")), nonce):
            raise NotAllowedError("oidc_wrong_token")
        now, ends, begins = at.timestamp(), claims.get("exp"), claims.get("iat")
        if not isinstance(ends, int | float) or not isinstance(begins, int | float) or not claims.get("sub"):
            raise NotAllowedError("oidc_wrong_token")
        if ends <= now - LEEWAY or begins > now + LEEWAY:
            raise NotAllowedError("oidc_too_late")
        return claims


def _got(url: str) -> dict[str, Any]:
    """JSON of one address: no redirect, no proxy of the environment, not longer than a description can be."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(url, timeout=SECONDS, allow_redirects=False)
        said = answer.json() if answer.status_code == 200 and len(answer.content) < 2**18 else None
    except (requests.RequestException, ValueError) as error:
        raise NotAllowedError("oidc_away") from error
    if not isinstance(said, dict):
        raise NotAllowedError("oidc_away")
    return said


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- the two steps -------------------------------------------------------------------------------


def begin(database: Database, issuer: Issuer, back: str, destination: str, at: datetime) -> tuple[str, str]:
    """Where to send the browser, and the state it has to bring back, which it also keeps as a cookie."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    asked = issuer.client(back).create_authorization_url(
        issuer.described().authorization, state=state, code_verifier=verifier, nonce=nonce
    )
    with database.write() as connection:
        connection.execute(sa.delete(flow).where(flow.c.at <= at - WITHIN))
        facts = {"key": _digest(state), "nonce": nonce, "verifier": verifier, "destination": destination, "at": at}
        connection.execute(sa.insert(flow).values(**facts))
    return str(asked[0]), state


def finish(
    database: Database, issuer: Issuer, back: str, given: Mapping[str, str], cookie: str, at: datetime
) -> tuple[str, str]:
    """A session's token for who came back, and where they wanted to go. Raises NotAllowedError with the reason."""
    state = given.get("state", "")
    with database.write() as connection:
        asked = connection.execute(sa.select(flow).where(flow.c.key == _digest(state))).one_or_none()
        connection.execute(sa.delete(flow).where(flow.c.key == _digest(state)))  # once, whatever comes of it
    if asked is None or not hmac.compare_digest(state.encode(), cookie.encode()):
        raise NotAllowedError("oidc_state")
    if not at - WITHIN < asked.at <= at + WITHIN:  # from the future: the clock went back
        raise NotAllowedError("oidc_too_late")
    if given.get("iss", issuer.provider.issuer) != issuer.provider.issuer:
        raise NotAllowedError("oidc_wrong_issuer")
    if "code" not in given:
        raise NotAllowedError("oidc_refused")
    claims = issuer.claims(_token(issuer, back, given["code"], asked.verifier), asked.nonce, at)
    with database.write() as connection:
        person = _person(connection, issuer.provider, claims, at)
        return sessions.sign_in(connection, person.id, at), asked.destination


def _token(issuer: Issuer, back: str, code: str, verifier: str) -> str:
    try:
        told = issuer.client(back).fetch_token(
            issuer.described().token, code=code, code_verifier=verifier, timeout=SECONDS, allow_redirects=False
        )
    except AuthlibBaseError as error:
        raise NotAllowedError("oidc_refused") from error
    except (requests.RequestException, ValueError) as error:
        raise NotAllowedError("oidc_away") from error
    return str(told.get("id_token") or "")


def role_of(provider: Provider, claims: Mapping[str, Any]) -> Role:
    """The strongest role that the claim names. Raises NotAllowedError where it names none."""
    said = claims.get(provider.claim)
    values: Sequence[object] = said if isinstance(said, list) else [said]
    roles = {provider.roles[value] for value in values if isinstance(value, str) and value in provider.roles}
    found = next((role for role in STRONGEST if role in roles), None)
    if found is None:
        raise NotAllowedError("oidc_no_role")
    return found


def _person(connection: sa.Connection, provider: Provider, claims: Mapping[str, Any], at: datetime) -> User:
    """Whose issuer and subject these are, made at their first sign-in, with today's role and name."""
    subject, role = str(claims["sub"]), role_of(provider, claims)
    mine = (identity.c.issuer == provider.issuer) & (identity.c.subject == subject)
    id = connection.scalar(sa.select(identity.c.user).where(mine))
    before = users.get(connection, id) if id else None
    name = str(claims.get("name") or (before.name if before else "") or claims.get("preferred_username") or subject)
    name = name.strip()[: accounts.NAME_LONGEST] or "–"
    if before is None:
        made = User(_free_id(connection, claims), name, role)
        accounts.add(connection, OPERATOR, made, secrets.token_urlsafe(48), at)  # a password nobody knows
        values = {"issuer": provider.issuer, "subject": subject, "user": made.id}
        connection.execute(sa.delete(identity).where(mine))
        connection.execute(sa.insert(identity).values(**values))
        return made
    if before.id not in {one.id for one in users.everyone(connection)}:
        raise NotAllowedError("sign_in_wrong")
    after = replace(before, role=role, name=name)
    if after != before:
        accounts.change(connection, OPERATOR, after, at)
    return after


def _free_id(connection: sa.Connection, claims: Mapping[str, Any]) -> str:
    """A sign-in name nobody has: a local account of that name is somebody else's."""
    wished = str(claims.get("preferred_username") or claims.get("sub")).partition("@")[0]
    base = re.sub(r"[^a-z0-9._-]", "-", accounts.id_of(wished)).lstrip("._-")[:50] or "person"
    tried = (base if number == 1 else f"{base}-{number}" for number in range(1, 1000))
    return next(id for id in tried if id != OPERATOR.id and users.get(connection, id) is None)
