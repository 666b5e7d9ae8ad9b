"""Settings, read once from `KB_*` environment variables. An unknown name is an error, not a surprise."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from kb.errors import SettingError

ROOT = Path(__file__).resolve().parent.parent
PACKAGED_MODEL = "multilingual-e5-small"


@dataclass(frozen=True)
class Settings:
    """All settings of one running program.

    articles:    folder of Markdown articles, the source of truth
    home:        folder for all that can be rebuilt (index, model, vector cache)
    database_url: SQLAlchemy URL of the database: what happened, which nothing can rebuild
    model:       `multilingual-e5-small` (packaged), or any sentence-transformers name or path
    precision:   `auto` (bf16 where the processor has it), `fp32` or `bf16`
    query_prompt, passage_prompt: written before each text; `auto` = E5's for the packaged model,
                 the model's own otherwise
    reranker:    any sentence-transformers CrossEncoder by name or path, which reads the first hits again; '' = none
    reranker_weight: how much it counts beside all else together, in per cent
    learn_agents: how many different agents must have solved a question with an article before it is learnt
                 without an editor's nod (≥ 1)
    host, port:  where the app listens
    origins:     the addresses people open, as in `https://kb.example.com`, with commas between them;
                 '' = what follows from host and port
    proxies:     addresses and networks of load balancers, with commas between them: who asks is whom they name
    frame_ancestors: origins of pages that may show the app in a frame, a CRM's; '' = none but its own
    samesite:    of the cookies: `lax`, or `none` for such a page of another site
    oidc_issuer, oidc_client, oidc_secret: the company's provider of identities (OpenID Connect); '' = none
    oidc_claim, oidc_roles: the claim that names groups, and `group=role,group=role`
    retention:   days after which a call becomes counts; 0 = never
    index_in:    where the index is: `auto`, in the database where that is a server's, else in files; or `files` of each
                 machine in any case
    keep:        how many generations stay (≥ 2: the one before must be there to fall back on)
    api_key:     the key that `python -m kb mcp` acts for; '' = it is given otherwise
    webhooks:    addresses told what happens, with commas between them; '' = none, and nothing leaves
    webhook_secret: signs what is sent there; two with a comma while receivers change from the second to the first
    webhook_allow: hosts among them that may be inside, or without TLS, with commas between them
    most_sessions: sessions with a page open at once; who comes beyond them is asked to wait (≥ 1)
    metrics_port: where this machine alone reads metrics (Prometheus); 0 = nowhere
    log:         file that the program's log is added to; '' = standard error
    backup_days, drill_days: age in days of the last backup, and of the last restore drill, from which it is told of
    offline:     folder that copies of the base for when the server is gone are written to; '' = none are
    offline_hours: at the latest so many hours after the last ones, and after each publish (≥ 1)
    offline_teams: teams that have a copy of their own there, with commas between them
    language:    language of the command line: `auto` (from LANG), `zh` or `en`
    """

    articles: Path = ROOT / "articles"
    home: Path = ROOT / "var"
    database_url: str = field(default=f"sqlite:///{ROOT / 'data' / 'firstcall.sqlite'}", repr=False)  # with a password
    model: str = PACKAGED_MODEL
    precision: str = "auto"
    query_prompt: str = "auto"
    passage_prompt: str = "auto"
    reranker: str = ""
    reranker_weight: int = 100
    learn_agents: int = 2
    host: str = "127.0.0.1"
    port: int = 8501
    origins: str = ""
    proxies: str = "127.0.0.1"
    frame_ancestors: str = ""
    samesite: str = "lax"
    oidc_issuer: str = ""
    oidc_client: str = ""
    oidc_secret: str = field(default="", repr=False)
    oidc_claim: str = "groups"
    oidc_roles: str = ""
    retention: int = 400
    keep: int = 3
    index_in: str = "auto"
    api_key: str = field(default="", repr=False)
    webhooks: str = ""
    webhook_secret: str = field(default="", repr=False)
    webhook_allow: str = ""
    most_sessions: int = 500
    metrics_port: int = 9464
    log: str = ""
    backup_days: int = 2
    drill_days: int = 40
    offline: str = ""
    offline_hours: int = 24
    offline_teams: str = ""
    language: str = "auto"

    @property
    def index(self) -> Path:
        return self.home / "index"

    @property
    def spool(self) -> Path:
        """Folder for what waits for the database: beside its file, which nothing can rebuild either."""
        file = self.database_url.removeprefix("sqlite:///")
        return (Path(file).parent if file != self.database_url else self.home) / "spool"

    @property
    def runs(self) -> Path:
        """Folder where it stands how backups and restore drills ended: beside the database, too."""
        return self.spool.with_name("runs")

    @property
    def log_file(self) -> Path | None:
        """Where the program's log goes, None for standard error."""
        return Path(self.log).expanduser().absolute() if self.log else None

    @property
    def webhook_addresses(self) -> tuple[str, ...]:
        """Where it is told what happens."""
        return tuple(filter(None, self.webhooks.split(",")))

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """What signs it, the newest first."""
        return tuple(one.strip() for one in self.webhook_secret.split(",") if one.strip())

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the app: it listens to nobody else and is announced nowhere."""
        return is_loopback(self.host) and not self.origins

    @property
    def only_tls(self) -> bool:
        """Whether every address that people open is reached by TLS."""
        return bool(self.origins) and all(one.startswith("https:") for one in self.addresses)

    @property
    def addresses(self) -> frozenset[str]:
        """The only origins the app answers at, as browsers write them; none where host says "everywhere"."""
        if self.origins:
            return frozenset(self.origins.split(","))
        if self.host in EVERYWHERE:
            return frozenset()
        host = f"[{self.host}]" if ":" in self.host else self.host
        hosts = LOOPBACKS if is_loopback(self.host) else (host.lower(),)
        return frozenset(f"http://{one}{_port(self.port)}" for one in hosts)


EVERYWHERE = ("0.0.0.0", "::")
LOOPBACKS = ("127.0.0.1", "localhost", "[::1]")
ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?/?")
ADDRESS = re.compile(r"https?://[^\s/@,]+(?:/[^\s,]*)?")
LEAST_SECRET = 16  # characters
MAX_DIGITS = 9
MAY_BE_EMPTY = {"KB_QUERY_PROMPT", "KB_PASSAGE_PROMPT"}  # a model without prompts
PORTS = ("port", "metrics_port")
DAYS = ("backup_days", "drill_days")
NUMBERS = (*PORTS, *DAYS, "keep", "reranker_weight", "learn_agents", "retention", "offline_hours", "most_sessions")
CHOICES = {
    "precision": {"auto", "fp32", "bf16"},
    "samesite": {"lax", "none"},
    "index_in": {"auto", "files"},
    "language": {"auto", "zh", "en"},
}


def is_loopback(host: str) -> bool:
    """Whether only this machine can be at, or come from, this host."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port(number: int) -> str:
    return "" if number == 80 else f":{number}"


