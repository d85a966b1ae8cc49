"""The dashboard without a browser: who gets in, for how long, and what no page gives away."""

import re
import time
from collections.abc import Iterator
from html import unescape

import itsdangerous
import pytest
from sqlalchemy import select, update
from werkzeug.test import Client, TestResponse

from app.clock import Clock
from app.fold import Folder
from app.secret import Secret
from app.store import sender, tables
from app.web.dashboard import signin
from tests.harness import ADMIN_TOKEN
from tests.http.web import Site, change, opsgenie, pagerduty

HTML = "<script>alert(1)</script>\"'&amp;"
"""What a careless template would let through."""
PLACES = {
    "reference_id": "PINCIDENT1",
    "event_id": 1,
    "act": "pause",
    "link": "no-link",
    "filename": "style.css",
}
OPEN = {"dashboard.sign_in", "dashboard.sign_in_by_link", "dashboard.static"}


def addresses(site: Site, method: str) -> dict[str, str]:
    """Return an address of each of the dashboard's routes for a method, by endpoint."""
    with site.app.test_request_context():
        urls = site.app.url_map.bind("localhost")
        rules = [rule for rule in site.app.url_map.iter_rules() if rule.endpoint.startswith("dashboard.")]
        return {
            rule.endpoint: urls.build(rule.endpoint, {name: PLACES[name] for name in rule.arguments}, method)
            for rule in rules
            if method in (rule.methods or ())
        }


def sign_in(client: Client, token: str = ADMIN_TOKEN, **more: str) -> TestResponse:
    """Send the sign-in form."""
    return client.post("/sign-in", data={"token": token, **more})


def word(client: Client) -> str:
    """Return the word that the session's forms carry."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/configuration").text)
    assert found
    return found[1]


def fold(site: Site) -> None:
    """Fold what has come in, as the pipeline would."""
    settings = site.app.extensions["settings"]
    Folder(
        site.app.extensions["engine"], settings.sources, settings.dx_base_url, Clock(), settings.policy
    ).fold()


def everything(site: Site) -> list[list[tuple[object, ...]]]:
    """Return what the database holds, used links and signs of life apart."""
    kept = [table for name, table in tables.metadata.tables.items() if name not in ("links", "beats")]
    with site.app.extensions["engine"].connect() as connection:
        return [[tuple(row) for row in connection.execute(select(table))] for table in kept]


@pytest.fixture
def inside(guarded: Site) -> Client:
    """A client that has signed in, of a bridge that has an incident and an event that cannot be read."""
    assert guarded.post("pagerduty", pagerduty("one")).status_code == 202
    assert guarded.post("pagerduty", pagerduty("two", id=None)).status_code == 202
    fold(guarded)
    assert sign_in(guarded.client).status_code == 303
    return guarded.client


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Seconds that have passed for signed things; to be set by the test."""
    seconds = [0.0]
    now = lambda _: int(time.time() + seconds[0])  # noqa: E731 - it takes a method's place
    monkeypatch.setattr(itsdangerous.TimestampSigner, "get_timestamp", now)
    return seconds


def test_there_is_no_dashboard_without_an_admin_token(site: Site) -> None:
    """Without BRIDGE_ADMIN_TOKEN no page and no act exists, sign-in included."""
    for method in ("GET", "POST"):
        for address in addresses(site, method).values():
            assert site.client.open(address, method=method).status_code == 404, address


def test_every_page_asks_to_sign_in(guarded: Site) -> None:
    """Without a session each page and each act leads to sign-in and does nothing; it comes back afterwards."""
    before = everything(guarded)
    for method in ("GET", "POST"):
        for endpoint, address in addresses(guarded, method).items():
            answer = guarded.client.open(address, method=method, buffered=True)
            if endpoint not in OPEN:
                assert (answer.status_code, answer.headers["Location"]) == (303, f"/sign-in?next={address}")
    assert everything(guarded) == before


