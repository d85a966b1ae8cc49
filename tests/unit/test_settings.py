"""The environment: every value checked, every problem told at once, no secret in any text."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import SettingsError
from app.secret import Secret
from app.settings import Settings, load_settings

MARK = "hunter2hunter2hunter2"  # stands in every secret, good and bad
SECRET = f"{MARK}-of-one-subscription"
LISTS = ("PAGERDUTY_WEBHOOK_SECRETS", "OPSGENIE_WEBHOOK_TOKENS", "JSM_WEBHOOK_TOKENS")
SINGLE = ("DX_API_TOKEN", "BRIDGE_ADMIN_TOKEN", "METRICS_TOKEN")
URLS = ("DX_BASE_URL", "OPSGENIE_APP_URL", "JSM_SITE_URL")
NUMBERS = {"DX_MAX_RPS": "1001", "DX_TIMEOUT": "0", "DX_OUTLIVE": "0", "DX_CONCURRENCY": "65"}
WORDS = {"REJECT_WITH": "403", "LOG_LEVEL": "LOUD", "START_PAUSED": "yes", "EVENT_RETENTION_DAYS": "1.5"}
TOKENS = {"METRICS_TOKEN": MARK[:7], "BRIDGE_ADMIN_TOKEN": MARK[:15], "DX_API_TOKEN": f"{MARK}é"}
BAD = {
    **NUMBERS,
    **WORDS,
    **TOKENS,
    "DX_BASE_URL": f"https://user:{MARK}@example.getdx.net",
    "DATABASE_URL": f"mysql://user:{MARK}@example.org/bridge",
    "PAGERDUTY_WEBHOOK_SECRETS": f"{SECRET},",
    "OPSGENIE_WEBHOOK_TOKENS": f"{SECRET},{MARK[:15]}",
    "JSM_WEBHOOK_TOKENS": f"{MARK}\n{MARK}",
    "OPSGENIE_APP_URL": "app.opsgenie.com",
    "JSM_SITE_URL": "http://example.org",
    "PORT": "65536",
    "TRUSTED_PROXIES": "10",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(environment: Mapping[str, str] | None = None, **more: str) -> Settings:
    """Load the settings of this environment and no other."""
    with patch.dict(os.environ, {**(environment or {}), **more}, clear=True):
        return load_settings()


def problems(environment: Mapping[str, str] | None = None, **more: str) -> tuple[str, ...]:
    """Return the problems of an environment that has some."""
    with pytest.raises(SettingsError) as raised:
        load(environment, **more)
    return raised.value.problems


def secrets(settings: Settings) -> list[list[str]]:
    """Return the secrets of each source: PagerDuty, Opsgenie, JSM."""
    sources = (settings.sources[name] for name in ("pagerduty", "opsgenie", "jsm"))
    return [[secret.reveal() for secret in source.secrets] for source in sources]


DX = {"dx_base_url": None, "dx_api_token": None, "dx_max_rps": 10, "dx_timeout": 15, "dx_outlive": 30}
WEB = {"reject_with": 401, "port": None, "web_concurrency": 2, "log_level": "INFO", "start_paused": False}
REST = {"dx_concurrency": 4, "database_url": "sqlite:///bridge.db", "event_retention_days": 90}
PROXY = {"trusted_proxies": 0}
ADMIN = {"admin_token": None, "metrics_token": None}


@pytest.mark.parametrize(("attribute", "default"), (DX | WEB | REST | ADMIN | PROXY).items())
def test_nothing_is_required(attribute: str, default: object) -> None:
    """An empty environment gives the defaults."""
    assert getattr(load(), attribute) == default


@pytest.mark.parametrize("name", BAD)
def test_an_empty_variable_counts_as_not_set(name: str) -> None:
    """`X=` in a file of variables means the default."""
    assert load({name: ""}) == load()


@settings(deadline=None)
@given(st.sets(st.sampled_from(sorted(BAD)), min_size=1))
def test_every_problem_is_told_at_once_and_no_secret(bad: set[str]) -> None:
    """One message lists every bad variable once and shows no part of a secret, good or bad."""
    good = dict.fromkeys([*LISTS, *SINGLE], SECRET)
    told = problems(good | {name: BAD[name] for name in bad})
    assert sorted(sentence.partition(":")[0] for sentence in told) == sorted(bad)
    assert MARK[:7] not in str(SettingsError(told))


ONE = [(SECRET, [SECRET]), (f"\t{SECRET}\n", [SECRET]), ("0123456789abcdef", ["0123456789abcdef"])]
TWO = [(f"{SECRET},{SECRET}2", [SECRET, f"{SECRET}2"]), (f" {SECRET} , {SECRET}2 ", [SECRET, f"{SECRET}2"])]


@pytest.mark.parametrize(("value", "expected"), [*ONE, *TWO])
def test_a_list_of_secrets_is_split_at_commas(value: str, expected: list[str]) -> None:
    """Each item is a secret of its own, without the space around it."""
    assert secrets(load(dict.fromkeys(LISTS, value))) == [expected] * 3


EMPTY = [(value, "an empty item") for value in (",", " ", f"{SECRET},", f",{SECRET}", f"{SECRET}, ,{SECRET}")]
SHORT = [(value, "shorter than 16") for value in ("0123456789abcde", f"{SECRET},short", f"short, {SECRET}")]
ODD = [(value, "printable ASCII") for value in (f"{SECRET}é", f"{SECRET}\x7f", f"{SECRET}\t{SECRET}")]


@pytest.mark.parametrize(("value", "words"), [*EMPTY, *SHORT, *ODD])
@pytest.mark.parametrize("name", LISTS)
def test_a_bad_item_stops_the_start(name: str, value: str, words: str) -> None:
    """An empty secret, one that can be guessed and one that no header can carry are told in any place."""
    assert [words in sentence for sentence in problems({name: value})] == [True]


def test_each_source_has_secrets_of_its_own() -> None:
    """A secret of one source opens no other."""
    assert secrets(load(OPSGENIE_WEBHOOK_TOKENS=SECRET)) == [[], [SECRET], []]


@pytest.mark.parametrize("write", [str, repr, format, "%s".__mod__, "{!r:>80}".format])
def test_no_text_shows_a_secret(write: Callable[[object], str]) -> None:
    """However settings are printed, the secrets in them are not."""
    assert MARK not in write(load(dict.fromkeys([*LISTS, *SINGLE], SECRET)))


def test_a_secret_prints_as_stars() -> None:
    """A secret in a text is `***`."""
    assert f"{Secret(SECRET)} {Secret(SECRET)!s}" == "*** ***"


HTTPS = ["https://example.getdx.net", "https://example.org:8443/dx", "https://[2001:db8::1]"]
LOOPBACK = ["http://localhost:8001", "http://LOCALHOST", "http://127.9.9.9:8001", "http://[::1]:8001"]


@pytest.mark.parametrize("end", ["", "/", "//"])
@pytest.mark.parametrize("url", [*HTTPS, *LOOPBACK])
def test_an_https_url_is_taken(url: str, end: str) -> None:
    """Any host by https, a loopback host by http, too; without the slash at the end."""
    settings = load(dict.fromkeys(URLS, url + end))
    pages = [settings.sources[name].app_url for name in ("opsgenie", "jsm")]
    assert [settings.dx_base_url, *pages] == [url.lower()] * 3


NO_URL = ["example.getdx.net", "//example.getdx.net", "ftp://localhost", "https:///api", "https://[::1"]
PLAIN = ["http://example.getdx.net", "http://0.0.0.0", "http://10.0.0.1", "http://[::2]"]
MISLEADING = ["http://localhost.example.org", "http://127.0.0.1.example.org", "http://localhost@example.org"]
NO_BASE = ["https://user@example.org", "https://example.org?x=1", "https://example.org/#top"]


@pytest.mark.parametrize("value", [*NO_URL, *PLAIN, *MISLEADING, *NO_BASE])
@pytest.mark.parametrize("name", URLS)
def test_any_other_url_stops_the_start(name: str, value: str) -> None:
    """A token must not travel in the clear, nor to another host than the one that is read."""
    assert len(problems({name: value})) == 1


SAME = ["sqlite:///a.db", "sqlite:////srv/a.db", "postgresql://u:p@h:5432/d", "postgresql+psycopg://h/d"]
HEROKU = ("postgres://u:postgres://@h/d", "postgresql://u:postgres://@h/d")


@pytest.mark.parametrize(("value", "url"), [*((url, url) for url in SAME), HEROKU])
def test_a_database_url_is_taken(value: str, url: str) -> None:
    """SQLite in a file and PostgreSQL are SQLAlchemy's URLs; of Heroku's, only the scheme is changed."""
    assert load(DATABASE_URL=value).database_url == url


MEMORY = ["sqlite://", "sqlite:///", "sqlite:///:memory:"]
NO_DATABASE = ["bridge.db", "://", "postgres:/d", "mysql://u@h/d", "oracle://u@h/d", "postgresql://h:port/d"]


@pytest.mark.parametrize("value", [*MEMORY, *NO_DATABASE])
def test_any_other_database_url_stops_the_start(value: str) -> None:
    """Neither another database nor one in memory keeps the bridge's promise."""
    assert len(problems(DATABASE_URL=value)) == 1