def _origin(name: str, value: str) -> str:
    """An origin as browsers write it: small letters, no port where it is the usual one."""
    found = ORIGIN.fullmatch(value.strip().lower())
    if found is None:
        raise SettingError("setting_not_an_origin", name=name, value=value.strip())
    scheme, host, port = found.groups()
    usual = {"http": "80", "https": "443"}[scheme]
    return f"{scheme}://{host}" + (f":{port}" if port and port != usual else "")


def _address(name: str, value: str) -> str:
    """An address on the web that can be posted to."""
    if not ADDRESS.fullmatch(value):
        raise SettingError("setting_not_an_address", name=name, value=value)
    return value


def _proxy(name: str, value: str) -> str:
    """An address or a network, not the whole world: anybody could say who they are."""
    given = value.strip()
    try:
        if ipaddress.ip_network(given).prefixlen:
            return given
    except ValueError:
        pass
    raise SettingError("setting_not_a_proxy", name=name, value=given)


def settings(env: Mapping[str, str] = os.environ) -> Settings:
    """Read `KB_NAME` for each field of `Settings`.

    Raises SettingError for an unknown `KB_` name, a value that is no whole number where one is
    needed, one outside its choices, an origin, address or proxy that is none, webhooks without a secret of
    `LEAST_SECRET` characters, `KB_KEEP` below 2, or cookies for other sites' frames without TLS or a frame.
    """
    known = {f"KB_{one.name.upper()}": one for one in fields(Settings)}
    given: dict[str, object] = {}
    for name, value in env.items():
        if not name.startswith("KB_") or (not value and name in known and name not in MAY_BE_EMPTY):
            continue  # set to nothing: not set
        if name not in known:
            raise SettingError("setting_unknown", name=name, known=", ".join(sorted(known)))
        given[known[name].name] = _read(known[name].name, name, value)
    found = Settings(**given)  # type: ignore[arg-type]
    _check_webhooks(found)
    if found.samesite == "none" and not (found.frame_ancestors and found.only_tls):
        raise SettingError("samesite_without_tls", name="KB_SAMESITE")
    return found


def _check_webhooks(found: Settings) -> None:
    """Raises SettingError where something would leave unsigned, or readable on its way."""
    secrets = found.webhook_secrets
    if found.webhooks and not (secrets and all(len(one) >= LEAST_SECRET for one in secrets)):
        raise SettingError("webhook_secret_short", name="KB_WEBHOOK_SECRET", least=LEAST_SECRET)
    allowed = found.webhook_allow.split(",")
    for url in found.webhook_addresses:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" and not is_loopback(host) and host not in allowed:
            raise SettingError("webhook_not_https", name="KB_WEBHOOKS", host=host)


def _read(field: str, name: str, value: str) -> object:
    if field == "offline":
        return str(Path(value).expanduser().resolve())
    if field in ("articles", "home"):
        return Path(value).expanduser().resolve()
    if field in NUMBERS:
        if not value.isascii() or not value.isdigit() or len(value) > MAX_DIGITS:
            raise SettingError("setting_not_a_number", name=name, value=value)
        if field == "keep" and int(value) < 2:
            raise SettingError("setting_too_small", name=name, value=value, least=2)
        if field in ("learn_agents", "offline_hours", "most_sessions", *DAYS) and int(value) < 1:
            raise SettingError("setting_too_small", name=name, value=value, least=1)
        least = 0 if field == "metrics_port" else 1
        if field in PORTS and not least <= int(value) <= 65_535:
            raise SettingError("setting_not_a_port", name=name, value=value, least=least)
        return int(value)
    if field == "proxies":
        return ",".join(_proxy(name, one) for one in value.split(","))
    if field == "offline_teams":
        return ",".join(filter(None, (one.strip() for one in value.split(","))))
    if field == "webhooks":
        return ",".join(_address(name, one.strip()) for one in value.split(","))
    if field == "webhook_allow":
        return ",".join(one.strip().lower() for one in value.split(","))
    if field in ("origins", "frame_ancestors"):
        return ",".join(_origin(name, one) for one in value.split(","))
    choices = CHOICES.get(field)
    if choices and value not in choices:
        raise SettingError("setting_not_a_choice", name=name, value=value, choices=", ".join(sorted(choices)))
    return value