@pytest.mark.parametrize("is_inside", [False, True], ids=["outside", "inside"])
def test_headers_of_every_page(guarded: Site, inside: Client, is_inside: bool) -> None:
    """Every page, act, file and refusal forbids scripts and styles inline, frames, sniffing and caching of pages."""
    client = inside if is_inside else guarded.app.test_client()
    for method in ("GET", "POST"):
        odd = {"none": "/incidents/none"} if method == "GET" else {}
        for endpoint, address in (addresses(guarded, method) | odd).items():
            headers = client.open(address, method=method, buffered=True).headers
            csp = dict(each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";"))
            assert csp["default-src"] == csp["frame-ancestors"] == csp["base-uri"] == "'none'"
            assert (
                csp["script-src"] == csp["style-src"] == csp["connect-src"] == csp["form-action"] == "'self'"
            )
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Referrer-Policy"] == "same-origin"
            if endpoint != "dashboard.static":
                assert headers["Cache-Control"] == "no-store"


def test_pages_have_nothing_inline(guarded: Site, inside: Client) -> None:
    """No page has a style, a script or a handler in it that the policy would block."""
    for endpoint, address in addresses(guarded, "GET").items():
        if endpoint not in OPEN - {"dashboard.sign_in"}:
            text = inside.get(address).text
            assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?! src=)", text), address


@pytest.mark.parametrize(("proto", "is_secure"), [("http", False), ("https", True), ("HTTPS", True)])
def test_the_cookie_is_kept_from_scripts_and_other_sites(guarded: Site, proto: str, is_secure: bool) -> None:
    """HttpOnly and SameSite=Strict always; Secure wherever the browser came by TLS; it ends after twelve hours."""
    answer = guarded.client.post(
        "/sign-in", data={"token": ADMIN_TOKEN}, headers={"X-Forwarded-Proto": proto}
    )
    flags = {each.strip().partition("=")[0]: each for each in answer.headers["Set-Cookie"].split(";")}
    assert {"HttpOnly", "SameSite", "Path", "Expires"} <= flags.keys()
    assert flags["SameSite"].strip() == "SameSite=Strict"
    assert ("Secure" in flags) is is_secure
    assert ADMIN_TOKEN not in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("word_given", [None, "", "forged", "w\u00f6rd"])
def test_an_act_needs_the_sessions_own_word(guarded: Site, inside: Client, word_given: str | None) -> None:
    """Each act without the word of this session, or with another, is refused with 400 and does nothing."""
    before = everything(guarded)
    data = {"act": "exclude"} | ({} if word_given is None else {"csrf": word_given})
    acts = {name: each for name, each in addresses(guarded, "POST").items() if name not in OPEN}
    assert len(acts) >= 7
    for address in acts.values():
        answer = inside.post(address, data=data)
        assert (answer.status_code, "Please repeat" in answer.text) == (400, True), address
    assert everything(guarded) == before
    assert inside.get("/").status_code == 200


def test_the_word_of_another_session_is_none(guarded: Site, inside: Client) -> None:
    """A word that is right in one session is wrong in another."""
    other = guarded.app.test_client()
    sign_in(other)
    assert word(other) != word(inside)
    assert inside.post("/sender/pause", data={"csrf": word(other)}).status_code == 400
    assert inside.post("/sender/pause", data={"csrf": word(inside)}).status_code == 303


@pytest.mark.parametrize("token", ["", ADMIN_TOKEN[:-1], f"{ADMIN_TOKEN}x", "caf\u00e9 \u2603", "\x00"])
def test_a_wrong_token_does_not_sign_in(guarded: Site, token: str) -> None:
    """Anything but the admin token is told to be wrong, and begins no session."""
    answer = sign_in(guarded.client, token)
    assert (answer.status_code, "That is not the token." in answer.text) == (401, True)
    assert guarded.client.get("/").status_code == 303


