"""Settings come from `KB_*` alone, are typed, and a wrong one is told at once."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from kb.config import CHOICES, ROOT, Settings, settings
from kb.errors import SettingError
from kb.i18n import LANGUAGES, explain

FRAMED = {"KB_ORIGINS": "https://kb.example.com", "KB_FRAME_ANCESTORS": "https://crm.example.org"}


def refused(env: dict[str, str]) -> SettingError:
    """The error these variables are refused with."""
    with pytest.raises(SettingError) as caught:
        settings(env)
    return caught.value


def test_nothing_set_gives_the_defaults() -> None:
    assert settings({}) == Settings(
        articles=ROOT / "articles",
        home=ROOT / "var",
        database_url=f"sqlite:///{ROOT}/data/firstcall.sqlite",
        model="multilingual-e5-small",
        precision="auto",
        query_prompt="auto",
        passage_prompt="auto",
        reranker="",
        reranker_weight=100,
        learn_agents=2,
        host="127.0.0.1",
        port=8501,
        origins="",
        proxies="127.0.0.1",
        frame_ancestors="",
        samesite="lax",
        oidc_issuer="",
        oidc_client="",
        oidc_secret="",
        oidc_claim="groups",
        oidc_roles="",
        retention=400,
        keep=3,
        api_key="",
        webhooks="",
        webhook_secret="",
        webhook_allow="",
        most_sessions=500,
        language="auto",
    )


def test_the_root_is_the_folder_of_the_app() -> None:
    assert (ROOT / "app.py").is_file()


# Each setting as its variable says it, and as it is read; `{here}` is a folder.
SAID = {
    "KB_ARTICLES": "{here}/articles",
    "KB_HOME": "{here}/home",
    "KB_DATABASE_URL": "sqlite:////srv/firstcall.sqlite",
    "KB_MODEL": "intfloat/multilingual-e5-base",
    "KB_PRECISION": "fp32",
    "KB_QUERY_PROMPT": "query: ",
    "KB_PASSAGE_PROMPT": "",
    "KB_RERANKER": "/srv/reranker",
    "KB_RERANKER_WEIGHT": "50",
    "KB_LEARN_AGENTS": "3",
    "KB_HOST": "0.0.0.0",
    "KB_PORT": "8600",
    "KB_ORIGINS": "https://kb.example.com",
    "KB_PROXIES": "10.0.0.10, 10.1.0.0/28,fd00::1",
    "KB_FRAME_ANCESTORS": "https://crm.example.org/, HTTPS://crm.example.net:8443",
    "KB_SAMESITE": "none",
    "KB_OIDC_ISSUER": "https://id.example.com",
    "KB_OIDC_CLIENT": "firstcall",
    "KB_OIDC_SECRET": "s3cret",
    "KB_OIDC_CLAIM": "roles",
    "KB_OIDC_ROLES": "kb=agent",
    "KB_RETENTION": "90",
    "KB_KEEP": "5",
    "KB_API_KEY": "fc_a_b",
    "KB_INDEX_IN": "files",
    "KB_WEBHOOKS": "https://chat.example.com/hook, http://127.0.0.1:9/b?c=d",
    "KB_WEBHOOK_SECRET": "sixteen letters!",
    "KB_WEBHOOK_ALLOW": "Chat.corp, 127.0.0.9",
    "KB_MOST_SESSIONS": "250",
    "KB_METRICS_PORT": "0",
    "KB_LOG": "/var/log/firstcall.jsonl",
    "KB_BACKUP_DAYS": "1",
    "KB_DRILL_DAYS": "7",
    "KB_OFFLINE": "{here}/copies",
    "KB_OFFLINE_HOURS": "6",
    "KB_OFFLINE_TEAMS": "tech, 支付组",
    "KB_LANGUAGE": "zh",
}
READ = {
    "articles": "{here}/articles",
    "home": "{here}/home",
    "database_url": "sqlite:////srv/firstcall.sqlite",
    "model": "intfloat/multilingual-e5-base",
    "precision": "fp32",
    "query_prompt": "query: ",
    "passage_prompt": "",
    "reranker": "/srv/reranker",
    "reranker_weight": 50,
    "learn_agents": 3,
    "host": "0.0.0.0",
    "port": 8600,
    "origins": "https://kb.example.com",
    "proxies": "10.0.0.10,10.1.0.0/28,fd00::1",
    "frame_ancestors": "https://crm.example.org,https://crm.example.net:8443",
    "samesite": "none",
    "oidc_issuer": "https://id.example.com",
    "oidc_client": "firstcall",
    "oidc_secret": "s3cret",
    "oidc_claim": "roles",
    "oidc_roles": "kb=agent",
    "retention": 90,
    "keep": 5,
    "api_key": "fc_a_b",
    "index_in": "files",
    "webhooks": "https://chat.example.com/hook,http://127.0.0.1:9/b?c=d",
    "webhook_secret": "sixteen letters!",
    "webhook_allow": "chat.corp,127.0.0.9",
    "most_sessions": 250,
    "metrics_port": 0,
    "log": "/var/log/firstcall.jsonl",
    "backup_days": 1,
    "drill_days": 7,
    "offline": "{here}/copies",
    "offline_hours": 6,
    "offline_teams": "tech,支付组",
    "language": "zh",
}


def test_every_setting_is_read_from_its_own_variable(tmp_path: Path) -> None:
    env = {name: value.replace("{here}", str(tmp_path)) for name, value in SAID.items()}
    read = {
        name: value.replace("{here}", str(tmp_path)) if isinstance(value, str) else value
        for name, value in READ.items()
    }
    folders = {name: Path(str(read[name])) for name in ("articles", "home")}
    assert settings(env) == Settings(**read | folders)
    assert {f"KB_{field.name.upper()}" for field in fields(Settings)} == set(env)


def test_somebody_must_have_solved_what_is_learnt() -> None:
    error = refused({"KB_LEARN_AGENTS": "0"})
    assert (error.code, error.facts) == ("setting_too_small", {"name": "KB_LEARN_AGENTS", "value": "0", "least": 1})


def test_the_index_lies_in_the_home_folder(tmp_path: Path) -> None:
    assert settings({"KB_HOME": str(tmp_path)}).index == tmp_path / "index"


def test_other_variables_are_not_read() -> None:
    assert settings({"PATH": "/bin", "KBX": "1", "kb_port": "1", "PORT": "1"}) == Settings()


def test_a_folder_may_be_in_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings({"KB_ARTICLES": "~/知识库"}).articles == tmp_path / "知识库"


def test_a_relative_folder_is_relative_to_where_the_program_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings({"KB_HOME": "data/../var"}).home == tmp_path / "var"


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    error = refused({"KB_ARTICLE": "/srv/articles"})
    assert error.code == "setting_unknown"
    assert error.facts == {
        "name": "KB_ARTICLE",
        "known": "KB_API_KEY, KB_ARTICLES, KB_BACKUP_DAYS, KB_DATABASE_URL, KB_DRILL_DAYS, KB_FRAME_ANCESTORS, "
        "KB_HOME, KB_HOST, KB_INDEX_IN, KB_KEEP, KB_LANGUAGE, KB_LEARN_AGENTS, KB_LOG, KB_METRICS_PORT, KB_MODEL, "
        "KB_MOST_SESSIONS, KB_OFFLINE, KB_OFFLINE_HOURS, KB_OFFLINE_TEAMS, KB_OIDC_CLAIM, KB_OIDC_CLIENT, "
        "KB_OIDC_ISSUER, KB_OIDC_ROLES, KB_OIDC_SECRET, KB_ORIGINS, KB_PASSAGE_PROMPT, KB_PORT, KB_PRECISION, "
        "KB_PROXIES, KB_QUERY_PROMPT, KB_RERANKER, KB_RERANKER_WEIGHT, KB_RETENTION, KB_SAMESITE, KB_WEBHOOKS, "
        "KB_WEBHOOK_ALLOW, KB_WEBHOOK_SECRET",
    }


@pytest.mark.parametrize("value", ["9" * 5_000, "80a", "-1", "8.5", " 8501", "1e3", "８５０１", "²"])
def test_a_port_that_is_no_whole_number_is_refused(value: str) -> None:
    error = refused({"KB_PORT": value})
    assert (error.code, error.facts) == ("setting_not_a_number", {"name": "KB_PORT", "value": value})


@pytest.mark.parametrize("value", ["0", "1"])
def test_fewer_than_two_generations_are_refused(value: str) -> None:
    error = refused({"KB_KEEP": value})
    assert (error.code, error.facts) == ("setting_too_small", {"name": "KB_KEEP", "value": value, "least": 2})


@pytest.mark.parametrize("value", ["0", "65536", "99999"])
def test_a_port_that_no_machine_has_is_refused(value: str) -> None:
    error = refused({"KB_PORT": value})
    assert (error.code, error.facts) == ("setting_not_a_port", {"name": "KB_PORT", "value": value, "least": 1})


def test_the_port_for_metrics_may_be_none_and_is_a_port_otherwise() -> None:
    assert settings({"KB_METRICS_PORT": "0"}).metrics_port == 0
    error = refused({"KB_METRICS_PORT": "65536"})
    facts = {"name": "KB_METRICS_PORT", "value": "65536", "least": 0}
    assert (error.code, error.facts) == ("setting_not_a_port", facts)


@pytest.mark.parametrize("name", ["KB_BACKUP_DAYS", "KB_DRILL_DAYS"])
def test_a_backup_or_a_drill_is_late_after_a_day_at_the_soonest(name: str) -> None:
    assert refused({name: "0"}).code == "setting_too_small"


def test_the_log_is_a_file_where_one_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings().log_file is None
    assert settings({"KB_LOG": "log.jsonl"}).log_file == tmp_path / "log.jsonl"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://kb.example.com", "https://kb.example.com"),
        (" HTTPS://KB.Example.com/ ,http://10.0.0.5:8501", "https://kb.example.com,http://10.0.0.5:8501"),
        ("https://kb.example.com:443,http://kb.example.com:80", "https://kb.example.com,http://kb.example.com"),
        ("http://[::1]:8501", "http://[::1]:8501"),
    ],
)
def test_origins_are_kept_as_browsers_write_them(given: str, kept: str) -> None:
    assert settings({"KB_ORIGINS": given}).origins == kept
    assert settings({"KB_ORIGINS": given}).addresses == set(kept.split(","))


@pytest.mark.parametrize(
    "value",
    [
        "kb.example.com",
        "https://kb.example.com/app",
        "ftp://kb",
        "https://",
        "*",
        "https://a b",
        "https://u@kb",
        "http://a,",
    ],
)
def test_an_origin_that_is_none_is_refused(value: str) -> None:
    error = refused({"KB_ORIGINS": value})
    assert (error.code, error.facts["name"]) == ("setting_not_an_origin", "KB_ORIGINS")


@pytest.mark.parametrize("value", ["*", "balancer", "0.0.0.0/0", "::/0", "10.0.0.1/8", "10.0.0.1,"])
def test_who_asks_is_not_told_by_just_anybody(value: str) -> None:
    error = refused({"KB_PROXIES": value})
    assert (error.code, error.facts["name"]) == ("setting_not_a_proxy", "KB_PROXIES")


@pytest.mark.parametrize(
    ("env", "addresses", "local"),
    [
        ({}, {"http://127.0.0.1:8501", "http://localhost:8501", "http://[::1]:8501"}, True),
        ({"KB_HOST": "localhost", "KB_PORT": "80"}, {"http://127.0.0.1", "http://localhost", "http://[::1]"}, True),
        ({"KB_HOST": "::1"}, {"http://127.0.0.1:8501", "http://localhost:8501", "http://[::1]:8501"}, True),
        ({"KB_HOST": "192.168.1.5"}, {"http://192.168.1.5:8501"}, False),
        ({"KB_HOST": "fd00::5", "KB_PORT": "90"}, {"http://[fd00::5]:90"}, False),
        ({"KB_HOST": "KB"}, {"http://kb:8501"}, False),
        ({"KB_HOST": "0.0.0.0"}, set(), False),
        ({"KB_HOST": "::"}, set(), False),
        ({"KB_ORIGINS": "https://kb.example.com"}, {"https://kb.example.com"}, False),
    ],
)
def test_the_addresses_follow_from_host_and_port(env: dict[str, str], addresses: set[str], local: bool) -> None:
    assert settings(env).addresses == addresses
    assert settings(env).local is local


def test_a_setting_set_to_nothing_is_not_set() -> None:
    assert settings({"KB_ARTICLES": "", "KB_LANGUAGE": ""}) == settings({})


def test_two_generations_are_enough() -> None:
    assert settings({"KB_KEEP": "2"}).keep == 2


@pytest.mark.parametrize(
    ("name", "value", "choices"),
    [
        ("KB_PRECISION", "int8", "auto, bf16, fp32"),
        ("KB_LANGUAGE", "zh-CN", "auto, en, zh"),
    ],
)
def test_a_value_outside_its_choices_is_refused(name: str, value: str, choices: str) -> None:
    error = refused({name: value})
    assert (error.code, error.facts) == ("setting_not_a_choice", {"name": name, "value": value, "choices": choices})


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in CHOICES for value in sorted(CHOICES[name])])
def test_each_choice_is_taken(name: str, value: str) -> None:
    assert getattr(settings({**FRAMED, f"KB_{name.upper()}": value}), name) == value


def test_settings_do_not_change_while_the_program_runs() -> None:
    with pytest.raises(FrozenInstanceError):
        settings({}).port = 1  # type: ignore[misc]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("env", [{"KB_X": "1"}, {"KB_PORT": "x"}, {"KB_KEEP": "0"}, {"KB_PRECISION": "x"}])
def test_a_refusal_names_the_setting_in_both_languages(env: dict[str, str], language: str) -> None:
    assert next(iter(env)) in explain(language, refused(env))


# --- in a frame of the CRM -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["crm.example.org", "https://*.example.org", "*", "'self'", "https://a; script-src *"]
)
def test_a_page_that_may_frame_the_app_is_named_exactly(value: str) -> None:
    error = refused({"KB_FRAME_ANCESTORS": value})
    assert (error.code, error.facts["name"]) == ("setting_not_an_origin", "KB_FRAME_ANCESTORS")


@pytest.mark.parametrize(
    "changed",
    [{"KB_FRAME_ANCESTORS": ""}, {"KB_ORIGINS": ""}, {"KB_ORIGINS": "https://kb.example.com,http://kb.example.com"}],
)
def test_cookies_for_another_sites_frame_need_that_frame_and_tls(changed: dict[str, str]) -> None:
    assert settings({**FRAMED, "KB_SAMESITE": "none"}).samesite == "none"
    error = refused({**FRAMED, "KB_SAMESITE": "none", **changed})
    assert (error.code, error.facts) == ("samesite_without_tls", {"name": "KB_SAMESITE"})


# --- who is told of gaps -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["chat.example.com", "ftp://x/y", "https://", "https://user:word@x/y", "https://x y", "https://a,b"]
)
def test_a_webhook_is_an_address_on_the_web(value: str) -> None:
    error = refused({"KB_WEBHOOKS": value, "KB_WEBHOOK_SECRET": "sixteen letters!"})
    assert (error.code, error.facts["name"]) == ("setting_not_an_address", "KB_WEBHOOKS")


@pytest.mark.parametrize("secret", [{}, {"KB_WEBHOOK_SECRET": "fifteen letters"}])
def test_nothing_is_sent_unsigned(secret: dict[str, str]) -> None:
    error = refused({"KB_WEBHOOKS": "https://x/y"} | secret)
    assert (error.code, error.facts) == ("webhook_secret_short", {"name": "KB_WEBHOOK_SECRET", "least": 16})


@pytest.mark.parametrize("url", ["http://chat.corp/x", "https://kb.example.com/,http://10.0.0.8/x"])
def test_what_is_told_does_not_leave_in_the_clear_unless_the_host_is_named(url: str) -> None:
    env = {"KB_WEBHOOKS": url, "KB_WEBHOOK_SECRET": "sixteen letters!"}
    error = refused(env)
    host = "chat.corp" if "chat" in url else "10.0.0.8"
    assert (error.code, error.facts) == ("webhook_not_https", {"name": "KB_WEBHOOKS", "host": host})
    allowed = settings(env | {"KB_WEBHOOK_ALLOW": "chat.corp,10.0.0.8"})
    assert allowed.webhook_addresses == tuple(url.split(","))


def test_two_secrets_sign_while_one_takes_the_place_of_the_other() -> None:
    both = {"KB_WEBHOOKS": "https://x/y", "KB_WEBHOOK_SECRET": "the new secret, one,the old secret, two"}
    assert refused(both).code == "webhook_secret_short"  # a comma is between secrets, not in one
    both["KB_WEBHOOK_SECRET"] = "the-new-secret-one, the-old-secret-two"
    assert settings(both).webhook_secrets == ("the-new-secret-one", "the-old-secret-two")


def test_the_secret_is_not_shown_with_the_settings() -> None:
    assert "sixteen" not in repr(Settings(webhook_secret="sixteen letters!"))