@pytest.mark.parametrize("platform", ["DYNO", "K_SERVICE", "RENDER"])
def test_a_disk_that_does_not_last_stops_the_start(platform: str) -> None:
    """Where the platform throws files away, the message names the command that adds PostgreSQL."""
    assert "heroku addons:create" in problems({platform: "web.1"})[0]


@pytest.mark.parametrize("more", [{"DATABASE_URL": "postgresql://h/d"}, {"ALLOW_EPHEMERAL": "1"}])
def test_such_a_disk_may_be_left_alone_or_allowed(more: dict[str, str]) -> None:
    """PostgreSQL needs no disk here, and who accepts the loss may say so."""
    assert load(more, RENDER="true") == load(more)


@pytest.mark.parametrize(("given", "hops"), [("", 1), ("0", 0), ("2", 2)])
def test_on_heroku_its_router_is_believed(given: str, hops: int) -> None:
    """Where `DYNO` shows Heroku's router there is one proxy in front, unless the setting says otherwise."""
    loaded = load(DYNO="web.1", ALLOW_EPHEMERAL="1", TRUSTED_PROXIES=given)
    assert loaded.trusted_proxies == hops


LEAST = [("DX_MAX_RPS", "0", 0), ("DX_TIMEOUT", "0.1", 0.1), ("DX_OUTLIVE", "0.5", 0.5), ("PORT", "0", 0)]
MOST = [("DX_MAX_RPS", "1000", 1000), ("DX_CONCURRENCY", "64", 64), ("PORT", "65535", 65535)]
WHOLE = [("EVENT_RETENTION_DAYS", "007", 7), ("REJECT_WITH", "503", 503), ("START_PAUSED", "1", True)]
WORD = [*(("LOG_LEVEL", level.lower(), level) for level in ("DEBUG", "INFO", "WARNING", "ERROR"))]