def test_failed_sign_ins_are_slowed_down(build, environment, database) -> None:
    """After five failures even the right token has to wait, twice as long each time; then it is let in."""
    environment.setenv("BRIDGE_ADMIN_TOKEN", ADMIN_TOKEN)
    now = [1000.0]
    site = build(Clock(wall=time.time_ns, steady=lambda: now[0]))
    assert [sign_in(site.client, "wrong").status_code for _ in range(6)] == [401] * 5 + [429]
    waits = []
    for _ in range(3):
        answer = sign_in(site.client)
        waits.append(int(answer.headers["Retry-After"]))
        assert (answer.status_code, site.client.get("/").status_code) == (429, 303)
        now[0] += waits[-1]
        assert sign_in(site.client, "wrong").status_code == 401
    assert waits == [1, 2, 4]
    now[0] += 301
    assert sign_in(site.client).status_code == 303


def test_a_link_works_once(guarded: Site) -> None:
    """A one-time link begins a session; a second browser that follows it is asked for the token."""
    link = signin.one_time_link("", Secret(ADMIN_TOKEN))
    assert guarded.client.get(link).headers["Location"] == "/"
    assert guarded.client.get("/").status_code == 200
    other = guarded.app.test_client()
    assert other.get(link).status_code == 401
    assert other.get("/").status_code == 303


def test_an_old_link_does_not_work(guarded: Site, passing: list[float]) -> None:
    """A link is good for a quarter of an hour."""
    early, late = (signin.one_time_link("", Secret(ADMIN_TOKEN)) for _ in range(2))
    passing[0] = signin.LINK_SECONDS - 5
    assert guarded.client.get(early).status_code == 303
    passing[0] = signin.LINK_SECONDS + 5
    assert guarded.app.test_client().get(late).status_code == 401


def test_a_forged_link_does_not_work(guarded: Site) -> None:
    """A link of another token, a changed one, a session's signature and plain noise begin no session."""
    link = signin.one_time_link("", Secret(ADMIN_TOKEN))
    sign_in(guarded.client)
    cookie = guarded.client.get_cookie("dx-bridge")
    assert cookie
    forged = [
        signin.one_time_link("", Secret(f"{ADMIN_TOKEN}x")),
        link[:-1],
        f"/sign-in/{cookie.value}",
        "/sign-in/x",
    ]
    for each in forged:
        stranger = guarded.app.test_client()
        assert stranger.get(each).status_code == 401, each
        assert stranger.get("/").status_code == 303


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example/",
        "/\r\\evil.example/",
        "\t//evil.example/",
        "https://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
    ],
)
def test_sign_in_leads_nowhere_else(guarded: Site, target: str) -> None:
    """Whatever `next` says, the browser stays here."""
    assert sign_in(guarded.client, next=target).headers["Location"] == "/"


def test_sign_in_leads_to_the_page_that_was_asked_for(guarded: Site) -> None:
    """A page of this dashboard is gone on to, query and all, after a wrong token as well."""
    wanted = "/incidents?q=a+b&state=parked"
    first = guarded.client.get(guarded.client.get(wanted).headers["Location"])
    again = sign_in(guarded.client, "wrong", next=_next(first))
    assert (_next(first), _next(again)) == (wanted, wanted)
    assert sign_in(guarded.client, next=_next(again)).headers["Location"] == wanted


def test_another_token_ends_every_session(environment, build, database) -> None:
    """After BRIDGE_ADMIN_TOKEN has changed, a session of before is worth nothing."""
    environment.setenv("BRIDGE_ADMIN_TOKEN", ADMIN_TOKEN)
    old = build().client
    sign_in(old)
    cookie = old.get_cookie("dx-bridge")
    assert cookie
    for token, status in ((ADMIN_TOKEN, 200), (f"{ADMIN_TOKEN}x", 303)):
        environment.setenv("BRIDGE_ADMIN_TOKEN", token)
        client = build().client
        client.set_cookie("dx-bridge", cookie.value)
        assert client.get("/").status_code == status


def test_a_session_ends_after_twelve_hours(inside: Client, passing: list[float]) -> None:
    """However busy it was, a session lasts twelve hours from sign-in."""
    passing[0] = 12 * 3600 - 60
    assert inside.get("/").status_code == 200
    passing[0] = 12 * 3600 + 60
    assert inside.get("/").status_code == 303


def test_no_secret_is_on_any_page(environment, build, database) -> None:
    """No secret of the settings is on any page, not even one that a vendor's body echoed."""
    more = {
        "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
        "METRICS_TOKEN": "metrics-token-0123456789",
        "DX_WEB_API_TOKEN": "web-api-token-0123456789",
        "SENTRY_DSN": "https://sentrypublickey0123@sentry.example.com/1",
    }
    for name, value in more.items():
        environment.setenv(name, value)
    site = build()
    secrets = site.app.extensions["settings"].secrets()
    assert {"metrics-token-0123456789", "jira-secret-0123456789"} <= set(secrets)
    echoed = {f"X-Header-{number}": secret for number, secret in enumerate(secrets)}
    assert site.post("opsgenie", opsgenie(headers=echoed)).status_code == 202
    fold(site)
    sign_in(site.client)
    for endpoint, address in addresses(site, "GET").items():
        text = unescape(site.client.get(address.replace("PINCIDENT1", "alert-1"), buffered=True).text)
        assert [each for each in secrets if each in text] == [], endpoint
        assert "X-Header-1" not in text


def test_what_vendors_write_is_text(guarded: Site) -> None:
    """HTML in names, references, services and reasons is shown as it was written, on every page, and does nothing."""
    service = {"id": HTML, "summary": HTML}
    named = pagerduty("one", id=HTML, title=HTML, html_url=f"https://example.com/{HTML}", service=service)
    guarded.post("pagerduty", named)
    guarded.post("opsgenie", opsgenie(HTML) | {"alert": {"alertId": None, "message": HTML}})
    fold(guarded)
    client = guarded.client
    sign_in(client)
    own = addresses(guarded, "GET").values()
    pages = {address: client.get(address, buffered=True).text for address in own}
    pages["searched"] = client.get("/incidents", query_string={"q": HTML, "state": HTML, "source": HTML}).text
    pages["missing"] = client.get("/incidents/x", query_string={"q": HTML}).text
    with guarded.app.test_request_context():
        one = guarded.app.url_map.bind("localhost").build("dashboard.incident", {"reference_id": HTML})
    pages["one"] = client.get(one).text
    assert "<h1>&lt;script&gt;alert(1)" in pages["one"]
    assert HTML in unescape(pages["/incidents"])
    assert HTML in unescape(pages["/services"])
    assert [address for address, text in pages.items() if "<script>alert" in text] == []


def test_a_link_of_a_vendor_is_a_web_address(guarded: Site) -> None:
    """What is no http(s) address becomes no link."""
    guarded.post("pagerduty", pagerduty("one", html_url="javascript:alert(1)"))
    fold(guarded)
    sign_in(guarded.client)
    assert "javascript:" not in guarded.client.get("/incidents/PINCIDENT1").text


def test_what_is_not_there_is_said(inside: Client) -> None:
    """An unknown incident or event is a page with 404; an act on one does nothing."""
    for address in ("/incidents/none", "/incidents/a%2Fb", "/events/99999", "/events/0"):
        answer = inside.get(address)
        assert (answer.status_code, "Not found" in answer.text) == (404, True), address
    csrf = {"csrf": word(inside)}
    for address in ("/incidents/redeliver/none", "/events/99999/refold", "/events/1/refold"):
        assert inside.post(address, data=csrf).status_code == 404, address


@pytest.mark.parametrize(
    "query",
    [
        "before=0",
        "before=-1",
        "before=x",
        "before=9" * 3 + "9" * 30,
        "before=\u0663",
        "state=none",
        "q=%00",
        "q=%25_%5C",
    ],
)
def test_odd_queries_are_answered(inside: Client, query: str) -> None:
    """No query makes the list of incidents fail."""
    assert inside.get(f"/incidents?{query}").status_code == 200