@pytest.mark.parametrize(("name", "value", "expected"), [*LEAST, *MOST, *WHOLE, *WORD])
def test_a_good_value_is_taken(name: str, value: str, expected: Any) -> None:
    """The ends of a range belong to it."""
    assert load({name: value}) == replace(load(), **{name.lower(): expected})


@pytest.mark.parametrize("value", ["-1", "+1", "1e1", "1_0", "1,5", "1 1", "1.1.1", ".", "nan", "9" * 400])
@pytest.mark.parametrize(
    "name", ["DX_MAX_RPS", "DX_TIMEOUT", "DX_CONCURRENCY", "PORT", "WEB_CONCURRENCY", "TRUSTED_PROXIES"]
)
def test_what_is_no_plain_number_stops_the_start(name: str, value: str) -> None:
    """Numbers are digits, with a point where a fraction makes sense."""
    assert f"{name}: is not a " in problems({name: value})[0]


@pytest.mark.parametrize("name", [*LISTS, *SINGLE])
@pytest.mark.parametrize("end", ["", "\n", "\r\n", " \n\n"])
def test_a_value_may_stand_in_a_file(folder: Path, name: str, end: str) -> None:
    """`X_FILE` names a file with the value; the line's end does not belong to it."""
    (folder / "secret").write_text(SECRET + end, newline="")
    assert load({f"{name}_FILE": "secret"}) == load({name: SECRET}) != load()