def test_the_policy_in_force_is_told_from_the_file(environment, build, database, tmp_path) -> None:
    """Where this process's bridge.toml is not the policy in force, the page says so and names the commands."""
    environment.setenv("BRIDGE_ADMIN_TOKEN", ADMIN_TOKEN)
    for policy, differs in (("", False), ("[incidents]\ninclude = 'merged'\n", True)):
        (tmp_path / "bridge.toml").write_text(policy, "utf-8")
        site = build()
        site.post("pagerduty", pagerduty("one"))
        fold(site)
        sign_in(site.client)
        assert ("dx-bridge plan" in site.client.get("/configuration").text) is differs


def settings_of(site: Site) -> dict[str, str]:
    """Return the variables and values of the page Configuration."""
    sign_in(site.client)
    text = unescape(site.client.get("/configuration").text)
    return dict(re.findall(r"<code>([A-Z_]+)</code></th><td>([^<]*)</td>", text))


def test_every_variable_is_on_the_configuration_page(environment, build, database) -> None:
    """Whatever variable is read is there with its value, or that it is not set; secrets as dots."""
    given = {
        "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
        "OPSGENIE_APP_URL": "https://acme.app.eu.opsgenie.com",
        "JSM_SITE_URL": "https://acme.atlassian.net",
        "JSM_EMAIL": "bridge@example.com",
        "JSM_CLOUD_ID": "11111111-2222-3333-4444-555555555555",
        "JSM_API_TOKEN": "jsm-api-token-0123456789",
        "ALLOW_EPHEMERAL": "1",
    }
    for name, value in given.items():
        environment.setenv(name, value)
    site = build()
    shown = settings_of(site)
    assert shown.keys() == site.app.extensions["settings"].variables.keys()
    masked = {"BRIDGE_ADMIN_TOKEN": "•••", "JSM_API_TOKEN": "•••"}
    assert given | masked == {name: shown[name] for name in given}
    assert (shown["BRIDGE_CONFIG"], shown["PORT"], shown["START_PAUSED"]) == ("not set", "not set", "0")


def test_an_address_of_bridge_toml_is_beside_its_token(environment, build, database, tmp_path) -> None:
    """The API's address of a further source, which no variable holds, is told with its token."""
    environment.setenv("BRIDGE_ADMIN_TOKEN", ADMIN_TOKEN)
    environment.setenv("EU_TOKEN", "eu-api-token-0123456789")
    (tmp_path / "bridge.toml").write_text(
        "[sources.eu]\nvendor = 'pagerduty'\nsecrets_env = 'EU_SECRETS'\napi_token_env = 'EU_TOKEN'\n"
        "api_url = 'https://api.eu.example.com'\nreference_prefix = 'eu-'\n",
        "utf-8",
    )
    shown = settings_of(build())
    assert (shown["EU_TOKEN"], shown["EU_SECRETS"]) == ("••• at https://api.eu.example.com", "not set")


@pytest.mark.parametrize(("days", "level"), [(6, "warn"), (8, "good")])
def test_an_old_event_that_could_not_be_read_is_told_in_green(
    guarded: Site, inside: Client, days: int, level: str
) -> None:
    """For a week the overview is amber for an unreadable event; then it is green, and still names and links it."""
    at = Clock().wall() - days * 86_400 * 10**9
    change(guarded.path, "UPDATE events SET received_at = ? WHERE outcome = 'unmappable'", at)
    with guarded.app.extensions["engine"].begin() as connection:
        sender.beat(connection, "pipeline", Clock().wall())
        connection.execute(update(tables.incidents).values(due_at=None))
    text = inside.get("/").text
    assert f'<p class="verdict {level}" role="status">' in text
    assert "could not be read; everything else is delivered." in text
    assert '<a href="/unmappable">What could not be read</a>' in text
    assert ('<div class="warn"><dt>Unmappable' in text) is (level == "warn")


def _next(page: TestResponse) -> str:
    found = re.search(r'name="next" value="([^"]*)"', page.text)
    assert found
    return unescape(found[1])