@pytest.mark.parametrize("path", ["missing", ".", "missing/secret"])
def test_a_file_that_cannot_be_read_stops_the_start(path: str) -> None:
    """A secret that is not there is told by its variable, not passed over."""
    assert "DX_API_TOKEN_FILE" in problems(DX_API_TOKEN_FILE=path, DX_API_TOKEN=SECRET)[0]


def test_each_source_has_its_vendor_and_links() -> None:
    """Of the vendors whose bodies carry no link, only Opsgenie's site is the same for everybody."""
    found = [(name, source.vendor, source.app_url) for name, source in load().sources.items()]
    opsgenie = ("opsgenie", "opsgenie", "https://app.opsgenie.com")
    assert found == [("pagerduty", "pagerduty", None), opsgenie, ("jsm", "jsm", None), ("jira", "jira", None)]


def test_the_folders_env_file_is_read(folder: Path) -> None:
    """`.env` sets what the environment does not."""
    (folder / ".env").write_text("# local\nPORT=8001\nexport LOG_LEVEL='debug'\nREJECT_WITH=503\n")
    settings = load(REJECT_WITH="401")
    assert (settings.port, settings.log_level, settings.reject_with) == (8001, "DEBUG", 401)


def test_the_env_file_does_not_leak_into_the_environment(folder: Path) -> None:
    """Child processes do not inherit secrets from `.env`."""
    (folder / ".env").write_text(f"DX_API_TOKEN={SECRET}\n")
    with patch.dict(os.environ, {}, clear=True):
        load_settings()
        assert "DX_API_TOKEN" not in os.environ


@pytest.mark.parametrize("missing", ["DX_API_TOKEN", "DX_BASE_URL", None])
def test_delivery_needs_an_address_and_a_token(missing: str | None) -> None:
    """Without either, events are accepted and kept, and nothing is sent."""
    given = {"DX_API_TOKEN": SECRET, "DX_BASE_URL": "https://example.getdx.net"}
    assert load({name: given[name] for name in given if name != missing}).can_deliver is (missing is None)


JSM = {"JSM_EMAIL": "bridge@example.com", "JSM_API_TOKEN": SECRET, "JSM_CLOUD_ID": "11111111-2222-3333"}


def test_the_api_tokens_are_secrets_in_each_of_their_forms() -> None:
    """What is masked in logs holds the plain token and what basic authentication makes of it."""
    loaded = load(JSM | {"PAGERDUTY_API_TOKEN": f"{SECRET}-pd"})
    api = loaded.sources["jsm"].api
    assert api
    assert {SECRET, f"{SECRET}-pd", api.secret.reveal()} <= set(loaded.secrets())
    assert api.url == "https://api.atlassian.com/jsm/ops/api/11111111-2222-3333"


@pytest.mark.parametrize("missing", ["JSM_EMAIL", "JSM_CLOUD_ID"])
def test_a_token_of_atlassian_needs_its_company(missing: str) -> None:
    """Alone it stops the start, and what is missing is named once."""
    told = problems({name: value for name, value in JSM.items() if name != missing})
    assert told == (f"JSM_API_TOKEN: is of no use without {missing}: set that, too",)


def test_a_source_of_another_account_shares_no_token(tmp_path: Path) -> None:
    """A further source is read with the token that its table names, and with none where it names none."""
    table = "[sources.{}]\nvendor = 'pagerduty'\nsecrets_env = 'EU'\n"
    text = table.format("eu") + "api_token_env = 'EU_TOKEN'\n" + table.format("us")
    (tmp_path / "bridge.toml").write_text(text)
    config = {"BRIDGE_CONFIG": str(tmp_path / "bridge.toml")}
    loaded = load(config | {"PAGERDUTY_API_TOKEN": SECRET, "EU_TOKEN": f"{SECRET}-eu"})
    apis = {name: loaded.sources[name].api for name in ("pagerduty", "eu", "us")}
    told = {name: api and api.secret.reveal() for name, api in apis.items()}
    assert told == {"pagerduty": SECRET, "eu": f"{SECRET}-eu", "us": None}
